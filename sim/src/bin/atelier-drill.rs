//! `atelier-drill`: loads a real server, kills it with SIGKILL at random moments, starts it again on the same data, and audits
//! what is left, until so many kills are done. Exit code 0 only without violations.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what the program is for")]

use atelier_sim::drill::{self, Plan};
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// Kills a loaded server again and again, and proves that nothing that it acknowledged is lost.
#[derive(Parser)]
struct Arguments {
    /// The server's program
    #[arg(long, default_value = "target/debug/atelier")]
    bin: PathBuf,
    /// How often to kill it
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// Repeats the same moments and the same work, as far as the machine does
    #[arg(long)]
    seed: Option<u64>,
    /// Where the server listens on 127.0.0.1 [default: a free port]
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keeps data and log here, also after success [default: a temporary directory, kept only with violations]
    #[arg(long)]
    room: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments { bin, kills, seed, port, room } = Arguments::parse();
    let seed = seed.unwrap_or_else(rand::random);
    println!("atelier-drill: {kills} kills of {}, seed {seed}", bin.display());
    let plan = Plan { bin, kills, seed, port, room };
    match actix_rt::System::new().block_on(drill::run(plan)) {
        Ok(report) => {
            print!("{report}");
            if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("atelier-drill: the drill itself failed: {error}");
            ExitCode::FAILURE
        }
    }
}
