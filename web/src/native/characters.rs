//! `/v1/characters`: made out of videos, listed, looked at, deleted (api.md §8).

use crate::{
    accounts,
    auth::Caller,
    body,
    fields::Fields,
    form,
    gateway::Gateway,
    openai::{answer, choice, dialect::Dialect, images, videos::SourceJob},
    problem::{ErrorBody, Problem, REPLAYED},
    references::{Gatherer, Source, source},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::HeaderValue,
    web::{self, Data, Path, Query},
};
use atelier_actors::characters::{NewCharacter, Repeat};
use atelier_domain::{
    character::{self, Character, Timestamps, Visibility},
    code::Code,
    ids::AccountId,
    job::JobKind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// The model that a character is for unless said otherwise.
const MODEL: &str = "sora-video-10s";

/// Fields in which the video may stand.
const VIDEOS: [&str; 3] = ["video", "video_base64", "video_url"];

/// Characters of a page unless said otherwise, and at most.
const PAGE: usize = 20;
const LONGEST_PAGE: usize = 100;

/// What makes a character.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct NewCharacterBody {
    /// The video: a file of a form; base64, a data URI, an http(s) URL, or the id of one of this key's videos. Also `video_base64`.
    #[schema(value_type = String, format = Binary)]
    video: Value,
    /// The video model that it is for.
    #[schema(default = "sora-video-10s")]
    model: Option<String>,
    /// The part of the video that shows it, in seconds.
    #[schema(default = "0,3")]
    timestamps: Option<String>,
    /// What prompts call it, without the `@`. Digits are added when somebody is called so already.
    username: Option<String>,
    /// Its name for people.
    display_name: Option<String>,
    /// How it behaves.
    instruction_set: Option<String>,
    /// How it must not behave.
    safety_instruction_set: Option<String>,
    /// `private` or `public`.
    #[schema(default = "private")]
    visibility: Option<String>,
}

/// A character.
#[derive(Debug, Serialize, ToSchema)]
pub struct CharacterObject {
    /// Its id.
    #[schema(example = "char_0199abcd000070008000000000000001")]
    id: String,
    /// Always `character`.
    object: &'static str,
    /// Since when, in seconds since the epoch.
    created: i64,
    /// The model that it is for.
    model: String,
    /// What it is.
    data: CharacterData,
}

/// What a character is.
#[derive(Debug, Serialize, ToSchema)]
pub struct CharacterData {
    /// Its id as mentions write it: `<@ch_…>`.
    #[schema(example = "ch_0199abcd000070008000000000000001")]
    cameo_id: String,
    /// What prompts call it.
    username: String,
    /// Its name for people.
    display_name: String,
    /// What it looks like: a link that lasts an hour. Null until the character is first used, for an old one.
    profile_picture_url: Option<String>,
    /// How it behaves.
    instruction_set: Option<String>,
    /// How it must not behave.
    safety_instruction_set: Option<String>,
    /// `private` or `public`.
    visibility: &'static str,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

/// A character as its owner sees it.
fn view(gateway: &Gateway, origin: &str, character: &Character) -> CharacterObject {
    CharacterObject {
        id: character.id.to_string(),
        object: "character",
        created: character.created_at.seconds(),
        model: character.model.clone(),
        data: CharacterData {
            cameo_id: character.cameo().to_string(),
            username: character.username.to_string(),
            display_name: character.display_name.clone(),
            profile_picture_url: picture(gateway, origin, character),
            instruction_set: character.instruction_set.clone(),
            safety_instruction_set: character.safety_instruction_set.clone(),
            visibility: character.visibility.word(),
            message: None,
        },
    }
}

/// A link to what a character looks like.
pub fn picture(gateway: &Gateway, origin: &str, character: &Character) -> Option<String> {
    let portrait = character.portrait.as_ref()?;
    Some(gateway.links.sign(origin, portrait.media, &portrait.mime))
}

/// The account that the making of a character is counted for: the first that is switched on.
///
/// # Errors
/// When the gateway is stopping.
pub async fn accountable(gateway: &Gateway) -> Result<Option<AccountId>, Problem> {
    let accounts = accounts::all(gateway).await?;
    Ok(accounts.iter().map(|one| &one.standing.account).find(|one| one.enabled).map(|one| one.id))
}

/// The caller's own character, by either of its ids.
///
/// # Errors
/// [`Code::CharacterNotFound`].
pub fn own(gateway: &Gateway, caller: &Caller, id: &str) -> Result<Character, Problem> {
    let unknown = || Problem::new(Code::CharacterNotFound, "this API key has no such character");
    let id = character::id_of(id).ok_or_else(unknown)?;
    gateway.characters.get(caller.0.id, id)?.ok_or_else(unknown)
}

/// Make a character out of a video. Prompts then speak of it as `@username` or `<@ch_…>`.
#[utoipa::path(post, path = "/v1/characters", tag = "characters",
    request_body(content((NewCharacterBody = "multipart/form-data"), (NewCharacterBody = "application/json"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 255 characters: the same key and body get the same answer for 24 h")),
    responses((status = 200, description = "The character", body = CharacterObject),
        (status = 400, description = "`bad_body`, `unknown_model`, `invalid_image_url`", body = ErrorBody),
        (status = 413, description = "`body_too_large`, `storage_limit_exceeded`", body = ErrorBody),
        (status = 422, description = "`bad_video`, `bad_timestamps`, `bad_username`, `bad_…`", body = ErrorBody)))]
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = if form::is_form(&request) {
        form::form(&request, payload, &gateway, &caller, &VIDEOS).await?
    } else {
        body::json_object(payload, gateway.limits.json_body).await?
    };
    let origin = answer::origin(&request);
    let repeat = repeat_of(&request, fields.hash("/v1/characters"))?;
    let new = told(&gateway, &caller, &origin, &mut fields).await?;
    let (character, replayed) = create_once(&gateway, new, repeat).await?;
    let mut made = view(&gateway, &origin, &character);
    made.data.message = Some("Character created successfully");
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header((REPLAYED, HeaderValue::from_static("true")));
    }
    Ok(response.json(made))
}

