//! `cargo build --release -p atelier -p atelier-bench && target/release/streams` measures what open chat streams cost while their jobs
//! are slow: memory of each, CPU of each event, and whether all of them end with their content and `[DONE]`. Baseline: as many streams
//! of a bare actix-web handler that says as much once a second. Needs more file descriptors than streams: `ulimit -n`.
//!
//! What a job costs is measured apart, on jobs that nobody follows: a stream is what its job and its stream take together, without that.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome, baseline, cores,
    figures::{us_each, verdict},
    gateway, launch,
    process::Process,
};
use clap::Parser;
use futures_util::future::try_join_all;
use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

/// Many streams of slow jobs against a bare server that streams.
#[derive(Parser)]
struct Arguments {
    /// Streams that are open at once.
    #[arg(long, default_value_t = 5_000)]
    streams: usize,
    /// Seconds that each job takes before it is drawn.
    #[arg(long, default_value_t = 60)]
    latency: u64,
    /// Seconds over which events are counted.
    #[arg(long, default_value_t = 10)]
    counted: u64,
    /// Seconds of rest before each reading.
    #[arg(long, default_value_t = 3)]
    rest: u64,
    /// Workers of both servers.
    #[arg(long, default_value_t = cores())]
    workers: usize,
}

/// The longest that anything may take beyond the jobs' own latency.
const PATIENCE: Duration = Duration::from_secs(900);

/// Streams that are being opened at once: what is measured is what open ones hold, not what a stampede leaves with the allocator.
const OPENING: usize = 64;

/// The most that one account of the studio does at once.
const SLOTS: usize = 1_000;

fn main() -> Outcome<()> {
    launch(run)
}

/// What one load cost.
struct Cost {
    /// Bytes of memory for each stream.
    each: f64,
    /// Microseconds of CPU for each event.
    event: f64,
    /// Events a second.
    rate: f64,
}

/// What the streams have said so far.
#[derive(Default)]
struct Heard {
    opened: Cell<usize>,
    events: Cell<usize>,
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    tokio::task::LocalSet::new().run_until(measure(arguments)).await
}

async fn measure(arguments: &Arguments) -> Outcome<()> {
    let bare = bare(arguments).await?;
    let data = tempfile::tempdir()?;
    let workers = arguments.workers.to_string();
    // Jobs that somebody follows and jobs that nobody does, all at once.
    let accounts = (2 * arguments.streams).div_ceil(SLOTS).to_string();
    let (slots, latency) = (SLOTS.to_string(), (arguments.latency * 1_000).to_string());
    let more = [
        ("SERVER__WORKERS", workers.as_str()),
        ("STUDIO__ACCOUNTS", accounts.as_str()),
        ("STUDIO__SLOTS", slots.as_str()),
        ("STUDIO__LATENCY_MS", latency.as_str()),
    ];
    let process = gateway::start(data.path(), &[gateway::PARKED, &more].concat())?;
    let key = gateway::metered_key(&process).await?;
    let job = followed_by_nobody(&process, &key, arguments).await?;
    let requests = (0..arguments.streams).map(|number| chat(&key, number)).collect();
    let heard = Rc::new(Heard::default());
    let before = process.rss()?;
    let streams = open(process.address, requests, &heard).await?;
    let cost = cost(&process, arguments, (before, &heard)).await?;
    let ends = tokio::time::timeout(PATIENCE, try_join_all(streams)).await??;
    let whole = ends.iter().filter(|end| end.as_ref().is_ok_and(|text| is_whole(text))).count();
    print(arguments, (&bare, &cost, job), whole);
    Ok(())
}

fn print(arguments: &Arguments, (bare, cost, job): (&Cost, &Cost, f64), whole: usize) {
    let (streams, kb) = (arguments.streams, |bytes: f64| bytes / 1e3);
    let stream = cost.each - job;
    println!("{streams} streams, {} s of latency, {} workers", arguments.latency, arguments.workers);
    println!("{:<40} {:>10} {:>10} {:>10}", "each", "kB of RSS", "events/s", "CPU µs");
    println!("{:<40} {:>10.1} {:>10.0} {:>10.1}", "bare stream", kb(bare.each), bare.rate, bare.event);
    println!("{:<40} {:>10.1}", "job that nobody follows", kb(job));
    println!(
        "{:<40} {:>10.1} {:>10.0} {:>10.1}",
        "chat stream with its job",
        kb(cost.each),
        cost.rate,
        cost.event
    );
    println!("chat stream without its job: {:.1} kB   < 16 kB: {}", kb(stream), verdict(stream < 16e3));
    println!("ended with content and [DONE]: {whole} of {streams}: {}", verdict(whole == streams));
}

