//! A background image job as clients poll it: `image.job` (api.md §1).

use super::answer::{self, ImagesResponse};
use crate::{gateway::Gateway, problem::Problem};
use actix_web::{HttpRequest, HttpResponse};
use atelier_domain::job::{Job, JobState};
use serde::Serialize;
use utoipa::ToSchema;

/// An `image.job`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageJobView {
    /// The job.
    #[schema(example = "job_0199abcd000070008000000000000001")]
    pub id: String,
    /// Always `image.job`.
    pub object: &'static str,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Percent done.
    pub progress: u8,
    /// When it was accepted, in seconds since the epoch.
    pub created: i64,
    /// When it last changed.
    pub updated: i64,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<i64>,
    /// What was asked.
    pub request: RequestView,
    /// The images, once it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<ImagesResponse>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<JobErrorView>,
}

/// What was asked of a job, resolved.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestView {
    /// The path it came in by.
    pub endpoint: String,
    /// The model's own name.
    pub model: String,
    /// The beginning of the prompt.
    pub prompt_preview: String,
    /// The exact size.
    pub size: String,
    /// How many images.
    pub n: u32,
    /// How fine.
    pub quality: &'static str,
    /// What lies behind the subject.
    pub background: &'static str,
    /// The file format.
    pub output_format: &'static str,
    /// The price, in credits.
    pub price: i64,
}

/// Why a job failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobErrorView {
    /// The public code.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

fn status(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Submitting | JobState::Running | JobState::Fetching => "running",
        JobState::Completed => "succeeded",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// The view of a job, as the answer to `request`.
pub async fn respond(gateway: &Gateway, job: &Job, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let view = view(gateway, job, request).await?;
    // Without images it is short, and polled a lot.
    if view.result.is_some() { answer::json(job, view).await } else { Ok(HttpResponse::Ok().json(view)) }
}

/// The view of a job that makes a video, without its result; none for another job.
pub fn of_video(job: &Job) -> Option<serde_json::Value> {
    let video = job.work.video()?;
    let mut view = serde_json::json!({
        "id": job.id.to_string(),
        "object": "image.job",
        "status": status(job.state),
        "progress": job.progress,
        "created": job.created_at.seconds(),
        "updated": job.updated_at.seconds(),
        "request": {
            "endpoint": job.endpoint, "model": job.model, "prompt_preview": video.prompt.preview,
            "size": video.size.to_string(), "duration": video.seconds, "n": 1, "price": job.price.total,
        },
    });
    if let Some(ended) = job.ended_at {
        view["completed"] = ended.seconds().into();
    }
    if let Some(error) = &job.error {
        view["error"] = serde_json::json!({ "code": error.code.word(), "message": error.message });
    }
    Some(view)
}

async fn view(gateway: &Gateway, job: &Job, request: &HttpRequest) -> Result<ImageJobView, Problem> {
    let result = match job.state {
        JobState::Completed => Some(answer::images(gateway, job, &answer::origin(request)).await?),
        _ => None,
    };
    let image = answer::image_of(job)?;
    Ok(ImageJobView {
        id: job.id.to_string(),
        object: "image.job",
        status: status(job.state),
        progress: job.progress,
        created: job.created_at.seconds(),
        updated: job.updated_at.seconds(),
        completed: job.ended_at.map(|at| at.seconds()),
        request: RequestView {
            endpoint: job.endpoint.clone(),
            model: job.model.clone(),
            prompt_preview: image.prompt.preview.clone(),
            size: image.size.to_string(),
            n: image.n,
            quality: image.quality.word(),
            background: image.background.word(),
            output_format: image.format.word(),
            price: job.price.total,
        },
        result,
        error: job
            .error
            .as_ref()
            .map(|error| JobErrorView { code: error.code.word(), message: error.message.clone() }),
    })
}
