//! What an engine brings to be examined.

use atelier_domain::{
    account::{Account, Credential},
    engine::{Call, Engine, EngineEvent, Polled, Submission, Task, UpstreamHandle},
    fault::FaultClass,
    image::ImageSpec,
    size::Size,
    video::VideoSpec,
};
use std::sync::{Arc, Mutex};

/// The secret of every examined account: what must never be told.
pub const SECRET: &str = "sk-secret-of-the-examined-account";

/// Something that goes wrong with the next submit of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is refused as this.
    Refused(FaultClass),
    /// It takes effect, and its answer is lost.
    AnswerLost,
}

/// What an engine can do, as far as the clauses ask.
#[derive(Debug, Clone, Copy)]
pub struct Can {
    /// It makes films.
    pub films: bool,
    /// There is somebody else who is asked: requests are counted, can be lost and refused.
    pub has_upstream: bool,
    /// Refusals that its upstream has words for.
    pub refusals: &'static [FaultClass],
}

/// One engine, with an upstream to speak to and an account there.
pub trait Subject: Sized {
    /// The engine's name.
    const NAME: &'static str;
    /// What it can do.
    const CAN: Can;

    /// Everything made anew.
    fn start() -> Self;

    /// The engine. Every call gives a new one, as after a restart: nothing may hang on what it remembers.
    fn engine(&self) -> Arc<dyn Engine>;

    /// The account, as the operator configured it.
    fn account(&self) -> Account;

    /// Its credential, with this secret.
    fn credential(&self, secret: &str) -> Credential;

    /// The upstream's name of a model for images, and of one for films.
    fn models(&self) -> (&'static str, &'static str);

    /// Makes the next submit of an image go wrong.
    fn trouble(&self, trouble: Trouble);

    /// Makes the next poll of a film tell nothing: the upstream is down for a moment.
    fn blind_poll(&self);

    /// Makes the next film fail while its upstream works on it, for no fault of the request's.
    fn fail_film(&self);

    /// How many submits have reached the upstream.
    fn submits(&self) -> u64;

    /// A simple image.
    fn image(&self) -> ImageSpec {
        ImageSpec::new(self.models().0, "a lighthouse", Size::new(1024, 1024))
    }

    /// A simple film.
    fn film(&self) -> VideoSpec {
        VideoSpec::new(self.models().1, "a lighthouse", Size::new(1280, 720), 4)
    }
}

/// A conversation with an engine, and what it reported.
pub struct Talk<'a, S> {
    subject: &'a S,
    pub seen: Arc<Mutex<Vec<EngineEvent>>>,
}

impl<'a, S: Subject> Talk<'a, S> {
    pub fn with(subject: &'a S) -> Self {
        Self { subject, seen: Arc::default() }
    }

    pub fn call(&self, task: &Task) -> Call {
        let seen = Arc::clone(&self.seen);
        Call {
            job: "job_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            attempt: 1,
            task: Arc::new(task.clone()),
            credential: self.subject.credential(SECRET),
            events: Arc::new(move |event| seen.lock().unwrap().push(event)),
        }
    }

    pub async fn submit(&self, task: &Task) -> Submission {
        self.subject.engine().submit(self.call(task)).await
    }

    pub async fn poll(&self, task: &Task, handle: &UpstreamHandle) -> Polled {
        // As it comes back from the disk.
        let handle = serde_json::from_str(&handle.to_string()).unwrap();
        self.subject.engine().poll(self.call(task), handle).await
    }

    /// What becomes of a task that was accepted, or made at once: everything that is told until the end.
    pub async fn end(&self, task: &Task) -> Polled {
        match self.submit(task).await {
            Submission::Done(outputs) => Polled::Done(outputs),
            Submission::Accepted { handle, .. } => self.end_of(task, &handle).await,
            Submission::Rejected(fault) | Submission::Unknown(fault) => Polled::Failed(fault),
        }
    }

    pub async fn end_of(&self, task: &Task, handle: &UpstreamHandle) -> Polled {
        for _ in 0..2000 {
            match self.poll(task, handle).await {
                Polled::Pending { progress, .. } => {
                    assert!(progress.is_none_or(|percent| percent < 100), "done before the end");
                    tokio::task::yield_now().await;
                }
                other => return other,
            }
        }
        panic!("{}: never done", S::NAME);
    }

    /// A film that was accepted. Engines that film make nobody wait for it.
    pub async fn begin(&self, task: &Task) -> UpstreamHandle {
        match self.submit(task).await {
            Submission::Accepted { handle, .. } => handle,
            Submission::Done(_) => panic!("{}: a film is made in one call", S::NAME),
            other => panic!("{}: {other:?}", S::NAME),
        }
    }
}