/// What a request for a character says about being sent before.
///
/// # Errors
/// `bad_idempotency_key`.
pub fn repeat_of(request: &HttpRequest, body_hash: String) -> Result<Option<Repeat>, Problem> {
    let (idempotency_key, _) = images::repeat_of(request)?;
    Ok(idempotency_key.map(|idempotency_key| Repeat { idempotency_key, body_hash }))
}

/// Makes a character; true when an earlier request made it.
///
/// # Errors
/// Those of [`atelier_actors::characters::Characters::create_once`].
pub async fn create_once(
    gateway: &Gateway,
    new: NewCharacter,
    repeat: Option<Repeat>,
) -> Result<(Character, bool), Problem> {
    let (character, replayed) = gateway.characters.create_once(new, repeat.as_ref()).await?;
    tracing::info!(character = %character.id, key = %character.owner, replayed, "character made");
    Ok((character, replayed))
}

/// The character that the fields tell of, with its video brought in.
///
/// # Errors
/// What is wrong with the fields, or with the video.
pub async fn told(
    gateway: &Gateway,
    caller: &Caller,
    origin: &str,
    fields: &mut Fields,
) -> Result<NewCharacter, Problem> {
    let said = said(gateway, caller, fields)?;
    let (field, source) = video(gateway, caller, fields)?;
    let gatherer = Gatherer { gateway, key: caller.0.id, origin };
    Ok(NewCharacter {
        owner: caller.0.id,
        model: said.model,
        video: gatherer.video(source, field).await?,
        timestamps: said.timestamps,
        username: fields.filled("username"),
        display_name: fields.filled("display_name"),
        instruction_set: fields.filled("instruction_set"),
        safety_instruction_set: fields.filled("safety_instruction_set"),
        visibility: said.visibility,
        account: accountable(gateway).await?,
    })
}

/// What can be judged before the video is brought in.
struct Said {
    model: String,
    timestamps: Timestamps,
    visibility: Visibility,
}

fn said(gateway: &Gateway, caller: &Caller, fields: &mut Fields) -> Result<Said, Problem> {
    let asked = fields.filled("model").unwrap_or_else(|| MODEL.to_owned());
    let model = choice::model(gateway, &caller.0, JobKind::Video, Some(&asked))?.name.clone();
    let timestamps = match timestamps(fields) {
        Some(Ok(timestamps)) => timestamps,
        Some(Err(why)) => {
            fields.wrong("timestamps", format!("timestamps: {why}"));
            Timestamps::default()
        }
        None => Timestamps::default(),
    };
    let visibility = fields.word("visibility", Visibility::parse, Visibility::WORDS).unwrap_or_default();
    for name in ["username", "display_name", "instruction_set", "safety_instruction_set"] {
        fields.text(name);
    }
    Ok(Said { model, timestamps, visibility })
}

