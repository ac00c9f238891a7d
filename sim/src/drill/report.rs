//! What the drill found, as a table.

use super::{book::Book, order::Manner};
use std::{fmt, path::PathBuf, time::Duration};

/// The result of a drill.
#[derive(Debug)]
pub struct Report {
    rows: Vec<(String, String)>,
    /// What was promised and does not hold.
    pub violations: Vec<String>,
    untold: u64,
    /// Where the data of a failed drill is.
    pub room: Option<PathBuf>,
}

impl Report {
    pub(super) fn of(book: &Book, slowest_start: Duration, took: Duration) -> Self {
        let mut rows = Vec::new();
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        let jobs =
            |is_it: &dyn Fn(&super::book::Entry) -> bool| book.jobs.values().filter(|e| is_it(e)).count();
        let ended = |status: &str| jobs(&|e| e.end.as_ref().is_some_and(|end| end.status == status));
        row("kills under load", book.killed_loaded.to_string());
        row("kills during start", book.killed_starting.to_string());
        row("slowest start", format!("{} ms", slowest_start.as_millis()));
        row("orders", book.orders.to_string());
        row("orders cut off by a kill", book.unanswered.to_string());
        row("jobs acknowledged", book.jobs.len().to_string());
        for (name, manner) in [
            ("waited for", Manner::Wait),
            ("in the background", Manner::Background),
            ("streamed", Manner::Stream),
        ] {
            row(&format!("  {name}"), jobs(&|e| e.order.manner == manner).to_string());
        }
        for status in ["succeeded", "failed", "cancelled"] {
            row(&format!("  {status}"), ended(status).to_string());
        }
        row("jobs that no client heard of", book.unheard.to_string());
        row("orders with an Idempotency-Key", book.keyed.len().to_string());
        row("  sent again", book.replays.to_string());
        row("grants", book.grants.len().to_string());
        row("credits charged", book.charged.to_string());
        row("pictures decoded", book.pictures.to_string());
        for (code, count) in &book.refused {
            row(&format!("answers: {code}"), count.to_string());
        }
        row("checks", book.checks.to_string());
        row("time", format!("{} s", took.as_secs()));
        Self { rows, violations: book.violations.clone(), untold: book.untold, room: None }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &self.rows {
            writeln!(f, "{name:width$}  {value:>10}")?;
        }
        writeln!(f, "violations: {}", self.violations.len() as u64 + self.untold)?;
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        if self.untold > 0 {
            writeln!(f, "  and {} more", self.untold)?;
        }
        match &self.room {
            Some(room) => writeln!(f, "data and log: {}", room.display()),
            None => Ok(()),
        }
    }
}
