//! `cargo build --release -p atelier-bench && target/release/commit` measures durable acceptances of jobs, each the job's row, its
//! hold and the hold's postings: through the ledger as the gateway does it, and handed to the store without the actor.
//! Baseline: a bare loop of append and fdatasync in the same run, which writes the same bytes in as many groups.
#![allow(clippy::print_stdout, reason = "prints its table")]

use actix_rt::System;
use atelier_actors::{SystemClock, Units, credit_ledger::Ledger};
use atelier_bench::{
    Outcome,
    figures::{ms, quantile, rate, verdict},
};
use atelier_domain::{
    credit::{Entry, Hold},
    ids::{JobId, KeyId},
    job::{ImageJob, Job, JobState, Route, Work},
    price::{Per, Price},
    size::Size,
    time::{Clock, Millis},
};
use atelier_store::{Batch, Expect, Op, OpenOptions, Store, Table};
use clap::{Parser, ValueEnum};
use std::{
    cell::Cell,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Durable acceptances against bare appends.
#[derive(Parser)]
struct Arguments {
    /// Writers at once, each of which waits for its answer before it goes on.
    #[arg(long, value_delimiter = ',', default_value = "1,16,256,4096")]
    writers: Vec<usize>,
    /// Milliseconds of each measurement, after a tenth of it to warm up.
    #[arg(long, default_value_t = 2_000)]
    millis: u64,
    /// API keys that the writers share.
    #[arg(long, default_value_t = 64)]
    keys: usize,
    /// The way in; both if left out.
    #[arg(long)]
    way: Option<Way>,
    /// On which disk; the directory for temporary files if left out.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// How an acceptance gets to the committer.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Way {
    /// Through the ledger's mailbox.
    Ledger,
    /// Straight.
    Store,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    System::new().block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    println!(
        "{:<7} {:>7} {:>10} {:>8} {:>8} {:>9} {:>9} {:>12} {:>8}",
        "way", "writers", "submits/s", "p50 ms", "p99 ms", "group", "bytes", "bare sub./s", ": bare"
    );
    for &writers in &arguments.writers {
        for way in [Way::Ledger, Way::Store] {
            if arguments.way.is_none_or(|asked| asked == way) {
                measure(arguments, way, writers).await?;
            }
        }
    }
    Ok(())
}

async fn measure(arguments: &Arguments, way: Way, writers: usize) -> Outcome<()> {
    let parent = arguments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::tempdir_in(parent)?;
    let books = Books::open(dir.path(), arguments.keys).await?;
    let span = Duration::from_millis(arguments.millis);
    load(&books, way, writers, span / 10).await?;
    let groups_before = books.store.stats().groups;
    let mut load = load(&books, way, writers, span).await?;
    let groups = books.store.stats().groups - groups_before;
    let (count, bytes) = (load.waits.len(), bytes_of(&acceptance(&books.job(0))?));
    let bare = bare(dir.path(), count * bytes, usize::try_from(groups)?)?;
    let (own, p99) = (rate(count, load.elapsed), ms(quantile(&mut load.waits, 0.99)));
    let said = if writers == 256 {
        format!("   >= 10000/s: {}, p99 < 30 ms: {}", verdict(own >= 10_000.0), verdict(p99 < 30.0))
    } else {
        String::new()
    };
    let (bare, p50) = (rate(count, bare), ms(quantile(&mut load.waits, 0.5)));
    println!(
        "{:<7} {writers:>7} {own:>10.0} {p50:>8.2} {p99:>8.2} {:>9.1} {bytes:>9} {bare:>12.0} {:>8.3}{said}",
        format!("{way:?}").to_lowercase(),
        count as f64 / groups as f64,
        own / bare,
    );
    Ok(())
}

struct Load {
    elapsed: Duration,
    waits: Vec<Duration>,
}

/// All writers for so long. They live on this thread, as requests live on a worker's: ledger and committer are elsewhere.
async fn load(books: &Rc<Books>, way: Way, writers: usize, span: Duration) -> Outcome<Load> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let books = books.clone();
            actix_rt::spawn(async move {
                let mut waits = Vec::new();
                while begun.elapsed() < span {
                    let job = books.job(writer);
                    let sent = Instant::now();
                    books.accept(way, job).await?;
                    waits.push(sent.elapsed());
                }
                Outcome::Ok(waits)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    Ok(Load { elapsed: begun.elapsed(), waits })
}

/// A store with keys that have plenty of credit.
struct Books {
    store: Store,
    ledger: Ledger,
    keys: Vec<KeyId>,
    accepted: Cell<u64>,
}

impl Books {
    async fn open(dir: &Path, keys: usize) -> Outcome<Rc<Self>> {
        let store = Store::open(OpenOptions::new(dir.join("data")))?;
        let units = Units::start(1);
        let ledger = Ledger::start(store.clone(), Arc::new(SystemClock), units.core());
        let keys: Vec<_> = (0..keys.max(1)).map(|_| KeyId::from_uuid(Uuid::now_v7())).collect();
        for &key in &keys {
            ledger.grant(key, 1_000_000_000, None, None).await.map_err(|refused| refused.message)?;
        }
        Ok(Rc::new(Self { store, ledger, keys, accepted: Cell::new(0) }))
    }

    async fn accept(&self, way: Way, job: Job) -> Outcome<()> {
        match way {
            Way::Ledger => {
                let held = self.ledger.hold(Arc::new(job), None).await;
                held.map_err(|taken| format!("not held: {taken:?}"))?;
            }
            Way::Store => {
                self.store.submit(acceptance(&job)?).await?;
            }
        }
        Ok(())
    }

    /// A new job of the key that the writer uses.
    fn job(&self, writer: usize) -> Job {
        let now = SystemClock.now();
        let number = self.accepted.replace(self.accepted.get() + 1);
        Job {
            id: JobId::from_uuid(Uuid::now_v7()),
            key: self.keys[writer % self.keys.len()],
            endpoint: "/v1/images/generations".into(),
            model: "gpt-image-2".into(),
            work: Work::Image(ImageJob::new(
                &format!("a lighthouse at dawn, oil on canvas, number {number}"),
                Size::new(1024, 1024),
            )),
            routes: vec![Route::new("studio", "gpt-image-2")],
            state: JobState::Queued,
            progress: 0,
            created_at: now,
            updated_at: now,
            ended_at: None,
            deadline: Millis(now.0 + 300_000),
            keep_until: None,
            attempt: 0,
            route: 0,
            account: None,
            handle: None,
            outputs: Vec::new(),
            price: Price { total: 1, unit: 1, per: Per::Output, rule: "image".into() },
            metered: true,
            charged: 0,
            error: None,
            body_hash: "0".repeat(64),
            idempotency_key: None,
            request_id: format!("req_{}", Uuid::now_v7().simple()),
            echo: None,
            forgotten: false,
        }
    }
}

/// The batch that the ledger makes of an acceptance.
fn acceptance(job: &Job) -> Outcome<Batch> {
    let hold = Hold { job: job.id, number: 1, key: job.key, amount: job.price.total, at: job.created_at };
    let entry = Entry::hold(&hold);
    let mut batch = Batch::new();
    batch.put_row(job.id.uuid().as_bytes(), job, Expect::Absent)?;
    batch.put_row(job.id.uuid().as_bytes(), &hold, Expect::Absent)?;
    for posting in &entry.postings {
        batch.add(Table::Balances, posting.account.to_string(), posting.amount, posting.account.floor());
    }
    batch.append_indexed(Table::Entries, serde_json::to_vec(&entry)?, job.key.uuid().as_bytes());
    Ok(batch)
}

/// Bytes of keys and values.
fn bytes_of(batch: &Batch) -> usize {
    let bytes = |op: &Op| match op {
        Op::Put { key, value, .. } => key.len() + value.len(),
        Op::Delete { key, .. } => key.len(),
        Op::Add { key, delta, .. } => key.len() + size_of_val(delta),
        Op::Append { row, owner, .. } => row.len() + owner.as_ref().map_or(0, Vec::len),
    };
    batch.ops().iter().map(bytes).sum()
}

/// Appends so many bytes in so many equal parts, each synced before the next.
fn bare(dir: &Path, bytes: usize, groups: usize) -> Outcome<Duration> {
    let mut file = File::create(dir.join("bare"))?;
    let part = vec![b'x'; bytes / groups.max(1)];
    let begun = Instant::now();
    for _ in 0..groups {
        file.write_all(&part)?;
        file.sync_data()?;
    }
    Ok(begun.elapsed())
}
