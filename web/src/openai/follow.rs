//! Following a job to its end as server-sent events: what every dialect shares (clients.md §10). A dialect is a [`Voice`]: it says
//! how news is put, the rest (order, heartbeats, the gateway's own end) is here.

use crate::{gateway::Gateway, problem::Problem};
use actix_web::{HttpResponse, HttpResponseBuilder, http::header, web::Bytes};
use atelier_actors::job_supervisor::{News, Watch};
use atelier_domain::{
    code::Code,
    engine::EngineEvent,
    job::{Job, JobState},
};
use futures_util::{Stream, stream};
use serde_json::Value;
use std::{collections::VecDeque, convert::Infallible, ops::Range, sync::Arc, time::Duration};
use tokio::time::Instant;

/// A silent stream is broken by proxies.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How one dialect tells what happens to a job.
pub trait Voice {
    /// What comes first.
    fn opening(&mut self, gateway: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem>;

    /// What a newer state of a job becomes that has not ended.
    fn progress(&mut self, _: &Gateway, _: &Job) -> Vec<Bytes> {
        Vec::new()
    }

    /// What is said when there was nothing to say for a while.
    fn heartbeat(&mut self, _: &Gateway, _: &Job) -> Bytes {
        ping()
    }

    /// What a preview becomes: the `index`-th of its output, from 0, as a whole file.
    fn preview(&mut self, _: &Job, _index: u8, _file: &[u8]) -> Result<Vec<Bytes>, Problem> {
        Ok(Vec::new())
    }

    /// What the `at`-th output of a completed job becomes, from 0.
    async fn output(&mut self, gateway: &Gateway, job: &Job, at: usize) -> Result<Vec<Bytes>, Problem>;

    /// What comes after the last output.
    async fn completed(&mut self, gateway: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem>;

    /// The last words of a job that did not complete, or of a stream that ends before its job.
    fn failed(&mut self, job: &Job, problem: &Problem) -> Vec<Bytes>;
}

/// A comment, which every parser passes over.
pub fn ping() -> Bytes {
    Bytes::from_static(b": hb\n\n")
}

/// One event without a name.
pub fn sse(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// One event.
pub fn frame(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// The head of every answer that is events.
pub fn streamed() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("x-accel-buffering", "no"));
    response
}

/// The response that follows a job to its end.
pub fn respond(gateway: Gateway, watch: Watch, voice: impl Voice + 'static) -> HttpResponse {
    streamed().streaming(events(gateway, watch, voice))
}

/// One stream in the figures, for as long as somebody reads it.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("atelier_streams_open").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("atelier_streams_open").decrement(1);
    }
}

struct Following<V> {
    gateway: Gateway,
    watch: Watch,
    voice: V,
    ready: VecDeque<Bytes>,
    /// The completed job, and which of its outputs are not sent yet: one event is built at a time, however many there are.
    completed: Option<(Arc<Job>, Range<usize>)>,
    /// When something was sent last.
    sent_at: Instant,
    begun: bool,
    over: bool,
    _counted: Counted,
}

fn events(
    gateway: Gateway,
    watch: Watch,
    voice: impl Voice,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let begin = Following {
        gateway,
        watch,
        voice,
        ready: VecDeque::new(),
        completed: None,
        sent_at: Instant::now(),
        begun: false,
        over: false,
        _counted: Counted::new(),
    };
    stream::unfold(begin, async |mut following| {
        let bytes = following.next().await?;
        Some((Ok(bytes), following))
    })
}

impl<V: Voice> Following<V> {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                self.sent_at = Instant::now();
                return Some(bytes);
            }
            if let Some((job, mut left)) = self.completed.take() {
                match left.next() {
                    Some(at) => {
                        let said = self.voice.output(&self.gateway, &job, at).await;
                        if self.say(said) {
                            self.completed = Some((job, left));
                        }
                    }
                    None => {
                        let said = self.voice.completed(&self.gateway, &job).await;
                        self.say(said);
                    }
                }
                continue;
            }
            if self.over {
                return None;
            }
            if self.begun { self.listen().await? } else { self.begin() }
        }
    }

    fn begin(&mut self) {
        self.begun = true;
        // Sends the headers on their way before there is anything to say.
        self.ready.push_back(Bytes::from_static(b": accepted\n\n"));
        let said = self.voice.opening(&self.gateway, &self.watch.job());
        // A job that ended just now may still have previews waiting: only one that was over is told at once.
        if self.say(said) && self.watch.is_over() {
            self.finish(self.watch.job());
        }
    }

    async fn listen(&mut self) -> Option<()> {
        let mut closing = self.gateway.closing.clone();
        let news = tokio::select! {
            news = self.watch.next() => news,
            _ = closing.wait_for(|closing| *closing) => None,
            // Counted from what was sent last: progress that is not told must not put it off.
            () = tokio::time::sleep_until(self.sent_at + HEARTBEAT) => {
                self.ready.push_back(self.voice.heartbeat(&self.gateway, &self.watch.job()));
                return Some(());
            }
        };
        match news {
            Some(News::Preview(EngineEvent::Partial { index, bytes, .. })) => {
                let said = self.voice.preview(&self.watch.job(), index, &bytes);
                self.say(said);
            }
            Some(News::Preview(EngineEvent::Progress(_) | EngineEvent::Made)) => {}
            Some(News::State(job)) if job.state.is_terminal() => self.finish(job),
            Some(News::State(job)) => self.ready.extend(self.voice.progress(&self.gateway, &job)),
            None => {
                let message = "the gateway is stopping; the job goes on after it, under the id in x-job-id";
                self.fail(&Problem::new(Code::ShuttingDown, message));
            }
        }
        Some(())
    }

    fn finish(&mut self, job: Arc<Job>) {
        self.over = true;
        if job.state == JobState::Completed {
            let all = 0..job.outputs.len();
            self.completed = Some((job, all));
        } else {
            self.fail(&Problem::of_ended(&job, self.gateway.expected_wait()));
        }
    }

    /// Whether there was something to say, and not a failure.
    fn say(&mut self, said: Result<Vec<Bytes>, Problem>) -> bool {
        match said {
            Ok(events) => self.ready.extend(events),
            Err(problem) => {
                self.fail(&problem);
                return false;
            }
        }
        true
    }

    fn fail(&mut self, problem: &Problem) {
        self.over = true;
        let said = self.voice.failed(&self.watch.job(), problem);
        self.ready.extend(said);
    }
}

/// The one form of failure that raises in every SDK, as an event of its own.
pub fn error_event(problem: &Problem) -> Value {
    let error = problem.error_object();
    serde_json::json!({ "type": "error", "message": error["message"], "code": error["code"], "error": error })
}
