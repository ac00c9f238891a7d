//! The engine against upstreams on loopback that speak each dialect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod edits;
mod generations;
mod refusals;
mod streams;
mod videos;

use super::{OpenAi, OpenAiConfig};
use crate::{
    doubles::{Double, ManualClock},
    http::{public_roots, tls_config},
    outbound::{Outbound, OutboundConfig},
};
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    engine::{Call, Engine, EngineEvent, Submission, Task, UpstreamHandle},
    fault::Fault,
    ids::{AccountId, JobId},
    image::{ImageSpec, OutputFormat},
    secret::Secret,
    size::Size,
    time::Millis,
    video::VideoSpec,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::{
    io::Cursor,
    sync::{Arc, Mutex},
};
use uuid::Uuid;

const KEY: &str = "sk-planted-secret";

struct World {
    engine: Arc<OpenAi>,
    clock: Arc<ManualClock>,
    seen: Arc<Mutex<Vec<EngineEvent>>>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let tls = tls_config(public_roots(), &["http/1.1"]).unwrap();
        let outbound = Arc::new(Outbound::with_tls(OutboundConfig::default(), clock.clone(), tls));
        let engine = Arc::new(OpenAi::new(OpenAiConfig::default(), outbound, clock.clone()));
        Self { engine, clock, seen: Arc::default() }
    }

    fn call(&self, task: Task, upstream: &Double, dialect: &str) -> Call {
        let seen = Arc::clone(&self.seen);
        Call {
            job: JobId::from_uuid(Uuid::from_u128(7)),
            attempt: 1,
            task: Arc::new(task),
            credential: credential(&upstream.url("/v1"), Some(dialect)),
            events: Arc::new(move |event| seen.lock().unwrap().push(event)),
        }
    }

    async fn submit(&self, task: Task, upstream: &Double, dialect: &str) -> Submission {
        Arc::clone(&self.engine).submit(self.call(task, upstream, dialect)).await
    }

    /// The files that a request for images ends with.
    async fn images(
        &self,
        spec: ImageSpec,
        upstream: &Double,
        dialect: &str,
    ) -> Vec<atelier_domain::engine::Output> {
        match self.submit(Task::Image(spec), upstream, dialect).await {
            Submission::Done(outputs) => outputs,
            other => panic!("{other:?}"),
        }
    }

    /// The fault that a submit ends with, and whether its outcome is unknown.
    async fn fault(&self, task: Task, upstream: &Double, dialect: &str) -> (Fault, bool) {
        match self.submit(task, upstream, dialect).await {
            Submission::Rejected(fault) => (fault, false),
            Submission::Unknown(fault) => (fault, true),
            other => panic!("{other:?}"),
        }
    }

    async fn handle(&self, spec: VideoSpec, upstream: &Double, dialect: &str) -> UpstreamHandle {
        match self.submit(Task::Video(spec), upstream, dialect).await {
            Submission::Accepted { handle, .. } => handle,
            other => panic!("{other:?}"),
        }
    }
}

fn credential(base: &str, dialect: Option<&str>) -> Credential {
    let secrets = AccountSecrets { token: Some(Secret::new(KEY)), ..AccountSecrets::default() };
    let endpoint = Endpoint { base_url: Some(base.to_owned()), dialect: dialect.map(str::to_owned) };
    let account = AccountId::from_uuid(Uuid::from_u128(1));
    Credential { account, endpoint, secrets: Arc::new(secrets), proxy: None }
}

fn spec() -> ImageSpec {
    ImageSpec::new("m", "a fox", Size::new(1024, 1024))
}

fn video() -> VideoSpec {
    VideoSpec::new("sora-2", "a fox", Size::new(1280, 720), 4)
}

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 90]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Width, height and format of a file, as the image crate reads it.
fn read(bytes: &[u8]) -> (u32, u32, ImageFormat) {
    let picture = image::load_from_memory(bytes).unwrap();
    (picture.width(), picture.height(), image::guess_format(bytes).unwrap())
}

const EPOCH: Millis = Millis(0);
