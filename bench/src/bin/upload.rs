//! `cargo build --release -p atelier -p atelier-bench && target/release/upload` measures how fast multipart edits bring in a large
//! picture, and the memory that it takes. Baselines: a bare actix-web handler that streams the same body to a file, and one that
//! makes the file last as well, with as many workers, the same client and the same connections, in turns within one run.
//!
//! The edits run in the background and wait for an account, so that nothing is drawn: what is measured ends with the job accepted,
//! its picture hashed, looked at, synced and named by a row. The bare handlers do none of this but the sync.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome, baseline,
    client::{self, Connection},
    cores,
    figures::{median, ms, us_each, verdict},
    gateway, launch,
    process::Process,
};
use clap::Parser;
use futures_util::future::try_join_all;
use std::time::{Duration, Instant};

/// Large multipart edits against a handler that only writes the body to a file.
#[derive(Parser)]
struct Arguments {
    /// Connections of the client.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Megabytes of the picture.
    #[arg(long, default_value_t = 20)]
    megabytes: usize,
    /// Uploads on each connection in a round.
    #[arg(long, default_value_t = 8)]
    uploads: usize,
    /// Rounds; the medians are shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Workers of both servers.
    #[arg(long, default_value_t = cores())]
    workers: usize,
}

fn main() -> Outcome<()> {
    launch(run)
}

/// One load.
struct Round {
    /// Bytes of bodies a second.
    rate: f64,
    /// The mean time of an upload.
    mean: Duration,
    /// CPU time of the server per upload, in microseconds.
    cpu_us: f64,
}

async fn round(
    process: &Process,
    connections: &mut [Connection],
    request: &[u8],
    uploads: usize,
) -> Outcome<Round> {
    let (cpu, begun) = (process.cpu()?, Instant::now());
    let loops = connections.iter_mut().map(|connection| async {
        for _ in 0..uploads {
            connection.exchange(request).await?.ok()?;
        }
        Outcome::Ok(())
    });
    let count = try_join_all(loops).await?.len() * uploads;
    let elapsed = begun.elapsed();
    Ok(Round {
        rate: (request.len() * count) as f64 / elapsed.as_secs_f64(),
        mean: elapsed / u32::try_from(uploads).unwrap_or(u32::MAX),
        cpu_us: us_each(process.cpu()?.saturating_sub(cpu), count),
    })
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let workers = arguments.workers.to_string();
    let more = [
        ("SERVER__WORKERS", workers.as_str()),
        ("LIMITS__DISK_MIB_PER_KEY", "1000000"),
        ("LIMITS__FILE_MIB", "1000"),
    ];
    let process = gateway::start(data.path(), &[gateway::PARKED, &more].concat())?;
    let key = gateway::metered_key(&process).await?;
    let body = form(arguments.megabytes << 20);
    let edit = post("/v1/images/edits", &key, &body);
    let bare = baseline::start(arguments.workers, "{}")?;
    let (raw, synced) = (post("/upload", &key, &body), post("/upload-synced", &key, &body));
    let mut own = client::connect(process.address, arguments.connections).await?;
    let mut other = client::connect(bare.address, arguments.connections).await?;

    let (mut rounds, mut rss) = (Vec::new(), Vec::new());
    // The first round warms up, and what it leaves in memory is where growth is counted from.
    for number in 0..=arguments.rounds {
        let raw = round(&bare, &mut other, &raw, arguments.uploads).await?;
        let synced = round(&bare, &mut other, &synced, arguments.uploads).await?;
        let own = round(&process, &mut own, &edit, arguments.uploads).await?;
        rss.push(process.rss()?);
        rounds.extend((number > 0).then_some([raw, synced, own]));
    }
    print(arguments, &rounds);
    let start = rss.first().copied().unwrap_or_default();
    let growth = rss.iter().max().copied().unwrap_or_default().saturating_sub(start) as f64 / 1e6;
    let whole = rss.iter().max().copied().unwrap_or_default() as f64 / 1e6;
    println!(
        "RSS of the gateway: {whole:.0} MB at most, {growth:.1} MB more than after the first round   < 100 MB: {}",
        verdict(growth < 100.0)
    );
    Ok(())
}

fn print(arguments: &Arguments, all: &[[Round; 3]]) {
    let Arguments { connections, megabytes, rounds, workers, .. } = arguments;
    println!("{connections} connections, {megabytes} MiB each, {workers} workers, {rounds} rounds, medians");
    println!("{:<34} {:>8} {:>10} {:>14}", "load", "MB/s", "each ms", "server CPU ms");
    let names = ["bare: body to a file", "bare: body to a file that lasts", "gateway: edit, accepted"];
    for (side, name) in names.into_iter().enumerate() {
        let of = |figure: fn(&Round) -> f64| median(all.iter().map(|round| figure(&round[side])).collect());
        println!(
            "{name:<34} {:>8.0} {:>10.1} {:>14.1}",
            of(|round| round.rate / 1e6),
            of(|round| ms(round.mean)),
            of(|round| round.cpu_us / 1e3),
        );
    }
    for (side, name) in ["a file", "a file that lasts"].into_iter().enumerate() {
        let ratio = median(all.iter().map(|round| round[2].rate / round[side].rate).collect());
        println!("gateway : bare to {name:<18} {ratio:>6.3}   >= 0.5: {}", verdict(ratio >= 0.5));
    }
}

/// A form with one picture: a small PNG with as many bytes behind its end as make it this long.
fn form(length: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(length + 1024);
    for (name, text) in [("prompt", "a hat"), ("size", "1024x1024"), ("background", "true")] {
        let part = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n";
    body.extend_from_slice(head.as_bytes());
    let (start, mut word) = (body.len(), 0x2545_f491_u32);
    body.extend_from_slice(PICTURE);
    while body.len() - start < length {
        word ^= word << 13;
        word ^= word >> 17;
        word ^= word << 5;
        body.extend_from_slice(&word.to_le_bytes());
    }
    body.extend_from_slice(b"\r\n--x--\r\n");
    body
}

/// One red pixel.
const PICTURE: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0,
    1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 12, b'I', b'D', b'A', b'T', 8, 0xd7, 0x63, 0xf8, 0xcf,
    0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60,
    0x82,
];

fn post(path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
