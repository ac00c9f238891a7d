//! The drive: from the state that the row is in to the end, one arrow at a time. Waits can be interrupted by a cancel or by
//! the deadline; writes cannot.

use super::{Crew, ExitKind, policy};
use crate::job_supervisor::Live;
use atelier_domain::{
    code::Code,
    fault::{Fault, FaultClass},
    job::{Job, JobError, JobState, Transition},
    time::Millis,
};
use std::{future::Future, pin::pin, sync::Arc};

use crate::account_pool::{Lease, Outcome};

/// Why a drive stops before the end of its job.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The store is closing.
    Closing,
    /// Something that cannot be happened; the text is for the log.
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
    pub(super) poll_at: Millis,
    rebuilds: u32,
}

impl Drive {
    pub(super) fn new(crew: Arc<Crew>, live: Arc<Live>, rebuilds: u32) -> Self {
        Self { crew, live, lease: None, poll_at: Millis(0), rebuilds }
    }

    pub(super) async fn run(mut self) -> ExitKind {
        if self.rebuilds > crate::job_supervisor::MAX_REBUILDS {
            let message = "the gateway met a defect of its own while it worked on this job; nothing was charged";
            let error = JobError { code: Code::InternalError, message: message.into(), class: Some(FaultClass::Internal) };
            return self.exit_of(Transition::Fail(error)).await;
        }
        loop {
            match self.advance().await {
                Ok(true) => return ExitKind::Ended,
                Ok(false) => {}
                Err(Stopped::Closing) => return ExitKind::Suspended,
                Err(Stopped::Defect(context)) => {
                    tracing::error!(job_id = %self.live.job().id, %context, "a generation met a defect");
                    return ExitKind::Died;
                }
            }
        }
    }

    async fn exit_of(&mut self, transition: Transition) -> ExitKind {
        match self.crew.end(&self.live, transition).await {
            Ok(()) => ExitKind::Ended,
            Err(Stopped::Closing) => ExitKind::Suspended,
            Err(Stopped::Defect(context)) => {
                tracing::error!(job_id = %self.live.job().id, %context, "a job cannot be ended");
                ExitKind::Suspended
            }
        }
    }

    /// One arrow; true when the job has ended.
    async fn advance(&mut self) -> Result<bool, Stopped> {
        let job = self.live.job();
        match job.state {
            JobState::Queued => self.begin_attempt(&job).await?,
            JobState::Submitting => self.look_up(&job).await?,
            JobState::Running | JobState::Fetching if job.handle.is_some() => self.poll(&job).await?,
            // The upstream answered at once, and the answer was lost with the process.
            JobState::Running | JobState::Fetching => self.look_up(&job).await?,
            JobState::Completed | JobState::Failed | JobState::Cancelled => return Ok(true),
        }
        Ok(false)
    }

    /// Waits for `work`, a cancel or the deadline, whichever is first.
    pub(super) async fn wait_for<T>(&self, job: &Job, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        let deadline = self.crew.clock.sleep_until(job.deadline);
        let (work, cancelled) = (pin!(work), pin!(self.live.cancelled()));
        tokio::select! {
            biased;
            () = cancelled => Err(Interrupt::Cancelled),
            done = work => Ok(done),
            () = deadline => Err(Interrupt::OutOfTime),
        }
    }

    /// Ends the job the way the interrupt asks for, after stopping the upstream as far as it can be.
    pub(super) async fn interrupted(&mut self, job: &Job, interrupt: Interrupt) -> Result<(), Stopped> {
        self.stop_upstream(job).await;
        self.give_back(Outcome::Neutral);
        let transition = match interrupt {
            Interrupt::Cancelled => Transition::Cancel,
            Interrupt::OutOfTime => Transition::Fail(policy::out_of_time(job.deadline.since(job.created_at))),
        };
        self.crew.end(&self.live, transition).await
    }

    /// Draws the consequence of a fault: back in line, or the end.
    pub(super) async fn suffer(&mut self, job: &Job, fault: Fault) -> Result<(), Stopped> {
        tracing::warn!(job_id = %job.id, attempt = job.attempt, class = fault.class.name(), context = %fault.context, "attempt failed");
        metrics::counter!("atelier_faults_total", "class" => fault.class.name()).increment(1);
        let now = self.crew.clock.now();
        let next = policy::after_fault(&fault, job.attempt, self.crew.config.max_attempts, now, rand::random());
        self.give_back(Outcome::Fault(fault));
        match next {
            policy::Next::Fail(error) => self.crew.end(&self.live, Transition::Fail(error)).await,
            policy::Next::Retry(at) => {
                let job = self.crew.step(&self.live, Transition::Requeue).await?;
                match self.wait_for(&job, self.crew.clock.sleep_until(at)).await {
                    Ok(()) => Ok(()),
                    Err(interrupt) => self.interrupted(&job, interrupt).await,
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
