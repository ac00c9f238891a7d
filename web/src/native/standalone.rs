//! One endpoint for each thing that a chat can ask for (api.md §4): the same jobs, answered as chats are, or with a task to poll.

use super::tasks;
use crate::{
    auth::Caller,
    body,
    fields::Fields,
    form,
    gateway::Gateway,
    openai::{
        answer,
        chat::{self, Ask, Manner, Reply},
        dialect::Dialect,
        images::sign,
        request::Way,
    },
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};
use atelier_domain::{code::Code, job::JobKind, remix, storyboard};
use chat::ChatCompletion;
use serde_json::Value;
use utoipa::ToSchema;

/// The models of these endpoints unless said otherwise.
const IMAGE_MODEL: &str = "gpt-image";
const VIDEO_MODEL: &str = "sora2-landscape-10s";

const NO_VIDEO: &str = "video is missing: send base64, a data URI or an http(s) URL of an MP4 file";

/// What one of these endpoints makes.
#[derive(Debug, Clone, Copy)]
struct Endpoint {
    path: &'static str,
    kind: JobKind,
    needs: Needs,
}

/// What an endpoint needs beside words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Picture,
    /// A video to remix.
    Video,
    /// Shots in the prompt.
    Shots,
    /// A video that shows a character.
    Character,
}

/// A request for a picture.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"prompt": "a cat", "model": "gpt-image", "stream": true}))]
pub struct PictureBody {
    /// What to draw.
    prompt: String,
    /// What to work from, for `transform`: base64, a data URI or an http(s) URL.
    #[schema(value_type = Option<String>)]
    image: Option<Value>,
    /// A name from `GET /v1/models`.
    #[schema(default = "gpt-image")]
    model: Option<String>,
    /// Answer with the events of a chat.
    stream: Option<bool>,
    /// Answer at once with a task to poll; `stream` is ignored then.
    async_mode: Option<bool>,
}

/// A request for a video.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"prompt": "a cat runs over a meadow", "model": "sora2-landscape-10s", "style": "anime", "async_mode": true}))]
pub struct FilmBody {
    /// What to film; for a storyboard `[5.0s]one thing [5.0s]another`, on one line or several.
    prompt: String,
    /// What it begins with, for `transform`: base64, a data URI or an http(s) URL.
    #[schema(value_type = Option<String>)]
    image: Option<Value>,
    /// What to remix, for `remix`: a share link, `s_…`, or the id of one of this key's videos.
    remix_target_id: Option<String>,
    /// A name from `GET /v1/models`.
    #[schema(default = "sora2-landscape-10s")]
    model: Option<String>,
    /// A named look. Also `style_id`.
    style: Option<String>,
    /// Answer with the events of a chat.
    stream: Option<bool>,
    /// Answer at once with a task to poll; `stream` is ignored then.
    async_mode: Option<bool>,
}

/// A request for a character, or for a video that has one in it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"video": "data:video/mp4;base64,AAAAIGZ0eXBpc29t...", "prompt": "the character dances", "stream": true}))]
pub struct CharacterBody {
    /// An MP4 file that shows it: base64, a data URI, an http(s) URL, or the id of one of this key's videos.
    #[schema(value_type = String)]
    video: Value,
    /// What to film, for `generate`; `@username` is put before it unless it speaks of the character.
    prompt: Option<String>,
    /// A name from `GET /v1/models`.
    #[schema(default = "sora2-landscape-10s")]
    model: Option<String>,
    /// The part of the video that shows it, in seconds.
    #[schema(default = "0,3")]
    timestamps: Option<String>,
    /// What prompts call it.
    username: Option<String>,
    /// Its name for people.
    display_name: Option<String>,
    /// A named look, for `generate`.
    style: Option<String>,
    /// Answer with the events of a chat.
    stream: Option<bool>,
    /// For `generate`: answer at once with a task to poll; `stream` is ignored then.
    async_mode: Option<bool>,
}

async fn make(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    (payload, endpoint): (web::Payload, Endpoint),
) -> Result<HttpResponse, Problem> {
    let mut fields = form::fields(&request, payload, &gateway, &caller).await?;
    let ask = read(&gateway, &mut fields, endpoint)?;
    let manner = Manner::take(&mut fields);
    let in_background = fields.flag("async_mode").unwrap_or(false);
    fields.check()?;
    // However long the body was, nothing of it waits for the job.
    drop(fields);
    let dialect = Dialect::of(&gateway, &caller);
    let reply = Reply { model: ask.model.clone(), origin: answer::origin(&request), dialect };
    let submitted = chat::submit(&request, &caller, &gateway, (ask, dialect)).await?;
    if !in_background {
        return Ok(chat::respond(&gateway, submitted, (manner, reply)).await);
    }
    let task = tasks::view(&gateway, &reply.origin, &submitted.watch.job());
    let mut response = HttpResponse::Ok().json(task);
    sign(&mut response, submitted.id, submitted.replayed);
    Ok(response)
}

