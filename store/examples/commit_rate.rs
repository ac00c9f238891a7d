//! How many acceptances of a job the committer takes per second, and how long each waits.
//!
//! `cargo run --release -p atelier-store --example commit_rate -- [writers] [seconds] [directory]`, by default 256 writers for
//! 5 seconds in a temporary directory. An export is taken in the middle, so that its effect is in the figures.
#![allow(clippy::print_stdout, reason = "prints its result")]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use atelier_store::{Batch, OpenOptions, Store, Table};

/// A batch of the size of a real one: job, hold, two sums, one entry.
fn acceptance(job: u64, writer: u64) -> Batch {
    let key = job.to_be_bytes();
    let mut batch = Batch::new();
    batch
        .put_new(
            Table::Jobs,
            key,
            format!(r#"{{"v":1,"row":{{"job":{job},"prompt":"{}"}}}}"#, "p".repeat(560)),
        )
        .put_new(Table::Holds, key, format!(r#"{{"v":1,"row":{{"job":{job},"pad":"{}"}}}}"#, "h".repeat(110)))
        .add(Table::Balances, format!("available/{writer}"), -1, Some(0))
        .add(Table::Balances, format!("held/{writer}"), 1, Some(0))
        .append(Table::Entries, format!(r#"{{"job":{job},"pad":"{}"}}"#, "e".repeat(220)));
    batch
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let writers: u64 = arguments.next().map_or(256, |text| text.parse().unwrap());
    let seconds: u64 = arguments.next().map_or(5, |text| text.parse().unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let dir = arguments.next().map_or_else(|| scratch.path().to_owned(), Into::into);
    let store = Store::open(OpenOptions::new(dir)).unwrap();
    for writer in 0..writers {
        let mut batch = Batch::new();
        batch.add(Table::Balances, format!("available/{writer}"), i64::from(u32::MAX), None);
        store.submit(batch).await.unwrap();
    }

    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let deadline = started + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while Instant::now() < deadline {
                    let begun = Instant::now();
                    store.submit(acceptance(next.fetch_add(1, Ordering::Relaxed), writer)).await.unwrap();
                    waits.push((begun, begun.elapsed()));
                }
                waits
            })
        })
        .collect();
    let exporting = store.clone();
    tokio::time::sleep(Duration::from_secs(seconds) / 2).await;
    let export_started = Instant::now();
    let export = tokio::task::spawn_blocking(move || exporting.export()).await.unwrap().unwrap();
    let export_ended = Instant::now();

    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    let elapsed = started.elapsed().as_secs_f64();
    let groups = store.stats().groups - writers;
    println!(
        "{writers} writers: {:.0} batches/s, {:.0} batches per group",
        waits.len() as f64 / elapsed,
        waits.len() as f64 / groups as f64,
    );
    let (during, otherwise): (Vec<_>, Vec<_>) =
        waits.into_iter().partition(|(begun, _)| (export_started..export_ended).contains(begun));
    print_waits("otherwise", otherwise);
    print_waits("during the export", during);
    println!(
        "export of {} rows and {} groups took {:?}",
        export.rows,
        export.concurrent_groups,
        export_ended - export_started
    );
}

fn print_waits(when: &str, waits: Vec<(Instant, Duration)>) {
    let mut waits: Vec<Duration> = waits.into_iter().map(|(_, wait)| wait).collect();
    waits.sort_unstable();
    let place = |share: f64| (waits.len().saturating_sub(1) as f64 * share) as usize;
    let quantile = |share: f64| waits.get(place(share)).copied().unwrap_or_default();
    println!("{when}: p50 {:?}, p99 {:?}, worst {:?}", quantile(0.5), quantile(0.99), quantile(1.0));
}
