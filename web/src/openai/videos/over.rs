//! Videos over others: remixes, edits, extensions.

use super::{
    create::{Made, read, submit},
    manage::own_job,
    older,
    order::{self, Usual},
    view::VideoView,
};
use crate::{
    auth::Caller,
    body,
    fields::Fields,
    gateway::Gateway,
    openai::dialect::Dialect,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Path},
};
use atelier_actors::media_library::Upload;
use atelier_domain::{
    catalogue::Model,
    code::Code,
    engine::UpstreamHandle,
    ids::{AccountId, JobId, MediaId},
    job::{JobKind, JobSource, JobState, VideoJob},
    post::{self, Attachment},
    size::Size,
    video::{SourceUse, VideoFacts},
};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest video that an extension may end as, in seconds.
const LONGEST: u32 = 60;

/// Lengths that an extension adds, in seconds.
const EXTENSIONS: [u32; 8] = [4, 8, 10, 12, 15, 16, 20, 25];

/// What a remix says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct RemixVideo {
    /// What it is to become.
    prompt: String,
    /// The source's unless said otherwise, as are `seconds` and `size`.
    model: Option<String>,
    /// The length.
    #[schema(value_type = Option<String>)]
    seconds: Option<Value>,
    /// The size.
    size: Option<String>,
    /// A named look.
    style_id: Option<String>,
    /// `false` waits for the video.
    async_mode: Option<bool>,
}

/// What an edit or extension says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct OverVideo {
    /// What it is to become, or how it goes on.
    prompt: String,
    /// `{"id": "video_…"}`, or an MP4 file.
    #[schema(value_type = Object)]
    video: Value,
    /// For an extension: how much longer it gets.
    #[schema(value_type = Option<String>)]
    seconds: Option<Value>,
    /// `false` waits for the video.
    async_mode: Option<bool>,
}

/// A finished video that others can be made over: one of the caller's own, or one that somebody published.
pub struct SourceJob {
    of: JobId,
    model: String,
    size: Size,
    seconds: u32,
    file: SourceFile,
    /// The size that its file really has.
    pixels: Size,
    /// The account that made it, and what it is known by there.
    upstream: Option<(AccountId, UpstreamHandle)>,
}

enum SourceFile {
    /// What a job of the caller's made.
    Own(MediaId),
    /// What a post shows.
    Shown(Box<Attachment>),
}

impl SourceJob {
    /// The video that a text names: a published one by its `s_…` or its share link, whoever's it is, else one of the caller's by any
    /// form of its id.
    pub fn find(gateway: &Gateway, caller: &Caller, text: &str, dialect: Dialect) -> Result<Self, Problem> {
        if post::named_in(text).is_none() {
            return Self::own(gateway, caller, text, dialect);
        }
        let shown = gateway.gallery.resolve_share(text)?.filter(|post| post.kind == JobKind::Video);
        // What is not shown to everybody may still be the caller's own.
        let Some(mut post) = shown else { return Self::own(gateway, caller, text, dialect) };
        if post.attachments.is_empty() {
            return Err(dialect.not_found());
        }
        let attachment = post.attachments.swap_remove(0);
        let (of, pixels) = (post.job(), attachment.file.size);
        let file = SourceFile::Shown(Box::new(attachment));
        Ok(Self {
            of,
            model: post.model,
            size: post.size,
            seconds: post.seconds,
            file,
            pixels,
            upstream: None,
        })
    }

    /// The caller's own video of this id.
    pub fn own(gateway: &Gateway, caller: &Caller, id: &str, dialect: Dialect) -> Result<Self, Problem> {
        let job = own_job(gateway, caller, id, dialect)?;
        match job.state {
            JobState::Completed => {}
            JobState::Failed | JobState::Cancelled => {
                return Err(dialect.failed("it ended without a result"));
            }
            _ => return Err(dialect.not_ready()),
        }
        let upstream = job.account.zip(job.handle.clone());
        let gone = || Problem::new(Code::MediaNotFound, "the video's file is past its time");
        let video = job.work.video().ok_or_else(|| dialect.not_found())?;
        let output = job.outputs.first().ok_or_else(gone)?;
        let (size, seconds, file) = (video.size, video.seconds, SourceFile::Own(output.media));
        let pixels = Size::new(output.width, output.height);
        Ok(Self { of: job.id, model: job.model.clone(), size, seconds, file, pixels, upstream })
    }

