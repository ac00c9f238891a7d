//! The engine of both flavours.

use super::{
    FireflyConfig, NAME, checkup,
    checkup::SoraTally,
    films, job,
    submit::{self, MOST_REFERENCES},
    upstream::{Flavour, Upstream, WayOut},
};
use crate::{
    desk::Desk,
    outbound::{Outbound, submission},
};
use atelier_domain::{
    account::Account,
    engine::{
        Abilities, Call, Cancellation, Checkup, Credential, Engine, LocalFuture, Lookup, Polled, Submission,
        Task, UpstreamHandle,
    },
    fault::Fault,
    time::Clock,
};
use std::sync::Arc;

/// What accounts of each flavour are meant for.
const SERVICES_FAMILIES: &[&str] = &["firefly-image", "firefly-video"];
const WEB_FAMILIES: &[&str] = &["gpt-image", "nano-banana", "sora"];

/// The engine. Which flavour a call goes to is its account's.
pub struct Firefly {
    way: Arc<WayOut>,
    desk: Desk,
    sora: SoraTally,
}

impl Firefly {
    /// The engine with these settings, which goes out through `outbound`.
    pub fn new(config: FireflyConfig, outbound: Arc<Outbound>, clock: Arc<dyn Clock>) -> Self {
        let desk = Desk::new(config.picture_threads);
        Self { way: Arc::new(WayOut { outbound, config, clock }), desk, sora: SoraTally::default() }
    }

    fn upstream(&self, credential: &Credential) -> Result<Upstream, Fault> {
        Upstream::of(credential, Arc::clone(&self.way))
    }

    async fn begin(&self, call: Call) -> Result<Submission, Fault> {
        let upstream = self.upstream(&call.credential)?;
        let begun = submit::begin(&upstream, &call, &self.desk).await?;
        if let Task::Video(spec) = &*call.task {
            self.sora.count(upstream.account, &spec.model);
        }
        Ok(begun)
    }

    async fn look(&self, call: Call, handle: UpstreamHandle) -> Result<Polled, Fault> {
        let upstream = self.upstream(&call.credential)?;
        job::look(&upstream, &handle, &call, &self.desk).await
    }

    async fn stop(&self, call: Call, handle: UpstreamHandle) -> Cancellation {
        match self.upstream(&call.credential) {
            Ok(upstream) => job::stop(&upstream, &handle).await,
            Err(_) => Cancellation::Forgotten,
        }
    }
}

impl Engine for Firefly {
    fn name(&self) -> &'static str {
        NAME
    }

    fn abilities(&self, account: &Account) -> Abilities {
        let (references, families) = match Flavour::of(&account.endpoint) {
            Ok(Flavour::Services) => (1, SERVICES_FAMILIES),
            Ok(Flavour::Web) => (MOST_REFERENCES, WEB_FAMILIES),
            // It can do nothing until it is configured rightly.
            Err(_) => return Abilities::NONE,
        };
        Abilities {
            references,
            families: Some(families),
            video_range: (families == WEB_FAMILIES).then_some(films::SORA_RANGE),
            ..Abilities::NONE
        }
    }

    fn submit(self: Arc<Self>, call: Call) -> LocalFuture<Submission> {
        Box::pin(async move { self.begin(call).await.unwrap_or_else(submission) })
    }

    fn lookup(self: Arc<Self>, _: Call) -> LocalFuture<Lookup> {
        // Neither flavour lists jobs.
        Box::pin(async { Lookup::CannotTell })
    }

    fn poll(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Polled> {
        Box::pin(async move { self.look(call, handle).await.unwrap_or_else(Polled::Unlearned) })
    }

    fn cancel(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Cancellation> {
        Box::pin(async move { self.stop(call, handle).await })
    }

    fn check(self: Arc<Self>, credential: Credential) -> LocalFuture<Result<Checkup, Fault>> {
        Box::pin(async move { checkup::check(&self.upstream(&credential)?, &self.sora).await })
    }
}
