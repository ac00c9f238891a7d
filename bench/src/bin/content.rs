//! `cargo build --release -p atelier -p atelier-bench && target/release/content` measures how fast large videos are downloaded,
//! and the memory that it takes. Baseline: a bare actix-web handler that serves the very same file with actix-files, with as
//! many workers, the same client and as many connections, in turns within one run.
//!
//! A film as large as this is not made: one of four seconds is, through the API, and then its file in the data directory is
//! replaced with as many bytes of noise. What is served is looked up, checked against the key and opened as any other.
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
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Downloads of a large video against a handler that only serves the file.
#[derive(Parser)]
struct Arguments {
    /// Connections of the client.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Megabytes of the video.
    #[arg(long, default_value_t = 40)]
    megabytes: usize,
    /// Downloads on each connection in a round.
    #[arg(long, default_value_t = 4)]
    downloads: usize,
    /// Rounds; the medians are shown.
    #[arg(long, default_value_t = 7)]
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
    /// The mean time of a download.
    mean: Duration,
    /// CPU time of the server per download, in microseconds.
    cpu_us: f64,
}

async fn round(
    process: &Process,
    connections: &mut [Connection],
    request: &[u8],
    (downloads, length): (usize, usize),
) -> Outcome<Round> {
    let (cpu, begun) = (process.cpu()?, Instant::now());
    let loops = connections.iter_mut().map(|connection| async {
        for _ in 0..downloads {
            let came = connection.download(request).await?;
            if came != length {
                return Err(format!("{came} bytes came, not {length}").into());
            }
        }
        Outcome::Ok(())
    });
    let count = try_join_all(loops).await?.len() * downloads;
    let elapsed = begun.elapsed();
    Ok(Round {
        rate: (length * count) as f64 / elapsed.as_secs_f64(),
        mean: elapsed / u32::try_from(downloads).unwrap_or(u32::MAX),
        cpu_us: us_each(process.cpu()?.saturating_sub(cpu), count),
    })
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let workers = arguments.workers.to_string();
    let more = [("SERVER__WORKERS", workers.as_str()), ("STUDIO__LATENCY_MS", "0")];
    let process = gateway::start(data.path(), &[gateway::PARKED, &more].concat())?;
    let key = gateway::metered_key(&process).await?;
    let mut own = client::connect(process.address, arguments.connections).await?;
    let content = format!("/v1/videos/{}/content", gateway::film(&mut own[0], &key).await?);
    let content = gateway::get(&content, &key);
    let mp4 = own[0].exchange(&content).await?.ok()?.to_vec();
    let file = file_of(data.path(), &mp4)?.ok_or("the film's file is not in the data directory")?;
    fs::write(&file, noise(arguments.megabytes << 20))?;

    let bare = baseline::start_with_file(arguments.workers, &file)?;
    let mut other = client::connect(bare.address, arguments.connections).await?;
    let plain = gateway::get("/file", "none");
    let load = (arguments.downloads, arguments.megabytes << 20);
    let (mut rounds, mut rss) = (Vec::new(), vec![process.rss()?]);
    // The first round warms up. Memory is counted from before it: after the film was made, before anything large was served.
    for number in 0..=arguments.rounds {
        let pair =
            [round(&bare, &mut other, &plain, load).await?, round(&process, &mut own, &content, load).await?];
        rss.push(process.rss()?);
        rounds.extend((number > 0).then_some(pair));
    }
    print(arguments, &rounds);
    let most = rss.iter().max().copied().unwrap_or_default();
    let growth = most.saturating_sub(rss[0]) as f64 / 1e6;
    println!(
        "RSS of the gateway: {:.0} MB at most, {growth:.1} MB more than before the downloads   < 32 MB: {}",
        most as f64 / 1e6,
        verdict(growth < 32.0)
    );
    Ok(())
}

/// The file below a directory that holds just these bytes.
fn file_of(directory: &Path, bytes: &[u8]) -> Outcome<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let (path, facts) =
            (entry.as_ref().map(fs::DirEntry::path), entry.as_ref().map(fs::DirEntry::metadata));
        let (Ok(path), Ok(facts)) = (path, facts) else { continue };
        let facts = facts?;
        if facts.is_dir() {
            if let Some(found) = file_of(&path, bytes)? {
                return Ok(Some(found));
            }
        } else if facts.len() == bytes.len() as u64 && fs::read(&path)? == bytes {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn noise(length: usize) -> Vec<u8> {
    let (mut bytes, mut word) = (Vec::with_capacity(length + 4), 0x2545_f491_u32);
    while bytes.len() < length {
        word ^= word << 13;
        word ^= word >> 17;
        word ^= word << 5;
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn print(arguments: &Arguments, all: &[[Round; 2]]) {
    let Arguments { connections, megabytes, downloads, rounds, workers } = arguments;
    println!(
        "{connections} connections, {downloads} downloads of {megabytes} MiB on each, {workers} workers, {rounds} rounds, medians"
    );
    println!("{:<28} {:>8} {:>10} {:>14}", "load", "MB/s", "each ms", "server CPU ms");
    for (side, name) in ["bare: actix-files", "gateway: content"].into_iter().enumerate() {
        let of = |figure: fn(&Round) -> f64| median(all.iter().map(|round| figure(&round[side])).collect());
        println!(
            "{name:<28} {:>8.0} {:>10.1} {:>14.1}",
            of(|round| round.rate / 1e6),
            of(|round| ms(round.mean)),
            of(|round| round.cpu_us / 1e3),
        );
    }
    let ratio = median(all.iter().map(|[bare, own]| own.rate / bare.rate).collect());
    println!("gateway : bare {ratio:>6.3}   >= 0.7: {}", verdict(ratio >= 0.7));
}
