//! One call of an engine: with whose account and what, and what a panic in it becomes.

use super::{
    cast,
    drive::{Drive, Interrupt, Stopped},
};
use crate::job_supervisor::{Live, prompt_file};
use atelier_domain::{
    account::{Account, Credential},
    engine::{Call, Engine, Task},
    fault::{Fault, FaultClass},
    ids::AccountId,
    image::ImageSpec,
    job::{ImageJob, Job, JobKind, Route, VideoJob, Work},
    reference::{Picture, Reference},
    video::{SourceVideo, VideoSpec},
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// What an attempt is about to do.
pub(super) enum Ready {
    Call(Arc<dyn Engine>, Call),
    /// The engine or the account is no longer here.
    NoEngine,
    /// There is nothing that opens the account.
    Locked(Fault),
    /// The wait for what opens it was cut short.
    Interrupted(Interrupt),
}

impl Drive {
    /// The engine of the current attempt, and a call with its account as it is opened now.
    pub(super) async fn call(&mut self, job: &Job) -> Result<Ready, Stopped> {
        let Some(account) = self.account(job).await? else { return Ok(Ready::NoEngine) };
        match self.wait_for(job, self.crew.pool.steward().credential(account)).await {
            Ok(opened) => self.opened(job, opened).await,
            Err(interrupt) => Ok(Ready::Interrupted(interrupt)),
        }
    }

    /// The account of the current attempt, if it is still here.
    pub(super) async fn account(&mut self, job: &Job) -> Result<Option<Arc<Account>>, Stopped> {
        match (job.account, job.current_route()) {
            (Some(account), Some(route)) => self.leased(account, job.work.kind(), route).await,
            _ => Ok(None),
        }
    }

    /// The call with what opens the account.
    pub(super) async fn opened(
        &mut self,
        job: &Job,
        opened: Result<Credential, Fault>,
    ) -> Result<Ready, Stopped> {
        match opened {
            Ok(credential) => {
                if let Some(lease) = &mut self.lease {
                    lease.opened_with = Some(credential.clone());
                }
                let call = self.call_with(job, credential).await?;
                Ok(call.map_or(Ready::NoEngine, |(engine, call)| Ready::Call(engine, call)))
            }
            Err(fault) => Ok(Ready::Locked(fault)),
        }
    }

    /// The engine of the current attempt, and a call with this credential; none when the engine is not here.
    pub(super) async fn call_with(
        &self,
        job: &Job,
        credential: Credential,
    ) -> Result<Option<(Arc<dyn Engine>, Call)>, Stopped> {
        let (Some(route), Some(lease)) = (job.current_route(), &self.lease) else { return Ok(None) };
        let Some(engine) = self.crew.engines.get(&route.engine).cloned() else { return Ok(None) };
        let model = lease.account.upstream_name(&route.model).to_owned();
        let task = Arc::new(self.task(job, model).await?);
        let (live, attempt) = (Arc::downgrade(&self.live), job.attempt);
        let events = Arc::new(move |event| {
            if let Some(live) = live.upgrade() {
                Live::report(&live, attempt, event);
            }
        });
        Ok(Some((engine, Call { job: job.id, attempt, task, credential, events })))
    }

    /// After a restart the account is borrowed again, past its slots: the upstream works for it already.
    async fn leased(
        &mut self,
        account: AccountId,
        kind: JobKind,
        route: &Route,
    ) -> Result<Option<Arc<Account>>, Stopped> {
        if self.lease.is_none() {
            let adopted = self.crew.pool.adopt(account, Some(kind), route.clone()).await;
            self.lease = adopted.map_err(|_| Stopped::Closing)?;
        }
        Ok(self.lease.as_ref().map(|lease| lease.account.clone()))
    }

    /// The task, with the name that the model has upstream.
    async fn task(&self, job: &Job, model: String) -> Result<Task, Stopped> {
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
            Work::Image(image) => self.image_spec(image, model, prompt).map(Task::Image),
            Work::Video(video) => self.video_spec(video, model, prompt).map(Task::Video),
        }
    }

    fn image_spec(&self, image: &ImageJob, model: String, prompt: String) -> Result<ImageSpec, Stopped> {
        let references =
            image.references.as_ref().map(|references| references.try_map(|kept| self.picture(kept)));
        Ok(ImageSpec {
            model,
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

    pub(super) fn picture(&self, kept: &Reference) -> Result<Picture, Stopped> {
        let path = self.crew.store.media().path(&kept.media.to_string()).map_err(Stopped::defect)?;
        Ok(Picture { path, mime: kept.mime.clone(), bytes: kept.bytes, size: kept.size })
    }

    fn video_spec(&self, video: &VideoJob, model: String, prompt: String) -> Result<VideoSpec, Stopped> {
        let first_frame = video.first_frame.as_ref().map(|kept| self.picture(kept)).transpose()?;
        let source = video.source.as_ref().map(|source| {
            self.picture(&source.file).map(|file| SourceVideo {
                way: source.way,
                path: file.path,
                handle: source.handle.clone(),
            })
        });
        Ok(VideoSpec {
            model,
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
pub(super) async fn caught<T: 'static>(call: impl Future<Output = T> + 'static) -> Result<T, Fault> {
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
