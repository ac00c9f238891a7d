//! The account pool: which account does which attempt, who waits, and why.
//!
//! Reading order: `need` (what is asked), `entry` and `book` (who gets it), `reaction` (what a fault does), `line` (who waits),
//! then the actor here and in `messages`.

mod book;
mod breaker;
mod entry;
mod line;
mod messages;
mod need;
mod offers;
mod pace;
mod reaction;
mod steward;

#[cfg(test)]
mod tests;

pub use book::{Candidate, Standing};
pub use entry::Reason;
pub use need::{Need, Source, VideoWish, Wants};
pub use offers::Offers;
pub use steward::{SendFuture, Steward, Unattended};

use crate::{refused::Refused, system::Vital};
use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, SpawnHandle, StreamHandler};
use atelier_domain::{
    account::{Account, Credential},
    engine::{Abilities, Engine},
    fault::Fault,
    ids::AccountId,
    job::{JobKind, Route},
    time::{Clock, Millis},
};
use book::Book;
use line::Lines;
use messages::{Acquire, AcquireNow, Adopt, Configure, Explain, Inspect, Remove, Returned, Upsert};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// The embedded engine that stands in where no real account is meant for a model.
const STAND_IN: &str = "studio";

/// How the pool reacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// Faults in a row that switch an account off. Refused content, rate limits and outages never count.
    pub error_ban_threshold: u32,
    /// How long an account rests after a rate limit without a hint.
    pub rate_limited_cooldown: Duration,
    /// How long it rests after an overload or a network failure without a hint.
    pub overloaded_cooldown: Duration,
    /// How long it rests after its quota is used up, without a hint.
    pub quota_cooldown: Duration,
}

/// How an attempt ended, for the health of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Success,
    /// Badly.
    Fault(Fault),
    /// It says nothing about the account: cancelled, or out of time.
    Neutral,
    /// It never began: nothing was asked of the account.
    Unused,
}

/// The loan of an account to one attempt. Returned by [`Lease::finish`], or by being dropped, so that no slot is ever lost.
#[derive(Debug)]
pub struct Lease {
    /// Which account, as it was when it was lent.
    pub account: Arc<Account>,
    /// Which of the need's routes it serves.
    pub route: usize,
    /// What opened its upstream, if something did: who asks for another must say which was refused.
    pub opened_with: Option<Credential>,
    kind: Option<JobKind>,
    over: Box<Route>,
    since: Millis,
    outcome: Outcome,
    back: mpsc::UnboundedSender<Returned>,
}

impl Lease {
    /// Gives the account back and says how it went.
    pub fn finish(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Outcome::Neutral);
        let returned = Returned {
            account: self.account.id,
            kind: self.kind,
            over: self.over.clone(),
            opened_with: self.opened_with.take(),
            since: self.since,
            outcome,
        };
        // Fails only when the pool itself is gone, and then there is nothing to return to.
        let _ = self.back.send(returned);
    }
}

/// How much waits and how long that takes; read without asking the actor.
#[derive(Debug, Default)]
struct Gauges {
    waiting: AtomicU64,
    slots: AtomicU64,
    mean_ms: AtomicU64,
}

/// Every account, and what its engine can do with it.
pub type Roster = Arc<[(Arc<Account>, Abilities)]>;

/// How the rest of Atelier speaks to the pool.
#[derive(Clone)]
pub struct Pool {
    addr: Addr<AccountPool>,
    gauges: Arc<Gauges>,
    roster: Arc<RwLock<Roster>>,
    steward: Arc<dyn Steward>,
}

/// The state of the pool, for the admin page.
#[derive(Debug, Clone)]
pub struct PoolState {
    /// Every account.
    pub accounts: Vec<Standing>,
    /// How many attempts wait.
    pub waiting: usize,
    /// How long one attempt takes on average, in milliseconds.
    pub mean_ms: u64,
}

