//! `cargo build --release -p atelier -p atelier-bench && target/release/poll` measures what pollers of videos wait for an answer:
//! many connections, each of which asks for one of a few hundred running videos about once a second. Baseline: a bare
//! actix-web handler that parses and sends the same JSON, with as many workers, the same client and the same pace.
//!
//! The load is open: each connection has its moment within the second, and a wait is counted from that moment, so that an answer
//! that comes late is not hidden by a question that was asked late. Needs more file descriptors than twice the connections.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome, baseline,
    client::{self, Connection},
    cores,
    figures::{ms, quantile, rate, us_each, verdict},
    gateway, launch,
    process::{Process, own_cpu},
};
use clap::Parser;
use futures_util::future::try_join_all;
use std::time::Duration;
use tokio::time::Instant;

/// Many pollers of running videos against a bare echo.
#[derive(Parser)]
struct Arguments {
    /// Pollers: a connection each.
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
    /// Videos that run all the while.
    #[arg(long, default_value_t = 200)]
    jobs: usize,
    /// Milliseconds between two questions of a poller.
    #[arg(long, default_value_t = 1_000)]
    every: u64,
    /// Questions of each poller in a round.
    #[arg(long, default_value_t = 10)]
    questions: u32,
    /// Rounds; the worst is shown beside the first.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Workers of both servers.
    #[arg(long, default_value_t = cores())]
    workers: usize,
}

fn main() -> Outcome<()> {
    launch(run)
}

/// What came of one round.
struct Round {
    waits: Vec<Duration>,
    rate: f64,
    server_us: f64,
    client_us: f64,
}

async fn round(
    process: &Process,
    connections: &mut [Connection],
    requests: &[Vec<u8>],
    arguments: &Arguments,
) -> Outcome<Round> {
    let (every, count) = (Duration::from_millis(arguments.every), connections.len());
    let (server, client, begun) = (process.cpu()?, own_cpu()?, Instant::now());
    let loops = connections.iter_mut().enumerate().map(|(number, connection)| async move {
        let mut moment = begun + every.mul_f64(number as f64 / count as f64);
        let mut waits = Vec::with_capacity(arguments.questions as usize);
        for _ in 0..arguments.questions {
            tokio::time::sleep_until(moment).await;
            connection.exchange(&requests[number % requests.len()]).await?.ok()?;
            waits.push(moment.elapsed());
            moment += every;
        }
        Outcome::Ok(waits)
    });
    let waits = try_join_all(loops).await?.concat();
    let answers = waits.len();
    Ok(Round {
        rate: rate(answers, begun.elapsed()),
        server_us: us_each(process.cpu()?.saturating_sub(server), answers),
        client_us: us_each(own_cpu()?.saturating_sub(client), answers),
        waits,
    })
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let (workers, slots) = (arguments.workers.to_string(), arguments.jobs.to_string());
    let more = [
        ("SERVER__WORKERS", workers.as_str()),
        ("STUDIO__SLOTS", slots.as_str()),
        ("GENERATION__VIDEO_TIMEOUT", "7200"),
    ];
    let process = gateway::start(data.path(), &[gateway::PARKED, &more].concat())?;
    let key = gateway::metered_key(&process).await?;
    let mut own = client::connect(process.address, arguments.connections).await?;
    let mut polls = Vec::new();
    for number in 0..arguments.jobs {
        let id = gateway::video(&mut own[0], &key, &format!("a long film, number {number}")).await?;
        polls.push(gateway::get(&format!("/v1/videos/{id}"), &key));
    }
    for poll in &polls {
        gateway::until_status(&mut own[0], poll, "in_progress").await?;
    }
    let view = String::from_utf8(own[0].exchange(&polls[0]).await?.ok()?.to_vec())?;
    let bare = baseline::start(arguments.workers, &view)?;
    let mut other = client::connect(bare.address, arguments.connections).await?;
    let echo = [gateway::get("/echo", &key)];

    let mut rounds = Vec::new();
    // The first round warms up.
    for number in 0..=arguments.rounds {
        let pair = [
            round(&bare, &mut other, &echo, arguments).await?,
            round(&process, &mut own, &polls, arguments).await?,
        ];
        rounds.extend((number > 0).then_some(pair));
    }
    for poll in &polls {
        gateway::until_status(&mut own[0], poll, "in_progress").await?;
    }
    print(arguments, rounds);
    Ok(())
}

fn print(arguments: &Arguments, rounds: Vec<[Round; 2]>) {
    let Arguments { connections, jobs, every, questions, workers, .. } = arguments;
    println!(
        "{connections} pollers of {jobs} running videos, one question in {every} ms each, {questions} questions in a round, {workers} workers"
    );
    println!(
        "{:<6} {:<24} {:>10} {:>8} {:>8} {:>8} {:>14} {:>14}",
        "round", "load", "answers/s", "p50 ms", "p99 ms", "max ms", "server CPU µs", "client CPU µs"
    );
    let mut worst = 0.0_f64;
    for (number, pair) in rounds.into_iter().enumerate() {
        for (mut round, name) in pair.into_iter().zip(["bare: echo kept", "gateway: video"]) {
            let mut at = |share| ms(quantile(&mut round.waits, share));
            let (p50, p99, most) = (at(0.5), at(0.99), at(1.0));
            if name.starts_with("gateway") {
                worst = worst.max(p99);
            }
            println!(
                "{:<6} {name:<24} {:>10.0} {p50:>8.2} {p99:>8.2} {most:>8.2} {:>14.1} {:>14.1}",
                number + 1,
                round.rate,
                round.server_us,
                round.client_us
            );
        }
    }
    println!("gateway: worst p99 {worst:.2} ms   < 50 ms: {}", verdict(worst < 50.0));
}
