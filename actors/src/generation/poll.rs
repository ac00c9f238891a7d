//! Following an attempt that the upstream has accepted: look, wait, look again. What a look fails to tell never ends a job.

use super::{
    call::{Ready, caught},
    drive::{Drive, Interrupt, Stopped},
    policy,
};
use crate::account_pool::Outcome;
use atelier_domain::{
    engine::{EngineEvent, Polled},
    fault::{Fault, FaultClass},
    job::{Job, Transition},
};
use std::{future::Future, pin::pin, time::Duration};

/// How long an upstream has to confirm a cancel.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// The least time between two polls, whatever an engine asks for.
const POLL_GAP: Duration = Duration::from_millis(5);

/// How often in a row an engine may panic in a poll before its job is given up.
const MAX_POLL_PANICS: u32 = 3;

/// How often in a row a poll may find the account locked before its job is given up.
const MAX_LOCKED_POLLS: u32 = 5;

impl Drive {
    /// From `running` (or `fetching` after a restart): look, wait, look again.
    pub(super) async fn poll(&mut self, job: &Job) -> Result<(), Stopped> {
        if let Err(interrupt) = self.wait_climbing(job, self.crew.clock.sleep_until(self.poll_at)).await? {
            return Err(self.interrupted(job, interrupt).await);
        }
        let (engine, call) = match self.call(job).await? {
            Ready::Call(engine, call) => (engine, call),
            Ready::NoEngine => return Err(self.no_engine().await),
            Ready::Locked(fault) => return self.unlearned(job, fault).await,
            Ready::Interrupted(interrupt) => return Err(self.interrupted(job, interrupt).await),
        };
        let handle = job.handle.clone().unwrap_or_default();
        match self.wait_climbing(job, caught(async move { engine.poll(call, handle).await })).await? {
            Err(interrupt) => Err(self.interrupted(job, interrupt).await),
            Ok(polled) => self.polled(job, polled).await,
        }
    }

    /// Waits as [`Drive::wait_for`] does, and keeps the progress that is reported meanwhile: the wait can be cut short, the writes
    /// cannot.
    async fn wait_climbing<T>(
        &self,
        job: &Job,
        work: impl Future<Output = T>,
    ) -> Result<Result<T, Interrupt>, Stopped> {
        let mut work = pin!(work);
        loop {
            let step = tokio::select! {
                biased;
                waited = self.wait_for(job, &mut work) => return Ok(waited),
                step = self.live.climbed() => step,
            };
            self.crew.step(&self.live, Transition::Progress(step)).await?;
        }
    }

    /// What an answer to a poll leads to.
    async fn polled(&mut self, job: &Job, polled: Result<Polled, Fault>) -> Result<(), Stopped> {
        match polled {
            Ok(Polled::Pending { progress, poll_at }) => {
                self.blind_polls = 0;
                self.poll_at = poll_at.max(self.crew.clock.now() + POLL_GAP);
                if let Some(percent) = progress {
                    self.live.report(job.attempt, EngineEvent::Progress(percent));
                }
                Ok(())
            }
            Ok(Polled::Done(outputs)) => self.collect(job, outputs).await,
            // The poll failed, not the job: it still runs up there, and must not be sent to anybody else.
            Ok(Polled::Unlearned(fault)) => self.unlearned(job, fault).await,
            Ok(Polled::Failed(fault)) => self.suffer(job, fault).await,
            Err(panic) if self.blind_polls < MAX_POLL_PANICS => {
                self.poll_later(job, &panic);
                Ok(())
            }
            Err(panic) => {
                self.stop_upstream(job).await;
                self.give_back(Outcome::Neutral);
                Err(self.crew.end(&self.live, Transition::Fail(policy::ended_by(&panic))).await)
            }
        }
    }

    /// A poll told nothing. Where that is for want of a credential, a new one is had first; a job whose account stays locked cannot be
    /// followed, and is not made again elsewhere, since it may be billed.
    async fn unlearned(&mut self, job: &Job, fault: Fault) -> Result<(), Stopped> {
        if fault.class == FaultClass::Auth {
            let steward = self.crew.pool.steward().clone();
            let used = self.lease.as_ref().and_then(|lease| lease.opened_with.clone());
            let renewal = async {
                match used {
                    Some(used) => steward.refused(used).await,
                    None => false,
                }
            };
            match self.wait_climbing(job, renewal).await? {
                Err(interrupt) => return Err(self.interrupted(job, interrupt).await),
                Ok(false) if self.blind_polls >= MAX_LOCKED_POLLS => {
                    let error = policy::ended_by(&fault);
                    self.give_back(Outcome::Fault(fault));
                    return Err(self.crew.end(&self.live, Transition::Fail(error)).await);
                }
                Ok(_) => {}
            }
        }
        self.poll_later(job, &fault);
        Ok(())
    }

    fn poll_later(&mut self, job: &Job, fault: &Fault) {
        tracing::warn!(job_id = %job.id, class = fault.class.name(), context = %fault.context, "a poll told nothing");
        self.blind_polls += 1;
        let soon = self.crew.clock.now() + policy::wait(self.blind_polls, rand::random());
        self.poll_at = fault.retry_at.map_or(soon, |hint| hint.max(soon));
    }

    /// Stops the upstream as far as it can be stopped; what it says does not change how the job ends.
    pub(super) async fn stop_upstream(&mut self, job: &Job) {
        let Some(handle) = job.handle.clone() else { return };
        let cancel = async {
            // The job's own waits are over: this one has its own end.
            let account = self.account(job).await.ok()??;
            let opened = self.crew.pool.steward().credential(account).await;
            let Ok(Ready::Call(engine, call)) = self.opened(job, opened).await else { return None };
            caught(async move { engine.cancel(call, handle).await }).await.ok()
        };
        let outcome = tokio::time::timeout(CANCEL_PATIENCE, cancel).await;
        tracing::info!(job_id = %job.id, outcome = ?outcome.ok().flatten(), "upstream cancel");
    }
}
