//! The engine `sora` against the simulated upstream.

mod accounts;
mod images;
mod over;
mod refusals;
mod videos;

use atelier_actors::SystemClock;
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    engine::{Call, Engine, Output, Polled, Submission, Task, UpstreamHandle},
    image::{ImageSpec, OutputFormat},
    secret::Secret,
    size::Size,
    video::VideoSpec,
};
use atelier_providers::{
    outbound::{Outbound, OutboundConfig},
    sora::{ParseService, Sora, SoraConfig},
};
use atelier_sim::upstream::{AccountHandle, AccountSetup, Membership, Setup, Upstream};
use std::{sync::Arc, time::Duration};

const KEY: &str = "at-of-the-test-account";

struct World {
    upstream: Upstream,
    engine: Arc<Sora>,
}

impl World {
    /// An engine with a free account.
    fn new() -> Self {
        Self::of(None, false)
    }

    /// An engine with an account of the pro plan.
    fn pro() -> Self {
        Self::of(Some("chatgpt_pro"), false)
    }

    fn of(plan: Option<&str>, parses: bool) -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        let sora = Membership { plan: plan.map(str::to_owned), ..Membership::default() };
        upstream.put(KEY, AccountSetup { sora, ..AccountSetup::default() });
        let service = ParseService { url: upstream.origin(), token: Secret::new(KEY) };
        let service = Some(service).filter(|_| parses);
        let clock = Arc::new(SystemClock);
        let outbound = OutboundConfig { idle_timeout: Duration::from_secs(5), ..OutboundConfig::default() };
        let outbound = Arc::new(Outbound::new(outbound, clock.clone()).unwrap());
        let config = SoraConfig {
            poll_every: Duration::from_millis(2),
            user_agent: Some("test/1".into()),
            ..SoraConfig::default()
        };
        let engine = Sora::new(config, outbound, clock, Arc::new(move || service.clone()));
        Self { upstream, engine: Arc::new(engine) }
    }

    fn account(&self) -> AccountHandle {
        self.upstream.account(KEY)
    }

    fn credential(&self) -> Credential {
        Credential {
            account: "acc_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            endpoint: Endpoint {
                base_url: Some(format!("{}/backend", self.upstream.origin())),
                dialect: None,
            },
            secrets: Arc::new(AccountSecrets { token: Some(Secret::new(KEY)), ..AccountSecrets::default() }),
            proxy: None,
        }
    }

    fn call(&self, task: Task) -> Call {
        Call {
            job: "job_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            attempt: 1,
            task: Arc::new(task),
            credential: self.credential(),
            events: Arc::new(|_| {}),
        }
    }

    async fn submit(&self, task: Task) -> Submission {
        Arc::clone(&self.engine).submit(self.call(task)).await
    }

    async fn begin(&self, task: Task) -> UpstreamHandle {
        match self.submit(task).await {
            Submission::Accepted { handle, .. } => handle,
            other => panic!("{}", super::submitted(&other)),
        }
    }

    async fn poll(&self, task: Task, handle: &UpstreamHandle) -> Polled {
        Arc::clone(&self.engine).poll(self.call(task), handle.clone()).await
    }

    /// Polls without a pause until something else than "not yet" is said.
    async fn end(&self, task: Task, handle: &UpstreamHandle) -> Polled {
        for _ in 0..1000 {
            match self.poll(task.clone(), handle).await {
                Polled::Pending { .. } => {}
                other => return other,
            }
        }
        panic!("it is never done");
    }

    /// From the request to its files.
    async fn made(&self, task: Task) -> Vec<Output> {
        let handle = self.begin(task.clone()).await;
        done(self.end(task, &handle).await)
    }

    /// The fields of the last call to this path.
    fn sent(&self, path: &str) -> serde_json::Value {
        let seen = self.upstream.book().seen;
        let call = seen.iter().rev().find(|seen| seen.target.starts_with(path)).expect(path);
        serde_json::to_value(&call.fields).unwrap()
    }
}

fn done(answer: Polled) -> Vec<Output> {
    match answer {
        Polled::Done(outputs) => outputs,
        other => panic!("{}", super::polled(&other)),
    }
}

fn image(prompt: &str) -> ImageSpec {
    ImageSpec::new("sora-image", prompt, Size::new(1024, 1024))
}

fn video(prompt: &str) -> VideoSpec {
    VideoSpec::new("sora-2", prompt, Size::new(1280, 720), 10)
}
