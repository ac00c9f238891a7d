//! All jobs, whoever's: found, ended, done again.

use crate::{
    auth::Admin,
    gateway::Gateway,
    observe::RequestId,
    problem::{ErrorBody, JOB_ID, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use atelier_actors::job_supervisor::{Again, JobFilter};
use atelier_domain::{
    code::Code,
    ids::JobId,
    job::{Job, JobKind, JobState},
    time::Millis,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Jobs on one page at most, and when nobody says.
const MOST: usize = 500;
const USUAL: usize = 50;

/// Which jobs.
#[derive(Deserialize, IntoParams)]
pub struct Which {
    /// Of this key.
    key: Option<String>,
    /// `queued`, `in_progress`, `completed`, `failed` or `cancelled`.
    status: Option<String>,
    /// `image` or `video`.
    kind: Option<String>,
    /// For this model, by its own name.
    model: Option<String>,
    /// Done last by the account with this number.
    account: Option<u64>,
    /// How many, 1 to 500 (50).
    limit: Option<usize>,
    /// Only those before this job: `next` of the page before.
    before: Option<String>,
}

/// A job.
#[derive(Serialize, ToSchema)]
pub struct AdminJob {
    /// Which job.
    pub id: String,
    /// Always `job`.
    object: &'static str,
    /// Whose it is.
    key: String,
    /// The name of that key; null when it was deleted.
    key_name: Option<String>,
    /// The path it came in by.
    endpoint: String,
    /// `image` or `video`.
    kind: &'static str,
    /// The model's own name.
    model: String,
    /// `queued`, `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// The same more exactly: also `submitting`, `running` and `fetching`.
    state: &'static str,
    /// Percent done.
    progress: u8,
    /// The beginning of the prompt.
    prompt: String,
    /// Attempts that were begun.
    attempts: u32,
    /// The engine of the last attempt.
    engine: Option<String>,
    /// The number of the account that did it last; null when nobody had it, or that account is gone.
    account: Option<u64>,
    /// What it costs.
    price: i64,
    /// Whether it costs its key credit.
    metered: bool,
    /// What was charged.
    charged: i64,
    /// Outputs that it made.
    outputs: usize,
    /// The code that it failed with.
    error_code: Option<&'static str>,
    /// The same for people.
    error_message: Option<String>,
    /// When it was accepted, in seconds since the epoch.
    created_at: i64,
    /// When it last moved.
    updated_at: i64,
    /// When it ended.
    ended_at: Option<i64>,
    /// When it fails if it has not ended.
    deadline: i64,
    /// When it is forgotten.
    keep_until: Option<i64>,
    /// The request that made it, for the log.
    request_id: String,
}

/// A page of jobs, latest first.
#[derive(Serialize, ToSchema)]
pub struct AdminJobs {
    /// Always `list`.
    object: &'static str,
    /// The jobs.
    data: Vec<AdminJob>,
    /// Whether others may follow.
    has_more: bool,
    /// What to send as `before` for them.
    next: Option<String>,
}

/// A job as the operator sees it.
pub fn view(gateway: &Gateway, job: &Job) -> AdminJob {
    let begun = job.attempt > 0;
    AdminJob {
        id: job.id.to_string(),
        object: "job",
        key: job.key.to_string(),
        key_name: gateway.keys.get(job.key).map(|key| key.name.clone()),
        endpoint: job.endpoint.clone(),
        kind: job.work.kind().word(),
        model: job.model.clone(),
        status: job.state.public(),
        state: job.state.name(),
        progress: job.progress,
        prompt: job.work.prompt().preview.clone(),
        attempts: job.attempt,
        engine: job.current_route().filter(|_| begun).map(|route| route.engine.clone()),
        account: job.account.and_then(|id| gateway.accounts.find(id)).map(|account| account.number),
        price: job.price.total,
        metered: job.metered,
        charged: job.charged,
        outputs: job.outputs.len(),
        error_code: job.error.as_ref().map(|error| error.code.word()),
        error_message: job.error.as_ref().map(|error| error.message.clone()),
        created_at: job.created_at.seconds(),
        updated_at: job.updated_at.seconds(),
        ended_at: job.ended_at.map(Millis::seconds),
        deadline: job.deadline.seconds(),
        keep_until: job.keep_until.map(Millis::seconds),
        request_id: job.request_id.clone(),
    }
}

fn job_id(id: &str) -> Result<JobId, Problem> {
    id.parse().map_err(|_| Problem::new(Code::JobNotFound, "there is no job with this id"))
}

fn filter(gateway: &Gateway, which: &Which) -> Result<JobFilter, Problem> {
    let key = which.key.as_deref().map(str::parse).transpose();
    let key = key.map_err(|_| Problem::field("key", "key must be the id of an API key"))?;
    let is_word = |word: &String| JobState::ALL.iter().any(|state| state.public() == word);
    if which.status.as_ref().is_some_and(|word| !is_word(word)) {
        let message = "status must be queued, in_progress, completed, failed or cancelled";
        return Err(Problem::field("status", message));
    }
    let kind = match which.kind.as_deref() {
        None => None,
        Some("image") => Some(JobKind::Image),
        Some("video") => Some(JobKind::Video),
        Some(_) => return Err(Problem::field("kind", "kind must be image or video")),
    };
    let account = which.account.map(|number| gateway.accounts.get(number)).transpose()?;
    Ok(JobFilter {
        key,
        status: which.status.clone(),
        kind,
        model: which.model.clone(),
        account: account.map(|account| account.id),
    })
}

/// All jobs that are not past their retention, latest first. A page may be short, or empty, while others follow: as many rows are looked at
/// for each as is decent.
#[utoipa::path(get, path = "/api/jobs", tag = "admin: jobs", params(Which),
    responses((status = 200, description = "A page", body = AdminJobs), (status = 404, description = "`account_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn list(_: Admin, gateway: Data<Gateway>, which: Query<Which>) -> Result<HttpResponse, Problem> {
    let limit = which.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::field("limit", format!("limit must be 1 to {MOST}")));
    }
    let before = which.before.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Problem::field("before", "before must be the id of a job"))?;
    let page = gateway.jobs.search(filter(&gateway, &which)?, before, limit).await?;
    Ok(HttpResponse::Ok().json(AdminJobs {
        object: "list",
        data: page.jobs.iter().map(|job| view(&gateway, job)).collect(),
        has_more: page.next.is_some(),
        next: page.next.map(|id| id.to_string()),
    }))
}

/// One job.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "admin: jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = AdminJob), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn retrieve(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let job = gateway.jobs.find(job_id(&id)?)?;
    Ok(HttpResponse::Ok().json(view(&gateway, &job)))
}

