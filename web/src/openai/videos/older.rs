//! The older shape of videos (api.md §3): like images, waited for or polled as a job.

use super::{
    create::{Made, awaited, hand_in, put_first_frame, read},
    order::{self, Usual},
};
use crate::{
    auth::Caller,
    fields::Fields,
    gateway::Gateway,
    openai::{
        answer,
        dialect::Dialect,
        images,
        job_view::{self, ImageJobView},
    },
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    web::{self, Data, Path},
};
use atelier_domain::{
    code::Code,
    ids::JobId,
    job::{Job, JobState},
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

const GENERATIONS: &str = "/v1/videos/generations";

/// The path of an image that becomes a video.
pub const EDITS: &str = "/v1/videos/edits";

/// Frames per second of every video.
const FPS: u32 = 24;

/// A finished video.
#[derive(Debug, Serialize, ToSchema)]
pub struct VideosResponse {
    /// When it was done, in seconds since the epoch.
    created: i64,
    /// The video.
    data: Vec<VideoLink>,
    /// The model's own name.
    model: String,
    /// Its length in seconds.
    duration: u32,
    /// Its size.
    size: String,
    /// Frames per second.
    fps: u32,
    /// What it cost.
    usage: answer::Usage,
}

/// A link to a video.
#[derive(Debug, Serialize, ToSchema)]
pub struct VideoLink {
    /// A link that lasts an hour.
    url: String,
    /// Always `mp4`.
    format: &'static str,
}

/// A request for a video in the older shape.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct GenerateVideo {
    /// What to film.
    prompt: String,
    /// A name from `GET /v1/models`.
    model: Option<String>,
    /// The length in seconds.
    duration: Option<u32>,
    /// `16:9` or `9:16`.
    aspect_ratio: Option<String>,
    /// The size.
    size: Option<String>,
    /// What to leave out.
    negative_prompt: Option<String>,
    /// For the same video again.
    seed: Option<i64>,
    /// Answer at once with a job to poll.
    background: Option<bool>,
}

/// Make a video and wait for it, or (with `background: true`) get a job to poll.
#[utoipa::path(post, path = "/v1/videos/generations", tag = "videos", request_body = GenerateVideo,
    responses((status = 200, description = "The video, or an `image.job` (`background: true`)", body = VideosResponse),
        (status = 400, description = "`missing_prompt`, `unknown_model`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 422, description = "`bad_duration`, `bad_size`", body = ErrorBody), (status = 503, description = "`request_timeout`: the job goes on", body = ErrorBody)))]
pub async fn generate(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let fields = read(&request, payload, &gateway, &caller).await?;
    make(&request, &caller, &gateway, (fields, GENERATIONS)).await
}

/// Makes a video from a prompt and perhaps a first frame.
pub async fn make(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (mut fields, endpoint): (Fields, &'static str),
) -> Result<HttpResponse, Problem> {
    let body_hash = fields.hash(endpoint);
    let dialect = Dialect::of(gateway, caller);
    let in_background = fields.flag("background").unwrap_or(false);
    let usual = Usual { model: None, size: None, seconds: None };
    let mut order = order::read(gateway, &caller.0, &mut fields, (dialect, usual))?;
    let uploads = put_first_frame(request, caller, gateway, &mut order).await?;
    let made = Made { endpoint, model: order.model, video: order.video, uploads, body_hash, in_background };
    let submitted = hand_in(request, caller, gateway, made).await?;
    let (id, replayed) = (submitted.id, submitted.replayed);
    let origin = answer::origin(request);
    let answered = if in_background {
        view(gateway, &submitted.watch.job(), &origin).map(|view| HttpResponse::Ok().json(view))
    } else {
        let ended = awaited(gateway, submitted).await;
        ended.and_then(|job| Ok(HttpResponse::Ok().json(finished(gateway, &job, &origin)?)))
    };
    let mut response = answered.unwrap_or_else(|problem| problem.error_response());
    images::sign(&mut response, id, replayed);
    Ok(response)
}

fn finished(gateway: &Gateway, job: &Job, origin: &str) -> Result<VideosResponse, Problem> {
    let video = job.work.video().ok_or_else(unknown)?;
    let link = |media, mime: &str| VideoLink { url: gateway.links.sign(origin, media, mime), format: "mp4" };
    Ok(VideosResponse {
        created: job.ended_at.unwrap_or(job.updated_at).seconds(),
        data: job.outputs.iter().map(|output| link(output.media, &output.mime)).collect(),
        model: job.model.clone(),
        duration: video.seconds,
        size: video.size.to_string(),
        fps: FPS,
        usage: answer::usage(gateway, job)?,
    })
}

fn unknown() -> Problem {
    Problem::new(Code::JobNotFound, "this key has no such job, or it is past its retention")
}

fn view(gateway: &Gateway, job: &Job, origin: &str) -> Result<serde_json::Value, Problem> {
    let mut view = job_view::of_video(job).ok_or_else(unknown)?;
    if job.state == JobState::Completed {
        view["result"] = serde_json::json!(finished(gateway, job, origin)?);
    }
    Ok(view)
}

fn own_job(gateway: &Gateway, caller: &Caller, id: &str) -> Result<Arc<Job>, Problem> {
    let id: JobId = id.parse().map_err(|_| unknown())?;
    let job = gateway.jobs.get(caller.0.id, id)?.ok_or_else(unknown)?;
    if gateway.shows(&job) && job.work.video().is_some() { Ok(job) } else { Err(unknown()) }
}

/// How a background video is doing, with its link once it is made.
#[utoipa::path(get, path = "/v1/videos/jobs/{id}", tag = "videos", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job", body = ImageJobView), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn job(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = own_job(&gateway, &caller, &id)?;
    Ok(HttpResponse::Ok().json(view(&gateway, &job, &answer::origin(&request))?))
}

/// Cancel a background video. One that has ended stays as it is.
#[utoipa::path(delete, path = "/v1/videos/jobs/{id}", tag = "videos", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job as it ended", body = ImageJobView), (status = 404, description = "`job_not_found`", body = ErrorBody)))]
pub async fn cancel(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = gateway.cancel(own_job(&gateway, &caller, &id)?).await?;
    Ok(HttpResponse::Ok().json(view(&gateway, &job, &answer::origin(&request))?))
}