    /// What is taken of it where a request for its remix says nothing, as far as the model makes that.
    pub fn usual(&self, model: &Model) -> Usual<'static> {
        let size = Some(self.size).filter(|size| model.sizes.check(*size).is_ok());
        let seconds = Some(self.seconds).filter(|seconds| model.seconds.contains(seconds));
        Usual { model: None, size, seconds }
    }

    /// Its file, if it is the caller's own.
    pub const fn own_file(&self) -> Option<MediaId> {
        match self.file {
            SourceFile::Own(media) => Some(media),
            SourceFile::Shown(_) => None,
        }
    }
}

/// Makes a video the source of another: its file is shared, so that either may go first.
pub async fn put_source(
    gateway: &Gateway,
    caller: &Caller,
    video: &mut VideoJob,
    (source, way): (SourceJob, SourceUse),
) -> Result<Arc<Upload>, Problem> {
    let (source, upload) = shared(gateway, caller, (&source, way)).await?;
    video.source = Some(source);
    Ok(upload)
}

async fn shared(
    gateway: &Gateway,
    caller: &Caller,
    (source, way): (&SourceJob, SourceUse),
) -> Result<(JobSource, Arc<Upload>), Problem> {
    let upload = match &source.file {
        SourceFile::Own(media) => gateway.library.reuse(caller.0.id, *media).await?,
        SourceFile::Shown(attachment) => gateway.gallery.reuse(caller.0.id, attachment).await?,
    };
    let file = upload.video(source.pixels);
    let (account, handle) = source.upstream.clone().unzip();
    Ok((JobSource { way, file, of: Some(source.of), account, handle }, Arc::new(upload)))
}

/// Make a new video that derives from one of this key's.
#[utoipa::path(post, path = "/v1/videos/{id}/remix", tag = "videos", request_body = RemixVideo, params(("id" = String, Path, description = "The video")),
    responses((status = 200, description = "The new video", body = VideoView), (status = 404, description = "`video_not_found`", body = ErrorBody),
        (status = 425, description = "`video_not_ready`", body = ErrorBody), (status = 501, description = "`remix_unsupported`", body = ErrorBody)))]
pub async fn remix(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, gateway.limits.json_body).await?;
    let endpoint = format!("/v1/videos/{}/remix", *id);
    let body_hash = fields.hash(&endpoint);
    let dialect = Dialect::of(&gateway, &caller);
    let source = SourceJob::find(&gateway, &caller, &id, dialect)?;
    let model = source.model.clone();
    let usual = Usual { model: Some(&model), size: Some(source.size), seconds: Some(source.seconds) };
    let mut order = order::read(&gateway, &caller.0, &mut fields, (dialect, usual))?;
    let upload = put_source(&gateway, &caller, &mut order.video, (source, SourceUse::Remix)).await?;
    let made = Made {
        endpoint: "/v1/videos/{id}/remix",
        model: order.model,
        video: order.video,
        uploads: vec![upload],
        body_hash,
        in_background: order.in_background,
    };
    submit(&request, &caller, &gateway, (made, dialect)).await
}

/// Make a video anew with other looks: length, motion and sound stay. A form with an `image` and no `video` makes a video that
/// begins with that picture, and answers in the older shape.
#[utoipa::path(post, path = "/v1/videos/edits", tag = "videos",
    request_body(content((OverVideo = "multipart/form-data"), (OverVideo = "application/json"))),
    responses((status = 200, description = "The new video", body = VideoView), (status = 404, description = "`video_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_video`", body = ErrorBody), (status = 425, description = "`video_not_ready`", body = ErrorBody)))]
pub async fn edit(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let fields = read(&request, payload, &gateway, &caller).await?;
    // Before there were edits of videos, this path made a video from a picture (api.md §3).
    let is_older = ["image", "image_first", "first_frame", "input_reference", "image_last", "last_frame"]
        .iter()
        .any(|name| fields.has_file(name));
    if is_older && !fields.has("video") && !fields.has_file("video") {
        return older::make(&request, &caller, &gateway, (fields, older::EDITS)).await;
    }
    over(&request, &caller, &gateway, (fields, "/v1/videos/edits", SourceUse::Edit)).await
}

/// Let a video go on: the answer is the whole, what was there and what follows.
#[utoipa::path(post, path = "/v1/videos/extensions", tag = "videos",
    request_body(content((OverVideo = "multipart/form-data"), (OverVideo = "application/json"))),
    responses((status = 200, description = "The new video", body = VideoView), (status = 404, description = "`video_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_video`, `bad_duration`", body = ErrorBody), (status = 425, description = "`video_not_ready`", body = ErrorBody)))]
