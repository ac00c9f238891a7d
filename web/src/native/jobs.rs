//! `/v1/jobs`: every job of a key, whatever endpoint it came in by, in one shape (api.md §7).

use crate::{
    auth::Caller,
    gateway::Gateway,
    listing::{self, Listing},
    openai::{answer, job_view::JobErrorView},
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use atelier_actors::job_supervisor::Listed;
use atelier_domain::{
    code::Code,
    ids::MediaId,
    job::{Job, JobOutput},
    media::Variant,
    remix::Target,
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// One job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    #[schema(example = "job_0199abcd000070008000000000000001")]
    pub id: String,
    /// Always `job`.
    pub object: &'static str,
    /// What it makes: `image` or `video`.
    pub kind: &'static str,
    /// `queued`, `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Percent done; 100 only when it is completed.
    pub progress: u8,
    /// The model's own name.
    pub model: String,
    /// The path that it came in by.
    pub endpoint: String,
    /// The beginning of the prompt.
    pub prompt_preview: String,
    /// When it was accepted, in seconds since the epoch.
    pub created: i64,
    /// When it last changed.
    pub updated: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// The price, in credits.
    pub price: i64,
    /// What was charged: nothing before it is completed.
    pub charged: i64,
    /// What came out.
    pub outputs: Vec<OutputView>,
    /// Why it failed.
    pub error: Option<JobErrorView>,
}

/// One result.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutputView {
    /// A link that lasts an hour.
    pub url: String,
    /// Its media type.
    pub mime: String,
    /// Its length.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The thumbnail of a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnail_url: Option<String>,
    /// The sheet of a video's frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spritesheet_url: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// Always `list`.
    object: &'static str,
    /// The jobs.
    data: Vec<JobView>,
    /// The first of them.
    first_id: Option<String>,
    /// The last of them: `after` for the next page.
    last_id: Option<String>,
    /// Whether there are more.
    has_more: bool,
}

/// A job as its owner sees it, with links for a client that reached us at `origin`.
pub fn view(gateway: &Gateway, origin: &str, job: &Job) -> JobView {
    JobView {
        id: job.id.to_string(),
        object: "job",
        kind: job.work.kind().word(),
        status: job.state.public(),
        progress: job.progress,
        model: job.model.clone(),
        endpoint: job.endpoint.clone(),
        prompt_preview: job.work.prompt().preview.clone(),
        created: job.created_at.seconds(),
        updated: job.updated_at.seconds(),
        ended: job.ended_at.map(|at| at.seconds()),
        price: job.price.total,
        charged: job.charged,
        outputs: job.outputs.iter().map(|output| output_view(gateway, origin, output)).collect(),
        error: job
            .error
            .as_ref()
            .map(|error| JobErrorView { code: error.code.word(), message: error.message.clone() }),
    }
}

fn output_view(gateway: &Gateway, origin: &str, output: &JobOutput) -> OutputView {
    let link = |media: MediaId, mime: &str| gateway.links.sign(origin, media, mime);
    let companion = |variant: Variant| {
        let found = output.companions.iter().find(|one| one.variant == variant);
        found.map(|one| link(one.media, &one.mime))
    };
    OutputView {
        url: link(output.media, &output.mime),
        mime: output.mime.clone(),
        bytes: output.bytes,
        width: output.width,
        height: output.height,
        thumbnail_url: companion(Variant::Thumbnail),
        spritesheet_url: companion(Variant::Spritesheet),
    }
}

/// The caller's own job, by any form of its id. `unknown` is said of one that is not there.
pub fn own(gateway: &Gateway, caller: &Caller, id: &str, unknown: Code) -> Result<Arc<Job>, Problem> {
    let unknown = || Problem::new(unknown, "this API key has no such job, or it is past its retention");
    let target = Target::parse(id).ok_or_else(unknown)?;
    let job = gateway.jobs.get(caller.0.id, target.job())?.ok_or_else(unknown)?;
    if gateway.shows(&job) { Ok(job) } else { Err(unknown()) }
}

/// This key's jobs.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(Listing),
    responses((status = 200, description = "A page of jobs", body = JobList), (status = 422, description = "`bad_after`, `bad_order`", body = ErrorBody)))]
pub async fn list(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    asked: Query<Listing>,
) -> Result<HttpResponse, Problem> {
    let page = listing::page(&gateway, &caller, Listed::All, &asked)?;
    let origin = answer::origin(&request);
    let data: Vec<_> = page.jobs.iter().map(|job| view(&gateway, &origin, job)).collect();
    let id = |job: Option<&JobView>| job.map(|job| job.id.clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    let list = JobList { object: "list", data, first_id, last_id, has_more: page.has_more };
    Ok(HttpResponse::Ok().json(list))
}

/// A job as it is now.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job, as `x-job-id` says it")),
    responses((status = 200, description = "The job", body = JobView), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = own(&gateway, &caller, &id, Code::JobNotFound)?;
    Ok(HttpResponse::Ok().json(view(&gateway, &answer::origin(&request), &job)))
}

/// Cancel a job. One that has ended stays as it is.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job as it ended", body = JobView), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn cancel(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = gateway.cancel(own(&gateway, &caller, &id, Code::JobNotFound)?).await?;
    Ok(HttpResponse::Ok().json(view(&gateway, &answer::origin(&request), &job)))
}
