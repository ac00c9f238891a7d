//! What the drill found, as a table.

use super::book::Book;
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
        let most_kills = book.running.values().map(|running| running.kills).max().unwrap_or(0);
        row("kills under load", book.killed_loaded.to_string());
        row("kills during start", book.killed_starting.to_string());
        row("slowest start", format!("{} ms", slowest_start.as_millis()));
        row("jobs asked for", book.asked.to_string());
        row("  without an answer", book.unanswered.to_string());
        row("  of which no client heard, and which exist", book.unheard.to_string());
        for (end, jobs) in &book.ends {
            row(&format!("  {end}"), jobs.to_string());
        }
        row("films that ran upstream at a kill", book.running.len().to_string());
        row("  completed as what they were", book.came_home.to_string());
        row("  kills that one of them went through", most_kills.to_string());
        row("submits that a kill cut off", book.unknown.to_string());
        row("  of which the upstream had accepted", book.unknown_accepted.to_string());
        row("submits that reached the upstream", book.submits.to_string());
        row("most submits of one job", book.most_submits.to_string());
        row("films watched", book.films_watched.to_string());
        row("credits charged", book.charged.to_string());
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