pub async fn extend(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let fields = read(&request, payload, &gateway, &caller).await?;
    over(&request, &caller, &gateway, (fields, "/v1/videos/extensions", SourceUse::Extend)).await
}

/// A source with what it is: ours, or one that was sent.
struct Given {
    source: JobSource,
    upload: Arc<Upload>,
    size: Size,
    seconds: u32,
    model: Option<String>,
}

async fn over(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (mut fields, endpoint, way): (Fields, &'static str, SourceUse),
) -> Result<HttpResponse, Problem> {
    let body_hash = fields.hash(endpoint);
    let dialect = Dialect::of(gateway, caller);
    let given = given(gateway, caller, &mut fields, (way, dialect)).await?;
    let more = added(&mut fields, way);
    // The length is the source's, and what an extension adds.
    for name in ["seconds", "duration", "size", "orientation", "aspect_ratio"] {
        fields.take(name);
    }
    let seconds = given.seconds.saturating_add(more.unwrap_or(0));
    if seconds > LONGEST {
        let message = format!("the video would last {seconds} s, and {LONGEST} s are the most");
        fields.wrong("duration", message);
    }
    let usual = Usual { model: given.model.as_deref(), size: Some(given.size), seconds: Some(seconds) };
    let mut order = order::read(gateway, &caller.0, &mut fields, (dialect, usual))?;
    order.video.source = Some(given.source);
    let (video, in_background) = (order.video, order.in_background);
    let made =
        Made { endpoint, model: order.model, video, uploads: vec![given.upload], body_hash, in_background };
    submit(request, caller, gateway, (made, dialect)).await
}

fn added(fields: &mut Fields, way: SourceUse) -> Option<u32> {
    if way != SourceUse::Extend {
        return None;
    }
    let name = ["seconds", "duration"].into_iter().find(|name| fields.has(name));
    let Some(name) = name else { return Some(EXTENSIONS[0]) };
    let asked = fields.integer(name, 1..=3_600).and_then(|number| u32::try_from(number).ok())?;
    if !EXTENSIONS.contains(&asked) {
        let legal: Vec<_> = EXTENSIONS.iter().map(u32::to_string).collect();
        fields
            .wrong("duration", format!("an extension does not add {asked} s: ask for {}", legal.join(", ")));
    }
    Some(asked)
}

async fn given(
    gateway: &Gateway,
    caller: &Caller,
    fields: &mut Fields,
    (way, dialect): (SourceUse, Dialect),
) -> Result<Given, Problem> {
    let id = match fields.take("video") {
        Some(Value::String(id)) => Some(id),
        Some(Value::Object(video)) => video.get("id").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let mut files = fields.take_files("video");
    match (id, files.pop(), files.is_empty()) {
        (Some(id), None, _) => ours(gateway, caller, &id, (way, dialect)).await,
        (None, Some(file), true) => sent(gateway, file.upload, way).await,
        _ => Err(Problem::field("video", "video must be {\"id\": \"video_…\"} or one MP4 file")),
    }
}

async fn ours(
    gateway: &Gateway,
    caller: &Caller,
    id: &str,
    (way, dialect): (SourceUse, Dialect),
) -> Result<Given, Problem> {
    let source = SourceJob::find(gateway, caller, id, dialect)?;
    let (size, seconds, model) = (source.size, source.seconds, Some(source.model.clone()));
    let (source, upload) = shared(gateway, caller, (&source, way)).await?;
    Ok(Given { source, upload, size, seconds, model })
}

/// What a video that was sent says about itself.
pub async fn looked_at(gateway: &Gateway, upload: &Upload) -> Result<VideoFacts, Problem> {
    let (path, inspector) = (gateway.library.upload_path(upload)?, gateway.videos.clone());
    let looked = web::block(move || inspector.inspect(&path)).await;
    let looked = looked.map_err(|_| Problem::new(Code::ShuttingDown, "the gateway is stopping"))?;
    looked.map_err(|why| Problem::field("video", format!("video: {why}")))
}

async fn sent(gateway: &Gateway, upload: Upload, way: SourceUse) -> Result<Given, Problem> {
    let facts = looked_at(gateway, &upload).await?;
    let seconds = (facts.seconds.round() as u32).max(1);
    let source = JobSource { way, file: upload.video(facts.size), of: None, account: None, handle: None };
    Ok(Given { source, upload: Arc::new(upload), size: facts.size, seconds, model: None })
}
