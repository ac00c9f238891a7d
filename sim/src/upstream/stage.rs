//! What all connections of one simulated upstream share: its accounts, its book, its jobs, its clock.

use super::{
    Setup,
    account::Accounts,
    asked::{Asked, Head},
    behaviour::Behaviour,
    book::{Book, Report},
    clock::Clock,
    firefly::Works,
    limits::Load,
    openai::{Jobs, Results},
    picture::Pictures,
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    sora::Shelf,
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// One upstream.
pub struct Stage {
    /// How it was set up.
    pub setup: Setup,
    /// Its time.
    pub clock: Clock,
    /// Pictures that were encoded before.
    pub pictures: Pictures,
    world: Mutex<World>,
}

/// Everything that changes.
#[derive(Default)]
pub struct World {
    /// Who may call.
    pub accounts: Accounts,
    /// What was counted.
    pub book: Book,
    /// Video jobs.
    pub jobs: Jobs,
    /// What the jobs of Firefly make, and the pictures that were taken there.
    pub works: Works,
    /// Results that links lead to, and responses.
    pub results: Results,
    /// What the wire of Sora keeps beside jobs.
    pub sora: Shelf,
    /// How many ids were given away.
    pub ids: u64,
}

impl World {
    /// An id that was never given away, such as `video_000017`.
    pub fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}_{:08}", self.ids)
    }
}

/// A call that has an account.
pub struct Call {
    /// Its request.
    pub head: Head,
    /// What it asks.
    pub asked: Asked,
    /// What it is for.
    pub op: Op,
    /// The id in its path, if there is one.
    pub id: String,
    /// Whose it is.
    pub account: String,
    /// What happens to it.
    pub behaviour: Behaviour,
}

impl Call {
    /// Where this upstream is, as its client calls it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.head.header("host").unwrap_or("localhost"))
    }

    /// The prompt, the last text of a chat, or the input of a response.
    pub fn prompt(&self) -> String {
        let prompt = super::sora::prompt(&self.asked).unwrap_or_else(|| super::openai::prompt(&self.asked));
        super::firefly::spoken(&prompt).unwrap_or(prompt)
    }
}

impl Stage {
    /// An upstream that nobody has called yet.
    pub fn new(setup: Setup) -> Self {
        let stage = Self {
            setup,
            clock: Clock::default(),
            pictures: Pictures::default(),
            world: Mutex::new(World::default()),
        };
        stage.reset();
        stage
    }

    /// What changes, for a moment.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody has called yet, and there are the accounts of the setup.
    pub fn reset(&self) {
        let mut world = self.world();
        world.book.reset();
        (world.accounts, world.jobs, world.works, world.results, world.sora) = Default::default();
        for (name, account) in &self.setup.accounts {
            world.accounts.put(name, account.clone(), self.clock.now_ms());
        }
    }

    /// All counters now.
    pub fn report(&self) -> Report {
        let world = self.world();
        let mut report = world.book.report();
        for (name, account) in world.accounts.all() {
            let left = account.script.left();
            if !left.is_empty() {
                report.accounts.entry(name.clone()).or_default().scripted = left;
            }
        }
        report
    }

    /// The upstream's programs start again: what they kept in memory is gone.
    pub fn forget_jobs(&self) {
        let mut world = self.world();
        (world.jobs, world.works, world.results, world.sora) = Default::default();
        world.accounts.all_mut().for_each(|account| account.open_jobs.clear());
    }

    /// Moves the upstream's time ahead.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// A submit of this call is to be accepted, and counts from now on.
    ///
    /// # Errors
    /// The refusal, when a quota of the account does not allow it.
    pub fn accept(&self, call: &Call, load: Load) -> Result<(), Refusal> {
        let now_ms = self.clock.now_ms();
        let prompt = call.prompt();
        let mut world = self.world();
        let account = world.accounts.of(&call.account, now_ms);
        let limits = account.limits;
        account.used.take(&limits, load, now_ms)?;
        world.book.accepted(&call.account, call.op, Some(&prompt));
        Ok(())
    }

    /// Whether the account may have one more submit under way; if so, it has. [`Stage::submitted`] ends it.
    ///
    /// # Errors
    /// The refusal, when it has as many as it may.
    pub fn submitting(&self, name: &str) -> Result<(), Refusal> {
        let now_ms = self.clock.now_ms();
        self.settle(name);
        let mut world = self.world();
        let account = world.accounts.of(name, now_ms);
        let busy = account.submitting as usize + account.open_jobs.len();
        if let Some(most) = account.limits.in_flight
            && busy >= most as usize
        {
            let text = format!("Too many concurrent requests. Limit: {most}. Current: {busy}.");
            return Err(Refusal::new(Reason::Concurrency).saying(text));
        }
        account.submitting += 1;
        Ok(())
    }

    /// A submit is answered.
    pub fn submitted(&self, name: &str) {
        if let Some(account) = self.world().accounts.get(name) {
            account.submitting = account.submitting.saturating_sub(1);
        }
    }

    /// Films that time has finished do not count as open any more.
    fn settle(&self, name: &str) {
        let now_ms = self.clock.now_ms();
        let world = &mut *self.world();
        if let Some(account) = world.accounts.get(name) {
            account.open_jobs.retain(|id| world.jobs.is_open(id, now_ms));
        }
    }
}

/// A protocol that upstreams speak: which paths it has, who may call them, and how it says no.
pub struct Wire {
    /// What a call is for; none when the path is not one of this wire.
    pub route: fn(&Stage, &Head) -> Option<Route>,
    /// How it refuses.
    pub refuse: fn(&Stage, &Refusal) -> Reply,
}

/// What a path is for.
pub struct Route {
    /// What it does.
    pub op: Op,
    /// The id in it.
    pub id: String,
    /// Whose call it is.
    pub who: Who,
    /// The right answer.
    pub answer: fn(&Stage, &Call) -> Reply,
}

/// Whose call it is.
pub enum Who {
    /// This account's.
    Account(String),
    /// Nobody's, with the answer to that.
    Stranger(Box<Reply>),
    /// That stands in its body.
    InBody(fn(&Stage, &Asked) -> Result<String, Box<Reply>>),
}
