//! The `atelier` program: reads the command line and the configuration, and does what they ask.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "commands answer on standard output, failures on standard error"
)]

use atelier::{
    cli::{Cli, Command, Ledger},
    config::{self, Config},
    offline, serve,
};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match config::load(&config::Inputs::of_process(cli.config.clone())) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    atelier::init_telemetry(&config.log);
    match run(cli.command_or_serve(), config) {
        Ok(code) => code,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("atelier: {error}");
    ExitCode::FAILURE
}

fn run(command: Command, config: Config) -> Result<ExitCode, offline::Failure> {
    match command {
        Command::Serve => actix_rt::System::new().block_on(serve::serve(config))?,
        Command::CheckConfig => print!("{}", offline::settings(&config)),
        Command::Healthcheck(asked) => {
            println!("{}", actix_rt::System::new().block_on(offline::healthcheck(&config, asked))?);
        }
        Command::Ledger(Ledger::Verify) => {
            let verdict = offline::verify_ledger(&config)?;
            println!("{} entries, {} accounts, head {}", verdict.entries, verdict.accounts, verdict.head);
            for drift in &verdict.drift {
                println!(
                    "drift: {} is kept as {}, its entries say {}",
                    drift.account, drift.kept, drift.computed
                );
            }
            verdict.problems.iter().for_each(|problem| println!("problem: {problem}"));
            println!("{}", if verdict.is_ok() { "the books are right" } else { "the books are NOT right" });
            return Ok(if verdict.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Export(asked) => {
            let report = offline::export(&config, &asked)?;
            println!("{} rows, {} bytes: {}", report.rows, report.bytes, report.path.display());
        }
        Command::Restore(asked) => {
            let report = offline::restore(&config, &asked)?;
            report.warnings.iter().for_each(|warning| println!("warning: {warning}"));
            report.set_aside.iter().for_each(|path| println!("set aside: {}", path.display()));
            let rows: u64 = report.rows.iter().map(|(_, rows)| rows).sum();
            println!(
                "restored {rows} rows up to group {}, {} groups from the change log",
                report.group, report.replayed
            );
        }
        Command::Rekey => print!("{}", offline::rekeyed(&offline::rekey(&config)?)),
        Command::Openapi => println!("{}", atelier_web::openapi_json()),
    }
    Ok(ExitCode::SUCCESS)
}