/// End a job as far as its engine can. Nothing is charged. One that has ended stays as it is.
#[utoipa::path(post, path = "/api/jobs/{id}/cancel", tag = "admin: jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it ended", body = AdminJob), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn cancel(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let job = gateway.jobs.find(job_id(&id)?)?;
    let ended = gateway.cancel(job).await?;
    Ok(HttpResponse::Ok().json(view(&gateway, &ended)))
}

/// Do an ended job again: a new job of the same key, for the same work at the same price. The old one stays as it ended: what it says is
/// what happened, and its client may have acted on it. The key pays for what the new one makes.
#[utoipa::path(post, path = "/api/jobs/{id}/retry", tag = "admin: jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 202, description = "The new job", body = AdminJob), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 404, description = "`job_not_found`, `key_not_found`, `media_not_found`", body = ErrorBody),
        (status = 409, description = "`job_open`", body = ErrorBody)))]
pub async fn retry(
    admin: Admin,
    request: HttpRequest,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = gateway.jobs.find(job_id(&id)?)?;
    let gone = || Problem::new(Code::KeyNotFound, "the key of this job was deleted");
    let again = Again {
        key: gateway.keys.get(job.key).ok_or_else(gone)?,
        timeout: gateway.timeout(job.work.kind()),
        request_id: RequestId::of(&request),
    };
    let new = gateway.jobs.again(&job, &gateway.library, again).await?;
    let submitted = gateway.jobs.submit(new).await?;
    admin.note(format!("again as {}", submitted.id));
    let job = submitted.watch.job();
    Ok(HttpResponse::Accepted().insert_header((JOB_ID, submitted.id.to_string())).json(view(&gateway, &job)))
}
