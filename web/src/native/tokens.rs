//! What older clients ask of an account: what it has under way for them (api.md §8). A key sees its own jobs and nobody else's.

use crate::{
    accounts,
    auth::Caller,
    gateway::Gateway,
    native::posts::job_of,
    openai::answer,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use atelier_domain::{
    code::Code,
    job::{Job, JobKind, JobState, Work},
    size::Size,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// How older clients count the length of a video.
const FRAMES_A_SECOND: u32 = 30;

/// A job that is under way.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pending {
    /// Its id.
    #[schema(example = "task_0199abcd000070008000000000000001")]
    id: String,
    /// `queued` or `running`.
    status: &'static str,
    /// The beginning of the prompt.
    prompt: String,
    /// How far it is, 0 to 1.
    progress_pct: f64,
}

/// The same with more of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingInFull {
    /// What both forms say.
    #[serde(flatten)]
    pending: Pending,
    /// `video_gen` or `image_gen`.
    task_type: &'static str,
    /// Always null: what has failed is not under way.
    failure_reason: Option<String>,
    /// `Video Generation` or `Image Generation`.
    title: &'static str,
    /// Always empty: what is made is not under way.
    generations: Vec<Value>,
    /// What was asked for.
    #[schema(value_type = Object)]
    creation_config: Value,
}

/// Jobs that are under way.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingTasks<T> {
    /// Always true.
    success: bool,
    /// The number of the account.
    token_id: u64,
    /// How many.
    count: usize,
    /// They, the latest first.
    tasks: Vec<T>,
}

fn status(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Completed => "succeeded",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        _ => "running",
    }
}

fn pending(job: &Job) -> Pending {
    Pending {
        id: format!("task_{}", job.id.uuid().simple()),
        status: status(job.state),
        prompt: job.work.prompt().preview.clone(),
        progress_pct: f64::from(job.progress) / 100.0,
    }
}

fn in_full(job: &Job) -> PendingInFull {
    let (task_type, title) = match job.work.kind() {
        JobKind::Video => ("video_gen", "Video Generation"),
        JobKind::Image => ("image_gen", "Image Generation"),
    };
    PendingInFull {
        pending: pending(job),
        task_type,
        failure_reason: None,
        title,
        generations: Vec::new(),
        creation_config: config(job),
    }
}

fn config(job: &Job) -> Value {
    let (size, frames, style) = match &job.work {
        Work::Image(image) => (image.size, 1, &image.style),
        Work::Video(video) => (video.size, video.seconds * FRAMES_A_SECOND, &video.style),
    };
    json!({ "orientation": orientation(size), "n_frames": frames, "style": style, "model": job.model, "size": size.to_string() })
}

fn orientation(size: Size) -> &'static str {
    match size.width.cmp(&size.height) {
        std::cmp::Ordering::Greater => "landscape",
        std::cmp::Ordering::Less => "portrait",
        std::cmp::Ordering::Equal => "square",
    }
}

/// The caller's jobs that an account works on, the latest first.
async fn under_way<T>(
    gateway: &Gateway,
    caller: &Caller,
    (id, view): (&str, impl Fn(&Job) -> T),
) -> Result<PendingTasks<T>, Problem> {
    let account = accounts::find(gateway, id).await?;
    let is_meant =
        |job: &Arc<Job>| job.key == caller.0.id && job.account == Some(account.standing.account.id);
    let tasks: Vec<_> = gateway.jobs.live().iter().filter(|job| is_meant(job)).map(|job| view(job)).collect();
    Ok(PendingTasks { success: true, token_id: account.number, count: tasks.len(), tasks })
}

/// This key's jobs that an account works on.
#[utoipa::path(get, path = "/v1/tokens/{id}/pending-tasks", tag = "accounts", params(("id" = String, Path, description = "The number or id of an account")),
    responses((status = 200, description = "The jobs", body = PendingTasks<Pending>), (status = 404, description = "`token_not_found`", body = ErrorBody)))]
pub async fn pending_tasks(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(under_way(&gateway, &caller, (&id, pending)).await?))
}

/// The same with what was asked for.
#[utoipa::path(get, path = "/v1/tokens/{id}/pending-tasks-v2", tag = "accounts", params(("id" = String, Path, description = "The number or id of an account")),
    responses((status = 200, description = "The jobs", body = PendingTasks<PendingInFull>), (status = 404, description = "`token_not_found`", body = ErrorBody)))]
pub async fn pending_tasks_v2(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(under_way(&gateway, &caller, (&id, in_full)).await?))
}

/// How a job of this key is doing that was given to an account, with its results once they are there.
#[utoipa::path(get, path = "/v1/tokens/{id}/tasks/{task_id}", tag = "accounts",
    params(("id" = String, Path, description = "The number or id of an account"), ("task_id" = String, Path, description = "The job, as `task_…`, `job_…` or `video_…`")),
    responses((status = 200, description = "`{success, task}`"), (status = 404, description = "`token_not_found`, `task_not_found`", body = ErrorBody)))]
pub async fn task(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, task) = path.into_inner();
    let account = accounts::find(&gateway, &id).await?.standing.account.id;
    let unknown = || Problem::new(Code::TaskNotFound, "this API key has no such task at this account");
    let job = gateway.jobs.get(caller.0.id, job_of(&task).ok_or_else(unknown)?)?;
    let job = job.filter(|job| job.account == Some(account) && gateway.shows(job)).ok_or_else(unknown)?;
    let origin = answer::origin(&request);
    let made = job.outputs.iter().map(|output| {
        let url = gateway.links.sign(&origin, output.media, &output.mime);
        json!({ "id": output.media.to_string(), "url": url, "width": output.width, "height": output.height })
    });
    let mut view = in_full(&job);
    view.generations = made.collect();
    view.failure_reason = job.error.as_ref().map(|error| error.message.clone());
    Ok(HttpResponse::Ok().json(json!({ "success": true, "task": view })))
}
