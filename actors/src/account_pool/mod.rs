//! The account pool: which account does which attempt, who waits, and why.

mod line;
mod messages;
mod policy;
mod provision;

pub use policy::{Candidate, PoolConfig, Reason, Standing};
pub use provision::{Wanted, provision};

use crate::{refused::Refused, system::Vital};
use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, SpawnHandle, StreamHandler};
use atelier_domain::{
    account::Account,
    fault::Fault,
    ids::{AccountId, KeyId},
    job::{JobKind, Route},
    time::{Clock, Millis},
};
use line::Lines;
use messages::{Acquire, Adopt, Explain, Inspect, Returned, Upsert};
use policy::Book;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{mpsc, oneshot};

/// What an attempt needs of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Whose job it is: the waiting line is fair between keys.
    pub key: KeyId,
    /// What kind of slot it takes.
    pub kind: JobKind,
    /// Where it may go, in order of preference.
    pub routes: Vec<Route>,
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
}

/// The loan of an account to one attempt. Returned by [`Lease::finish`], or by being dropped, so that no slot is ever lost.
#[derive(Debug)]
pub struct Lease {
    /// Which account.
    pub account: AccountId,
    /// Which of the need's routes it serves.
    pub route: usize,
    model: String,
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
            account: self.account,
            model: std::mem::take(&mut self.model),
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

/// How the rest of Atelier speaks to the pool.
#[derive(Clone)]
pub struct Pool {
    addr: Addr<AccountPool>,
    gauges: Arc<Gauges>,
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

impl Pool {
    /// Starts the pool with these accounts on its arbiter.
    pub fn start(
        accounts: Vec<Account>,
        config: PoolConfig,
        clock: Arc<dyn Clock>,
        on: &ArbiterHandle,
    ) -> Self {
        let gauges = Arc::<Gauges>::default();
        let shown = gauges.clone();
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
            AccountPool {
                book: Book::new(accounts, config),
                lines: Lines::default(),
                clock,
                back,
                gauges: shown,
                alarm: None,
                _vital: Vital("account pool"),
            }
        });
        Self { addr, gauges }
    }

    /// Borrows an account, waiting in line for as long as the caller holds on. Refused with `no_account_available` at once, or
    /// while in line, when no account is left that could ever serve.
    pub async fn acquire(&self, need: Need) -> Result<Lease, Refused> {
        let answer = self.addr.send(Acquire { need }).await?;
        answer.await.map_err(|_| Refused::from(actix::MailboxError::Closed))?
    }

    /// Borrows the account that a job was submitted with, whatever its slots, to poll or cancel there.
    pub async fn adopt(&self, account: AccountId, model: String) -> Result<Option<Lease>, Refused> {
        Ok(self.addr.send(Adopt { account, model }).await?)
    }

    /// Adds or replaces an account.
    pub async fn upsert(&self, account: Account) -> Result<(), Refused> {
        Ok(self.addr.send(Upsert(account)).await?)
    }

    /// All accounts and the line.
    pub async fn state(&self) -> Result<PoolState, Refused> {
        Ok(self.addr.send(Inspect).await?)
    }

    /// For each account, whether a job with these routes could use it now, and why not.
    pub async fn explain(&self, kind: JobKind, routes: Vec<Route>) -> Result<Vec<Candidate>, Refused> {
        Ok(self.addr.send(Explain { kind, routes }).await?)
    }

    /// How long a job that joins the line now should expect to wait, in seconds (1–60).
    pub fn estimate_s(&self) -> u64 {
        let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        policy::estimate_s(read(&self.gauges.waiting), read(&self.gauges.slots), read(&self.gauges.mean_ms))
    }
}

struct AccountPool {
    book: Book,
    lines: Lines<Waiter>,
    clock: Arc<dyn Clock>,
    back: mpsc::UnboundedSender<Returned>,
    gauges: Arc<Gauges>,
    /// When the line is looked at again because a cool-down ends.
    alarm: Option<(Millis, SpawnHandle)>,
    _vital: Vital,
}

/// How a waiter is called.
type Waiter = oneshot::Sender<Result<Lease, Refused>>;

impl Actor for AccountPool {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.show();
    }
}

impl StreamHandler<Returned> for AccountPool {
    fn handle(&mut self, returned: Returned, ctx: &mut Self::Context) {
        self.take_back(&returned);
        self.serve_line(ctx);
    }
}
