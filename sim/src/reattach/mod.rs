//! The drill of re-attachment: a gateway is killed while films run at its upstream and pictures are on their way there, and started
//! again on the same data. What the upstream was asked, and what the gateway's owner reads, must tell the same story: nothing was
//! asked for twice, and what ran came home by the id that it had.
//!
//! Reading order: `scene` (settings, accounts, keys), `crowd` (who asks), `book` (what was told and seen), `verdict` (what is
//! proved), `report`.

mod book;
mod crowd;
mod report;
mod scene;
mod verdict;

pub use report::Report;

use crate::{
    client::Client,
    process::{ProcessError, Server, Setup},
};
use book::Book;
use crowd::Crowd;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use scene::Scene;
use std::{
    cell::RefCell,
    io,
    ops::Range,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

/// How long a gateway may take to start, to stop, or to end all jobs when nobody disturbs it.
const PATIENCE: Duration = Duration::from_secs(120);

/// When a gateway under load is killed, in milliseconds after it was ready.
const LOADED_MS: Range<u64> = 300..2_000;

/// When a gateway is killed while it starts and takes its jobs up again, in milliseconds after it was spawned.
const STARTING_MS: Range<u64> = 0..600;

/// One kill in so many hits the start.
const STARTS_HIT: u32 = 6;

/// How long the crowd works in the life that nobody ends.
const LAST_MS: u64 = 2_500;

/// From so many kills on, a drill that caught nothing at work is none.
const TELLING_KILLS: u32 = 5;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The gateway's program.
    pub bin: PathBuf,
    /// How often it is killed.
    pub kills: u32,
    /// Where randomness begins.
    pub seed: u64,
    /// Where its data is; none means a temporary directory, which stays only if there are violations.
    pub room: Option<PathBuf>,
}

/// Why the drill could not be held.
#[derive(Debug, thiserror::Error)]
pub enum ReattachError {
    /// The gateway does not start or stop.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The simulated upstream, or a directory.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The gateway does not do what the drill needs before it begins.
    #[error("{0}")]
    Unfit(String),
}

/// Holds the drill. Needs an actix system.
///
/// # Errors
/// See [`ReattachError`]; violations are no errors, they are in the report.
pub async fn run(plan: Plan) -> Result<Report, ReattachError> {
    let began = Instant::now();
    let kept = tempfile::Builder::new().prefix("atelier-reattach-").tempdir()?;
    let room = plan.room.clone().unwrap_or_else(|| kept.path().to_owned());
    let setup = scene::settings(Setup::new(&plan.bin, &room, 0)?);
    let scene = Scene::set(&setup, PATIENCE, plan.seed).await?;
    let rng = StdRng::seed_from_u64(plan.seed);
    let mut drill = Drill { setup, scene, book: Rc::default(), rng, slowest_start: Duration::ZERO };
    for _ in 0..plan.kills {
        drill.life().await?;
    }
    drill.last_life().await?;
    if plan.kills >= TELLING_KILLS {
        drill.book.borrow_mut().was_telling();
    }
    let mut report = Report::of(&drill.book.borrow(), drill.slowest_start, began.elapsed());
    if !report.violations.is_empty() && plan.room.is_none() {
        report.room = Some(kept.keep());
    }
    Ok(report)
}

struct Drill {
    setup: Setup,
    scene: Scene,
    book: Rc<RefCell<Book>>,
    rng: StdRng,
    slowest_start: Duration,
}

impl Drill {
    /// One life that ends with a kill, in the start or under load.
    async fn life(&mut self) -> Result<(), ReattachError> {
        if self.rng.random_ratio(1, STARTS_HIT) {
            let mut gateway = self.setup.spawn()?;
            actix_rt::time::sleep(Duration::from_millis(self.rng.random_range(STARTING_MS))).await;
            gateway.kill()?;
            self.book.borrow_mut().killed_starting += 1;
        } else {
            let mut gateway = self.start().await?;
            let crowd = self.crowd(&gateway.client());
            actix_rt::time::sleep(Duration::from_millis(self.rng.random_range(LOADED_MS))).await;
            gateway.kill()?;
            crowd.disperse().await;
            self.book.borrow_mut().killed_loaded += 1;
        }
        self.book.borrow_mut().caught(&self.scene.upstream.films());
        Ok(())
    }

    /// The life that nobody ends: everything must come to rest, every account must still serve, and the books must be right.
    async fn last_life(&mut self) -> Result<(), ReattachError> {
        let mut gateway = self.start().await?;
        let root = gateway.client();
        verdict::rest(&root, &self.book, PATIENCE).await;
        let before = self.scene.upstream.book();
        self.book.borrow_mut().is_peaceful = true;
        let crowd = self.crowd(&root);
        actix_rt::time::sleep(Duration::from_millis(LAST_MS)).await;
        crowd.stop().await;
        verdict::rest(&root, &self.book, PATIENCE).await;
        verdict::jobs(&root, &self.scene, &self.book).await;
        verdict::money(&root, &self.scene, &self.book).await;
        verdict::accounts(&root, &self.scene, &before, &self.book).await;
        let status = gateway.terminate(PATIENCE).await?;
        let verified = self.setup.run(&["ledger", "verify"])?;
        let mut book = self.book.borrow_mut();
        book.check(status.success(), || format!("the last stop ended with {status}"));
        book.check(verified.status.success(), || {
            format!("`atelier ledger verify`: {}", String::from_utf8_lossy(&verified.stderr))
        });
        Ok(())
    }

    fn crowd(&mut self, root: &Client) -> Crowd {
        crowd::begin(root, &self.scene.keys, &self.book, self.rng.random())
    }

    async fn start(&mut self) -> Result<Server, ReattachError> {
        let began = Instant::now();
        let gateway = self.setup.start(PATIENCE).await?;
        self.slowest_start = self.slowest_start.max(began.elapsed());
        Ok(gateway)
    }
}
