//! `POST /v1/videos`, as a form and as JSON.

use super::{
    order::{self, FILES, Usual, VideoOrder},
    over::{self, SourceJob},
    view::{self, VideoView},
};
use crate::{
    auth::Caller,
    body, cast,
    fields::Fields,
    form,
    gateway::Gateway,
    observe::RequestId,
    openai::{answer, choice, dialect::Dialect, ended, images},
    problem::{ErrorBody, Problem},
    references::Gatherer,
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    web::{self, Data},
};
use atelier_actors::{
    account_pool::Wants,
    job_supervisor::{NewJob, Submitted},
    media_library::Upload,
};
use atelier_domain::{
    catalogue::Model,
    code::Code,
    job::{Job, JobKind, VideoJob, Work},
    video::SourceUse,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// Where videos are made.
pub const VIDEOS: &str = "/v1/videos";

/// A request for a video.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"model": "sora-2", "prompt": "a calm ocean wave at sunset", "seconds": "4", "size": "1280x720"}))]
pub struct CreateVideo {
    /// What to film, at most 32,000 characters. `[5s]one thing [5s]another` is a storyboard of shots.
    prompt: String,
    /// A name from `GET /v1/models`.
    #[schema(default = "sora-2")]
    model: Option<String>,
    /// The length: one that the model makes. Also `duration`.
    #[schema(value_type = Option<String>)]
    seconds: Option<serde_json::Value>,
    /// The size: one that the model makes.
    #[schema(default = "1280x720")]
    size: Option<String>,
    /// `landscape` or `portrait`, instead of a size.
    orientation: Option<String>,
    /// A ratio, instead of a size.
    aspect_ratio: Option<String>,
    /// The picture that it begins with: a file, an http(s) URL, a data URI, `{"image_url": …}` or `{"file_id": …}`. Also `image`,
    /// `image_first`, `first_frame` and `input_image`.
    #[schema(value_type = Option<String>, format = Binary)]
    input_reference: Option<serde_json::Value>,
    /// `cover` (the picture is scaled and cropped to the size) or `exact` (it must have it).
    #[schema(default = "cover")]
    fit: Option<String>,
    /// A named look. Also `style_id`.
    style: Option<String>,
    /// The video of this key that it is to be a remix of.
    remix_target_id: Option<String>,
    /// What to leave out.
    negative_prompt: Option<String>,
    /// For the same video again.
    seed: Option<i64>,
    /// `false` waits for the video.
    #[schema(default = true)]
    async_mode: Option<bool>,
}

/// Make a video: answers at once with a video to poll, or (with `async_mode: false`) when it is done.
#[utoipa::path(post, path = "/v1/videos", tag = "videos",
    request_body(content((CreateVideo = "multipart/form-data"), (CreateVideo = "application/json"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 255 characters: the same key and body get the same answer for 24 h")),
    responses((status = 200, description = "The video (201 in the profile `sora2api`)", body = VideoView),
        (status = 400, description = "`bad_body`, `missing_prompt`, `unknown_model`, `invalid_image_url`, `missing_first_frame`", body = ErrorBody),
        (status = 402, description = "`insufficient_credits`", body = ErrorBody), (status = 413, description = "`body_too_large`, `storage_limit_exceeded`", body = ErrorBody),
        (status = 422, description = "`bad_duration`, `bad_size`, `bad_…`, `last_frame_unsupported`, `reference_size`", body = ErrorBody),
        (status = 503, description = "`queue_full`", body = ErrorBody)))]
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = read(&request, payload, &gateway, &caller).await?;
    let body_hash = fields.hash(VIDEOS);
    let dialect = Dialect::of(&gateway, &caller);
    let usual = Usual { model: None, size: None, seconds: None };
    let mut order = order::read(&gateway, &caller.0, &mut fields, (dialect, usual))?;
    let source = order.remix_of.take().map(|id| SourceJob::find(&gateway, &caller, &id, dialect));
    let uploads = works_from(&request, &caller, &gateway, (&mut order, source.transpose()?)).await?;
    let VideoOrder { model, video, in_background, .. } = order;
    let made = Made { endpoint: VIDEOS, model, video, uploads, body_hash, in_background };
    submit(&request, &caller, &gateway, (made, dialect)).await
}

/// Brings in what a video is made from: the video that it is a remix of, else its first frame.
pub async fn works_from(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (order, source): (&mut VideoOrder, Option<SourceJob>),
) -> Result<Vec<Arc<Upload>>, Problem> {
    match source {
        Some(source) => {
            let source = (source, SourceUse::Remix);
            Ok(vec![over::put_source(gateway, caller, &mut order.video, source).await?])
        }
        None => put_first_frame(request, caller, gateway, order).await,
    }
}

/// Reads a form or a JSON object.
pub async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    gateway: &Gateway,
    caller: &Caller,
) -> Result<Fields, Problem> {
    if form::is_form(request) {
        return form::form(request, payload, gateway, caller, &FILES).await;
    }
    body::json_object(payload, gateway.limits.json_body).await
}

