//! The engine of all servers that speak this wire.

use super::{
    NAME, ParseServiceChooser, SoraConfig, account, body, browse, checkup, enhance, images, posts,
    task::{Absences, Handle},
    upstream::{Upstream, WayOut, base},
    videos,
};
use crate::{
    desk::Desk,
    outbound::{Outbound, submission},
};
use atelier_domain::{
    account::{Account, Credential},
    browse::Browse,
    engine::{
        Abilities, Call, Cancellation, Checkup, ClaimedUsername, Engine, EnhanceCall, LocalFuture, Lookup,
        Polled, Submission, Task, UpstreamHandle, VideoRange, VideoSources,
    },
    fault::{Fault, FaultClass},
    time::Clock,
};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// What is made there.
const FAMILIES: &[&str] = &["sora", "sora-image", "gpt-image-small"];
/// The plan that long and large videos need.
const PLAN: &str = "pro";

/// The engine. Which server a call goes to is its account's.
pub struct Sora {
    way: Arc<WayOut>,
    desk: Desk,
    absences: Absences,
    parse_service: ParseServiceChooser,
}

impl Sora {
    /// The engine with these bounds, which goes out through `outbound`; `parse_service` is asked for each finished video.
    pub fn new(
        config: SoraConfig,
        outbound: Arc<Outbound>,
        clock: Arc<dyn Clock>,
        parse_service: ParseServiceChooser,
    ) -> Self {
        let desk = Desk::new(config.picture_threads);
        let way = Arc::new(WayOut { outbound, config, clock, left_shown: Mutex::default() });
        Self { way, desk, absences: Absences::default(), parse_service }
    }

    fn upstream(&self, credential: &Credential) -> Result<Upstream, Fault> {
        Upstream::of(credential, Arc::clone(&self.way))
    }

    async fn begin(&self, call: Call) -> Result<Submission, Fault> {
        let upstream = self.upstream(&call.credential)?;
        match &*call.task {
            Task::Image(spec) => images::begin(&upstream, spec).await,
            Task::Video(spec) => videos::begin(&upstream, &call, spec, &self.desk).await,
        }
    }

    async fn look(&self, call: Call, handle: UpstreamHandle) -> Result<Polled, Fault> {
        let handle = match Handle::read(&handle) {
            Ok(handle) => handle,
            Err(lost) => return Ok(Polled::Failed(lost)),
        };
        let upstream = self.upstream(&call.credential)?;
        let found = match &*call.task {
            Task::Image(spec) => images::look(&upstream, &handle, (spec, &self.desk), &call.events).await?,
            Task::Video(spec) => {
                let told = ((self.parse_service)(), &call.events);
                videos::look(&upstream, &handle, (spec.size, &self.desk), told).await?
            }
        };
        let account = call.credential.account;
        let polled = match found {
            Some(polled) => {
                self.absences.forget(account, &handle.task);
                polled
            }
            None => self.missed(&upstream, &handle, &call),
        };
        if let (Polled::Done(_) | Polled::Failed(_), Some(post)) = (&polled, &handle.post) {
            posts::take_back(&upstream, post).await;
        }
        Ok(polled)
    }

    /// A task in no list is on its way from one into another, or gone.
    fn missed(&self, upstream: &Upstream, handle: &Handle, call: &Call) -> Polled {
        let account = call.credential.account;
        if self.absences.missed(account, &handle.task) < self.way.config.lost_after {
            return Polled::Pending { progress: None, poll_at: upstream.now() + self.way.config.poll_every };
        }
        self.absences.forget(account, &handle.task);
        let message = "the engine does not know this job any more; nothing was charged";
        Polled::Failed(Fault::new(FaultClass::JobLost, message).with_context("a task that no list has"))
    }

    async fn find(&self, call: Call) -> Lookup {
        // Images have no title, so that none can be told from another of the same prompt.
        let Task::Video(_) = &*call.task else { return Lookup::CannotTell };
        let Ok(upstream) = self.upstream(&call.credential) else { return Lookup::CannotTell };
        let mark = videos::mark(&call);
        let post = upstream.left_shown(&mark);
        let found = videos::find(&upstream, &mark, post.clone()).await.unwrap_or(Lookup::CannotTell);
        if let (Lookup::CannotTell, Some(post)) = (&found, post) {
            posts::take_back(&upstream, &post).await;
        }
        found
    }

    /// What runs there cannot be stopped; what was shown for it is not shown any more.
    async fn stop(&self, call: Call, handle: UpstreamHandle) -> Cancellation {
        if let Ok(handle) = Handle::read(&handle) {
            self.absences.forget(call.credential.account, &handle.task);
            if let (Some(post), Ok(upstream)) = (&handle.post, self.upstream(&call.credential)) {
                posts::take_back(&upstream, post).await;
            }
        }
        Cancellation::Forgotten
    }
}

impl Engine for Sora {
    fn name(&self) -> &'static str {
        NAME
    }

    fn abilities(&self, account: &Account) -> Abilities {
        if base(&account.endpoint, &self.way.config).is_none() {
            return Abilities::NONE;
        }
        let (seconds, sizes) = match account.has_plan(PLAN) {
            true => (body::ALL_SECONDS, body::ALL_SIZES),
            false => (body::SHORT_SECONDS, body::SMALL_SIZES),
        };
        Abilities {
            references: 1,
            video_sources: VideoSources::OwnHandle,
            families: Some(FAMILIES),
            video_range: Some(VideoRange { family: None, seconds, sizes }),
            enhances: self.way.config.enhances,
            invites: true,
            browses: true,
            ..Abilities::NONE
        }
    }

    fn submit(self: Arc<Self>, call: Call) -> LocalFuture<Submission> {
        Box::pin(async move { self.begin(call).await.unwrap_or_else(submission) })
    }

    fn lookup(self: Arc<Self>, call: Call) -> LocalFuture<Lookup> {
        Box::pin(async move { self.find(call).await })
    }

    fn poll(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Polled> {
        Box::pin(async move { self.look(call, handle).await.unwrap_or_else(Polled::Unlearned) })
    }

    fn cancel(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Cancellation> {
        Box::pin(async move { self.stop(call, handle).await })
    }

    fn check(self: Arc<Self>, credential: Credential) -> LocalFuture<Result<Checkup, Fault>> {
        Box::pin(async move { checkup::check(&self.upstream(&credential)?).await })
    }

    fn enhance(self: Arc<Self>, call: EnhanceCall) -> LocalFuture<Result<String, Fault>> {
        Box::pin(async move { enhance::enhance(&self.upstream(&call.credential)?, &call).await })
    }

    fn browse(
        self: Arc<Self>,
        credential: Credential,
        what: Browse,
    ) -> LocalFuture<Result<Option<Value>, Fault>> {
        Box::pin(async move { browse::browse(&self.upstream(&credential)?, &what).await })
    }

    fn accept_invitation(
        self: Arc<Self>,
        credential: Credential,
        code: String,
    ) -> LocalFuture<Result<bool, Fault>> {
        Box::pin(async move { account::accept(&self.upstream(&credential)?, &code).await })
    }

    fn claim_username(
        self: Arc<Self>,
        credential: Credential,
    ) -> LocalFuture<Result<ClaimedUsername, Fault>> {
        Box::pin(async move { account::claim(&self.upstream(&credential)?).await })
    }
}
