//! The engine of all upstreams that speak OpenAI's API.

use super::{
    NAME, OpenAiConfig, checkup, images, relay,
    upstream::{Upstream, WayOut, dialect, submission},
    videos,
};
use crate::{desk::Desk, outbound::Outbound};
use atelier_domain::{
    account::Account,
    engine::{
        Abilities, Call, Cancellation, Checkup, Credential, Engine, LocalFuture, Lookup, Polled, RelayCall,
        Relayed, Submission, Task, UpstreamHandle, VideoSources,
    },
    fault::Fault,
    time::Clock,
};
use std::sync::Arc;

/// The engine. Which upstream a call goes to, and in which dialect, is its account's.
pub struct OpenAi {
    way: Arc<WayOut>,
    desk: Desk,
}

impl OpenAi {
    /// The engine with these bounds, which goes out through `outbound`.
    pub fn new(config: OpenAiConfig, outbound: Arc<Outbound>, clock: Arc<dyn Clock>) -> Self {
        let desk = Desk::new(config.picture_threads);
        Self { way: Arc::new(WayOut { outbound, config, clock }), desk }
    }

    fn upstream(&self, credential: &Credential) -> Result<Upstream, Fault> {
        Upstream::of(credential, Arc::clone(&self.way))
    }

    async fn begin(&self, call: Call) -> Result<Submission, Fault> {
        let upstream = self.upstream(&call.credential)?;
        match &*call.task {
            Task::Image(spec) => images::make(&upstream, &call, spec, &self.desk).await.map(Submission::Done),
            Task::Video(spec) => Box::pin(videos::begin(&upstream, &call, spec, &self.desk)).await,
        }
    }

    async fn look(&self, call: Call, handle: UpstreamHandle) -> Result<Polled, Fault> {
        let upstream = self.upstream(&call.credential)?;
        videos::look(&upstream, &handle, &call, &self.desk).await
    }

    async fn stop(&self, call: Call, handle: UpstreamHandle) -> Cancellation {
        match self.upstream(&call.credential) {
            Ok(upstream) => videos::stop(&upstream, &handle).await,
            Err(_) => Cancellation::Forgotten,
        }
    }
}

impl Engine for OpenAi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn abilities(&self, account: &Account) -> Abilities {
        let Ok(dialect) = dialect(&account.endpoint) else {
            // It can do nothing until it is configured rightly.
            return Abilities::NONE;
        };
        let has_sources = dialect.videos.as_ref().is_some_and(|wire| wire.has_sources);
        Abilities {
            references: dialect.images.references,
            mask: dialect.images.mask != super::dialect::Mask::None,
            video_sources: if has_sources { VideoSources::OwnHandle } else { VideoSources::None },
            relays: dialect.relays,
            families: dialect.families,
            ..Abilities::NONE
        }
    }

    fn submit(self: Arc<Self>, call: Call) -> LocalFuture<Submission> {
        Box::pin(async move { self.begin(call).await.unwrap_or_else(submission) })
    }

    fn lookup(self: Arc<Self>, _: Call) -> LocalFuture<Lookup> {
        // Lists of videos carry no mark of ours: what looks like a job's video may be another's with the same prompt.
        Box::pin(async { Lookup::CannotTell })
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

    fn relay(self: Arc<Self>, call: RelayCall) -> LocalFuture<Result<Relayed, Fault>> {
        Box::pin(async move { relay::pass(&self.upstream(&call.credential)?, call).await })
    }
}