/// A video that is all decided.
pub struct Made<'a> {
    /// The path that it came in by.
    pub endpoint: &'a str,
    /// The model.
    pub model: Arc<Model>,
    /// What to make.
    pub video: VideoJob,
    /// The files that it works from.
    pub uploads: Vec<Arc<Upload>>,
    /// SHA-256 of endpoint and body.
    pub body_hash: String,
    /// Whether the client polls.
    pub in_background: bool,
}

/// Hands the video in and answers with the video.
pub async fn submit(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (made, dialect): (Made<'_>, Dialect),
) -> Result<HttpResponse, Problem> {
    let in_background = made.in_background;
    let submitted = hand_in(request, caller, gateway, made).await?;
    let (id, replayed) = (submitted.id, submitted.replayed);
    let answered = if in_background {
        view::respond(gateway, &submitted.watch.job(), dialect, dialect.created())
    } else {
        awaited(gateway, submitted).await.and_then(|job| view::respond(gateway, &job, dialect, 200))
    };
    let mut response = answered.unwrap_or_else(|problem| problem.error_response());
    images::sign(&mut response, id, replayed);
    Ok(response)
}

/// Hands the video in.
pub async fn hand_in(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    mut made: Made<'_>,
) -> Result<Submitted, Problem> {
    let (idempotency_key, is_retry) = images::repeat_of(request)?;
    let price = order::price(gateway, &made.model, &made.video)?.0;
    let routes = {
        let work = Work::Video(made.video.clone());
        choice::routes(gateway, &made.model, &Wants::of(&work))?
    };
    made.uploads.extend(cast::of_video(gateway, caller.0.id, &mut made.video).await?);
    let work = Work::Video(made.video);
    let new = NewJob {
        key: caller.0.clone(),
        endpoint: made.endpoint.to_owned(),
        model: made.model.canonical.clone(),
        routes,
        price,
        work,
        uploads: made.uploads,
        timeout: gateway.timeout(JobKind::Video),
        awaited: false,
        body_hash: made.body_hash,
        idempotency_key,
        is_retry,
        request_id: RequestId::of(request),
        echo: None,
    };
    Ok(gateway.jobs.submit(new).await?)
}

/// What a creating body would cost.
pub fn quote(gateway: &Gateway, caller: &Caller, fields: &mut Fields) -> Result<serde_json::Value, Problem> {
    let usual = Usual { model: None, size: None, seconds: None };
    let order = order::read(gateway, &caller.0, fields, (Dialect::of(gateway, caller), usual))?;
    choice::offers(gateway, &order.model)?;
    let (price, facts) = order::price(gateway, &order.model, &order.video)?;
    Ok(images::quoted(&price, &facts))
}

/// The video once it is made, waited for as long as an image may take: what needs longer is polled.
pub async fn awaited(gateway: &Gateway, submitted: Submitted) -> Result<Arc<Job>, Problem> {
    ended::completed(gateway, submitted, Some(gateway.timeout(JobKind::Image))).await
}

/// Brings the first frame in, if there is one.
pub async fn put_first_frame(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    order: &mut VideoOrder,
) -> Result<Vec<Arc<Upload>>, Problem> {
    let Some((field, source)) = order.first_frame.take() else { return Ok(Vec::new()) };
    let origin = answer::origin(request);
    let gatherer = Gatherer { gateway, key: caller.0.id, origin: &origin };
    let (reference, upload) = gatherer.picture(source, &field).await?;
    if order.exact && reference.size != order.video.size {
        let message = format!(
            "the first frame is {} and the video {}: with fit=exact they must be the same",
            reference.size, order.video.size
        );
        return Err(Problem::new(Code::ReferenceSize, message).param(&field));
    }
    order.video.first_frame = Some(reference);
    Ok(vec![upload])
}
