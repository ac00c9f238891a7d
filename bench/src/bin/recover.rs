//! `cargo build --release -p atelier -p atelier-bench && target/release/recover` measures how long a killed gateway takes to be
//! back at work: jobs are handed in and wait, the gateway gets SIGKILL, and a new one takes all of them up again. Baseline: the
//! first start of a gateway without any job, in the same run.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome,
    client::{self, Connection},
    figures::{median, ms, verdict},
    gateway,
    process::Process,
};
use clap::Parser;
use std::{cell::Cell, path::Path};

/// How long a killed gateway takes to be back at work.
#[derive(Parser)]
struct Arguments {
    /// Jobs that are open when it is killed.
    #[arg(long, default_value_t = 10_000)]
    jobs: usize,
    /// Kills; the medians are shown.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Connections that hand in the jobs.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let process = gateway::start(data.path(), gateway::PARKED)?;
    let fresh = ms(process.printed_after);
    let key = gateway::metered_key(&process).await?;
    hand_in(&process, &key, arguments).await?;
    drop(process);
    let mut recoveries = Vec::new();
    for _ in 0..arguments.runs {
        recoveries.push(recover(data.path(), arguments.jobs).await?);
    }
    let of = |figure: fn(&Recovery) -> f64| median(recoveries.iter().map(figure).collect());
    println!(
        "{} open jobs, {} kills, medians in ms from the start of the process",
        arguments.jobs, arguments.runs
    );
    println!("{:<44} {:>9} {:>14}", "until", "ms", ": fresh start");
    let row = |name: &str, figure: f64| println!("{name:<44} {figure:>9.1} {:>14.1}", figure / fresh);
    row("fresh start, no jobs: listening", fresh);
    row("store open (from the start of boot)", of(|recovery| recovery.opened));
    row("jobs read, actors started (likewise)", of(|recovery| recovery.resumed));
    row("listening", of(|recovery| recovery.listening));
    let total = of(|recovery| recovery.in_line);
    row("every job driven: in line for an account", total);
    println!("< 2 s: {}", verdict(total < 2000.0));
    Ok(())
}

async fn hand_in(process: &Process, key: &str, arguments: &Arguments) -> Outcome<()> {
    let mut connections = client::connect(process.address, arguments.connections).await?;
    let sent = Cell::new(0);
    let next = |request: &mut Vec<u8>| {
        // One more, which has the only slot.
        if sent.get() <= arguments.jobs {
            sent.set(sent.get() + 1);
            request.extend(gateway::image_request(key, sent.get() as u64, true));
        }
    };
    client::load(&mut connections, next, |_| Ok(())).await?;
    gateway::until_waiting(process, arguments.jobs).await
}

struct Recovery {
    opened: f64,
    resumed: f64,
    listening: f64,
    in_line: f64,
}

async fn recover(data: &Path, jobs: usize) -> Outcome<Recovery> {
    let process = gateway::start(data, gateway::PARKED)?;
    gateway::until_waiting(&process, jobs).await?;
    let in_line = ms(process.spawned.elapsed());
    let mut connection = Connection::open(process.address).await?;
    let opened = started(&mut connection, "store_open").await?;
    let resumed = started(&mut connection, "jobs_resumed").await?;
    Ok(Recovery { opened, resumed, listening: ms(process.printed_after), in_line })
}

/// How far the start had come when, in milliseconds, as the gateway itself tells.
async fn started(connection: &mut Connection, until: &str) -> Outcome<f64> {
    let seconds =
        gateway::metric(connection, &format!(r#"atelier_start_seconds{{until="{until}"}}"#)).await?;
    Ok(seconds.ok_or("the gateway does not tell how it started")? * 1e3)
}
