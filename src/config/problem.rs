//! What is wrong with a configuration: all of it at once, each with its place and what to do.

use std::{fmt, path::Path};

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a key such as `server.port`, a section, an environment variable, or a file.
    pub path: String,
    /// The whole sentence, with the place in it: what is wrong, and what would be right.
    pub text: String,
}

impl Problem {
    /// A value that cannot be taken.
    pub fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        let path = path.into();
        Self { text: format!("{path}: {message}"), path }
    }

    /// A name that nothing reads. `what` is `key`, `section` or `environment variable`.
    pub fn unknown(what: &str, path: impl Into<String>, advice: &str) -> Self {
        let path = path.into();
        Self { text: format!("unknown {what} {path}: {advice}"), path }
    }

    pub(super) fn at_file(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(path.display().to_string(), message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A configuration that cannot be used, with every problem found in it (at least one).
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order of reading: file, environment, bounds, prices.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}
