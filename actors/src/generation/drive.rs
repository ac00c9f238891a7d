//! The drive: from the state that the row is in to the end, one arrow at a time. Waits can be interrupted by a cancel or by
//! the deadline; writes cannot.

use super::{Crew, ExitKind, HeadStart, policy};
use crate::{
    account_pool::{Lease, Outcome},
    job_supervisor::{Live, MAX_REBUILDS},
};
use atelier_domain::{
    account::Credential,
    fault::Fault,
    ids::AccountId,
    job::{Job, JobError, JobState, Transition},
    time::Millis,
};
use std::{future::Future, pin::pin, sync::Arc};

/// Why a drive stops.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The job has ended; this is its last row.
    Ended(Box<Job>),
    /// The gateway is closing.
    Closing,
    /// Something happened that should be impossible; the text is for the log.
    Defect(String),
}

impl Stopped {
    pub(super) fn defect(context: impl std::fmt::Display) -> Self {
        Self::Defect(context.to_string())
    }
}

/// Why a wait was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// The owner wants it to end.
    Cancelled,
    /// The deadline has come.
    OutOfTime,
}

/// Drives one job.
pub(super) struct Drive {
    pub(super) crew: Arc<Crew>,
    pub(super) live: Arc<Live>,
    pub(super) lease: Option<Lease>,
    /// What opens the account of an attempt that began with the acceptance.
    head_start: Option<Credential>,
    pub(super) poll_at: Millis,
    /// Until when it may come home even past its deadline: see [`policy::LAST_LOOK`].
    last_look: Millis,
    /// Polls in a row that told nothing.
    pub(super) blind_polls: u32,
    /// Accounts that failed this job.
    pub(super) avoid: Vec<AccountId>,
    /// What the last of them met: how the job ends when nobody else can serve it.
    pub(super) last_fault: Option<JobError>,
    rebuilds: u32,
}

impl Drive {
    pub(super) fn new(
        crew: Arc<Crew>,
        live: Arc<Live>,
        rebuilds: u32,
        head_start: Option<HeadStart>,
    ) -> Self {
        let (lease, head_start) =
            head_start.map(|head_start| (head_start.lease, head_start.credential)).unzip();
        // Without its head start, one that has left the line was left with an upstream by an earlier process, or by a child that died.
        let is_taken_up = live.job().state != JobState::Queued && lease.is_none();
        let last_look = if is_taken_up { crew.clock.now() + policy::LAST_LOOK } else { Millis(0) };
        Self {
            crew,
            live,
            lease,
            head_start,
            poll_at: Millis(0),
            last_look,
            blind_polls: 0,
            avoid: Vec::new(),
            last_fault: None,
            rebuilds,
        }
    }

    pub(super) async fn run(mut self) -> ExitKind {
        match self.run_to_stop().await {
            Stopped::Ended(job) => ExitKind::Ended(job),
            Stopped::Closing => ExitKind::Suspended,
            Stopped::Defect(context) => {
                tracing::error!(job_id = %self.live.job().id, %context, "a generation met a defect");
                ExitKind::Died
            }
        }
    }

    async fn run_to_stop(&mut self) -> Stopped {
        if self.rebuilds > MAX_REBUILDS {
            return self.crew.end(&self.live, Transition::Fail(policy::defective())).await;
        }
        loop {
            if let Err(stopped) = self.advance().await {
                return stopped;
            }
        }
    }

    /// One arrow.
    async fn advance(&mut self) -> Result<(), Stopped> {
        let job = self.live.job();
        match job.state {
            JobState::Queued => {
                // The only state that jobs stay in by the thousand: the rest of an attempt gets its memory once it begins.
                let lease = self.borrow(&job).await?;
                Box::pin(self.attempt(lease)).await
            }
            JobState::Submitting => match self.head_start.take() {
                Some(credential) => Box::pin(self.send(&job, credential)).await,
                None => Box::pin(self.look_up(&job)).await,
            },
            JobState::Running | JobState::Fetching if job.handle.is_some() => Box::pin(self.poll(&job)).await,
            // The upstream answered at once, and the answer was lost with the process.
            JobState::Running | JobState::Fetching => Box::pin(self.look_up(&job)).await,
            JobState::Completed | JobState::Failed | JobState::Cancelled => {
                Err(Stopped::Ended(Box::new(Job::clone(&job))))
            }
        }
    }

