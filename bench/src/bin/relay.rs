//! `cargo build --release -p atelier -p atelier-bench -p atelier-sim && target/release/relay` measures what the gateway costs between
//! a client and an upstream: small pictures through the `openai` engine, from a metered and an unmetered key. Baseline: nginx in
//! front of the same simulated upstream, in turns within one run; skipped with a line that says so where nginx is not installed.
//!
//! Then a thousand calls that each wait ten seconds for their upstream: all must succeed, and their memory is told.
#![allow(clippy::print_stdout, reason = "prints its table")]

use atelier_bench::{
    Outcome,
    client::{self, Connection},
    cores,
    figures::{median, ms, quantile, rate, us_each, verdict},
    gateway, launch,
    process::Process,
};
use clap::Parser;
use serde_json::json;
use std::{
    cell::Cell,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const UPSTREAM_KEY: &str = "sk-bench-upstream";
const MODEL: &str = "bench-image";

/// Calls on their way to the upstream at once: what is measured is what waiting ones hold, not what a stampede leaves with the allocator.
const ARRIVING: usize = 64;

/// How long nginx may take to listen, and a call to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Small pictures through the `openai` engine, beside nginx.
#[derive(Parser)]
struct Arguments {
    /// Connections of the loaded rounds.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Workers of the gateway and of nginx.
    #[arg(long, default_value_t = cores())]
    workers: usize,
    /// Rounds; the medians are shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Milliseconds of each load in a round.
    #[arg(long, default_value_t = 1_000)]
    millis: u64,
    /// Calls that wait for their upstream at once.
    #[arg(long, default_value_t = 1_000)]
    parked: usize,
    /// Seconds that the upstream of each takes.
    #[arg(long, default_value_t = 10)]
    parked_seconds: u64,
}

fn main() -> Outcome<()> {
    launch(run)
}

/// One way to the upstream.
struct Way {
    name: &'static str,
    address: SocketAddr,
    path: &'static str,
    key: String,
    /// The least share of nginx's rate that is wanted.
    wanted: Option<f64>,
    rounds: Vec<Round>,
}

struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
    server_us: f64,
}

async fn run(arguments: &Arguments) -> Outcome<()> {
    let room = tempfile::tempdir()?;
    let upstream = simulated()?;
    let data = room.path().join("data");
    fs::create_dir(&data)?;
    let (gateway, metered, unmetered) = gateway_before(&upstream, &data, arguments).await?;
    let nginx = Nginx::start(room.path(), upstream.address, arguments.workers).await?;
    let own = |name, key, wanted| Way {
        name,
        address: gateway.address,
        path: "/v1/images/generations",
        key,
        wanted: Some(wanted),
        rounds: Vec::new(),
    };
    let bare = |name, address| Way {
        name,
        address,
        path: "/v1/images/generations",
        key: UPSTREAM_KEY.to_owned(),
        wanted: None,
        rounds: Vec::new(),
    };
    for connections in [1, arguments.connections] {
        let mut ways = vec![bare("the upstream itself", upstream.address)];
        if let Some(nginx) = &nginx {
            ways.push(bare("nginx", nginx.address));
        }
        ways.push(own("gateway, unmetered key", unmetered.clone(), 0.35));
        ways.push(own("gateway, metered key", metered.clone(), 0.2));
        // The first round warms up.
        for round in 0..=arguments.rounds {
            for way in &mut ways {
                let process = (way.address == gateway.address).then_some(&gateway);
                let measured = load(way, connections, arguments.millis, process).await?;
                way.rounds.extend((round > 0).then_some(measured));
            }
        }
        print_table(connections, arguments, &ways);
    }
    if nginx.is_none() {
        println!("nginx is not installed (Debian: apt-get install nginx): no ratio to it");
    }
    parked(arguments, &upstream, &gateway, &metered).await
}

fn simulated() -> Outcome<Process> {
    let program = env::current_exe()?.with_file_name("atelier-sim");
    if !program.exists() {
        return Err(format!(
            "{} is missing: build it with `cargo build --release -p atelier-sim`",
            program.display()
        )
        .into());
    }
    let mut command = Command::new(program);
    command.args(["--port", "0", "--key", UPSTREAM_KEY]);
    Process::start(command)
}

