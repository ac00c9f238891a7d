//! The bytes of a video, its thumbnail and its sheet of frames, with Range, ETag and HEAD, in constant memory.

use super::manage::own_job;
use crate::{
    auth::Caller,
    gateway::Gateway,
    media,
    openai::{answer, dialect::Dialect},
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Path, Query},
};
use atelier_domain::{
    code::Code,
    ids::MediaId,
    job::{Job, JobState},
    media::Variant,
};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which file of a video.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Wanted {
    /// `video` (the default), `thumbnail` or `spritesheet`.
    variant: Option<String>,
}

/// The bytes of a video. Ranges, `ETag` and `If-None-Match` work.
#[utoipa::path(get, path = "/v1/videos/{id}/content", tag = "videos", params(("id" = String, Path, description = "The video"), Wanted),
    responses((status = 200, description = "MP4, WebP or JPEG"), (status = 206, description = "A range of it"), (status = 302, description = "A signed link (profile `sora2api`)"),
        (status = 400, description = "`video_failed`", body = ErrorBody), (status = 404, description = "`video_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_variant`", body = ErrorBody), (status = 425, description = "`video_not_ready`", body = ErrorBody)))]
pub async fn content(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let dialect = Dialect::of(&gateway, &caller);
    let job = own_job(&gateway, &caller, &id, dialect)?;
    let (media, mime) = file(&job, wanted.variant.as_deref(), dialect)?;
    if dialect.redirects() {
        let link = gateway.links.sign(&answer::origin(&request), media, &mime);
        return Ok(HttpResponse::Found().insert_header((header::LOCATION, link)).finish());
    }
    let gone = || Problem::new(Code::MediaNotFound, "the file is gone: it was past its retention");
    let (_, path) = gateway.library.find(media)?.ok_or_else(gone)?;
    Ok(media::opened(path, &mime).await?.ok_or_else(gone)?.into_response(&request))
}

fn file(job: &Job, variant: Option<&str>, dialect: Dialect) -> Result<(MediaId, String), Problem> {
    let variant = match variant {
        None | Some("" | "video") => None,
        Some("thumbnail") => Some(Variant::Thumbnail),
        Some("spritesheet") => Some(Variant::Spritesheet),
        Some(_) => {
            return Err(Problem::field("variant", "variant must be video, thumbnail or spritesheet"));
        }
    };
    match job.state {
        JobState::Completed => {}
        JobState::Failed | JobState::Cancelled => {
            let why = job.error.as_ref().map_or("it was cancelled", |error| error.message.as_str());
            return Err(dialect.failed(why));
        }
        _ => return Err(dialect.not_ready()),
    }
    let gone = || Problem::new(Code::MediaNotFound, "the engine made no such file of this video");
    let output = job.outputs.first().ok_or_else(gone)?;
    match variant {
        None => Ok((output.media, output.mime.clone())),
        Some(variant) => {
            let companion = output.companions.iter().find(|one| one.variant == variant).ok_or_else(gone)?;
            Ok((companion.media, companion.mime.clone()))
        }
    }
}