/// What the pool works with.
pub struct PoolParts {
    /// The accounts to begin with.
    pub accounts: Vec<Account>,
    /// Settings.
    pub config: PoolConfig,
    /// Every engine that is here, by name: what each can do with an account.
    pub engines: HashMap<String, Arc<dyn Engine>>,
    /// Who keeps the accounts.
    pub steward: Arc<dyn Steward>,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

impl Pool {
    /// Starts the pool on its arbiter.
    pub fn start(parts: PoolParts, on: &ArbiterHandle) -> Self {
        let (gauges, roster) = (Arc::<Gauges>::default(), Arc::new(RwLock::new(Roster::from([]))));
        let (shown, seen, steward) = (gauges.clone(), roster.clone(), parts.steward.clone());
        let mut pool = AccountPool::open(parts, shown, seen);
        // Readers may come before the actor has begun.
        pool.publish();
        let addr = AccountPool::start_in_arbiter(on, move |ctx| {
            ctx.set_mailbox_capacity(16_384);
            #[allow(
                clippy::disallowed_methods,
                reason = "bounded by the leases that are out: each returns once"
            )]
            let (back, returns) = mpsc::unbounded_channel();
            ctx.add_stream(futures_util::stream::unfold(returns, async |mut returns| {
                returns.recv().await.map(|returned| (returned, returns))
            }));
            pool.back = Some(back);
            pool
        });
        Self { addr, gauges, roster, steward }
    }

    /// Borrows an account, waiting in line for as long as the caller holds on. Refused at once, or while in line, with
    /// `no_account_available` or `plan_required` when no account is left that could ever serve, and with `upstream_saturated` when all
    /// that could rest until after the need's deadline.
    pub async fn acquire(&self, need: Need) -> Result<Lease, Refused> {
        let answer = self.addr.send(Acquire { need }).await?;
        answer.await.map_err(|_| Refused::from(actix::MailboxError::Closed))?
    }

    /// Borrows an account if one is free at once and nobody waits.
    pub async fn acquire_now(&self, need: Need) -> Option<Lease> {
        self.addr.send(AcquireNow { need }).await.ok().flatten()
    }

    /// Borrows the account that a job was submitted with, whatever its slots, to poll or cancel there.
    pub async fn adopt(
        &self,
        account: AccountId,
        kind: Option<JobKind>,
        over: Route,
    ) -> Result<Option<Lease>, Refused> {
        Ok(self.addr.send(Adopt { account, kind, over }).await?)
    }

    /// Adds or replaces an account.
    pub async fn upsert(&self, account: Account) -> Result<(), Refused> {
        Ok(self.addr.send(Upsert(Arc::new(account))).await?)
    }

    /// Forgets an account. What it has under way ends as it does.
    pub async fn remove(&self, account: AccountId) -> Result<(), Refused> {
        Ok(self.addr.send(Remove(account)).await?)
    }

    /// Takes other settings.
    pub async fn configure(&self, config: PoolConfig) -> Result<(), Refused> {
        Ok(self.addr.send(Configure(config)).await?)
    }

    /// All accounts and the line.
    pub async fn state(&self) -> Result<PoolState, Refused> {
        Ok(self.addr.send(Inspect).await?)
    }

    /// For each account, whether a job like this could use it now, and why not.
    pub async fn explain(
        &self,
        kind: Option<JobKind>,
        routes: Vec<Route>,
        wants: Wants,
    ) -> Result<Vec<Candidate>, Refused> {
        Ok(self.addr.send(Explain { kind, routes, wants }).await?)
    }

    /// Which of a model's routes lead to an account that is meant for it, switched on or not, and what can be done there. The
    /// embedded engine is offered only where no other is. Takes no message.
    pub fn offers(&self, kind: Option<JobKind>, routes: &[Route]) -> Offers {
        Offers::of(&self.accounts(), kind, routes, STAND_IN)
    }

    /// Every account, with what its engine can do with it. Takes no message.
    pub fn accounts(&self) -> Roster {
        self.roster.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who keeps the accounts.
    pub fn steward(&self) -> &Arc<dyn Steward> {
        &self.steward
    }

    /// How long a job that joins the line now should expect to wait, in seconds (1–60).
    pub fn estimate_s(&self) -> u64 {
        let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        book::estimate_s(read(&self.gauges.waiting), read(&self.gauges.slots), read(&self.gauges.mean_ms))
    }
}

struct AccountPool {
    book: Book,
    lines: Lines<Waiter>,
    clock: Arc<dyn Clock>,
    engines: HashMap<String, Arc<dyn Engine>>,
    steward: Arc<dyn Steward>,
    /// Where leases come home to.
    back: Option<mpsc::UnboundedSender<Returned>>,
    gauges: Arc<Gauges>,
    roster: Arc<RwLock<Roster>>,
    /// When the line is looked at again because a rest ends.
    alarm: Option<(Millis, SpawnHandle)>,
    _vital: Vital,
}

/// How a waiter is called.
type Waiter = oneshot::Sender<Result<Lease, Refused>>;

impl AccountPool {
    fn open(parts: PoolParts, gauges: Arc<Gauges>, roster: Arc<RwLock<Roster>>) -> Self {
        let PoolParts { accounts, config, engines, steward, clock } = parts;
        let mut pool = Self {
            book: Book::new(config),
            lines: Lines::default(),
            clock,
            engines,
            steward,
            back: None,
            gauges,
            roster,
            alarm: None,
            _vital: Vital("account pool"),
        };
        for account in accounts {
            pool.enter(Arc::new(account));
        }
        pool
    }

    fn enter(&mut self, account: Arc<Account>) {
        let can = self.engines.get(&account.engine).map(|engine| engine.abilities(&account));
        // An account of an engine that is not here is shown, and never picked: no route leads there.
        self.book.upsert(account, can.unwrap_or(Abilities::NONE));
    }

    fn publish(&self) {
        *self.roster.write().unwrap_or_else(PoisonError::into_inner) = self.book.roster().into();
    }
}

impl Actor for AccountPool {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.show();
    }
}

impl StreamHandler<Returned> for AccountPool {
    fn handle(&mut self, returned: Returned, ctx: &mut Self::Context) {
        self.take_back(&returned, ctx);
        self.serve_line(ctx);
    }
}
