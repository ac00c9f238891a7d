//! `cargo build --release -p atelier -p atelier-bench && target/release/parked` measures the memory that waiting costs: of each
//! synchronous call that waits for its image, and of each open background job. Baseline: as many requests that wait for ever
//! in a handler of a bare actix-web server. Needs more file descriptors than calls: `ulimit -n`.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome, baseline,
    client::{self, Connection},
    figures::verdict,
    gateway, launch,
    process::Process,
};
use clap::Parser;
use std::{cell::Cell, time::Duration};

/// What waiting costs in memory.
#[derive(Parser)]
struct Arguments {
    /// Synchronous calls that wait at once.
    #[arg(long, default_value_t = 5_000)]
    calls: usize,
    /// Background jobs that are open at once.
    #[arg(long, default_value_t = 20_000)]
    jobs: usize,
    /// Connections that hand in the background jobs.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds of rest before each reading.
    #[arg(long, default_value_t = 2)]
    rest: u64,
}

fn main() -> Outcome<()> {
    launch(run)
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let rest = Duration::from_secs(arguments.rest);
    let bare = parked_requests(arguments.calls, rest).await?;
    let (connection, call) = waiting_calls(arguments.calls, rest).await?;
    let job = open_jobs(arguments, rest).await?;
    println!("{:<44} {:>8} {:>10} {:>8}", "each", "count", "kB of RSS", ": bare");
    let row = |name: &str, count: usize, bytes: f64, target: Option<f64>| {
        let kb = bytes / 1e3;
        let said = target.map(|most| format!("   < {most} kB: {}", verdict(kb < most))).unwrap_or_default();
        println!("{name:<44} {count:>8} {kb:>10.2} {:>8.2}{said}", bytes / bare);
    };
    row("request that waits in bare actix-web", arguments.calls, bare, None);
    row("idle connection of the gateway", arguments.calls, connection, None);
    row("waiting synchronous call, all included", arguments.calls, call, Some(20.0));
    row("open background job", arguments.jobs, job, Some(10.0));
    Ok(())
}

/// Memory since `before`, per piece.
async fn growth(process: &Process, before: u64, count: usize, rest: Duration) -> Outcome<f64> {
    tokio::time::sleep(rest).await;
    Ok((process.rss()? as f64 - before as f64) / count as f64)
}

/// The memory of a server that has been used, so that what it makes once is not counted.
async fn settled(process: &Process, rest: Duration) -> Outcome<u64> {
    tokio::time::sleep(rest).await;
    process.rss()
}

async fn parked_requests(count: usize, rest: Duration) -> Outcome<f64> {
    let process = baseline::start(workers(), "{}")?;
    let before = settled(&process, rest).await?;
    let mut connections = client::connect(process.address, count).await?;
    for connection in &mut connections {
        connection.exchange(&gateway::get("/echo", "none")).await?.ok()?;
        connection.send(&gateway::get("/park", "none")).await?;
    }
    growth(&process, before, count, rest).await
}

/// Of an idle connection, and of a call that waits on its own connection.
async fn waiting_calls(count: usize, rest: Duration) -> Outcome<(f64, f64)> {
    let data = tempfile::tempdir()?;
    let process = gateway::start(data.path(), gateway::PARKED)?;
    let key = gateway::metered_key(&process).await?;
    occupy(&process, &key).await?;
    let before = settled(&process, rest).await?;
    let mut connections = client::connect(process.address, count).await?;
    for connection in &mut connections {
        connection.exchange(&gateway::get("/health", &key)).await?.ok()?;
    }
    let idle = growth(&process, before, count, rest).await?;
    for (number, connection) in connections.iter_mut().enumerate() {
        connection.send(&gateway::image_request(&key, number as u64 + 1, false)).await?;
    }
    gateway::until_waiting(&process, count).await?;
    Ok((idle, growth(&process, before, count, rest).await?))
}

async fn open_jobs(arguments: &Arguments, rest: Duration) -> Outcome<f64> {
    let data = tempfile::tempdir()?;
    let process = gateway::start(data.path(), gateway::PARKED)?;
    let key = gateway::metered_key(&process).await?;
    occupy(&process, &key).await?;
    let mut connections = client::connect(process.address, arguments.connections).await?;
    let before = settled(&process, rest).await?;
    let sent = Cell::new(0);
    let next = |request: &mut Vec<u8>| {
        if sent.get() < arguments.jobs {
            sent.set(sent.get() + 1);
            request.extend(gateway::image_request(&key, sent.get() as u64, true));
        }
    };
    client::load(&mut connections, next, |_| Ok(())).await?;
    gateway::until_waiting(&process, arguments.jobs).await?;
    growth(&process, before, arguments.jobs, rest).await
}

/// A job that takes the only slot: all that follow wait.
async fn occupy(process: &Process, key: &str) -> Outcome<()> {
    let mut connection = Connection::open(process.address).await?;
    connection.exchange(&gateway::image_request(key, 0, true)).await?.ok()?;
    Ok(())
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
