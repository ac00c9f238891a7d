//! The engines `openai`, `firefly` and `sora` against simulated upstreams: what one of us reads into a wire is held against what another does. Real
//! sockets, every dialect, no gateway between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod firefly;
mod images;
mod keeping;
mod refusals;
mod renewals;
mod sora;
mod videos;

use atelier_actors::SystemClock;
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    engine::{Call, Engine, EngineEvent, Output, Polled, Submission, Task, UpstreamHandle},
    image::{ImageSpec, OutputFormat},
    secret::Secret,
    size::Size,
    video::VideoSpec,
};
use atelier_providers::{
    openai::{OpenAi, OpenAiConfig},
    outbound::{Outbound, OutboundConfig},
};
use atelier_sim::upstream::{Dialect, Setup, Upstream};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Every dialect, and our name for it.
const DIALECTS: [(Dialect, &str); 7] = [
    (Dialect::Openai, "openai"),
    (Dialect::Azure, "azure"),
    (Dialect::Sglang, "sglang"),
    (Dialect::VllmOmni, "vllm-omni"),
    (Dialect::SdServer, "sd-server"),
    (Dialect::Localai, "localai"),
    (Dialect::Relay, "relay"),
];

const KEY: &str = "sk-of-the-test-account";

struct World {
    upstream: Upstream,
    engine: Arc<OpenAi>,
    dialect: &'static str,
    seen: Arc<Mutex<Vec<EngineEvent>>>,
}

impl World {
    /// An engine with an account at an upstream of this dialect.
    fn of(dialect: Dialect) -> Self {
        Self::with(dialect, OpenAiConfig::default())
    }

    fn with(dialect: Dialect, config: OpenAiConfig) -> Self {
        let upstream = Upstream::start(Setup::default().speaking(dialect)).unwrap();
        upstream.account(KEY);
        let clock = Arc::new(SystemClock);
        let outbound = OutboundConfig { idle_timeout: Duration::from_secs(5), ..OutboundConfig::default() };
        let outbound = Arc::new(Outbound::new(outbound, clock.clone()).unwrap());
        let name = DIALECTS.iter().find(|(known, _)| *known == dialect).unwrap().1;
        Self {
            upstream,
            engine: Arc::new(OpenAi::new(config, outbound, clock)),
            dialect: name,
            seen: Arc::default(),
        }
    }

    fn credential(&self) -> Credential {
        let base = if self.dialect == "azure" { "/openai/v1" } else { "/v1" };
        Credential {
            account: "acc_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            endpoint: Endpoint {
                base_url: Some(format!("{}{base}", self.upstream.origin())),
                dialect: Some(self.dialect.to_owned()),
            },
            secrets: Arc::new(AccountSecrets { token: Some(Secret::new(KEY)), ..AccountSecrets::default() }),
            proxy: None,
        }
    }

    fn call(&self, task: Task) -> Call {
        let seen = Arc::clone(&self.seen);
        Call {
            job: "job_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            attempt: 1,
            task: Arc::new(task),
            credential: self.credential(),
            events: Arc::new(move |event| seen.lock().unwrap().push(event)),
        }
    }

    async fn submit(&self, task: Task) -> Submission {
        Arc::clone(&self.engine).submit(self.call(task)).await
    }

    async fn images(&self, spec: ImageSpec) -> Vec<Output> {
        match self.submit(Task::Image(spec)).await {
            Submission::Done(outputs) => outputs,
            other => panic!("{}: {}", self.dialect, submitted(&other)),
        }
    }

    async fn begin(&self, spec: &VideoSpec) -> UpstreamHandle {
        match self.submit(Task::Video(spec.clone())).await {
            Submission::Accepted { handle, .. } => handle,
            other => panic!("{}: {}", self.dialect, submitted(&other)),
        }
    }

    async fn poll(&self, spec: &VideoSpec, handle: &UpstreamHandle) -> Polled {
        Arc::clone(&self.engine).poll(self.call(Task::Video(spec.clone())), handle.clone()).await
    }

    /// Polls without a pause until something else than "not yet" is said.
    async fn end(&self, spec: &VideoSpec, handle: &UpstreamHandle) -> Polled {
        for _ in 0..1000 {
            match self.poll(spec, handle).await {
                Polled::Pending { .. } => {}
                other => return other,
            }
        }
        panic!("{}: the video is never done", self.dialect);
    }

    fn model(&self, kind: &str) -> String {
        match (self.dialect, kind) {
            ("openai" | "azure" | "relay", "image") => "gpt-image-2".into(),
            ("openai" | "azure" | "relay", _) => "sora-2".into(),
            ("sglang", _) => "Wan-AI/Wan2.2-T2V-A14B-Diffusers".into(),
            ("vllm-omni", _) => "MiniMaxAI/MiniMax-H3".into(),
            ("sd-server", _) => "sd-cpp-local".into(),
            _ => "flux.1-dev".into(),
        }
    }

    fn image(&self, prompt: &str) -> ImageSpec {
        ImageSpec::new(self.model("image"), prompt, Size::new(1024, 1024))
    }

    fn video(&self, prompt: &str) -> VideoSpec {
        VideoSpec::new(self.model("video"), prompt, Size::new(1280, 720), 4)
    }

    fn films(&self) -> bool {
        !matches!(self.dialect, "sd-server" | "localai")
    }
}

/// What was said, without files.
fn submitted(submission: &Submission) -> String {
    match submission {
        Submission::Done(outputs) => format!("done: {} outputs", outputs.len()),
        other => format!("{other:?}"),
    }
}

/// The same of a poll.
fn polled(polled: &Polled) -> String {
    match polled {
        Polled::Done(outputs) => format!("done: {} outputs", outputs.len()),
        other => format!("{other:?}"),
    }
}
