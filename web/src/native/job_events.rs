//! `/v1/jobs/{id}/events`: a job's life as server-sent events, which a client whose connection broke takes up again where it was
//! (api.md §7). These are for `EventSource` and the like, and not for SDKs: every event has an id.

use super::jobs::{own, view};
use crate::{
    auth::Caller,
    gateway::Gateway,
    openai::{
        answer,
        follow::{self, Voice},
    },
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use atelier_domain::{code::Code, job::Job};
use serde_json::json;

/// Follow a job: its state now, each change, its progress, and its end, after which the stream is over. Events are named `job.queued`,
/// `job.in_progress`, `job.progress`, `job.completed`, `job.failed` and `job.cancelled`, and carry the job as `GET /v1/jobs/{id}` does.
/// Who sends the `Last-Event-ID` of the last one that arrived is not told that again, and gets 204 after the end.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job"), ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that arrived")),
    responses((status = 200, description = "An event stream"), (status = 204, description = "The end was told already: do not connect again"),
        (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn events(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = own(&gateway, &caller, &id, Code::JobNotFound)?;
    let told = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    if job.state.is_terminal() && told.as_ref() == Some(&number(&job)) {
        return Ok(HttpResponse::NoContent().finish());
    }
    let gone = || Problem::new(Code::JobNotFound, "this API key has no such job any more");
    let watch = gateway.jobs.watch(caller.0.id, job.id)?.ok_or_else(gone)?;
    let teller = Teller { gateway: gateway.get_ref().clone(), origin: answer::origin(&request), told };
    Ok(follow::respond(gateway.get_ref().clone(), watch, teller))
}

/// What an event is called to be taken up after: the state that it told of. Every state of a job that can be seen has another.
fn number(job: &Job) -> String {
    format!("{}.{}.{}", job.attempt, job.state.public(), job.progress)
}

struct Teller {
    gateway: Gateway,
    origin: String,
    /// The id of what was told last.
    told: Option<String>,
}

impl Teller {
    fn event(&mut self, job: &Job) -> Vec<Bytes> {
        let number = number(job);
        if self.told.as_ref() == Some(&number) {
            return Vec::new();
        }
        let was = self.told.as_deref().and_then(|told| told.rsplit_once('.'));
        let is_progress =
            was.is_some_and(|(state, _)| number.rsplit_once('.').is_some_and(|(now, _)| state == now));
        let name = if is_progress { "progress" } else { job.state.public() };
        let data = json!(view(&self.gateway, &self.origin, job));
        let event = format!("id: {number}\nevent: job.{name}\ndata: {data}\n\n");
        self.told = Some(number);
        vec![event.into()]
    }
}

impl Voice for Teller {
    fn opening(&mut self, _: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem> {
        // A job that is over is told at the end, and that is now.
        Ok(if job.state.is_terminal() { Vec::new() } else { self.event(job) })
    }

    fn progress(&mut self, _: &Gateway, job: &Job) -> Vec<Bytes> {
        self.event(job)
    }

    async fn output(&mut self, _: &Gateway, _: &Job, _: usize) -> Result<Vec<Bytes>, Problem> {
        Ok(Vec::new())
    }

    async fn completed(&mut self, _: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem> {
        Ok(self.event(job))
    }

    fn failed(&mut self, job: &Job, _: &Problem) -> Vec<Bytes> {
        // A gateway that stops ends the stream, and whoever connects again is told more.
        if job.state.is_terminal() { self.event(job) } else { Vec::new() }
    }
}
