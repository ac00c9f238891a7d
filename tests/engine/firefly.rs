//! The engine `firefly` against its simulated upstream, in both flavours.

mod accounts;
mod films;
mod pictures;
mod troubles;

use crate::{polled, submitted};
use atelier_actors::SystemClock;
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    engine::{Call, Engine, Output, Polled, Submission, Task, UpstreamHandle},
    fault::Fault,
    image::{ImageSpec, OutputFormat, Quality, ReferenceUsage},
    reference::{Picture, References},
    secret::Secret,
    size::Size,
    video::VideoSpec,
};
use atelier_providers::{
    firefly::{Firefly, FireflyConfig},
    outbound::{Outbound, OutboundConfig},
};
use atelier_sim::upstream::{AccountSetup, Op, Seen, Setup, Upstream};
use std::{path::Path, sync::Arc, time::Duration};

const FIRST: &str = "token-of-the-first-account";
const SECOND: &str = "token-of-the-second-account";
const MACHINE: &str = "token-of-the-machine-account";
const CLIENT: &str = "client-of-the-machine-account";

struct World {
    upstream: Upstream,
    engine: Arc<Firefly>,
}

/// Settings that lead to this upstream alone.
pub(crate) fn config(origin: &str) -> FireflyConfig {
    FireflyConfig {
        services_url: origin.to_owned(),
        web_url: origin.to_owned(),
        token_url: format!("{origin}/ims/token/v3"),
        check_url: format!("{origin}/ims/check/v6/token"),
        profile_url: format!("{origin}/ims/profile/v1"),
        balance_url: format!("{origin}/v1/credits/balance"),
        poll_every: Duration::from_millis(1),
        timeout: Duration::from_secs(60),
        ..FireflyConfig::default()
    }
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut FireflyConfig)) -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        upstream.account(FIRST);
        upstream.account(SECOND);
        let machine = AccountSetup { client_id: Some(CLIENT.into()), ..AccountSetup::default() };
        upstream.put(MACHINE, machine);
        let clock = Arc::new(SystemClock);
        let bounds = OutboundConfig::default();
        let outbound = Arc::new(Outbound::new(bounds, clock.clone()).unwrap());
        let mut config = config(&upstream.origin());
        change(&mut config);
        Self { upstream, engine: Arc::new(Firefly::new(config, outbound, clock)) }
    }

    fn credential(token: &str) -> Credential {
        let is_machine = token == MACHINE;
        let secrets = AccountSecrets {
            token: Some(Secret::new(token)),
            client_id: is_machine.then(|| Secret::new(CLIENT)),
            ..AccountSecrets::default()
        };
        let account = match token {
            SECOND => "acc_0191b2c3d4e57f60a1b2c3d4e5f60719",
            _ => "acc_0191b2c3d4e57f60a1b2c3d4e5f60718",
        };
        let dialect = (!is_machine).then(|| "web".to_owned());
        Credential {
            account: account.parse().unwrap(),
            endpoint: Endpoint { base_url: None, dialect },
            secrets: Arc::new(secrets),
            proxy: None,
        }
    }

    fn call(token: &str, task: &Task) -> Call {
        Call {
            job: "job_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            attempt: 1,
            task: Arc::new(task.clone()),
            credential: Self::credential(token),
            events: Arc::new(|_| {}),
        }
    }

    async fn submit(&self, token: &str, task: &Task) -> Submission {
        Arc::clone(&self.engine).submit(Self::call(token, task)).await
    }

    async fn begin(&self, token: &str, task: &Task) -> UpstreamHandle {
        match self.submit(token, task).await {
            Submission::Accepted { handle, .. } => handle,
            other => panic!("{}", submitted(&other)),
        }
    }

    /// The fault of a submit, and whether its outcome is unknown.
    async fn fault(&self, token: &str, task: &Task) -> (Fault, bool) {
        match self.submit(token, task).await {
            Submission::Rejected(fault) => (fault, false),
            Submission::Unknown(fault) => (fault, true),
            other => panic!("{}", submitted(&other)),
        }
    }

    async fn poll(&self, token: &str, task: &Task, handle: &UpstreamHandle) -> Polled {
        Arc::clone(&self.engine).poll(Self::call(token, task), handle.clone()).await
    }

    /// Polls without a pause until something else than "not yet" is said.
    async fn end(&self, token: &str, task: &Task, handle: &UpstreamHandle) -> Polled {
        for _ in 0..1000 {
            match self.poll(token, task, handle).await {
                Polled::Pending { .. } => {}
                other => return other,
            }
        }
        panic!("the job is never done");
    }

    async fn outputs(&self, token: &str, task: &Task) -> Vec<Output> {
        let handle = self.begin(token, task).await;
        match self.end(token, task, &handle).await {
            Polled::Done(outputs) => outputs,
            other => panic!("{}", polled(&other)),
        }
    }

    fn count(&self, token: &str, op: Op) -> (u64, u64) {
        let book = self.upstream.account(token).book();
        (book.arrived(op), book.accepted(op))
    }

    /// The last calls to a path that begins like this.
    fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.upstream.book().seen;
        seen.into_iter().filter(|seen| seen.target.starts_with(path)).collect()
    }
}

fn image(model: &str) -> ImageSpec {
    ImageSpec::new(model, "a fox", Size::new(1024, 1024))
}

fn video(model: &str, seconds: u32) -> VideoSpec {
    VideoSpec::new(model, "a fox", Size::new(1280, 720), seconds)
}

fn picture(folder: &Path, name: &str, (width, height): (u32, u32)) -> Picture {
    let path = folder.join(name);
    image::RgbImage::from_pixel(width, height, image::Rgb([200, 10, 10])).save(&path).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    Picture { path, mime: "image/png".into(), bytes, size: Size::new(width, height) }
}

fn references(images: Vec<Picture>) -> References<Picture> {
    References { images, mask: None, markup: None, usage: ReferenceUsage::Subject, fidelity: None }
}
