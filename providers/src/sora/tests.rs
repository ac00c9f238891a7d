//! The engine against an upstream on loopback. Whole stories are told against the simulated upstream, in `tests/engine`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod calls;
mod refusals;

use super::{ParseService, Sora, SoraConfig};
use crate::{
    doubles::{Double, ManualClock},
    http::{public_roots, tls_config},
    outbound::{Outbound, OutboundConfig},
};
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    engine::{Call, Engine, Submission, Task, UpstreamHandle},
    ids::{AccountId, JobId},
    image::ImageSpec,
    secret::Secret,
    size::Size,
    video::VideoSpec,
};
use std::sync::Arc;
use uuid::Uuid;

const KEY: &str = "eyJplanted.secret";

struct World {
    engine: Arc<Sora>,
    clock: Arc<ManualClock>,
}

impl World {
    fn new(config: SoraConfig) -> Self {
        Self::with(config, None)
    }

    fn with(config: SoraConfig, service: Option<ParseService>) -> Self {
        let clock = Arc::new(ManualClock::default());
        let tls = tls_config(public_roots(), &["http/1.1"]).unwrap();
        let outbound = Arc::new(Outbound::with_tls(OutboundConfig::default(), clock.clone(), tls));
        let engine = Sora::new(config, outbound, clock.clone(), Arc::new(move || service.clone()));
        Self { engine: Arc::new(engine), clock }
    }

    async fn submit(&self, task: Task, upstream: &Double) -> Submission {
        Arc::clone(&self.engine).submit(call(task, upstream)).await
    }

    async fn handle(&self, task: Task, upstream: &Double) -> UpstreamHandle {
        match self.submit(task, upstream).await {
            Submission::Accepted { handle, .. } => handle,
            other => panic!("{other:?}"),
        }
    }
}

fn call(task: Task, upstream: &Double) -> Call {
    Call {
        job: JobId::from_uuid(Uuid::from_u128(7)),
        attempt: 2,
        task: Arc::new(task),
        credential: credential(Some(upstream.url("/backend"))),
        events: Arc::new(|_| {}),
    }
}

fn credential(base_url: Option<String>) -> Credential {
    let secrets = AccountSecrets { token: Some(Secret::new(KEY)), ..AccountSecrets::default() };
    let endpoint = Endpoint { base_url, dialect: None };
    Credential {
        account: AccountId::from_uuid(Uuid::from_u128(1)),
        endpoint,
        secrets: Arc::new(secrets),
        proxy: None,
    }
}

pub(super) fn image() -> ImageSpec {
    ImageSpec::new("sora-image", "a fox", Size::new(1024, 1024))
}

pub(super) fn video() -> VideoSpec {
    VideoSpec::new("sora-2", "a fox", Size::new(1280, 720), 10)
}
