//! `cargo build --release -p atelier -p atelier-bench && target/release/http` measures background submits and polls of live jobs
//! over HTTP. Baseline: a bare actix-web handler that parses and sends the same JSON, with as many workers, the same client
//! and the same connections, in turns with the gateway within one run.
//!
//! The jobs wait for an account all the while, so that nothing is drawn. Client and servers are processes of their own and
//! share the machine: the CPU time of each per request says what a request costs where.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome, baseline,
    client::{self, Connection},
    cores,
    figures::{median, ms, quantile, rate, us_each, verdict},
    gateway, launch,
    process::{Process, own_cpu},
};
use clap::{Parser, ValueEnum};
use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

/// Submits and polls against a bare echo.
#[derive(Parser)]
struct Arguments {
    /// Connections of the client.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Workers of both servers.
    #[arg(long, default_value_t = cores())]
    workers: usize,
    /// Rounds; the medians are shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Milliseconds of each load in a round.
    #[arg(long, default_value_t = 1_000)]
    millis: u64,
    /// Only this load; both if left out.
    #[arg(long)]
    only: Option<Only>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Only {
    Submit,
    Poll,
}

fn main() -> Outcome<()> {
    launch(run)
}

/// One load: its rate, waits, and CPU time per request.
struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
    server_us: f64,
    client_us: f64,
}

/// A server with the connections to it.
struct Side {
    process: Process,
    connections: Vec<Connection>,
}

impl Side {
    async fn connect(process: Process, count: usize) -> Outcome<Self> {
        let connections = client::connect(process.address, count).await?;
        Ok(Self { process, connections })
    }

    async fn round(
        &mut self,
        span: Duration,
        next: impl Fn(&mut Vec<u8>),
        seen: impl Fn(&[u8]) -> Outcome<()>,
    ) -> Outcome<Round> {
        let (server, client) = (self.process.cpu()?, own_cpu()?);
        let deadline = Instant::now() + span;
        let until = |request: &mut Vec<u8>| {
            if Instant::now() < deadline {
                next(request);
            }
        };
        let mut load = client::load(&mut self.connections, until, seen).await?;
        let count = load.waits.len();
        Ok(Round {
            rate: rate(count, load.elapsed),
            p50: ms(quantile(&mut load.waits, 0.5)),
            p99: ms(quantile(&mut load.waits, 0.99)),
            server_us: us_each(self.process.cpu()?.saturating_sub(server), count),
            client_us: us_each(own_cpu()?.saturating_sub(client), count),
        })
    }
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let workers = arguments.workers.to_string();
    let settings = [gateway::PARKED, &[("SERVER__WORKERS", workers.as_str())]].concat();
    let process = gateway::start(data.path(), &settings)?;
    let key = gateway::metered_key(&process).await?;
    let mut gateway = Side::connect(process, arguments.connections).await?;
    let view = polled(&mut gateway, &key).await?;
    let bare = baseline::start(arguments.workers, &view)?;
    let mut bare = Side::connect(bare, arguments.connections).await?;

    let span = Duration::from_millis(arguments.millis);
    let (sent, jobs) = (Cell::new(0_u64), RefCell::new(vec![id_of(view.as_bytes())?]));
    let number = || sent.replace(sent.get() + 1);
    let submit = |request: &mut Vec<u8>| request.extend(gateway::image_request(&key, number(), true));
    let echo = |request: &mut Vec<u8>| {
        request.extend(gateway::post("/echo", &key, &gateway::image_body(number(), true)));
    };
    let poll = |request: &mut Vec<u8>| {
        let jobs = jobs.borrow();
        let job: &String = &jobs[number() as usize % jobs.len()];
        request.extend(gateway::get(&format!("/v1/images/jobs/{job}"), &key));
    };
    let echo_kept = |request: &mut Vec<u8>| request.extend(gateway::get("/echo", &key));
    let ignore = |_: &[u8]| Ok(());
    let remember = |body: &[u8]| {
        jobs.borrow_mut().push(id_of(body)?);
        Ok(())
    };

    let (mut submits, mut polls) = (Vec::new(), Vec::new());
    // The first round warms up.
    for round in 0..=arguments.rounds {
        if arguments.only != Some(Only::Poll) {
            let pair = [bare.round(span, echo, ignore).await?, gateway.round(span, submit, remember).await?];
            submits.extend((round > 0).then_some(pair));
        }
        if arguments.only != Some(Only::Submit) {
            let pair = [bare.round(span, echo_kept, ignore).await?, gateway.round(span, poll, ignore).await?];
            polls.extend((round > 0).then_some(pair));
        }
    }
    let Arguments { connections, workers, rounds, .. } = arguments;
    println!(
        "{connections} connections, {workers} workers, {rounds} rounds, medians; {} jobs open at the end",
        jobs.borrow().len()
    );
    println!(
        "{:<20} {:>10} {:>8} {:>8} {:>14} {:>14} {:>8}",
        "load", "requests/s", "p50 ms", "p99 ms", "server CPU µs", "client CPU µs", ": bare"
    );
    print_rows(["bare: echo a body", "gateway: submit"], &submits, 0.1);
    print_rows(["bare: echo kept", "gateway: poll"], &polls, 0.6);
    Ok(())
}

/// The JSON of a live job as a poll answers it.
async fn polled(gateway: &mut Side, key: &str) -> Outcome<String> {
    let connection = &mut gateway.connections[0];
    let job = id_of(connection.exchange(&gateway::image_request(key, 0, true)).await?.ok()?)?;
    let view = connection.exchange(&gateway::get(&format!("/v1/images/jobs/{job}"), key)).await?;
    Ok(String::from_utf8(view.ok()?.to_vec())?)
}

fn id_of(body: &[u8]) -> Outcome<String> {
    // The first field: cheaper than to parse what the server has just written.
    let text = std::str::from_utf8(body)?;
    let id = text.strip_prefix(r#"{"id":""#).and_then(|rest| rest.split('"').next());
    Ok(id.ok_or_else(|| format!("no id in {text}"))?.to_owned())
}

/// The bare echo and the gateway; the ratio is of each round to the bare one just before it.
fn print_rows(names: [&str; 2], pairs: &[[Round; 2]], least: f64) {
    let ratio = median(pairs.iter().map(|[bare, own]| own.rate / bare.rate).collect());
    let said = [format!("{:>8.3}", 1.0), format!("{ratio:>8.3}   >= {least}: {}", verdict(ratio >= least))];
    for (side, (name, said)) in names.into_iter().zip(said).enumerate().filter(|_| !pairs.is_empty()) {
        let of = |figure: fn(&Round) -> f64| median(pairs.iter().map(|pair| figure(&pair[side])).collect());
        println!(
            "{name:<20} {:>10.0} {:>8.2} {:>8.2} {:>14.1} {:>14.1} {said}",
            of(|round| round.rate),
            of(|round| round.p50),
            of(|round| round.p99),
            of(|round| round.server_us),
            of(|round| round.client_us),
        );
    }
}
