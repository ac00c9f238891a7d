//! An engine that does what the test says, and counts.

use super::ENGINE;
use atelier_domain::{
    account::Account,
    engine::{
        Abilities, Call, Cancellation, Checkup, Credential, Engine, EngineEvent, LocalFuture, Lookup, Output,
        Polled, Submission, Task, UpstreamHandle, VideoSources,
    },
    fault::{Fault, FaultClass},
    ids::{AccountId, JobId},
    time::Millis,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};
use tokio::sync::{Semaphore, watch};

/// What a submit does.
#[derive(Debug, Clone)]
pub enum Reply {
    Accept,
    /// Accepted, to be polled at that time.
    AcceptAt(Millis),
    /// Made at once: so many outputs.
    Done(usize),
    Reject(FaultClass),
    Unknown,
    Panic,
    Hang,
    /// Waits at the gate, then does what comes next.
    Gate,
}

/// What a poll does.
#[derive(Debug, Clone)]
pub enum Look {
    /// Not yet; next time at that distance in milliseconds.
    Pending(i64),
    /// So many outputs.
    Done(usize),
    Fail(FaultClass),
    /// Tells nothing.
    Blind(FaultClass),
    Panic,
    Hang,
    /// Waits at the gate, then does what comes next.
    Gate,
    /// The upstream has finished; brings it home past the gate, then does what comes next.
    Made,
}

/// What a look at an account finds.
#[derive(Debug, Clone)]
pub enum Verdict {
    Fine(Box<Checkup>),
    Fail(FaultClass),
    Panic,
    Hang,
}

/// What happened so far.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    pub submits: Vec<(JobId, u32, AccountId)>,
    /// Length of the last prompt.
    pub prompt_bytes: usize,
    pub polls: usize,
    pub lookups: usize,
    pub cancels: usize,
    /// Submits that run now, and the most that ever ran, per account.
    pub running: HashMap<AccountId, (usize, usize)>,
}

/// The engine.
pub struct Puppet {
    pub submits: Mutex<VecDeque<Reply>>,
    pub polls: Mutex<VecDeque<Look>>,
    pub lookups: Mutex<VecDeque<Lookup>>,
    /// What looks at accounts find; well, when nothing is scripted.
    pub checks: Mutex<VecDeque<Verdict>>,
    /// The credentials that were looked at.
    pub checked: Mutex<Vec<Credential>>,
    /// What submits and polls do when nothing is scripted.
    pub usual: Mutex<(Reply, Option<Look>)>,
    pub gate: Semaphore,
    calls: watch::Sender<Calls>,
}

/// A made picture.
fn output(number: usize) -> Output {
    Output {
        bytes: vec![number as u8; 10],
        mime: "image/png",
        width: 16,
        height: 16,
        revised_prompt: None,
        companions: vec![],
        seconds: None,
        usage: None,
    }
}

fn outputs(made: usize) -> Vec<Output> {
    (0..made).map(output).collect()
}

impl Default for Puppet {
    fn default() -> Self {
        Self {
            submits: Mutex::default(),
            polls: Mutex::default(),
            lookups: Mutex::default(),
            checks: Mutex::default(),
            checked: Mutex::default(),
            usual: Mutex::new((Reply::Accept, None)),
            gate: Semaphore::new(0),
            calls: watch::Sender::new(Calls::default()),
        }
    }
}

impl Puppet {
    pub fn on_submit(&self, replies: impl IntoIterator<Item = Reply>) {
        self.submits.lock().unwrap().extend(replies);
    }

    pub fn on_poll(&self, looks: impl IntoIterator<Item = Look>) {
        self.polls.lock().unwrap().extend(looks);
    }

    pub fn on_check(&self, verdict: Verdict) {
        self.checks.lock().unwrap().push_back(verdict);
    }

    pub fn on_lookup(&self, lookup: Lookup) {
        self.lookups.lock().unwrap().push_back(lookup);
    }

    pub fn usually(&self, reply: Reply, look: Option<Look>) {
        *self.usual.lock().unwrap() = (reply, look);
    }

    pub fn calls(&self) -> Calls {
        self.calls.borrow().clone()
    }

    /// Waits until enough has happened.
    pub async fn until(&self, enough: impl FnMut(&Calls) -> bool) {
        self.calls.subscribe().wait_for(enough).await.unwrap();
    }

    async fn pass_gate(&self) {
        self.gate.acquire().await.unwrap().forget();
    }
}

