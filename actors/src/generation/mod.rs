//! A generation: the one child actor of a live job. It drives the state machine, commits every arrow before it acts on it,
//! and reports its exit to the supervisor.

mod attempt;
mod call;
mod cast;
mod commit;
mod drive;
mod policy;
mod poll;

use crate::{
    account_pool::{Lease, Need, Outcome, Pool},
    credit_ledger::Ledger,
    job_supervisor::Live,
};
use actix::{Actor, ActorContext, ActorFutureExt, ArbiterHandle, AsyncContext, Context, WrapFuture};
use atelier_domain::{account::Credential, engine::Engine, ids::JobId, job::Job, time::Clock};
use atelier_store::Store;
use drive::Drive;
use futures_util::FutureExt;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Bounds and times of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsConfig {
    /// The most jobs that are open at once.
    pub max_open: usize,
    /// The most accounts that one job is tried on.
    pub max_attempts: u32,
    /// How long an ended job and its files are kept.
    pub retention: Duration,
    /// How long a link to a result lasts: a file outlives the last link that can have been given out.
    pub link_lifetime: Duration,
    /// How long an Idempotency-Key finds its job.
    pub idempotency: Duration,
}

/// Everything that generations share.
pub(crate) struct Crew {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub engines: HashMap<String, Arc<dyn Engine>>,
    pub pool: Pool,
    pub ledger: Ledger,
    pub config: JobsConfig,
    pub exits: mpsc::UnboundedSender<Exit>,
}

/// An attempt that begins with the acceptance of its job, since an account was free at once: one commit less, and one message.
pub(crate) struct HeadStart {
    pub lease: Lease,
    pub credential: Credential,
}

impl HeadStart {
    /// Borrows for a job that is about to be accepted; none when it has to wait, for an account or for what opens it.
    pub(crate) async fn at_once(pool: &Pool, job: &Job) -> Option<Self> {
        let mut lease = pool.acquire_now(Need::of(job, Vec::new())).await?;
        match pool.steward().credential(lease.account.clone()).now_or_never() {
            Some(Ok(credential)) => {
                lease.opened_with = Some(credential.clone());
                Some(Self { lease, credential })
            }
            _ => {
                lease.finish(Outcome::Unused);
                None
            }
        }
    }
}

/// How a generation left.
#[derive(Debug)]
pub(crate) enum ExitKind {
    /// Its job has ended, as its row says. The supervisor shows it, so that nobody sees the end before the place is free.
    Ended(Box<Job>),
    /// The gateway is closing: the job waits for the next start.
    Suspended,
    /// A defect killed it.
    Died,
}

/// The last word of a generation.
#[derive(Debug)]
pub(crate) struct Exit {
    pub job: JobId,
    pub kind: ExitKind,
}

/// The actor.
pub(crate) struct Generation {
    crew: Arc<Crew>,
    live: Arc<Live>,
    rebuilds: u32,
    head_start: Option<HeadStart>,
    exit: ExitKind,
}

impl Generation {
    /// Starts the child of a job on a runner. `rebuilds` counts the children that died before it.
    pub(crate) fn start(
        crew: Arc<Crew>,
        live: Arc<Live>,
        rebuilds: u32,
        head_start: Option<HeadStart>,
        on: &ArbiterHandle,
    ) {
        Self::start_in_arbiter(on, move |_| Self { crew, live, rebuilds, head_start, exit: ExitKind::Died });
    }
}

impl Actor for Generation {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let drive = Drive::new(self.crew.clone(), self.live.clone(), self.rebuilds, self.head_start.take());
        let life = Box::pin(drive.run()).into_actor(self).map(|exit, act, ctx| {
            act.exit = exit;
            ctx.stop();
        });
        ctx.spawn(life);
    }
}

impl Drop for Generation {
    /// The exit is reported from here, so that a panic reports too.
    fn drop(&mut self) {
        let kind = std::mem::replace(&mut self.exit, ExitKind::Died);
        let exit = Exit { job: self.live.job().id, kind };
        // Fails only when the supervisor is gone, and then nobody needs to know.
        let _ = self.crew.exits.send(exit);
    }
}
