//! Images as server-sent events (clients.md 4.2 and its hazard table): previews, one `completed` per image, comments as heartbeat.

use super::{answer, images::EDITS};
use crate::{gateway::Gateway, problem::Problem};
use actix_web::{HttpResponse, http::header, web::Bytes};
use atelier_actors::job_supervisor::{News, Watch};
use atelier_domain::{
    code::Code,
    engine::EngineEvent,
    image::{OutputFormat, Quality},
    job::{Job, JobState},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use std::{collections::VecDeque, convert::Infallible, ops::Range, sync::Arc, time::Duration};
use tokio::time::Instant;

/// A silent stream is broken by proxies, and a client that left is only noticed by writing to it.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The response that follows a job to its end.
pub fn respond(gateway: Gateway, watch: Watch) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events(gateway, watch))
}

struct Following {
    gateway: Gateway,
    watch: Watch,
    ready: VecDeque<Bytes>,
    /// The completed job, and which of its outputs are not sent yet: one event is built at a time, however many there are.
    completed: Option<(Arc<Job>, Range<usize>)>,
    /// When something was sent last.
    sent_at: Instant,
    begun: bool,
    over: bool,
}

fn events(gateway: Gateway, watch: Watch) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let begin = Following {
        gateway,
        watch,
        ready: VecDeque::new(),
        completed: None,
        sent_at: Instant::now(),
        begun: false,
        over: false,
    };
    stream::unfold(begin, async |mut following| {
        let bytes = following.next().await?;
        Some((Ok(bytes), following))
    })
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                self.sent_at = Instant::now();
                return Some(bytes);
            }
            if let Some((job, mut left)) = self.completed.take() {
                if let Some(at) = left.next() {
                    self.complete(&job, at).await;
                    self.completed = Some((job, left));
                }
                continue;
            }
            if self.over {
                return None;
            }
            if !self.begun {
                self.begun = true;
                // A job that ended just now may still have previews waiting: only one that was over is told at once.
                if self.watch.is_over() {
                    self.finish(self.watch.job());
                }
                // Sends the headers on their way before there is anything to say.
                self.ready.push_front(Bytes::from_static(b": accepted\n\n"));
                continue;
            }
            self.listen().await?;
        }
    }

    async fn listen(&mut self) -> Option<()> {
        let mut closing = self.gateway.closing.clone();
        let news = tokio::select! {
            news = self.watch.next() => news,
            _ = closing.wait_for(|closing| *closing) => None,
            // Counted from what was sent last: progress that is not told must not put it off.
            () = tokio::time::sleep_until(self.sent_at + HEARTBEAT) => {
                self.ready.push_back(Bytes::from_static(b": hb\n\n"));
                return Some(());
            }
        };
        match news {
            Some(News::Preview(EngineEvent::Partial { index, bytes, .. })) => {
                match preview_event(&self.watch.job(), index, &bytes) {
                    Ok(bytes) => self.ready.push_back(bytes),
                    Err(problem) => self.fail(&problem),
                }
            }
            Some(News::Preview(EngineEvent::Progress(_))) => {}
            Some(News::State(job)) if job.state.is_terminal() => self.finish(job),
            Some(News::State(_)) => {}
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

    async fn complete(&mut self, job: &Job, at: usize) {
        match self.completed_event(job, at).await {
            Ok(bytes) => self.ready.push_back(bytes),
            Err(problem) => self.fail(&problem),
        }
    }

    async fn completed_event(&self, job: &Job, at: usize) -> Result<Bytes, Problem> {
        let name = named(job, "completed");
        let mut event = described(job, &name)?;
        event["b64_json"] = answer::base64(&self.gateway, &job.outputs[at]).await?.into();
        event["usage"] = json!(answer::usage(&self.gateway, job)?);
        Ok(frame(&name, &event))
    }

    /// The one form of failure that raises in every SDK.
    fn fail(&mut self, problem: &Problem) {
        self.over = true;
        let error = problem.error_object();
        let event =
            json!({ "type": "error", "message": error["message"], "code": error["code"], "error": error });
        self.ready.push_back(frame("error", &event));
    }
}

fn preview_event(job: &Job, index: u8, bytes: &[u8]) -> Result<Bytes, Problem> {
    let name = named(job, "partial_image");
    let mut event = described(job, &name)?;
    event["partial_image_index"] = json!(index);
    event["b64_json"] = STANDARD.encode(bytes).into();
    Ok(frame(&name, &event))
}

/// The name of an event of this job: each endpoint has its own family.
fn named(job: &Job, event: &str) -> String {
    let family = if job.endpoint == EDITS { "image_edit" } else { "image_generation" };
    format!("{family}.{event}")
}

/// What every image event says. Words that strict clients do not know are `auto`.
fn described(job: &Job, kind: &str) -> Result<Value, Problem> {
    let image = answer::image_of(job)?;
    Ok(json!({
        "type": kind,
        "created_at": job.updated_at.seconds(),
        "size": answer::known_size(image).unwrap_or_else(|| "auto".to_owned()),
        "quality": answer::known_quality(image.quality).unwrap_or(Quality::Auto.word()),
        "background": image.background.word(),
        "output_format": answer::known_format(image.format).unwrap_or(OutputFormat::Png.word()),
    }))
}

fn frame(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
