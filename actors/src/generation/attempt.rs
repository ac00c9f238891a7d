//! One attempt: borrow an account, submit, poll, collect. An engine's panic is a failed attempt, never the end of the job.

use super::{
    call::{Ready, caught},
    drive::{Drive, Stopped},
    policy,
};
use crate::account_pool::{Lease, Need, Outcome};
use atelier_domain::{
    account::Credential,
    code::Code,
    engine::{Lookup, Output, Submission},
    fault::{Fault, FaultClass},
    job::{Job, JobError, JobState, Transition},
};

/// Whether nobody here can serve the job, however long it waits.
const fn is_final(code: Code) -> bool {
    matches!(code, Code::NoAccountAvailable | Code::PlanRequired | Code::UpstreamSaturated)
}

impl Drive {
    /// From `queued`: an account.
    pub(super) async fn borrow(&mut self, job: &Job) -> Result<Lease, Stopped> {
        let need = Need::of(job, self.avoid.clone());
        match self.wait_for(job, self.crew.pool.acquire(need)).await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(refused)) if is_final(refused.code) => {
                let told = || JobError { code: refused.code, message: refused.message, class: None };
                let error = self.last_fault.take().unwrap_or_else(told);
                Err(self.crew.end(&self.live, Transition::Fail(error)).await)
            }
            // The pool is gone, and with it the gateway: the job is taken up again by the next.
            Ok(Err(_)) => Err(Stopped::Closing),
            Err(interrupt) => Err(self.interrupted(job, interrupt).await),
        }
    }

    /// From an account: what opens it, the row that says so, the request.
    pub(super) async fn attempt(&mut self, lease: Lease) -> Result<(), Stopped> {
        let (job, account) = (self.live.job(), lease.account.clone());
        let key = self.crew.pool.steward().credential(account);
        self.lease = Some(lease);
        // Before the row that says that the request leaves: waiting for a renewal is not an unknown outcome.
        let credential = match self.wait_for(&job, key).await {
            Err(interrupt) => return Err(Box::pin(self.interrupted(&job, interrupt)).await),
            Ok(Err(fault)) => return Box::pin(self.suffer(&job, fault)).await,
            Ok(Ok(credential)) => credential,
        };
        let Some(lease) = &mut self.lease else { return Err(Stopped::defect("an attempt without a lease")) };
        lease.opened_with = Some(credential.clone());
        let submit = Transition::Submit { account: lease.account.id, route: lease.route };
        let job = self.crew.step(&self.live, submit).await?;
        self.send(&job, credential).await
    }

    /// From the row that says so: the request.
    pub(super) async fn send(&mut self, job: &Job, credential: Credential) -> Result<(), Stopped> {
        let Some((engine, call)) = Box::pin(self.call_with(job, credential)).await? else {
            return Err(self.no_engine().await);
        };
        // Engines are waited for by the thousand: what comes after gets its memory then.
        match self.wait_for(job, caught(async move { engine.submit(call).await })).await {
            Err(interrupt) => Err(Box::pin(self.interrupted(job, interrupt)).await),
            Ok(Ok(submission)) => Box::pin(self.submitted(job, submission)).await,
            // A panic may have come after the bytes left.
            Ok(Err(panic)) => Box::pin(self.unknown(job, panic)).await,
        }
    }

    async fn submitted(&mut self, job: &Job, submission: Submission) -> Result<(), Stopped> {
        match submission {
            Submission::Accepted { handle, poll_at } => {
                self.poll_at = poll_at;
                self.crew.step(&self.live, Transition::Accept(handle)).await.map(drop)
            }
            Submission::Done(outputs) => self.collect(job, outputs).await,
            Submission::Rejected(fault) => self.suffer(job, fault).await,
            Submission::Unknown(fault) => self.unknown(job, fault).await,
        }
    }

    /// From `submitting` without an answer, be it a lost one or a restart: found out, or failed; never blindly sent again.
    pub(super) async fn look_up(&mut self, job: &Job) -> Result<(), Stopped> {
        let lost = Fault::new(
            FaultClass::Internal,
            "the gateway stopped while it was handing the job to the engine",
        );
        self.unknown(job, lost).await
    }

    async fn unknown(&mut self, job: &Job, fault: Fault) -> Result<(), Stopped> {
        let (engine, call) = match self.call(job).await? {
            Ready::Call(engine, call) => (engine, call),
            Ready::NoEngine => return Err(self.no_engine().await),
            Ready::Locked(locked) => return Err(self.end_unknown(locked).await),
            Ready::Interrupted(interrupt) => return Err(self.interrupted(job, interrupt).await),
        };
        match self.wait_for(job, caught(async move { engine.lookup(call).await })).await {
            Err(interrupt) => Err(self.interrupted(job, interrupt).await),
            Ok(Ok(Lookup::Found { handle, poll_at })) if job.state == JobState::Submitting => {
                self.poll_at = poll_at;
                self.crew.step(&self.live, Transition::Accept(handle)).await.map(drop)
            }
            Ok(Ok(Lookup::NeverArrived)) if job.state == JobState::Submitting => {
                let fault = Fault { class: FaultClass::Internal, ..fault };
                self.suffer(job, fault).await
            }
            Ok(_) => Err(self.end_unknown(fault).await),
        }
    }

    async fn end_unknown(&mut self, fault: Fault) -> Stopped {
        let job = self.live.job();
        tracing::warn!(job_id = %job.id, account = job.account.map(tracing::field::display), context = %fault.context, "a submit got no answer and is not sent again");
        self.give_back(Outcome::Fault(
            Fault::new(FaultClass::UnknownOutcome, "").with_context(fault.context),
        ));
        self.crew.end(&self.live, Transition::Fail(policy::outcome_unknown())).await
    }

    pub(super) async fn collect(&mut self, job: &Job, outputs: Vec<Output>) -> Result<(), Stopped> {
        if outputs.is_empty() {
            let fault = Fault::new(
                FaultClass::JobLost,
                "the engine ended the job without a result; nothing was charged",
            );
            return self.suffer(job, fault).await;
        }
        if job.state != JobState::Submitting {
            self.crew.step(&self.live, Transition::Fetch).await?;
        }
        let stopped = self.crew.complete(&self.live, outputs).await;
        if matches!(stopped, Stopped::Ended(_)) {
            self.give_back(Outcome::Success);
        }
        Err(stopped)
    }

    pub(super) async fn no_engine(&mut self) -> Stopped {
        self.give_back(Outcome::Neutral);
        let message = "the engine or the account that this job was given to is no longer configured; nothing was charged";
        let error = JobError { code: Code::NoAccountAvailable, message: message.into(), class: None };
        self.crew.end(&self.live, Transition::Fail(error)).await
    }
}
