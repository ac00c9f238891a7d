//! The engine under a clock that the test owns.

use super::super::{Studio, StudioConfig};
use atelier_domain::{
    engine::{
        Call, Credential, Engine, EngineEvent, Lookup, Output, Polled, Submission, Task, UpstreamHandle,
    },
    fault::{Fault, FaultClass},
    ids::{AccountId, JobId},
    image::ImageSpec,
    size::Size,
    time::{Clock, Millis},
};
use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, _at: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        panic!("the engine never waits")
    }
}

pub(super) struct Bench {
    pub(super) engine: Arc<Studio>,
    clock: Arc<Hand>,
    pub(super) events: Arc<Mutex<Vec<EngineEvent>>>,
}

impl Bench {
    pub(super) fn new(latency_ms: u64, faults: bool) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(1_000_000)));
        let config = StudioConfig { latency_ms, faults, render_threads: 2, ..StudioConfig::default() };
        let engine = Arc::new(Studio::new(config, Arc::clone(&clock) as Arc<dyn Clock>).unwrap());
        Self { engine, clock, events: Arc::default() }
    }

    pub(super) fn call(&self, spec: ImageSpec, attempt: u32) -> Call {
        let events = Arc::clone(&self.events);
        let id = uuid::Uuid::nil();
        Call {
            job: JobId::from_uuid(id),
            attempt,
            task: Arc::new(Task::Image(spec)),
            credential: Credential::bare(AccountId::from_uuid(id)),
            events: Arc::new(move |event| events.lock().unwrap().push(event)),
        }
    }

    async fn submit(&self, prompt: &str, attempt: u32) -> Submission {
        Arc::clone(&self.engine).submit(self.call(spec(prompt), attempt)).await
    }

    pub(super) async fn accepted(&self, spec: ImageSpec) -> (UpstreamHandle, Millis) {
        match Arc::clone(&self.engine).submit(self.call(spec, 1)).await {
            Submission::Accepted { handle, poll_at } => (handle, poll_at),
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn poll(&self, spec: ImageSpec, handle: &UpstreamHandle) -> Polled {
        Arc::clone(&self.engine).poll(self.call(spec, 1), handle.clone()).await
    }

    pub(super) async fn outputs(&self, spec: ImageSpec) -> Vec<Output> {
        let (handle, _) = self.accepted(spec.clone()).await;
        match self.poll(spec, &handle).await {
            Polled::Done(outputs) => outputs,
            other => panic!("{other:?}"),
        }
    }

    fn pass(&self, span: Duration) {
        self.clock.0.fetch_add(span.as_millis() as i64, Ordering::Relaxed);
    }
}

pub(super) fn spec(prompt: &str) -> ImageSpec {
    ImageSpec::new("gpt-image-2", prompt, Size::new(64, 48))
}

pub(super) fn rejected(submission: Submission) -> Fault {
    match submission {
        Submission::Rejected(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn polls_follow_the_clock_and_end_exactly_at_the_latency() {
    let bench = Bench::new(2500, false);
    let start = bench.clock.now();
    let (handle, first) = bench.accepted(spec("fox")).await;
    assert_eq!(first.since(start).as_millis(), 1000);
    let mut seen = Vec::new();
    loop {
        match bench.poll(spec("fox"), &handle).await {
            Polled::Pending { progress, poll_at } => {
                let now = bench.clock.now();
                seen.push((now.since(start).as_millis(), progress.unwrap()));
                bench.pass(poll_at.since(now));
            }
            Polled::Done(outputs) => break assert_eq!(outputs.len(), 1),
            Polled::Failed(fault) | Polled::Unlearned(fault) => panic!("{fault:?}"),
        }
    }
    assert_eq!(seen, [(0, 0), (1000, 40), (2000, 80)]);
    assert_eq!(bench.clock.now().since(start).as_millis(), 2500);
}

#[tokio::test]
async fn a_handle_survives_a_restart_and_gives_the_same_bytes() {
    let before = Bench::new(0, false);
    let (handle, _) = before.accepted(spec("fox")).await;
    let drawn = before.outputs(spec("fox")).await;
    let after = Bench::new(99_999, false);
    after.pass(Duration::from_secs(1));
    match after.poll(spec("fox"), &handle).await {
        Polled::Done(outputs) => assert!(outputs == drawn),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn n_outputs_come_in_order_and_differ() {
    let bench = Bench::new(0, false);
    let outputs = bench.outputs(ImageSpec { n: 3, ..spec("fox") }).await;
    let single = bench.outputs(spec("fox")).await;
    assert_eq!(outputs.len(), 3);
    assert!(
        outputs[0] == single[0]
            && outputs[0].bytes != outputs[1].bytes
            && outputs[1].bytes != outputs[2].bytes
    );
    assert!(outputs.iter().all(|out| (out.width, out.height, out.mime) == (64, 48, "image/png")));
}

#[tokio::test]
async fn previews_are_reported_in_order_for_each_output() {
    let bench = Bench::new(0, false);
    bench.outputs(ImageSpec { n: 2, partial_images: 2, ..spec("fox") }).await;
    let events = bench.events.lock().unwrap();
    for wanted in 0..2 {
        let indices: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                EngineEvent::Partial { output, index, bytes } if *output == wanted => {
                    image::load_from_memory(bytes).unwrap();
                    Some(*index)
                }
                _ => None,
            })
            .collect();
        assert_eq!(indices, [0, 1]);
    }
}

#[tokio::test]
async fn scripted_faults_come_as_the_kind_of_answer_they_are() {
    let bench = Bench::new(0, true);
    for class in FaultClass::ALL {
        let prompt = format!("fox [[fault:{}]]", class.name());
        match (class, bench.submit(&prompt, 1).await) {
            (FaultClass::UnknownOutcome, Submission::Unknown(fault)) => assert_eq!(fault.class, class),
            (FaultClass::JobLost, Submission::Accepted { handle, .. }) => {
                match bench.poll(spec(&prompt), &handle).await {
                    Polled::Failed(fault) => assert_eq!(fault.class, class),
                    other => panic!("{other:?}"),
                }
            }
            (_, submission) => assert_eq!(rejected(submission).class, class),
        }
    }
}

#[tokio::test]
async fn counted_faults_let_later_attempts_through_and_leave_the_words_out() {
    let bench = Bench::new(0, true);
    let prompt = "fox[[fault:overloaded*2]]";
    for attempt in [1, 2] {
        let fault = rejected(bench.submit(prompt, attempt).await);
        assert_eq!((fault.class, fault.retry_at.is_some()), (FaultClass::Overloaded, true));
    }
    assert!(matches!(bench.submit(prompt, 3).await, Submission::Accepted { .. }));
    let delayed = bench.outputs(spec("fox[[delay:0]]")).await;
    assert!(delayed == bench.outputs(spec("fox")).await, "the words are not drawn");
}

#[tokio::test]
async fn without_the_switch_the_words_are_only_drawn() {
    let bench = Bench::new(0, false);
    let outputs = bench.outputs(spec("fox [[fault:panic]] [[delay:60000]]")).await;
    assert!(outputs != bench.outputs(spec("fox")).await);
}

#[tokio::test]
async fn a_scripted_panic_is_a_real_one() {
    use futures_util::FutureExt;
    let bench = Bench::new(0, true);
    let caught = AssertUnwindSafe(bench.submit("[[fault:panic]]", 1)).catch_unwind().await;
    assert!(caught.is_err());
}

#[tokio::test]
async fn a_lost_submit_may_be_sent_again_unless_the_script_says_otherwise() {
    let bench = Bench::new(0, true);
    let look = |prompt: &str| Arc::clone(&bench.engine).lookup(bench.call(spec(prompt), 1));
    assert!(matches!(look("fox").await, Lookup::NeverArrived));
    assert!(matches!(look("[[fault:unknown-outcome]]").await, Lookup::CannotTell));
}

#[tokio::test]
async fn what_cannot_be_drawn_or_polled_is_a_typed_fault() {
    let bench = Bench::new(0, false);
    let huge = ImageSpec { size: Size::new(5000, 16), ..spec("fox") };
    let fault = rejected(Arc::clone(&bench.engine).submit(bench.call(huge, 1)).await);
    assert_eq!(fault.class, FaultClass::Invalid);
    match bench.poll(spec("fox"), &serde_json::json!({"task": 7})).await {
        Polled::Failed(fault) => assert_eq!(fault.class, FaultClass::JobLost),
        other => panic!("{other:?}"),
    }
}