/// A gateway with one account at the upstream, a metered key and the first key, which is not.
async fn gateway_before(
    upstream: &Process,
    data: &Path,
    arguments: &Arguments,
) -> Outcome<(Process, String, String)> {
    let first = "sk-bench-first-key-0123456789".to_owned();
    let workers = arguments.workers.to_string();
    let settings = [
        ("STUDIO__ENABLED", "false"),
        ("GLOBAL__ADMIN_PASSWORD", gateway::PASSWORD),
        ("GLOBAL__API_KEY", first.as_str()),
        ("GENERATION__IMAGE_TIMEOUT", "120"),
        ("SERVER__WORKERS", workers.as_str()),
        ("LOG__LEVEL", "warn"),
    ];
    let process = gateway::start(data, &settings)?;
    let session = gateway::session(&process).await?;
    let account = json!({
        "provider": "openai",
        "name": "bench",
        "token": UPSTREAM_KEY,
        "base_url": format!("http://{}/v1", upstream.address),
        "dialect": "relay",
        "models": [{ "name": MODEL, "upstream": "gpt-image-2", "kind": "image" }],
    });
    let mut connection = Connection::open(process.address).await?;
    connection.exchange(&gateway::post("/api/tokens", &session, &account.to_string())).await?.ok()?;
    let metered = gateway::metered_key(&process).await?;
    Ok((process, metered, first))
}

