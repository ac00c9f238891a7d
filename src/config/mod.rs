//! Configuration: gathered from defaults, file and environment (`load`), then checked as a whole (`check`).
//!
//! The only way to a [`Config`] is [`load`], and it either gives one whose every value is in bounds or lists every
//! problem at once. Nothing is read again later.

mod bounds;
mod check;
mod checked;
mod load;
mod prices;
mod problem;
mod raw;
mod suggest;
#[cfg(test)]
mod tests;
mod value;

use crate::master_key::{self, Variables};
use atelier_domain::price::PriceTable;

pub use atelier_domain::secret::Secret;
pub use checked::*;
pub use load::{DEFAULT_FILE, ENV_FILE, ENV_PREFIX, Inputs};
pub use problem::{ConfigError, Problem};

/// Where a value came from. Later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// This program.
    Default,
    /// The file.
    File,
    /// An environment variable.
    Env,
}

impl Source {
    /// The word in the admin API's `sources`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Env => "env",
        }
    }
}

/// One key as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Such as `server.port`.
    pub path: String,
    /// As it would stand in `config.toml`; a secret shows `"***"`, or `""` when it is not set.
    pub shown: String,
    /// Where it came from.
    pub source: Source,
}

/// Reads and checks the configuration.
pub fn load(inputs: &Inputs) -> Result<Config, ConfigError> {
    let load::Gathered { raw, prices, sources, file, mut problems } = load::gather(inputs);
    let settings = raw::Raw::KEYS
        .iter()
        .zip(raw.show())
        .map(|(key, shown)| {
            let path = key.path();
            let source = sources.get(&path).copied().unwrap_or(Source::Default);
            Setting { path, shown, source }
        })
        .collect();
    let mut price_problems = Vec::new();
    // A list that could not be read whole would only give misleading problems of its own.
    let readable = !problems.iter().any(|problem| problem.path.starts_with("prices"));
    let table = if readable { prices.check(&mut price_problems) } else { PriceTable::new(Vec::new()) };
    let mut config = check::check(&raw, table, file, settings, &mut problems);
    let mut secret_key = |variables| {
        master_key::given(&inputs.env, variables).unwrap_or_else(|(variable, message)| {
            problems.push(Problem::new(variable, message));
            None
        })
    };
    config.secret_key = secret_key(Variables::PRESENT);
    config.new_secret_key = secret_key(Variables::NEXT);
    problems.extend(price_problems);
    if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
}
