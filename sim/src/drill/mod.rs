//! The drill. One life of the server is: start, audit what the last kill left, load, kill. What a client was told is written
//! in a book while it is told; the audits hold the server to it.
//!
//! Reading order: `order` (what is asked), `book` (what was answered), `load` (who asks), `audit` and `settling` (what is
//! proved), `report`.

mod audit;
mod book;
mod load;
mod order;
mod purse;
mod report;
mod settling;
mod terms;

pub use report::Report;

use crate::process::{ProcessError, Server, Setup};
use book::Book;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    cell::RefCell,
    io,
    ops::Range,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};
use terms::Terms;

/// How long a server may take to start, or to end all jobs when nobody disturbs it.
const PATIENCE: Duration = Duration::from_secs(90);

/// When a server under load is killed, in milliseconds after it was ready.
const LOADED_MS: Range<u64> = 1..800;

/// When a server is killed while it starts, in milliseconds after it was spawned.
const STARTING_MS: Range<u64> = 0..400;

/// One kill in so many hits the start.
const STARTS_HIT: u32 = 6;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's program.
    pub bin: PathBuf,
    /// How often it is killed.
    pub kills: u32,
    /// Where randomness begins.
    pub seed: u64,
    /// Where it listens; 0 means any free port.
    pub port: u16,
    /// Where its data is; none means a temporary directory, which stays only if there are violations.
    pub room: Option<PathBuf>,
}

/// Why the drill could not be held.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The server does not start or stop.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A directory cannot be made.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server does not do what the drill needs before it begins.
    #[error("{0}")]
    Unfit(String),
}

/// Holds the drill. Needs an actix system.
///
/// # Errors
/// See [`DrillError`]; violations are no errors, they are in the report.
pub async fn run(plan: Plan) -> Result<Report, DrillError> {
    let began = Instant::now();
    let kept = tempfile::Builder::new().prefix("atelier-drill-").tempdir()?;
    let room = plan.room.clone().unwrap_or_else(|| kept.path().to_owned());
    let setup = terms::settings(Setup::new(&plan.bin, &room, plan.port)?);
    let mut drill = Drill {
        setup: setup.clone(),
        terms: Terms::agree(&setup, PATIENCE).await?,
        book: Rc::new(RefCell::new(Book::default())),
        rng: StdRng::seed_from_u64(plan.seed),
        slowest_start: Duration::ZERO,
    };
    for _ in 0..plan.kills {
        drill.life().await?;
    }
    drill.last_life().await?;
    let mut report = Report::of(&drill.book.borrow(), drill.slowest_start, began.elapsed());
    if !report.violations.is_empty() && plan.room.is_none() {
        report.room = Some(kept.keep());
    }
    Ok(report)
}

struct Drill {
    setup: Setup,
    terms: Terms,
    book: Rc<RefCell<Book>>,
    rng: StdRng,
    slowest_start: Duration,
}

impl Drill {
    /// One life that ends with a kill, in the start or under load.
    async fn life(&mut self) -> Result<(), DrillError> {
        if self.rng.random_ratio(1, STARTS_HIT) {
            let mut server = self.setup.spawn()?;
            actix_rt::time::sleep(Duration::from_millis(self.rng.random_range(STARTING_MS))).await;
            server.kill()?;
            self.book.borrow_mut().killed_starting += 1;
            return Ok(());
        }
        let mut server = self.start().await?;
        let root = server.client();
        audit::after_restart(&root, &self.terms, &self.book, &mut self.rng).await;
        let crowd = load::begin(&root, &self.terms, &self.book, self.rng.random());
        actix_rt::time::sleep(Duration::from_millis(self.rng.random_range(LOADED_MS))).await;
        server.kill()?;
        crowd.disperse().await;
        self.book.borrow_mut().killed_loaded += 1;
        Ok(())
    }

    /// The life that nobody ends: everything must come to rest, and then be right in every detail.
    async fn last_life(&mut self) -> Result<(), DrillError> {
        let mut server = self.start().await?;
        let root = server.client();
        settling::wait(&root, &self.book, PATIENCE).await;
        audit::resend_all(&root, &self.terms, &self.book).await;
        settling::wait(&root, &self.book, PATIENCE).await;
        audit::every_job(&root, &self.terms, &self.book).await;
        purse::audit(&root, &self.terms, &self.book).await;
        settling::books(&root, &self.terms, &self.book).await;
        let status = server.terminate(PATIENCE).await?;
        if !status.success() {
            self.book.borrow_mut().violation(format!("the last stop ended with {status}"));
        }
        settling::offline(&self.setup, &self.book)?;
        Ok(())
    }

    async fn start(&mut self) -> Result<Server, DrillError> {
        let began = Instant::now();
        let server = self.setup.start(PATIENCE).await?;
        self.slowest_start = self.slowest_start.max(began.elapsed());
        Ok(server)
    }
}
