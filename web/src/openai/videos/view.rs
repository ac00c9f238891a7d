//! The `Video` object as strict clients parse it: all thirteen keys always (clients.md 5.2).

use crate::{gateway::Gateway, openai::dialect::Dialect, problem::Problem};
use actix_web::{HttpResponse, http::StatusCode};
use atelier_domain::{
    ids::VideoId,
    job::{Job, JobState, VideoJob},
};
use serde::Serialize;
use utoipa::ToSchema;

/// How soon a client should ask again, in milliseconds.
const POLL_AFTER_MS: u32 = 1_000;

/// A video.
#[derive(Debug, Serialize, ToSchema)]
pub struct VideoView {
    /// Its id.
    #[schema(example = "video_0199abcd000070008000000000000001")]
    pub id: String,
    /// Always `video`.
    pub object: &'static str,
    /// The model's own name.
    pub model: String,
    /// `queued`, `in_progress`, `completed` or `failed`.
    pub status: &'static str,
    /// Percent done; 100 only when it is completed.
    pub progress: u8,
    /// When it was accepted, in seconds since the epoch.
    pub created_at: i64,
    /// When it was completed.
    pub completed_at: Option<i64>,
    /// When it will be gone.
    pub expires_at: Option<i64>,
    /// What it shows.
    pub prompt: String,
    /// Its size.
    pub size: String,
    /// Its length.
    pub seconds: String,
    /// The video that it was remixed from.
    pub remixed_from_video_id: Option<String>,
    /// Why it failed.
    pub error: Option<VideoError>,
    /// Always `standard`.
    pub quality: &'static str,
}

/// Why a video failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct VideoError {
    /// The public code.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// The id of the video that a job makes.
pub fn id_of(job: &Job) -> VideoId {
    VideoId::from_uuid(job.id.uuid())
}

/// The video that a job makes, as it is now.
pub fn view(gateway: &Gateway, job: &Job, video: &VideoJob, dialect: Dialect) -> VideoView {
    let source = video.source.as_ref().and_then(|source| source.of);
    let error = match (&job.error, job.state) {
        (Some(error), _) => Some(VideoError { code: error.code.word(), message: error.message.clone() }),
        (None, JobState::Cancelled) => Some(VideoError {
            code: "cancelled",
            message: "the video was cancelled; nothing was charged".into(),
        }),
        _ => None,
    };
    let ended = job.ended_at.unwrap_or(job.created_at);
    VideoView {
        id: id_of(job).to_string(),
        object: "video",
        model: job.model.clone(),
        status: match job.state {
            JobState::Queued => dialect.waiting(),
            JobState::Submitting | JobState::Running | JobState::Fetching => "in_progress",
            JobState::Completed => "completed",
            // Clients know no other word for an end without a video.
            JobState::Failed | JobState::Cancelled => "failed",
        },
        progress: job.progress,
        created_at: job.created_at.seconds(),
        completed_at: job.ended_at.filter(|_| job.state == JobState::Completed).map(|at| at.seconds()),
        expires_at: Some((ended + gateway.limits.retention).seconds()),
        prompt: video.prompt.text.clone().unwrap_or_else(|| video.prompt.preview.clone()),
        size: video.size.to_string(),
        seconds: video.seconds.to_string(),
        remixed_from_video_id: source.map(|job| VideoId::from_uuid(job.uuid()).to_string()),
        error,
        quality: "standard",
    }
}

/// The answer that shows a video.
pub fn respond(gateway: &Gateway, job: &Job, dialect: Dialect, status: u16) -> Result<HttpResponse, Problem> {
    let video = job.work.video().ok_or_else(|| dialect.not_found())?;
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::OK));
    if !job.state.is_terminal() {
        response.insert_header(("openai-poll-after-ms", POLL_AFTER_MS.to_string()));
    }
    Ok(response.json(view(gateway, job, video, dialect)))
}
