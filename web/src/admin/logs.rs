//! What was asked and how it went: the log of requests, and the figures.

use crate::{
    auth::Admin,
    gateway::Gateway,
    moment,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use atelier_actors::request_log::{Counts, LogRow};
use atelier_domain::{ids::JobId, job::JobState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

/// Rows of the log on one page at most, and when nobody says.
const MOST: usize = 1_000;
const USUAL: usize = 100;

/// Days of figures at most.
const MOST_DAYS: u64 = 400;

/// Which rows.
#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// How many, 1 to 1000 (100).
    limit: Option<usize>,
    /// Only those before this `task_id`: the last one of the page before.
    before: Option<String>,
}

/// One job in the log.
#[derive(Serialize, ToSchema)]
pub struct LogView {
    /// A number of its own: the same while the job runs and after.
    id: u64,
    /// The job.
    task_id: String,
    /// The number of the account that did it last; null when nobody had it yet.
    token_id: Option<u64>,
    /// That account's address, as it was then.
    token_email: Option<String>,
    /// That account's public name, as it was then.
    token_username: Option<String>,
    /// Whose job it is.
    key: String,
    /// `image_generation`, `image_edit`, `video_generation`, `video_remix`, `video_edit` or `video_extension`.
    operation: &'static str,
    /// The model's own name.
    model: String,
    /// 200, the status of the error that it failed with, 499 when its owner cancelled it; −1 while it runs.
    status_code: i32,
    /// Seconds from acceptance to end; −1 while it runs.
    duration: f64,
    /// When it was accepted.
    created_at: String,
    /// JSON: `{model, prompt, has_image}`, the prompt's first 180 characters.
    request_body: String,
    /// JSON: `{task_id, status}`, and `result_urls` without signatures, or `code` and `error`; null while it runs.
    response_body: Option<String>,
    /// Percent done.
    progress: u8,
    /// `queued`, `processing`, `completed`, `failed` or `cancelled`.
    task_status: &'static str,
}

const fn status_word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Submitting | JobState::Running | JobState::Fetching => "processing",
        JobState::Completed => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

fn response(row: &LogRow) -> Option<String> {
    let urls: Vec<_> = row.files.iter().map(|file| format!("/media/{file}")).collect();
    let (task, code) = (row.job.to_string(), row.code.map(|code| code.word()));
    let body = match row.state {
        JobState::Completed => json!({ "task_id": task, "status": "success", "result_urls": urls }),
        JobState::Failed => {
            json!({ "task_id": task, "status": "failed", "code": code, "error": row.message })
        }
        JobState::Cancelled => json!({ "task_id": task, "status": "cancelled" }),
        _ => return None,
    };
    Some(body.to_string())
}

fn view(row: &LogRow) -> LogView {
    let worker = row.worker.as_ref();
    LogView {
        id: row.number(),
        task_id: row.job.to_string(),
        token_id: worker.map(|worker| worker.number),
        token_email: worker.and_then(|worker| worker.email.clone()),
        token_username: worker.and_then(|worker| worker.username.clone()),
        key: row.key.to_string(),
        operation: row.operation.word(),
        model: row.model.clone(),
        status_code: row.status(),
        duration: row.seconds(),
        created_at: moment::text(row.created_at),
        request_body: json!({ "model": row.model, "prompt": row.prompt, "has_image": row.has_image })
            .to_string(),
        response_body: response(row),
        progress: row.progress,
        task_status: status_word(row.state),
    }
}

/// What was asked and how it went, latest first: running jobs as they are now, ended ones for as long as the log is kept. Requests that
/// were refused made no job and are not here.
#[utoipa::path(get, path = "/api/logs", tag = "admin: figures", params(Page),
    responses((status = 200, description = "The rows", body = Vec<LogView>), (status = 422, description = "`bad_limit`, `bad_before`", body = ErrorBody)))]
