//! `atelier-reattach`: kills a gateway with SIGKILL while its upstream works for it, starts it again on the same data, and proves from
//! both ends that nothing was asked for twice and that what ran came home. Exit code 0 only without violations.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what the program is for")]

use atelier_sim::reattach::{self, Plan};
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// Kills a gateway while its upstream works for it, and proves that it goes on with the same work.
#[derive(Parser)]
struct Arguments {
    /// The gateway's program
    #[arg(long, default_value = "target/debug/atelier")]
    bin: PathBuf,
    /// How often to kill it
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    kills: u32,
    /// Repeats the same moments and the same work, as far as the machine does
    #[arg(long)]
    seed: Option<u64>,
    /// Keeps data and log here, also after success [default: a temporary directory, kept only with violations]
    #[arg(long)]
    room: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments { bin, kills, seed, room } = Arguments::parse();
    let seed = seed.unwrap_or_else(rand::random);
    println!("atelier-reattach: {kills} kills of {}, seed {seed}", bin.display());
    let plan = Plan { bin, kills, seed, room };
    match actix_rt::System::new().block_on(reattach::run(plan)) {
        Ok(report) => {
            print!("{report}");
            if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("atelier-reattach: the drill itself failed: {error}");
            ExitCode::FAILURE
        }
    }
}
