//! `atelier-sim`: a simulated upstream as a program, for tests in any language and for benchmarks, with proxies in front of it if
//! wanted.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "where it listens is what the program has to say"
)]

use atelier_sim::upstream::{
    AccountSetup, Course, Dialect, Setup, Upstream,
    proxy::{Kind, Proxy, ProxySetup},
};
use clap::Parser;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, process::ExitCode};

/// Speaks the wire of an OpenAI-shaped upstream, scripted per account and per call.
///
/// Accounts are put with PUT /_sim/accounts/{key}, counters read with GET /_sim/report, everything reset with DELETE /_sim;
/// sim/README.md shows all control paths and what a script looks like.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where it listens on 127.0.0.1; 0 means any free port
    #[arg(long, default_value_t = 4010)]
    port: u16,
    /// Which engine it speaks like
    #[arg(long, value_enum, default_value_t = Dialect::Openai)]
    dialect: Dialect,
    /// A key that opens an account of the same name; may be given several times
    #[arg(long = "key", value_name = "KEY", default_values_t = [String::from("sk-sim")])]
    keys: Vec<String>,
    /// A JSON file of accounts by name, as they would be put
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// A model that it has; may be given several times [default: what the dialect usually has]
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// How many polls find a video unready
    #[arg(long, default_value_t = 2)]
    polls: u32,
    /// How long a video takes at least, in milliseconds
    #[arg(long, default_value_t = 0)]
    takes_ms: u64,
    /// What it tells pollers to wait, in milliseconds
    #[arg(long)]
    poll_after_ms: Option<u64>,
    /// Keeps no results that links can lead to
    #[arg(long)]
    no_files: bool,
    /// What opens the solver of challenges
    #[arg(long)]
    solver_key: Option<String>,
    /// Also starts an HTTP CONNECT proxy at this port
    #[arg(long, value_name = "PORT")]
    connect_proxy: Option<u16>,
    /// Also starts a SOCKS5 proxy at this port
    #[arg(long, value_name = "PORT")]
    socks_proxy: Option<u16>,
    /// What both proxies ask for
    #[arg(long, value_name = "USER:PASSWORD")]
    proxy_login: Option<String>,
    /// A name that only the proxies know, besides `upstream.test` for the upstream itself; may be given several times
    #[arg(long = "proxy-name", value_name = "NAME=ADDRESS:PORT", value_parser = named)]
    proxy_names: Vec<(String, SocketAddr)>,
}

fn named(text: &str) -> Result<(String, SocketAddr), String> {
    let (name, address) = text.split_once('=').ok_or("expected NAME=ADDRESS:PORT")?;
    Ok((name.to_owned(), address.parse().map_err(|error| format!("{address}: {error}"))?))
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atelier-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let proxies = (arguments.connect_proxy, arguments.socks_proxy);
    let login = match arguments.proxy_login.as_deref().map(|login| login.split_once(':')) {
        Some(Some((user, password))) => Some((user.to_owned(), password.to_owned())),
        Some(None) => return Err("--proxy-login: expected USER:PASSWORD".into()),
        None => None,
    };
    let mut names: BTreeMap<_, _> = arguments.proxy_names.iter().cloned().collect();
    let upstream = Upstream::start(setup(arguments)?)?;
    names.entry("upstream.test".to_owned()).or_insert(upstream.address());
    let start = |kind: Kind, port: Option<u16>| {
        let setup = |port| ProxySetup { port, login: login.clone(), names: names.clone() };
        port.map(|port| Proxy::start(kind, setup(port))).transpose()
    };
    let running = [start(Kind::Connect, proxies.0)?, start(Kind::Socks5, proxies.1)?];
    println!("atelier-sim: {}/v1", upstream.origin());
    println!(
        "control:     {}{} (PUT /accounts/{{key}}, GET /report, DELETE)",
        upstream.origin(),
        Upstream::CONTROL
    );
    for proxy in running.iter().flatten() {
        println!("proxy:       {}", proxy.url());
    }
    // The servers have threads of their own; this one waits for the signal that ends the program.
    loop {
        std::thread::park();
    }
}

fn setup(arguments: Arguments) -> Result<Setup, Box<dyn std::error::Error>> {
    let mut setup = Setup::default().speaking(arguments.dialect);
    setup.port = arguments.port;
    setup.course = Course { polls: arguments.polls, takes_ms: arguments.takes_ms, ..Course::default() };
    setup.poll_after_ms = arguments.poll_after_ms;
    setup.keeps_files = !arguments.no_files;
    setup.solver_key = arguments.solver_key;
    if !arguments.models.is_empty() {
        setup.models = arguments.models;
    }
    setup.accounts = arguments.keys.into_iter().map(|key| (key, AccountSetup::default())).collect();
    if let Some(file) = arguments.accounts {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let given: BTreeMap<String, AccountSetup> =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        setup.accounts.extend(given);
    }
    Ok(setup)
}