pub async fn list(_: Admin, gateway: Data<Gateway>, page: Query<Page>) -> Result<HttpResponse, Problem> {
    let limit = page.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::field("limit", format!("limit must be 1 to {MOST}")));
    }
    let before = page.before.as_deref().map(str::parse::<JobId>).transpose();
    let before = before.map_err(|_| Problem::field("before", "before must be a task_id of this list"))?;
    // Those that run are read first: one that ends in between is seen twice rather than not at all.
    let live = gateway.jobs.live().into_iter().filter(|job| before.is_none_or(|before| job.id < before));
    let live: Vec<_> = live.take(limit).map(|job| gateway.requests.running(&job)).collect();
    let mut rows = gateway.requests.rows(before, limit)?;
    rows.extend(live);
    // The row of the end comes first among equals, since the sort is stable.
    rows.sort_by_key(|row| std::cmp::Reverse(row.job));
    rows.dedup_by_key(|row| row.job);
    Ok(HttpResponse::Ok().json(rows.iter().take(limit).map(view).collect::<Vec<_>>()))
}

/// Empty the log. The figures stay, and so do the jobs.
#[utoipa::path(delete, path = "/api/logs", tag = "admin: figures", responses((status = 200, description = "`{success, message, deleted}`")))]
pub async fn clear(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let deleted = gateway.requests.clear().await?;
    let message = format!("{deleted} rows removed");
    Ok(HttpResponse::Ok().json(json!({ "success": true, "message": message, "deleted": deleted })))
}

/// Which figures.
#[derive(Deserialize, IntoParams)]
pub struct Span {
    /// Also those of so many days up to today, 1 to 400.
    days: Option<u64>,
}

/// The figures.
#[derive(Serialize, ToSchema)]
pub struct StatsView {
    /// Accounts.
    total_tokens: usize,
    /// Accounts that are on.
    active_tokens: usize,
    /// Images that were ever made here.
    total_images: u64,
    /// Videos that were ever made here.
    total_videos: u64,
    /// Jobs that ever failed; those apart whose own content or form was refused.
    total_errors: u64,
    /// Images made today, in the configured time zone.
    today_images: u64,
    /// Videos made today.
    today_videos: u64,
    /// Jobs that failed today.
    today_errors: u64,
    /// Single days, latest first, if they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    days: Vec<DayView>,
}

/// The figures of a day.
#[derive(Serialize, ToSchema)]
pub struct DayView {
    /// Such as `2026-01-31`.
    day: String,
    /// Images made.
    images: u64,
    /// Videos made.
    videos: u64,
    /// Jobs that failed.
    errors: u64,
}

/// What was made, altogether and today. Each is counted in the transaction that ends its job: once, and never lost.
#[utoipa::path(get, path = "/api/stats", tag = "admin: figures", params(Span),
    responses((status = 200, description = "The figures", body = StatsView), (status = 422, description = "`bad_days`", body = ErrorBody)))]
pub async fn stats(_: Admin, gateway: Data<Gateway>, span: Query<Span>) -> Result<HttpResponse, Problem> {
    if span.days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        return Err(Problem::field("days", format!("days must be 1 to {MOST_DAYS}")));
    }
    let accounts = gateway.accounts.list();
    let total = gateway.requests.total()?;
    let days = gateway.requests.days(span.days.unwrap_or(1))?;
    let today = days.first().map_or_else(Counts::default, |(_, made)| *made);
    let day = |(day, made): (String, Counts)| DayView {
        day,
        images: made.images,
        videos: made.videos,
        errors: made.errors,
    };
    Ok(HttpResponse::Ok().json(StatsView {
        total_tokens: accounts.len(),
        active_tokens: accounts.iter().filter(|account| account.enabled).count(),
        total_images: total.images,
        total_videos: total.videos,
        total_errors: total.errors,
        today_images: today.images,
        today_videos: today.videos,
        today_errors: today.errors,
        days: if span.days.is_some() { days.into_iter().map(day).collect() } else { Vec::new() },
    }))
}
