//! `POST /v1/enhance_prompt`: a prompt made into the description of a shot (api.md §8). Free; by an engine where the operator has one do
//! it, else here, and then the same for the same prompt.

use crate::{
    accounts,
    auth::Caller,
    body,
    gateway::Gateway,
    native::profiles::Through,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data, Query},
};
use atelier_actors::relay::ShotPrompt;
use atelier_domain::{
    code::Code,
    enhance::{Expansion, enhance},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The length of a shot that is not told, in seconds.
const SECONDS: i64 = 10;

/// What to describe.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct EnhancePrompt {
    /// What is to be filmed.
    prompt: String,
    /// `short`, `medium` or `long`.
    #[schema(default = "medium")]
    expansion_level: Option<String>,
    /// How long the shot lasts, 1 to 60 seconds.
    #[schema(default = 10)]
    duration_s: Option<i64>,
}

/// The description of a shot.
#[derive(Debug, Serialize, ToSchema)]
pub struct Enhanced {
    /// Lines that begin with `PRIMARY:`, `SETTING:`, `LOOK:` and, for longer ones, more.
    #[schema(example = "PRIMARY: …\nSETTING: …\nLOOK: …")]
    enhanced_prompt: String,
}

/// Describe a shot from a prompt.
#[utoipa::path(post, path = "/v1/enhance_prompt", tag = "videos", request_body = EnhancePrompt, params(Through),
    responses((status = 200, description = "The description", body = Enhanced), (status = 400, description = "`bad_body`, `missing_prompt`", body = ErrorBody),
        (status = 404, description = "`token_not_found`", body = ErrorBody), (status = 422, description = "`bad_prompt`, `bad_expansion_level`, `bad_duration_s`", body = ErrorBody)))]
pub async fn enhance_prompt(
    _: Caller,
    gateway: Data<Gateway>,
    through: Query<Through>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, gateway.limits.json_body).await?;
    let with = match through.token().filter(|id| !id.is_empty()) {
        Some(id) => Some(accounts::find(&gateway, id).await?.standing.account.id),
        None => None,
    };
    let prompt = fields.filled("prompt");
    let level = fields.word("expansion_level", Expansion::parse, Expansion::WORDS).unwrap_or_default();
    let seconds = fields.integer("duration_s", 1..=60).unwrap_or(SECONDS);
    let most = gateway.limits.prompt_chars;
    if prompt.as_ref().is_some_and(|prompt| prompt.chars().count() > most) {
        fields.wrong("prompt", format!("prompt may have {most} characters at most"));
    }
    fields.check()?;
    let missing =
        || Problem::new(Code::MissingPrompt, "prompt is missing or empty: say what to film").param("prompt");
    let prompt = prompt.ok_or_else(missing)?;
    let seconds = u32::try_from(seconds).unwrap_or_default();
    let shot = ShotPrompt { prompt, expansion: level, seconds };
    let told = gateway.relay.enhance(with, &shot).await;
    let enhanced_prompt = told.unwrap_or_else(|| enhance(&shot.prompt, level, seconds));
    Ok(HttpResponse::Ok().json(Enhanced { enhanced_prompt }))
}
