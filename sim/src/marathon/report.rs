//! The table of a marathon.

use std::{collections::BTreeMap, fmt, time::Duration};

/// How many violations are spelled out.
const SHOWN: usize = 20;

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Jobs that were asked for.
    pub jobs: usize,
    /// How many ended in each way.
    pub ends: BTreeMap<String, usize>,
    /// Jobs that met their deadline: how they were asked for, and whether an upstream had taken them.
    pub late: BTreeMap<(&'static str, bool), usize>,
    /// Submits that the upstream counted.
    pub submits: u64,
    /// The most for one job.
    pub most_submits: u64,
    /// Jobs whose submit had no known outcome.
    pub unknown: u64,
    /// Jobs of the account that was alone.
    pub solos: usize,
    /// Access tokens that were had for refresh tokens.
    pub renewals: u64,
    /// Images of the accounts that had few, and their videos.
    pub images_of_thrifty: u64,
    /// See [`Report::images_of_thrifty`].
    pub videos_of_thrifty: u64,
    /// How long it took.
    pub took: Duration,
    /// Things that were looked at.
    pub checks: u64,
    /// What must not be.
    pub violations: Vec<String>,
    /// The end of the gateway's log, when something was found.
    pub log: String,
}

impl Report {
    /// Looks at one thing.
    pub fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.violations.push(otherwise());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, value: String| writeln!(f, "{what:<58}{value:>12}");
        row("jobs asked for", self.jobs.to_string())?;
        for (end, jobs) in &self.ends {
            row(&format!("  ended: {end}"), jobs.to_string())?;
        }
        for ((manner, was_taken), jobs) in &self.late {
            let wait = if *was_taken { "an upstream had taken it" } else { "still in line" };
            row(&format!("  timeout: {manner}, {wait}"), jobs.to_string())?;
        }
        row("submits that reached the upstream", self.submits.to_string())?;
        row("most submits of one job", self.most_submits.to_string())?;
        row("submits without a known outcome, none sent again", self.unknown.to_string())?;
        row("jobs of the account that was alone, all completed", self.solos.to_string())?;
        row("access tokens that were had anew", self.renewals.to_string())?;
        row("images of accounts with quota for few", self.images_of_thrifty.to_string())?;
        row("videos of the same accounts", self.videos_of_thrifty.to_string())?;
        row("seconds", format!("{:.1}", self.took.as_secs_f64()))?;
        row("things looked at", self.checks.to_string())?;
        row("violations", self.violations.len().to_string())?;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "  - {violation}")?;
        }
        if !self.log.is_empty() {
            writeln!(f, "the gateway's log ends with:\n{}", self.log)?;
        }
        Ok(())
    }
}
