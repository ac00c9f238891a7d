//! One attempt: borrow an account, submit, poll, collect. An engine's panic is a failed attempt, never the end of the job.

use super::{
    cast,
    drive::{Drive, Interrupt, Stopped},
    policy,
};
use crate::{
    account_pool::{Lease, Need, Outcome},
    job_supervisor::{Live, prompt_file},
};
use atelier_domain::{
    code::Code,
    engine::{Call, Credential, Engine, EngineEvent, Lookup, Output, Polled, Submission, Task},
    fault::{Fault, FaultClass},
    ids::AccountId,
    image::ImageSpec,
    job::{ImageJob, Job, JobError, JobState, Route, Transition, VideoJob, Work},
    reference::{Picture, Reference},
    video::{SourceVideo, VideoSpec},
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// How long an upstream has to confirm a cancel.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// The least time between two polls, whatever an engine asks for.
const POLL_GAP: Duration = Duration::from_millis(5);

/// How often in a row an engine may panic in a poll before its job is given up.
const MAX_POLL_PANICS: u32 = 3;

impl Drive {
    /// From `queued`: an account.
    pub(super) async fn borrow(&mut self, job: &Job) -> Result<Lease, Stopped> {
        let need = Need { key: job.key, kind: job.work.kind(), routes: job.routes.clone() };
        match self.wait_for(job, self.crew.pool.acquire(need)).await {
            Ok(Ok(lease)) => Ok(lease),
            Ok(Err(refused)) if refused.code == Code::NoAccountAvailable => {
                let error = JobError { code: refused.code, message: refused.message, class: None };
                Err(self.crew.end(&self.live, Transition::Fail(error)).await)
            }
            // The pool is gone, and with it the gateway: the job is taken up again by the next.
            Ok(Err(_)) => Err(Stopped::Closing),
            Err(interrupt) => Err(self.interrupted(job, interrupt).await),
        }
    }

    /// From an account: the row that says so, the request.
    pub(super) async fn attempt(&mut self, lease: Lease) -> Result<(), Stopped> {
        let submit = Transition::Submit { account: lease.account, route: lease.route };
        self.lease = Some(lease);
        let job = self.crew.step(&self.live, submit).await?;
        let Some((engine, call)) = self.call(&job).await? else { return Err(self.no_engine().await) };
        match self.wait_for(&job, caught(async move { engine.submit(call).await })).await {
            Err(interrupt) => Err(self.interrupted(&job, interrupt).await),
            Ok(Ok(submission)) => self.submitted(&job, submission).await,
            // A panic may have come after the bytes left.
            Ok(Err(panic)) => self.unknown(&job, panic).await,
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
        let Some((engine, call)) = self.call(job).await? else { return Err(self.no_engine().await) };
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
            Ok(_) => {
                self.give_back(Outcome::Fault(
                    Fault::new(FaultClass::UnknownOutcome, "").with_context(fault.context),
                ));
                Err(self.crew.end(&self.live, Transition::Fail(policy::outcome_unknown())).await)
            }
        }
    }

    /// From `running` (or `fetching` after a restart): look, wait, look again.
    pub(super) async fn poll(&mut self, job: &Job) -> Result<(), Stopped> {
        if let Err(interrupt) = self.wait_climbing(job, self.crew.clock.sleep_until(self.poll_at)).await? {
            return Err(self.interrupted(job, interrupt).await);
        }
        let Some((engine, call)) = self.call(job).await? else { return Err(self.no_engine().await) };
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
            Ok(Polled::Failed(fault)) if fault.class == FaultClass::Network => {
                self.poll_later(job, &fault);
                Ok(())
            }
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

    fn poll_later(&mut self, job: &Job, fault: &Fault) {
        tracing::warn!(job_id = %job.id, class = fault.class.name(), context = %fault.context, "a poll told nothing");
        self.blind_polls += 1;
        self.poll_at = self.crew.clock.now() + policy::wait(self.blind_polls, rand::random());
    }

    async fn collect(&mut self, job: &Job, outputs: Vec<Output>) -> Result<(), Stopped> {
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

    /// Stops the upstream as far as it can be stopped; what it says does not change how the job ends.
    pub(super) async fn stop_upstream(&mut self, job: &Job) {
        let Some(handle) = job.handle.clone() else { return };
        if let Ok(Some((engine, call))) = self.call(job).await {
            let cancel = caught(async move { engine.cancel(call, handle).await });
            let cancel = tokio::time::timeout(CANCEL_PATIENCE, cancel).await;
            tracing::info!(job_id = %job.id, outcome = ?cancel.ok().and_then(Result::ok), "upstream cancel");
        }
    }

    async fn no_engine(&mut self) -> Stopped {
        self.give_back(Outcome::Neutral);
        let message = "the engine or the account that this job was given to is no longer configured; nothing was charged";
        let error = JobError { code: Code::NoAccountAvailable, message: message.into(), class: None };
        self.crew.end(&self.live, Transition::Fail(error)).await
    }

    /// The engine of the current attempt and a call with its account; none when either is gone.
    async fn call(&mut self, job: &Job) -> Result<Option<(Arc<dyn Engine>, Call)>, Stopped> {
        let (Some(account), Some(route)) = (job.account, job.current_route()) else { return Ok(None) };
        let Some(engine) = self.crew.engines.get(&route.engine).cloned() else { return Ok(None) };
        if !self.has_lease_of(account, route).await? {
            return Ok(None);
        }
        let task = Arc::new(self.task(job, route).await?);
        let (live, attempt) = (Arc::downgrade(&self.live), job.attempt);
        let events = Arc::new(move |event| {
            if let Some(live) = live.upgrade() {
                Live::report(&live, attempt, event);
            }
        });
        Ok(Some((engine, Call { job: job.id, attempt, task, credential: Credential { account }, events })))
    }

    /// After a restart the account is borrowed again, past its slots: the upstream works for it already.
    async fn has_lease_of(&mut self, account: AccountId, route: &Route) -> Result<bool, Stopped> {
        if self.lease.is_none() {
            let adopted = self.crew.pool.adopt(account, route.model.clone()).await;
            self.lease = adopted.map_err(|_| Stopped::Closing)?;
        }
        Ok(self.lease.is_some())
    }

    async fn task(&self, job: &Job, route: &Route) -> Result<Task, Stopped> {
        let prompt = match &job.work.prompt().text {
            Some(text) => text.clone(),
            None => {
                let (store, id) = (self.crew.store.clone(), prompt_file(job.id));
                let read = tokio::task::spawn_blocking(move || store.media().read(&id)).await;
                let bytes = read.map_err(Stopped::defect)?.map_err(Stopped::defect)?;
                String::from_utf8(bytes).map_err(Stopped::defect)?
            }
        };
        match &job.work {
            Work::Image(image) => self.image_spec(image, route, prompt).map(Task::Image),
            Work::Video(video) => self.video_spec(video, route, prompt).map(Task::Video),
        }
    }

    fn image_spec(&self, image: &ImageJob, route: &Route, prompt: String) -> Result<ImageSpec, Stopped> {
        let references =
            image.references.as_ref().map(|references| references.try_map(|kept| self.picture(kept)));
        Ok(ImageSpec {
            model: route.model.clone(),
            prompt,
            negative_prompt: image.negative_prompt.clone(),
            style: image.style.clone(),
            n: image.n,
            size: image.size,
            quality: image.quality,
            format: image.format,
            compression: image.compression,
            background: image.background,
            complexity: image.complexity,
            seed: image.seed,
            partial_images: image.partial_images,
            animation: image.animation,
            references: references.transpose()?,
        })
    }
}

impl Drive {
    pub(super) fn picture(&self, kept: &Reference) -> Result<Picture, Stopped> {
        let path = self.crew.store.media().path(&kept.media.to_string()).map_err(Stopped::defect)?;
        Ok(Picture { path, mime: kept.mime.clone(), bytes: kept.bytes, size: kept.size })
    }

    fn video_spec(&self, video: &VideoJob, route: &Route, prompt: String) -> Result<VideoSpec, Stopped> {
        let first_frame = video.first_frame.as_ref().map(|kept| self.picture(kept)).transpose()?;
        let source = video.source.as_ref().map(|source| {
            self.picture(&source.file).map(|file| SourceVideo { way: source.way, path: file.path })
        });
        Ok(VideoSpec {
            model: route.model.clone(),
            prompt: cast::spoken(&prompt, &video.cast),
            negative_prompt: video.negative_prompt.clone(),
            style: video.style.clone(),
            size: video.size,
            seconds: video.seconds,
            seed: video.seed,
            first_frame,
            source: source.transpose()?,
            cast: self.cast(video)?,
        })
    }
}

/// Runs an engine call in a task of its own, so that its panic comes back as a fault. The task ends with the wait for it.
async fn caught<T: 'static>(call: impl Future<Output = T> + 'static) -> Result<T, Fault> {
    let task = AbortOnDrop(actix_rt::spawn(call));
    task.await.map_err(|context| {
        let message = "the gateway met a defect of its own in an engine; nothing was charged";
        Fault::new(FaultClass::Internal, message).with_context(context)
    })
}

/// A spawned task that does not outlive whoever waits for it.
struct AbortOnDrop<T>(actix_rt::task::JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|error| error.to_string())
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
