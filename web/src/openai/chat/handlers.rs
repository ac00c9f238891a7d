//! The endpoint `/v1/chat/completions`.

use super::{
    ask::{Ask, submit},
    character, said,
    view::{ChatCompletion, Reply},
    voice::Speaker,
};
use crate::{
    auth::Caller,
    body,
    fields::Fields,
    gateway::Gateway,
    openai::{answer, dialect::Dialect, ended, follow, images::sign, relay, videos},
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    web::{self, Data},
};
use atelier_actors::job_supervisor::Submitted;
use atelier_domain::{code::Code, job::JobKind};
use serde_json::{Value, json};

const ENDPOINT: &str = "/v1/chat/completions";

/// A chat that asks for a picture or a video, for the docs.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"model": "sora-image", "messages": [{"role": "user", "content": "a lighthouse at dawn"}], "stream": true}))]
pub struct CreateChatCompletion {
    /// A name from `GET /v1/models`.
    model: String,
    /// The last one of the user counts: its text says what to make, its `image_url` parts what from. In a text `{anime}` is a style,
    /// `[5s]one thing [5s]another` a storyboard, a share link or `s_…` the video to remix.
    #[schema(value_type = Vec<Object>)]
    messages: Vec<Value>,
    /// Answer with server-sent events: progress as `reasoning_content`, then the content, then `[DONE]`.
    stream: Option<bool>,
    /// `{"include_usage": true}`: one more chunk that says what it cost.
    #[schema(value_type = Option<Object>)]
    stream_options: Option<Value>,
    /// Pictures to work from, as in `images/generations`; a video begins with one.
    #[schema(value_type = Option<Object>)]
    image: Option<Value>,
    /// A video that shows a character: without words in the message it is made and kept, with words it is in this one film. Also
    /// `video_url` parts.
    #[schema(value_type = Option<Object>)]
    video: Option<Value>,
    /// `timestamps`, `username`, `display_name`, `instruction_set`, `safety_instruction_set` of that character.
    #[schema(value_type = Option<Object>)]
    character_options: Option<Value>,
    /// The video of this key that it is to be a remix of: an id in any of its forms, or a share link.
    remix_target_id: Option<String>,
    /// A named look. Also `style`.
    style_id: Option<String>,
    /// How many pictures.
    #[schema(minimum = 1, maximum = 10, default = 1)]
    n: Option<u32>,
    /// As in `images/generations` and `videos`, like `quality`, `aspect_ratio`, `seconds`, `seed`, `negative_prompt` and
    /// `output_format`.
    size: Option<String>,
}

/// Have a picture or a video made by a chat message.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "chat", request_body = CreateChatCompletion,
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 255 characters: the same key and body get the same answer for 24 h")),
    responses((status = 200, description = "The completion, or an event stream (`stream: true`)", body = ChatCompletion),
        (status = 400, description = "`bad_body`, `missing_prompt`, `invalid_image_url`, `content_policy_violation`", body = ErrorBody),
        (status = 402, description = "`insufficient_credits`", body = ErrorBody), (status = 403, description = "`model_not_allowed`, `plan_required`", body = ErrorBody),
        (status = 404, description = "`model_not_found`, `video_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_…`, `idempotency_mismatch`", body = ErrorBody), (status = 429, description = "`rate_limit_exceeded`", body = ErrorBody),
        (status = 503, description = "`queue_full`, `upstream_saturated`, `request_timeout`", body = ErrorBody), (status = 504, description = "`timeout`", body = ErrorBody)))]
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, gateway.limits.json_body).await?;
    if fields.raw("model").and_then(Value::as_str).is_some_and(|name| relay::is_text(&gateway, name)) {
        return relay::pass(&gateway, &caller, "/chat/completions", fields).await;
    }
    let mut ask = read(&mut fields)?;
    let dialect = Dialect::of(&gateway, &caller);
    let manner = Manner::take(&mut fields);
    fields.check()?;
    // However long the body was, nothing of it waits for the job.
    drop(fields);
    let reply = Reply { model: ask.model.clone(), origin: answer::origin(&request), dialect };
    let is_film = gateway.model(&ask.model).is_some_and(|model| model.kind == JobKind::Video);
    if is_film
        && ask.prompt.trim().is_empty()
        && let Some(fields) = ask.guest.take()
    {
        let made = (fields, ask.body_hash);
        return Box::pin(character::create(&request, &caller, &gateway, made, (manner, reply))).await;
    }
    if ask.prompt.trim().is_empty() {
        let message = "the user's last message has no text: say what to make";
        return Err(Problem::new(Code::MissingPrompt, message).param("messages"));
    }
    let submitted = submit(&request, &caller, &gateway, (ask, dialect)).await?;
    Ok(respond(&gateway, submitted, (manner, reply)).await)
}

fn read(fields: &mut Fields) -> Result<Ask, Problem> {
    let mut ask = Ask::take(fields, ENDPOINT);
    ask.model = fields.filled("model").unwrap_or_default();
    if ask.model.is_empty() {
        fields.wrong("model", "model must be a name from GET /v1/models");
        fields.check()?;
    }
    let said = said::read(fields.take("messages").as_ref())?;
    ask.prompt = said.text;
    ask.guest = character::take(fields, &ask.model, said.videos);
    ask.given.images.extend(said.pictures.into_iter().map(|picture| ("messages".to_owned(), picture)));
    Ok(ask)
}

/// How an answer is to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// As events.
    pub stream: bool,
    /// With one that tells what was used.
    pub include_usage: bool,
}

impl Manner {
    /// What the fields say of it.
    pub fn take(fields: &mut Fields) -> Self {
        let include_usage = match fields.take("stream_options") {
            None => false,
            Some(Value::Object(options)) => options.get("include_usage") == Some(&json!(true)),
            Some(_) => {
                fields.wrong(
                    "stream_options",
                    "stream_options must be an object such as {\"include_usage\": true}",
                );
                false
            }
        };
        Self { stream: fields.flag("stream").unwrap_or(false), include_usage }
    }
}

/// The answer of a job that was handed in, at its end or as it goes on.
pub async fn respond(
    gateway: &Gateway,
    submitted: Submitted,
    (manner, reply): (Manner, Reply),
) -> HttpResponse {
    let (id, replayed) = (submitted.id, submitted.replayed);
    let mut response = if manner.stream {
        let speaker = Speaker::new(reply, manner.include_usage);
        follow::respond(gateway.clone(), submitted.watch, speaker)
    } else {
        wait(gateway, submitted, &reply).await.unwrap_or_else(|problem| problem.error_response())
    };
    sign(&mut response, id, replayed);
    response
}

async fn wait(gateway: &Gateway, submitted: Submitted, reply: &Reply) -> Result<HttpResponse, Problem> {
    let job = match submitted.watch.job().work.kind() {
        JobKind::Image => ended::completed(gateway, submitted, None).await?,
        JobKind::Video => videos::awaited(gateway, submitted).await?,
    };
    Ok(HttpResponse::Ok().json(reply.whole(gateway, &job).map_err(|problem| problem.of_job(job.id))?))
}