fn read(gateway: &Gateway, fields: &mut Fields, endpoint: Endpoint) -> Result<Ask, Problem> {
    let mut ask = Ask::take(fields, endpoint.path);
    ask.prompt = fields.filled("prompt").unwrap_or_default();
    let usual = if endpoint.kind == JobKind::Image { IMAGE_MODEL } else { VIDEO_MODEL };
    ask.model = fields.filled("model").unwrap_or_else(|| usual.to_owned());
    fields.check()?;
    if gateway.catalogue.get(&ask.model).is_none_or(|model| model.kind != endpoint.kind) {
        let shown: String = ask.model.chars().take(80).collect();
        let kind = endpoint.kind.word();
        let message = format!("no {kind} model is called {shown:?}: GET /v1/models lists them");
        return Err(Problem::new(Code::UnknownModel, message).param("model"));
    }
    if ask.prompt.is_empty() {
        let message = "prompt is missing or empty: say what to make";
        return Err(Problem::new(Code::MissingPrompt, message).param("prompt"));
    }
    match endpoint.needs {
        Needs::Nothing => {}
        Needs::Picture => ask.way = Way::Edit,
        Needs::Video if ask.remix_of.is_none() && remix::read(&ask.prompt).is_none() => {
            let message = "remix_target_id is missing: send a share link, s_…, or the id of a video";
            fields.wrong("remix_target_id", message);
        }
        Needs::Shots if storyboard::shots(&ask.prompt).is_empty() => {
            let message = "prompt must tell at least one shot, such as [5.0s]a cat jumps [5.0s]it lands";
            fields.wrong("prompt", message);
        }
        Needs::Character => {
            ask.guest = chat::take_character(fields, &ask.model, Vec::new());
            if ask.guest.is_none() {
                fields.wrong("video", NO_VIDEO);
            }
        }
        Needs::Video | Needs::Shots => {}
    }
    Ok(ask)
}

