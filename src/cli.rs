//! The command line: what can be asked of the program, and what `--help` says about it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A self-hosted gateway for image and video generation.
#[derive(Clone, Debug, Parser)]
#[command(name = "atelier", version, about, propagate_version = true)]
pub struct Cli {
    /// The configuration file [default: the variable ATELIER_CONFIG, else ./config.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// What to do; without one, `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// What to do: `serve` unless something else was asked for.
    pub fn command_or_serve(self) -> Command {
        self.command.unwrap_or(Command::Serve)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve HTTP until told to stop (the default)
    Serve,
    /// Check the configuration and show every value with its source
    CheckConfig,
    /// Ask a running server whether it is well; exit code 0 if so, 1 if not
    Healthcheck(Healthcheck),
    /// The books
    #[command(subcommand)]
    Ledger(Ledger),
    /// Write all data to one file: a backup, and the way to another machine
    Export(Export),
    /// Rebuild the database from an export and the change log
    Restore(Restore),
    /// Give the installation another secret key: what is sealed is sealed anew, links and webhooks are signed with another secret
    Rekey,
    /// Print the OpenAPI document
    Openapi,
}

/// `healthcheck`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Healthcheck {
    /// The address to ask [default: /health of the configured host and port]
    #[arg(long)]
    pub url: Option<String>,
}

/// `ledger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Ledger {
    /// Prove from the entries alone that every balance is right and all postings sum to zero
    Verify,
}

/// `export`.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Where to write it [default: a new file among the exports of the data directory]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `restore`: from a named file or from the newest.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
#[group(required = true, multiple = false)]
pub struct Restore {
    /// The export to restore
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Restore the newest export of the data directory
    #[arg(long)]
    pub latest: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use clap::{CommandFactory, error::ErrorKind};

    fn parse(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split(' ')).map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_serves_and_config_may_stand_anywhere() {
        assert_eq!(parse("atelier").unwrap().command_or_serve(), Command::Serve);
        for line in ["atelier --config x.toml ledger verify", "atelier ledger verify --config x.toml"] {
            let cli = parse(line).unwrap();
            assert_eq!(
                (cli.config, cli.command),
                (Some("x.toml".into()), Some(Command::Ledger(Ledger::Verify)))
            );
        }
    }

    #[test]
    fn restore_takes_a_file_or_the_latest_and_never_guesses() {
        let file = Restore { file: Some("a.export".into()), latest: false };
        assert_eq!(parse("atelier restore a.export").unwrap().command_or_serve(), Command::Restore(file));
        let latest = Restore { file: None, latest: true };
        assert_eq!(parse("atelier restore --latest").unwrap().command_or_serve(), Command::Restore(latest));
        assert_eq!(parse("atelier restore").unwrap_err(), ErrorKind::MissingRequiredArgument);
        assert_eq!(parse("atelier restore a.export --latest").unwrap_err(), ErrorKind::ArgumentConflict);
    }
}