/// `"0,3"`, or `[0, 3]` in JSON.
fn timestamps(fields: &mut Fields) -> Option<Result<Timestamps, &'static str>> {
    let text = match fields.take("timestamps")? {
        Value::String(text) if text.trim().is_empty() => return None,
        Value::String(text) => text,
        Value::Array(moments) => moments.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    Some(Timestamps::parse(&text))
}

/// The video and the field that it stood in.
fn video(gateway: &Gateway, caller: &Caller, fields: &mut Fields) -> Result<(&'static str, Source), Problem> {
    let mut found = Vec::new();
    for name in VIDEOS {
        found.extend(fields.take_files(name).into_iter().map(|file| (name, Source::File(Box::new(file)))));
        let Some(value) = fields.take(name) else { continue };
        let source = match own_video(&value) {
            Some(id) => {
                let source = SourceJob::own(gateway, caller, id, Dialect::of(gateway, caller))?;
                Ok(source.own_file().map(Source::Made))
            }
            None => source(&value),
        };
        match source {
            Ok(source) => found.extend(source.map(|source| (name, source))),
            Err(_) => fields.wrong(name, format!("{name} must be a file, base64, a data URI or a URL")),
        }
    }
    if found.len() > 1 {
        fields.wrong("video", "video: send one, not several");
    }
    if found.is_empty() {
        fields.wrong("video", "video is missing: send an MP4 file, its base64, a data URI or a URL");
    }
    fields.check()?;
    found.pop().ok_or_else(|| Problem::field("video", "video is missing"))
}

/// The id in `"video_…"` or `{"id": "video_…"}`.
fn own_video(value: &Value) -> Option<&str> {
    let is_id = |text: &&str| text.starts_with("video_") && text.len() < 64;
    value.as_str().filter(is_id).or_else(|| value.get("id")?.as_str())
}

/// Which characters to list.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Listing {
    /// Characters after this one.
    after: Option<String>,
    /// How many at most, up to 100.
    limit: Option<usize>,
    /// `desc` (newest first, the default) or `asc`.
    order: Option<String>,
}

/// A page of characters.
#[derive(Debug, Serialize, ToSchema)]
pub struct CharacterList {
    /// Always `list`.
    object: &'static str,
    /// The characters.
    data: Vec<CharacterObject>,
    /// The first of them.
    first_id: Option<String>,
    /// The last of them: `after` for the next page.
    last_id: Option<String>,
    /// Whether there are more.
    has_more: bool,
}

/// This key's characters.
#[utoipa::path(get, path = "/v1/characters", tag = "characters", params(Listing),
    responses((status = 200, description = "A page of characters", body = CharacterList), (status = 422, description = "`bad_after`, `bad_order`", body = ErrorBody)))]
pub async fn list(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    asked: Query<Listing>,
) -> Result<HttpResponse, Problem> {
    let newest_first = match asked.order.as_deref() {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(Problem::field("order", "order must be asc or desc")),
    };
    let after = asked.after.as_deref().filter(|after| !after.is_empty());
    let bad_after = || Problem::field("after", "after must be the id of a character");
    let after = after.map(|after| character::id_of(after).ok_or_else(bad_after)).transpose()?;
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    // One more than asked tells whether there are more.
    let mut found = gateway.characters.list(caller.0.id, after, newest_first, limit + 1)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let origin = answer::origin(&request);
    let data: Vec<_> = found.iter().map(|character| view(&gateway, &origin, character)).collect();
    let id = |character: Option<&CharacterObject>| character.map(|character| character.id.clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    Ok(HttpResponse::Ok().json(CharacterList { object: "list", data, first_id, last_id, has_more }))
}

/// A character of this key.
#[utoipa::path(get, path = "/v1/characters/{id}", tag = "characters", params(("id" = String, Path, description = "`char_…` or `ch_…`")),
    responses((status = 200, description = "The character", body = CharacterObject), (status = 404, description = "`character_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let character = own(&gateway, &caller, &id)?;
    Ok(HttpResponse::Ok().json(view(&gateway, &answer::origin(&request), &character)))
}

/// Delete a character: its username is free again. Jobs that were given it keep what they were given.
#[utoipa::path(delete, path = "/v1/characters/{id}", tag = "characters", params(("id" = String, Path, description = "`char_…` or `ch_…`")),
    responses((status = 200, description = "`{id, object, deleted}`"), (status = 404, description = "`character_not_found`", body = ErrorBody)))]
pub async fn delete(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let character = own(&gateway, &caller, &id)?;
    let deleted = gateway.characters.delete(character.id).await?;
    let id = character.id.to_string();
    Ok(HttpResponse::Ok().json(json!({ "id": id, "object": "character.deleted", "deleted": deleted })))
}