/// A bare server that streams as much.
async fn bare(arguments: &Arguments) -> Outcome<Cost> {
    let process = baseline::start(arguments.workers, "{}")?;
    let requests = vec![gateway::get("/events", "none"); arguments.streams];
    let (heard, before) = (Rc::new(Heard::default()), process.rss()?);
    let streams = open(process.address, requests, &heard).await?;
    let cost = cost(&process, arguments, (before, &heard)).await;
    streams.iter().for_each(tokio::task::JoinHandle::abort);
    cost
}

/// Bytes of memory for each job that is handed in and left alone.
async fn followed_by_nobody(process: &Process, key: &str, arguments: &Arguments) -> Outcome<f64> {
    let mut connection = atelier_bench::client::Connection::open(process.address).await?;
    let task = |number: usize| {
        let body =
            format!(r#"{{"prompt":"a lighthouse, number {number}","model":"gpt-image","async_mode":true}}"#);
        gateway::post("/v1/images/generate", key, &body)
    };
    connection.exchange(&task(arguments.streams)).await?.ok()?;
    let before = process.rss()?;
    for number in 0..arguments.streams {
        connection.exchange(&task(number)).await?.ok()?;
    }
    tokio::time::sleep(Duration::from_secs(arguments.rest)).await;
    Ok((process.rss()? as f64 - before as f64) / arguments.streams as f64)
}

fn chat(key: &str, number: usize) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"gpt-image","messages":[{{"role":"user","content":"a harbour, number {number}"}}],"stream":true}}"#
    );
    gateway::post("/v1/chat/completions", key, &body)
}

type Stream = tokio::task::JoinHandle<Outcome<String>>;

/// Opens a stream for each request, and waits until all have said something.
async fn open(address: SocketAddr, requests: Vec<Vec<u8>>, heard: &Rc<Heard>) -> Outcome<Vec<Stream>> {
    let mut streams = Vec::with_capacity(requests.len());
    for request in requests {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(&request).await?;
        streams.push(tokio::task::spawn_local(follow(socket, heard.clone())));
        opened(heard, streams.len().saturating_sub(OPENING)).await?;
    }
    opened(heard, streams.len()).await?;
    Ok(streams)
}

/// Waits until so many streams have said something.
async fn opened(heard: &Heard, streams: usize) -> Outcome<()> {
    let begun = Instant::now();
    while heard.opened.get() < streams {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{} of {streams} streams began", heard.opened.get()).into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Reads a stream to its end; its last pieces.
async fn follow(socket: TcpStream, heard: Rc<Heard>) -> Outcome<String> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let (mut last, mut is_open) = (Vec::new(), false);
    loop {
        socket.readable().await?;
        // One buffer for all: a stream holds nothing while it is silent.
        let read = BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(16 << 10, 0);
            let length = socket.try_read(buffer)?;
            let piece = &buffer[..length];
            let events = piece.windows(6).filter(|window| window == b"data: ").count();
            heard.events.set(heard.events.get() + events);
            if events > 0 && !std::mem::replace(&mut is_open, true) {
                heard.opened.set(heard.opened.get() + 1);
            }
            last.extend_from_slice(piece);
            last.drain(..last.len().saturating_sub(2 << 10));
            std::io::Result::Ok(length)
        });
        match read {
            Ok(0) => return Err("the connection ended before [DONE]".into()),
            Ok(_) if last.windows(6).any(|window| window == b"[DONE]") => {
                return Ok(String::from_utf8_lossy(&last).into_owned());
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_whole(end: &str) -> bool {
    end.contains("![image](") && end.contains(r#""finish_reason":"stop""#)
}

/// Memory and CPU of the streams that are open now.
async fn cost(process: &Process, arguments: &Arguments, (before, heard): (u64, &Heard)) -> Outcome<Cost> {
    tokio::time::sleep(Duration::from_secs(arguments.rest)).await;
    let each = (process.rss()? as f64 - before as f64) / arguments.streams as f64;
    let (cpu, events, begun) = (process.cpu()?, heard.events.get(), Instant::now());
    tokio::time::sleep(Duration::from_secs(arguments.counted)).await;
    let events = heard.events.get() - events;
    let event = us_each(process.cpu()?.saturating_sub(cpu), events);
    Ok(Cost { each, event, rate: events as f64 / begun.elapsed().as_secs_f64() })
}
