//! The marathon: thousands of mixed jobs through a real gateway over simulated accounts that do everything that accounts do. What is
//! proved afterwards is read from both ends: the gateway's own statements, and the upstream's counters.
//!
//! Reading order: `wire` (what accounts are spoken to in), `cast` (who plays what), `crowd` (who asks for what), `verdict` (what is proved), `report` (the table).

mod cast;
mod crowd;
mod report;
mod verdict;
mod wire;

pub use report::Report;

use crate::{
    operator,
    process::{ProcessError, Setup},
    upstream,
};
use cast::Cast;
use crowd::Crowd;
use std::{io, path::PathBuf, time::Duration};

/// How long the gateway may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the last jobs may take after the last was handed in.
const TAIL: Duration = Duration::from_secs(180);

const ADMIN_PASSWORD: &str = "marathon-admin-password";
const FIRST_KEY: &str = "sk-marathon-first-key-0123456789";

/// Attempts that the gateway may make for a job.
pub(crate) const MAX_ATTEMPTS: u64 = 3;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The gateway's program.
    pub bin: PathBuf,
    /// Jobs in all.
    pub jobs: usize,
    /// Simulated accounts at OpenAI, at Firefly and at Sora: none, or 10 at least, since fewer do not have every fault.
    pub accounts: [usize; 3],
    /// Clients at the same time.
    pub clients: usize,
    /// Where chance begins.
    pub seed: u64,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum MarathonError {
    /// The gateway.
    #[error("the gateway: {0}")]
    Process(#[from] ProcessError),
    /// The simulated upstream, or a directory.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something that must work before the run did not.
    #[error("{0}")]
    Unfit(String),
}

/// Runs it and judges. Needs an actix system.
///
/// # Errors
/// When it could not be run; what went wrong in it is in the report.
pub async fn run(plan: Plan) -> Result<Report, MarathonError> {
    let room = tempfile::tempdir()?;
    let upstream = upstream::Upstream::start(upstream::Setup::default())?;
    let setup = settings(Setup::new(&plan.bin, room.path(), 0)?);
    let wires = wire::settings(&upstream.origin());
    let setup = wires.iter().fold(setup, |setup, (key, value)| setup.set(key, value));
    let mut gateway = setup.start(PATIENCE).await?;
    let root = gateway.client();
    let admin = operator::admin(&root, ADMIN_PASSWORD).await.map_err(MarathonError::Unfit)?;
    let cast = Cast::engage(&upstream, &admin, plan.accounts, plan.seed).await?;
    let mut crowd = Crowd::gather(&root, &admin, plan.seed).await?;
    let began = std::time::Instant::now();
    crowd.work(&plan, &upstream, &cast).await;
    let rest = crowd.rest(&root, TAIL).await;
    let took = began.elapsed();
    let mut report = verdict::judge(&admin, &crowd, &upstream.book(), &cast).await;
    report.took = took;
    if let Err(left) = rest {
        report.violations.push(left);
    }
    let stopped = gateway.terminate(PATIENCE).await?;
    if !stopped.success() {
        report.violations.push(format!("the gateway ended with {stopped}"));
    }
    if !report.violations.is_empty() {
        report.log = about(&report.violations, &setup);
    }
    Ok(report)
}

/// Short rests, so that a run takes minutes: what is proved does not hang on them.
fn settings(setup: Setup) -> Setup {
    [
        ("GLOBAL__API_KEY", FIRST_KEY),
        ("GLOBAL__ADMIN_PASSWORD", ADMIN_PASSWORD),
        ("STUDIO__ENABLED", "false"),
        ("POOL__MAX_ATTEMPTS", "3"),
        ("POOL__RATE_LIMITED_COOLDOWN_S", "1"),
        ("POOL__OVERLOADED_COOLDOWN_S", "1"),
        ("POOL__ERROR_BAN_THRESHOLD", "1000"),
        ("GENERATION__IMAGE_TIMEOUT", "45"),
        ("GENERATION__VIDEO_TIMEOUT", "60"),
        ("JOBS__RETENTION_S", "86400"),
        ("LOG__LEVEL", "warn"),
    ]
    .into_iter()
    .fold(setup, |setup, (key, value)| setup.set(key, value))
}

/// What the gateway's log says of the jobs that violations name; its end, when it says nothing.
fn about(violations: &[String], setup: &Setup) -> String {
    let text = std::fs::read_to_string(setup.log_file()).unwrap_or_default();
    let words = violations.iter().flat_map(|violation| violation.split(['(', ')']));
    let jobs: Vec<&str> = words.filter_map(|word| word.split_once('_')).map(|(_, id)| id).collect();
    let lines = text.lines().filter(|line| jobs.iter().any(|job| line.contains(job)));
    let lines: Vec<&str> = lines.take(200).collect();
    if lines.is_empty() { setup.log_tail() } else { lines.join("\n") }
}