/// Make a picture from words.
#[utoipa::path(post, path = "/v1/images/generate", tag = "standalone", request_body = PictureBody,
    responses((status = 200, description = "A completion, its events (`stream`), or a task (`async_mode`)", body = ChatCompletion),
        (status = 400, description = "`missing_prompt`, `unknown_model`, `content_policy_violation`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 422, description = "`bad_…`", body = ErrorBody), (status = 503, description = "`queue_full`", body = ErrorBody)))]
pub async fn generate_image(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let endpoint = Endpoint { path: "/v1/images/generate", kind: JobKind::Image, needs: Needs::Nothing };
    make(request, caller, gateway, (payload, endpoint)).await
}

/// Make a picture from another.
#[utoipa::path(post, path = "/v1/images/transform", tag = "standalone", request_body = PictureBody,
    responses((status = 200, description = "A completion, its events (`stream`), or a task (`async_mode`)", body = ChatCompletion),
        (status = 400, description = "`missing_prompt`, `missing_image`, `unknown_model`, `invalid_image_url`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 422, description = "`bad_…`", body = ErrorBody), (status = 503, description = "`queue_full`", body = ErrorBody)))]
pub async fn transform_image(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let endpoint = Endpoint { path: "/v1/images/transform", kind: JobKind::Image, needs: Needs::Picture };
    make(request, caller, gateway, (payload, endpoint)).await
}

/// Make a video from words.
#[utoipa::path(post, path = "/v1/videos/generate", tag = "standalone", request_body = FilmBody,
    responses((status = 200, description = "A completion, its events (`stream`), or a task (`async_mode`)", body = ChatCompletion),
        (status = 400, description = "`missing_prompt`, `unknown_model`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 403, description = "`plan_required`", body = ErrorBody), (status = 422, description = "`bad_…`", body = ErrorBody), (status = 503, description = "`queue_full`, `request_timeout`: the job goes on", body = ErrorBody)))]
pub async fn generate_video(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let endpoint = Endpoint { path: "/v1/videos/generate", kind: JobKind::Video, needs: Needs::Nothing };
    make(request, caller, gateway, (payload, endpoint)).await
}

/// Make a video that begins with a picture.
#[utoipa::path(post, path = "/v1/videos/transform", tag = "standalone", request_body = FilmBody,
    responses((status = 200, description = "A completion, its events (`stream`), or a task (`async_mode`)", body = ChatCompletion),
        (status = 400, description = "`missing_prompt`, `missing_image`, `unknown_model`, `invalid_image_url`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 403, description = "`plan_required`", body = ErrorBody), (status = 422, description = "`bad_…`", body = ErrorBody), (status = 503, description = "`queue_full`, `request_timeout`: the job goes on", body = ErrorBody)))]
pub async fn transform_video(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let endpoint = Endpoint { path: "/v1/videos/transform", kind: JobKind::Video, needs: Needs::Picture };
    make(request, caller, gateway, (payload, endpoint)).await
}

/// Make a video that derives from another.
#[utoipa::path(post, path = "/v1/videos/remix", tag = "standalone", request_body = FilmBody,
    responses((status = 200, description = "A completion, its events (`stream`), or a task (`async_mode`)", body = ChatCompletion),
        (status = 400, description = "`missing_prompt`, `unknown_model`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 403, description = "`plan_required`", body = ErrorBody), (status = 404, description = "`video_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_remix_target_id`, `bad_…`", body = ErrorBody), (status = 503, description = "`queue_full`, `request_timeout`: the job goes on", body = ErrorBody)))]
pub async fn remix_video(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let endpoint = Endpoint { path: "/v1/videos/remix", kind: JobKind::Video, needs: Needs::Video };
    make(request, caller, gateway, (payload, endpoint)).await
}

/// Make a video of several shots.
#[utoipa::path(post, path = "/v1/videos/storyboard", tag = "standalone", request_body = FilmBody,
    responses((status = 200, description = "A completion, its events (`stream`), or a task (`async_mode`)", body = ChatCompletion),
        (status = 400, description = "`missing_prompt`, `unknown_model`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 403, description = "`plan_required`", body = ErrorBody), (status = 422, description = "`bad_prompt`, `bad_…`", body = ErrorBody), (status = 503, description = "`queue_full`, `request_timeout`: the job goes on", body = ErrorBody)))]
pub async fn storyboard_video(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let endpoint = Endpoint { path: "/v1/videos/storyboard", kind: JobKind::Video, needs: Needs::Shots };
    make(request, caller, gateway, (payload, endpoint)).await
}

/// Keep a character out of a video. Prompts then speak of it as `@username`.
#[utoipa::path(post, path = "/v1/characters/create", tag = "standalone", request_body = CharacterBody,
    responses((status = 200, description = "A completion that says its name, or its events (`stream`); `message.character` has its ids", body = ChatCompletion),
        (status = 400, description = "`bad_body`, `unknown_model`, `invalid_image_url`", body = ErrorBody), (status = 413, description = "`storage_limit_exceeded`", body = ErrorBody),
        (status = 422, description = "`bad_video`, `bad_timestamps`, `bad_username`, `bad_…`", body = ErrorBody)))]
pub async fn create_character(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let path = "/v1/characters/create";
    let mut fields = body::json_object(payload, gateway.limits.json_body).await?;
    let body_hash = fields.hash(path);
    let model = fields.filled("model").unwrap_or_else(|| VIDEO_MODEL.to_owned());
    let manner = Manner::take(&mut fields);
    let character = chat::take_character(&mut fields, &model, Vec::new());
    fields.check()?;
    let character = character.ok_or_else(|| Problem::field("video", NO_VIDEO))?;
    let dialect = Dialect::of(&gateway, &caller);
    let reply = Reply { model, origin: answer::origin(&request), dialect };
    let made = (character, body_hash);
    Box::pin(chat::create_character(&request, &caller, &gateway, made, (manner, reply))).await
}

/// Make a video that has the character of another in it, who is not kept.
#[utoipa::path(post, path = "/v1/characters/generate", tag = "standalone", request_body = CharacterBody,
    responses((status = 200, description = "A completion, its events (`stream`), or a task (`async_mode`)", body = ChatCompletion),
        (status = 400, description = "`missing_prompt`, `unknown_model`, `invalid_image_url`", body = ErrorBody), (status = 402, description = "`insufficient_credits`", body = ErrorBody),
        (status = 403, description = "`plan_required`", body = ErrorBody), (status = 422, description = "`bad_video`, `bad_…`", body = ErrorBody), (status = 503, description = "`queue_full`, `request_timeout`: the job goes on", body = ErrorBody)))]
pub async fn generate_with_character(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let endpoint =
        Endpoint { path: "/v1/characters/generate", kind: JobKind::Video, needs: Needs::Character };
    make(request, caller, gateway, (payload, endpoint)).await
}
