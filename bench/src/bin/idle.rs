//! `cargo build --release -p atelier -p atelier-bench && target/release/idle` measures what a gateway that does nothing takes:
//! the time from the spawn until `/health` answers 200, and the resident memory after it, on a fresh data directory and on one
//! that has been used. Baseline: a bare actix-web server in the same run.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome, baseline,
    client::Connection,
    figures::{median, ms, verdict},
    gateway, launch,
    process::Process,
};
use clap::Parser;
use std::time::Duration;

/// What an idle gateway takes.
#[derive(Parser)]
struct Arguments {
    /// Starts of each kind; the medians are shown.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds of rest before the memory is read.
    #[arg(long, default_value_t = 1)]
    rest: u64,
}

/// Milliseconds until ready, and MB after a rest.
type Figures = (f64, f64);

fn main() -> Outcome<()> {
    launch(run)
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let rest = Duration::from_secs(arguments.rest);
    let (mut bare, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.runs {
        bare.push(measure(baseline::start(workers(), "{}")?, "/echo", rest).await?);
        let data = tempfile::tempdir()?;
        for starts in [&mut first, &mut second] {
            let process = gateway::start(data.path(), &[("LOG__LEVEL", "warn")])?;
            starts.push(measure(process, "/health", rest).await?);
        }
    }
    let bare = medians(&bare);
    println!("{:<22} {:>9} {:>9} {:>12} {:>12}", "start", "ready ms", "RSS MB", "time : bare", "RSS : bare");
    println!("{:<22} {:>9.1} {:>9.1} {:>12} {:>12}", "bare actix-web", bare.0, bare.1, "1.0", "1.0");
    for (name, starts) in [("gateway, first", first), ("gateway, second", second)] {
        let (ready, rss) = medians(&starts);
        println!(
            "{name:<22} {ready:>9.1} {rss:>9.1} {:>12.1} {:>12.1}   < 300 ms: {}, < 40 MB: {}",
            ready / bare.0,
            rss / bare.1,
            verdict(ready < 300.0),
            verdict(rss < 40.0),
        );
    }
    Ok(())
}

async fn measure(process: Process, path: &str, rest: Duration) -> Outcome<Figures> {
    let mut connection = Connection::open(process.address).await?;
    connection.exchange(&gateway::get(path, "none")).await?.ok()?;
    let ready = process.spawned.elapsed();
    tokio::time::sleep(rest).await;
    Ok((ms(ready), process.rss()? as f64 / 1e6))
}

fn medians(figures: &[Figures]) -> Figures {
    (median(figures.iter().map(|f| f.0).collect()), median(figures.iter().map(|f| f.1).collect()))
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