    /// Waits for `work`, a cancel or the deadline, whichever is first.
    pub(super) async fn wait_for<T>(&self, job: &Job, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        let (late, latest) = match job.state {
            JobState::Queued => (job.deadline, job.deadline),
            _ => {
                let late = job.deadline.max(self.last_look);
                (late, late + policy::HOMECOMING)
            }
        };
        let end = if self.live.is_made(job.attempt) { latest } else { late };
        if self.crew.clock.now() >= end {
            // Work that is always ready must not outrun the deadline.
            return Err(Interrupt::OutOfTime);
        }
        let deadline = async {
            self.crew.clock.sleep_until(end).await;
            if end == late && self.live.is_made(job.attempt) {
                self.crew.clock.sleep_until(latest).await;
            }
        };
        let (work, cancelled, deadline) = (pin!(work), pin!(self.live.cancelled()), pin!(deadline));
        tokio::select! {
            biased;
            () = cancelled => Err(Interrupt::Cancelled),
            done = work => Ok(done),
            () = deadline => Err(Interrupt::OutOfTime),
        }
    }

    /// Ends the job the way the interrupt asks for, after stopping the upstream as far as it can be.
    pub(super) async fn interrupted(&mut self, job: &Job, interrupt: Interrupt) -> Stopped {
        Box::pin(self.stop_upstream(job)).await;
        self.give_back(Outcome::Neutral);
        let transition = match interrupt {
            Interrupt::Cancelled => Transition::Cancel,
            Interrupt::OutOfTime => Transition::Fail(policy::out_of_time(job.deadline.since(job.created_at))),
        };
        self.crew.end(&self.live, transition).await
    }

    /// Draws the consequence of a fault: back in line, or the end.
    pub(super) async fn suffer(&mut self, job: &Job, fault: Fault) -> Result<(), Stopped> {
        tracing::warn!(job_id = %job.id, attempt = job.attempt, account = job.account.map(tracing::field::display), class = fault.class.name(), context = %fault.context, "attempt failed");
        metrics::counter!("atelier_faults_total", "class" => fault.class.name()).increment(1);
        let now = self.crew.clock.now();
        let next = if job.state == JobState::Fetching {
            // It was done, and may be billed: it is not made again.
            policy::Next::Fail(policy::ended_by(&fault))
        } else {
            policy::after_fault(&fault, job.attempt, self.crew.config.max_attempts, now, rand::random())
        };
        self.last_fault = Some(policy::ended_by(&fault));
        self.avoid.extend(self.lease.as_ref().map(|lease| lease.account.id));
        self.give_back(Outcome::Fault(fault));
        match next {
            policy::Next::Fail(error) => Err(self.crew.end(&self.live, Transition::Fail(error)).await),
            policy::Next::Retry(at) => {
                let job = match job.state {
                    // It never left the line.
                    JobState::Queued => job.clone(),
                    _ => {
                        self.last_look = Millis(0);
                        self.crew.step(&self.live, Transition::Requeue).await?
                    }
                };
                match self.wait_for(&job, self.crew.clock.sleep_until(at)).await {
                    Ok(()) => Ok(()),
                    Err(interrupt) => Err(self.interrupted(&job, interrupt).await),
                }
            }
        }
    }

    pub(super) fn give_back(&mut self, outcome: Outcome) {
        if let Some(lease) = self.lease.take() {
            lease.finish(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F: Future>(_: impl FnOnce(Drive) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_queued_job_keeps_no_room_for_the_attempt_it_has_not_begun() {
        let parked = size_of_future(Drive::run);
        assert!(parked < 3_000, "{parked} bytes");
    }
}
