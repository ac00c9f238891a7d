//! `/v1/tasks`: jobs as clients of older gateways poll them (api.md §4).

use super::jobs::own;
use crate::{
    auth::Caller,
    dates,
    gateway::Gateway,
    listing::{self, Listing},
    openai::answer,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use atelier_actors::job_supervisor::Listed;
use atelier_domain::{
    code::Code,
    ids::TaskId,
    job::{Job, JobState},
    time::Millis,
};
use serde::Serialize;
use utoipa::ToSchema;

/// One task.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    /// Its id.
    #[schema(example = "task_0199abcd000070008000000000000001")]
    pub task_id: String,
    /// `processing`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Percent done.
    #[schema(example = 45.0)]
    pub progress: f64,
    /// The model's own name.
    pub model: String,
    /// What was asked for.
    pub prompt: String,
    /// Links to what came out, which last an hour.
    pub result_urls: Vec<String>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// When it was accepted, in UTC.
    #[schema(example = "2026-01-15T12:00:00")]
    pub created_at: String,
    /// When it ended, in UTC.
    pub completed_at: Option<String>,
}

/// A page of tasks.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskList {
    /// Always `list`.
    object: &'static str,
    /// The tasks.
    data: Vec<TaskView>,
    /// The first of them.
    first_id: Option<String>,
    /// The last of them: `after` for the next page.
    last_id: Option<String>,
    /// Whether there are more.
    has_more: bool,
}

/// A date without a zone, as these clients read it.
fn date(at: Millis) -> String {
    dates::iso(at).trim_end_matches('Z').to_owned()
}

/// A job as a task.
pub fn view(gateway: &Gateway, origin: &str, job: &Job) -> TaskView {
    let prompt = job.work.prompt();
    let links = job.outputs.iter().map(|output| gateway.links.sign(origin, output.media, &output.mime));
    TaskView {
        task_id: TaskId::from_uuid(job.id.uuid()).to_string(),
        status: match job.state {
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            _ => "processing",
        },
        progress: f64::from(job.progress),
        model: job.model.clone(),
        prompt: prompt.text.clone().unwrap_or_else(|| prompt.preview.clone()),
        result_urls: links.collect(),
        error_message: job.error.as_ref().map(|error| error.message.clone()),
        created_at: date(job.created_at),
        completed_at: job.ended_at.map(date),
    }
}

/// This key's tasks: all of its jobs.
#[utoipa::path(get, path = "/v1/tasks", tag = "tasks", params(Listing),
    responses((status = 200, description = "A page of tasks", body = TaskList), (status = 422, description = "`bad_after`, `bad_order`", body = ErrorBody)))]
pub async fn list(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    asked: Query<Listing>,
) -> Result<HttpResponse, Problem> {
    let page = listing::page(&gateway, &caller, Listed::All, &asked)?;
    let origin = answer::origin(&request);
    let data: Vec<_> = page.jobs.iter().map(|job| view(&gateway, &origin, job)).collect();
    let id = |task: Option<&TaskView>| task.map(|task| task.task_id.clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    let list = TaskList { object: "list", data, first_id, last_id, has_more: page.has_more };
    Ok(HttpResponse::Ok().json(list))
}

/// How a task is doing, with its links once it is completed.
#[utoipa::path(get, path = "/v1/tasks/{id}", tag = "tasks", params(("id" = String, Path, description = "The task")),
    responses((status = 200, description = "The task", body = TaskView), (status = 404, description = "`task_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = own(&gateway, &caller, &id, Code::TaskNotFound)?;
    Ok(HttpResponse::Ok().json(view(&gateway, &answer::origin(&request), &job)))
}