fn body(number: u64) -> String {
    format!(r#"{{"model":"{MODEL}","prompt":"a lighthouse, number {number}","size":"1024x1024","n":1}}"#)
}

async fn load(way: &Way, connections: usize, millis: u64, process: Option<&Process>) -> Outcome<Round> {
    let mut connections = client::connect(way.address, connections).await?;
    let before = process.map(Process::cpu).transpose()?;
    let (sent, deadline) = (Cell::new(0_u64), Instant::now() + Duration::from_millis(millis));
    let next = |request: &mut Vec<u8>| {
        if Instant::now() < deadline {
            sent.set(sent.get() + 1);
            let model = if process.is_some() { MODEL } else { "gpt-image-2" };
            let body = body(sent.get()).replace(MODEL, model);
            request.extend(gateway::post(way.path, &way.key, &body));
        }
    };
    let mut load = client::load(&mut connections, next, |_| Ok(())).await?;
    let count = load.waits.len();
    let spent = process.map(Process::cpu).transpose()?.zip(before);
    Ok(Round {
        rate: rate(count, load.elapsed),
        p50: ms(quantile(&mut load.waits, 0.5)),
        p99: ms(quantile(&mut load.waits, 0.99)),
        server_us: spent.map_or(0.0, |(after, before)| us_each(after.saturating_sub(before), count)),
    })
}

fn print_table(connections: usize, arguments: &Arguments, ways: &[Way]) {
    let Arguments { workers, rounds, .. } = arguments;
    println!("{connections} connections, {workers} workers, {rounds} rounds, medians");
    println!(
        "{:<26} {:>10} {:>8} {:>8} {:>9} {:>9} {:>15} {:>8}",
        "way", "requests/s", "p50 ms", "p99 ms", "+p50 ms", "+p99 ms", "gateway CPU µs", ": nginx"
    );
    let of = |way: &Way, figure: fn(&Round) -> f64| median(way.rounds.iter().map(figure).collect());
    let nginx = ways.iter().find(|way| way.name == "nginx");
    for way in ways {
        let added = |figure: fn(&Round) -> f64| of(way, figure) - of(&ways[0], figure);
        let ratio = nginx.map(|nginx| {
            let pairs = way.rounds.iter().zip(&nginx.rounds);
            median(pairs.map(|(own, nginx)| own.rate / nginx.rate).collect())
        });
        let said = match (ratio, way.wanted) {
            (Some(ratio), Some(least)) if connections > 1 => {
                format!("{ratio:>8.3}   >= {least}: {}", verdict(ratio >= least))
            }
            (Some(ratio), _) => format!("{ratio:>8.3}"),
            (None, _) => String::new(),
        };
        println!(
            "{:<26} {:>10.0} {:>8.2} {:>8.2} {:>9.2} {:>9.2} {:>15.1} {said}",
            way.name,
            of(way, |round| round.rate),
            of(way, |round| round.p50),
            of(way, |round| round.p99),
            added(|round| round.p50),
            added(|round| round.p99),
            of(way, |round| round.server_us),
        );
    }
}

/// Calls that wait for a slow upstream: how many succeed, and what each costs in memory meanwhile.
async fn parked(arguments: &Arguments, upstream: &Process, gateway: &Process, key: &str) -> Outcome<()> {
    let slow =
        json!({ "usually": { "submit_image": { "delay": { "ms": arguments.parked_seconds * 1_000 } } } });
    let mut control = Connection::open(upstream.address).await?;
    let forget = b"DELETE /_sim HTTP/1.1\r\nhost: localhost\r\n\r\n";
    control.exchange(forget).await?.ok()?;
    let path = format!("/_sim/accounts/{UPSTREAM_KEY}/script");
    control.exchange(&gateway::post(&path, "none", &slow.to_string())).await?.ok()?;
    let mut connections = client::connect(gateway.address, arguments.parked).await?;
    for connection in &mut connections {
        connection.exchange(&gateway::get("/health", key)).await?.ok()?;
    }
    let before = gateway.rss()?;
    let asked = Instant::now();
    for (number, connection) in connections.iter_mut().enumerate() {
        connection.send(&gateway::post("/v1/images/generations", key, &body(number as u64))).await?;
        arrived(&mut control, (number + 1).saturating_sub(ARRIVING)).await?;
    }
    arrived(&mut control, arguments.parked).await?;
    tokio::time::sleep(Duration::from_secs(arguments.parked_seconds / 2)).await;
    let each = (gateway.rss()? as f64 - before as f64) / arguments.parked as f64 / 1e3;
    let mut well = 0;
    for connection in &mut connections {
        well += usize::from(connection.receive().await?.status == 200);
    }
    let all = well == arguments.parked;
    println!(
        "{} parked calls of {} s: {well} succeeded in {:.1} s: {}; {each:.1} kB each   < 30 kB: {}",
        arguments.parked,
        arguments.parked_seconds,
        asked.elapsed().as_secs_f64(),
        verdict(all),
        verdict(each < 30.0)
    );
    Ok(())
}

/// Waits until so many calls are at the upstream.
async fn arrived(control: &mut Connection, calls: usize) -> Outcome<()> {
    let begun = Instant::now();
    loop {
        let report = control.exchange(&gateway::get("/_sim/report", "none")).await?;
        let in_flight = gateway::value(report.ok()?)?["in_flight"].as_u64().unwrap_or(0);
        if in_flight >= calls as u64 {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{in_flight} of {calls} calls are at the upstream").into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// nginx as a proxy in front of the upstream, in the foreground, with files of its own.
struct Nginx {
    address: SocketAddr,
    child: Child,
}

impl Nginx {
    async fn start(room: &Path, upstream: SocketAddr, workers: usize) -> Outcome<Option<Self>> {
        let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let Some(program) = places.iter().map(PathBuf::from).find(|place| place.exists()) else {
            return Ok(None);
        };
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let room = room.display();
        let config = format!(
            "worker_processes {workers};\ndaemon off;\npid {room}/nginx.pid;\nerror_log {room}/nginx.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n  access_log off;\n  client_body_temp_path {room}/body;\n  proxy_temp_path {room}/proxy;\n  \
             fastcgi_temp_path {room}/fastcgi;\n  uwsgi_temp_path {room}/uwsgi;\n  scgi_temp_path {room}/scgi;\n  \
             keepalive_requests 10000000;\n  upstream sim {{ server {upstream}; keepalive 256; keepalive_requests 10000000; }}\n  \
             server {{\n    listen 127.0.0.1:{port};\n    location / {{\n      proxy_pass http://sim;\n      \
             proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffers 16 64k;\n    }}\n  }}\n}}\n"
        );
        let path = format!("{room}/nginx.conf");
        fs::write(&path, config)?;
        let mut command = Command::new(program);
        command.args(["-c", &path, "-e", &format!("{room}/nginx.log")]).stdin(Stdio::null());
        let child = command.spawn()?;
        let nginx = Self { address: SocketAddr::from(([127, 0, 0, 1], port)), child };
        let began = Instant::now();
        while std::net::TcpStream::connect(nginx.address).is_err() {
            if began.elapsed() > PATIENCE {
                let log = fs::read_to_string(format!("{room}/nginx.log")).unwrap_or_default();
                return Err(format!("nginx does not listen: {log}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(nginx))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with their master, which is asked first and not waited for long.
        let _ = Command::new("sh").args(["-c", "kill -TERM $0", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
