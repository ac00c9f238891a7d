//! A simulated upstream: a real HTTP server that speaks the wire of an image and video engine, does to each call what a test has
//! scripted for its account, and counts all of it.
//!
//! Reading order: `behaviour` (what can happen), `script` and `account` (to whom, when), `serve` (one call from first byte to
//! last), `openai` and `firefly` (wires), `book` (what was counted).

mod account;
mod asked;
mod behaviour;
mod book;
mod clock;
mod control;
mod limits;
mod line;
mod picture;
mod refusal;
mod reply;
mod script;
mod serve;
mod stage;
mod thread;

mod firefly;
mod oauth;
mod openai;
pub mod proxy;
mod solver;
mod sora;

pub use account::{ANONYMOUS, AccountSetup, KeyTerm, SOLVER};
pub use behaviour::{Answer, Behaviour, Course, Framing, Outcome};
pub use book::{AccountBook, Credential, Report, Seen, Submits};
pub use limits::Limits;
pub use openai::Dialect;
pub use refusal::{Reason, Refusal};
pub use script::{Chance, Mix, Op};
pub use sora::{Membership, Standing};

use stage::Stage;
use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};
use thread::Serving;

/// How an upstream is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where it listens on 127.0.0.1; 0 means any free port.
    pub port: u16,
    /// Which engine it speaks like.
    pub dialect: Dialect,
    /// The models that it has.
    pub models: Vec<String>,
    /// What becomes of videos for which nothing is scripted.
    pub course: Course,
    /// What it tells pollers to wait, in milliseconds; none says nothing.
    pub poll_after_ms: Option<u64>,
    /// Whether it keeps results that links can lead to; where that is a matter of its setup, `url` is refused without.
    pub keeps_files: bool,
    /// What opens the solver of challenges; none leaves it open.
    pub solver_key: Option<String>,
    /// The accounts that it begins with.
    pub accounts: BTreeMap<String, AccountSetup>,
}

impl Default for Setup {
    fn default() -> Self {
        let models = ["gpt-image-2", "gpt-image-2.5-flare", "sora-2", "sora-2-pro", "gpt-5.4"];
        Self {
            port: 0,
            dialect: Dialect::Openai,
            models: models.map(str::to_owned).to_vec(),
            course: Course::default(),
            poll_after_ms: None,
            keeps_files: true,
            solver_key: None,
            accounts: BTreeMap::new(),
        }
    }
}

impl Setup {
    /// The same in this dialect, with the models that it usually has.
    #[must_use]
    pub fn speaking(mut self, dialect: Dialect) -> Self {
        if let Some(models) = dialect.models() {
            self.models = models.iter().map(|name| (*name).to_owned()).collect();
        }
        Self { dialect, ..self }
    }
}

/// An upstream that runs. Dropped, it stops, and its connections are closed.
pub struct Upstream {
    stage: Arc<Stage>,
    serving: Serving,
}

impl Upstream {
    /// Where tests in other languages find what [`Upstream`] and [`AccountHandle`] do here.
    pub const CONTROL: &'static str = "/_sim";

    /// Starts it, in a thread of its own.
    ///
    /// # Errors
    /// When its port is taken.
    pub fn start(setup: Setup) -> io::Result<Self> {
        let stage = Arc::new(Stage::new(setup));
        let port = stage.setup.port;
        let shared = stage.clone();
        let serving = Serving::start(port, move |listener| serve::accept(listener, shared))?;
        Ok(Self { stage, serving })
    }

    /// Where it is, such as `http://127.0.0.1:4010`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// An account of this name, which is also its key; made if there is none.
    pub fn account(&self, name: &str) -> AccountHandle {
        self.stage.world().accounts.of(name, self.stage.clock.now_ms());
        AccountHandle { stage: self.stage.clone(), name: name.to_owned() }
    }

    /// Makes an account, or makes it anew.
    pub fn put(&self, name: &str, setup: AccountSetup) -> AccountHandle {
        self.stage.world().accounts.put(name, setup, self.stage.clock.now_ms());
        AccountHandle { stage: self.stage.clone(), name: name.to_owned() }
    }

    /// All counters now.
    pub fn book(&self) -> Report {
        self.stage.report()
    }

    /// All films that were begun and are still kept, the oldest first.
    pub fn films(&self) -> Vec<FilmTask> {
        let world = self.stage.world();
        let task = |job: &openai::Job| FilmTask {
            id: job.id.clone(),
            prompt: job.prompt.clone(),
            looks: job.polls,
            told: job.ended_ms.is_some(),
        };
        world.jobs.all().map(task).collect()
    }

    /// How many posts show films of the Sora wire now.
    pub fn posts(&self) -> usize {
        self.stage.world().sora.posts()
    }

    /// Forgets all accounts but those of the setup, all jobs and all counters.
    pub fn reset(&self) {
        self.stage.reset();
    }

    /// The upstream's programs start again: jobs and results that they had are gone, accounts and counters are not.
    pub fn forget_jobs(&self) {
        self.stage.forget_jobs();
    }

    /// Moves the upstream's time ahead: windows of limits close, tokens expire, jobs get ready.
    pub fn advance(&self, by: Duration) {
        self.stage.advance(by);
    }
}

/// A film that was begun, as its upstream sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilmTask {
    /// Its id.
    pub id: String,
    /// What it shows.
    pub prompt: String,
    /// How many polls have found it unready. Whoever polls knows the id.
    pub looks: u32,
    /// Whether a poll was told that it has ended.
    pub told: bool,
}

/// An account of a running upstream, to be scripted.
#[derive(Clone)]
pub struct AccountHandle {
    stage: Arc<Stage>,
    name: String,
}

impl AccountHandle {
    /// These happen to its next calls for `op`, one each, after what was scripted before.
    pub fn script(&self, op: Op, behaviours: impl IntoIterator<Item = Behaviour>) -> &Self {
        self.change(|account| account.script.then(op, behaviours))
    }

    /// What happens to its calls for `op` when nothing is scripted.
    pub fn usually(&self, op: Op, behaviour: Behaviour) -> &Self {
        self.change(|account| account.script.usually(op, behaviour))
    }

    /// Chance decides over its calls for `op` when nothing is scripted.
    pub fn mix(&self, op: Op, mix: Mix) -> &Self {
        self.change(|account| account.script.mix(op, mix))
    }

    /// What it may from now on. What it has used stays used.
    pub fn limits(&self, limits: Limits) -> &Self {
        self.change(|account| account.limits = limits)
    }

    /// All its keys are void from now on; its refresh token and session still make new ones.
    pub fn revoke(&self) -> &Self {
        self.stage.world().accounts.revoke(&self.name);
        self
    }

    /// The refresh token that is good now.
    pub fn refresh_token(&self) -> Option<String> {
        let mut world = self.stage.world();
        world.accounts.get(&self.name).and_then(|account| account.refresh_token.clone())
    }

    /// What was counted for it.
    pub fn book(&self) -> AccountBook {
        self.stage.report().account(&self.name)
    }

    fn change(&self, change: impl FnOnce(&mut account::Account)) -> &Self {
        change(self.stage.world().accounts.of(&self.name, self.stage.clock.now_ms()));
        self
    }
}