struct Running<'a> {
    calls: &'a watch::Sender<Calls>,
    account: AccountId,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.calls.send_modify(|calls| calls.running.entry(self.account).or_default().0 -= 1);
    }
}

impl Engine for Puppet {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn abilities(&self, _: &Account) -> Abilities {
        Abilities {
            references: 16,
            mask: true,
            video_sources: VideoSources::File,
            relays: false,
            families: None,
            ..Abilities::NONE
        }
    }

    fn check(self: Arc<Self>, credential: Credential) -> LocalFuture<Result<Checkup, Fault>> {
        Box::pin(async move {
            self.checked.lock().unwrap().push(credential);
            let next = self.checks.lock().unwrap().pop_front();
            match next.unwrap_or_else(|| Verdict::Fine(Box::default())) {
                Verdict::Fine(checkup) => Ok(*checkup),
                Verdict::Fail(class) => Err(Fault::new(class, "scripted")),
                Verdict::Panic => panic!("scripted panic in check"),
                Verdict::Hang => std::future::pending().await,
            }
        })
    }

    fn submit(self: Arc<Self>, call: Call) -> LocalFuture<Submission> {
        Box::pin(async move {
            let account = call.credential.account;
            self.calls.send_modify(|calls| {
                calls.submits.push((call.job, call.attempt, account));
                calls.prompt_bytes = match &*call.task {
                    Task::Image(spec) => spec.prompt.len(),
                    Task::Video(spec) => spec.prompt.len(),
                };
                let (now, most) = calls.running.entry(account).or_default();
                *now += 1;
                *most = (*most).max(*now);
            });
            let _running = Running { calls: &self.calls, account };
            loop {
                let next = self.submits.lock().unwrap().pop_front();
                let reply = next.unwrap_or_else(|| self.usual.lock().unwrap().0.clone());
                let fault = |class| Fault::new(class, "scripted");
                let accepted =
                    |poll_at| Submission::Accepted { handle: serde_json::json!({"id": 1}), poll_at };
                return match reply {
                    Reply::Accept => accepted(Millis(1)),
                    Reply::AcceptAt(at) => accepted(at),
                    Reply::Done(made) => {
                        tokio::task::yield_now().await;
                        Submission::Done(outputs(made))
                    }
                    Reply::Reject(class) => Submission::Rejected(fault(class)),
                    Reply::Unknown => Submission::Unknown(fault(FaultClass::UnknownOutcome)),
                    Reply::Panic => panic!("scripted panic in submit"),
                    Reply::Hang => std::future::pending().await,
                    Reply::Gate => {
                        self.pass_gate().await;
                        continue;
                    }
                };
            }
        })
    }

    fn lookup(self: Arc<Self>, _: Call) -> LocalFuture<Lookup> {
        Box::pin(async move {
            self.calls.send_modify(|calls| calls.lookups += 1);
            self.lookups.lock().unwrap().pop_front().unwrap_or(Lookup::CannotTell)
        })
    }

    fn poll(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Polled> {
        Box::pin(async move {
            assert!(handle.is_object(), "polled without a handle");
            self.calls.send_modify(|calls| calls.polls += 1);
            loop {
                let next = self.polls.lock().unwrap().pop_front();
                let usual = self.usual.lock().unwrap().1.clone();
                let wanted = match &*call.task {
                    Task::Image(spec) => spec.n as usize,
                    Task::Video(_) => 1,
                };
                return match next.or(usual).unwrap_or(Look::Done(wanted)) {
                    Look::Pending(after) => {
                        Polled::Pending { progress: Some(40), poll_at: Millis(1_000_000_000 + after) }
                    }
                    Look::Done(made) => Polled::Done(outputs(made)),
                    Look::Fail(class) => Polled::Failed(Fault::new(class, "scripted")),
                    Look::Blind(class) => Polled::Unlearned(Fault::new(class, "scripted")),
                    Look::Panic => panic!("scripted panic in poll"),
                    Look::Hang => std::future::pending().await,
                    Look::Made => {
                        (call.events)(EngineEvent::Made);
                        self.pass_gate().await;
                        continue;
                    }
                    Look::Gate => {
                        self.pass_gate().await;
                        continue;
                    }
                };
            }
        })
    }

    fn cancel(self: Arc<Self>, _: Call, _: UpstreamHandle) -> LocalFuture<Cancellation> {
        Box::pin(async move {
            self.calls.send_modify(|calls| calls.cancels += 1);
            Cancellation::Stopped
        })
    }
}
