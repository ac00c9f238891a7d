//! `atelier-marathon`: thousands of mixed jobs through a real gateway over simulated accounts with every fault, and the table of
//! what must hold. Exit code 0 only without violations.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what the program is for")]

use atelier_sim::marathon::{self, Plan};
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

/// Runs thousands of jobs over accounts that do everything that accounts do, and proves that none is lost, doubled or overpaid.
#[derive(Parser)]
struct Arguments {
    /// The gateway's program
    #[arg(long, default_value = "target/debug/atelier")]
    bin: PathBuf,
    /// Jobs in all
    #[arg(long, default_value_t = 5_000)]
    jobs: usize,
    /// Simulated accounts at OpenAI; of each kind none, or 10 at least
    #[arg(long, default_value_t = 20)]
    accounts: u16,
    /// Simulated accounts at Firefly
    #[arg(long, default_value_t = 0)]
    firefly: u16,
    /// Simulated accounts at Sora
    #[arg(long, default_value_t = 0)]
    sora: u16,
    /// Clients at the same time
    #[arg(long, default_value_t = 48)]
    clients: usize,
    /// Repeats the same faults and the same work, as far as the machine does
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { bin, jobs, accounts, firefly, sora, clients, seed } = Arguments::parse();
    let accounts = [accounts, firefly, sora].map(usize::from);
    if accounts.iter().any(|count| (1..10).contains(count) || *count > 500) || accounts == [0; 3] {
        eprintln!(
            "atelier-marathon: of each kind there are none, or 10 to 500 accounts, and of one there are some"
        );
        return ExitCode::FAILURE;
    }
    let seed = seed.unwrap_or_else(rand::random);
    println!("atelier-marathon: {jobs} jobs over {accounts:?} accounts by {clients} clients, seed {seed}");
    let plan = Plan { bin, jobs, accounts, clients, seed };
    match actix_rt::System::new().block_on(marathon::run(plan)) {
        Ok(report) => {
            print!("{report}");
            if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("atelier-marathon: it could not be run: {error}");
            ExitCode::FAILURE
        }
    }
}
