//! `/v1/videos/characters` in OpenAI's shape: a named person or thing out of a video (api.md §2). The same characters as those of
//! `/v1/characters`, with less of them shown.

use crate::{
    auth::Caller,
    form,
    gateway::Gateway,
    native::characters::{accountable, own},
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Path},
};
use atelier_actors::characters::NewCharacter;
use atelier_domain::{
    character::{Character, DISPLAY_NAME_CHARS, Timestamps, Visibility},
    code::Code,
    job::JobKind,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// A character.
#[derive(Debug, Serialize, ToSchema)]
pub struct CharacterView {
    /// Its id.
    #[schema(example = "char_0199abcd000070008000000000000001")]
    id: String,
    /// Its name.
    name: String,
    /// Since when, in seconds since the epoch.
    created_at: i64,
}

impl CharacterView {
    fn of(character: &Character) -> Self {
        Self {
            id: character.id.to_string(),
            name: character.display_name.clone(),
            created_at: character.created_at.seconds(),
        }
    }
}

/// A form with a name and a video.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct CreateCharacter {
    /// Its name, at most 100 characters.
    name: String,
    /// An MP4 file that shows it.
    #[schema(value_type = String, format = Binary)]
    video: Vec<u8>,
}

/// Keep a character out of a video.
#[utoipa::path(post, path = "/v1/videos/characters", tag = "videos", request_body(content = CreateCharacter, content_type = "multipart/form-data"),
    responses((status = 200, description = "The character", body = CharacterView), (status = 400, description = "`bad_body`", body = ErrorBody),
        (status = 413, description = "`body_too_large`, `storage_limit_exceeded`", body = ErrorBody), (status = 422, description = "`bad_name`, `bad_video`", body = ErrorBody)))]
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    if !form::is_form(&request) {
        return Err(Problem::new(Code::BadBody, "send name and video as multipart/form-data"));
    }
    let mut fields = form::form(&request, payload, &gateway, &caller, &["video"]).await?;
    let name = fields.filled("name").filter(|name| name.chars().count() <= DISPLAY_NAME_CHARS);
    if name.is_none() {
        fields.wrong("name", format!("name must have 1 to {DISPLAY_NAME_CHARS} characters"));
    }
    let mut files = fields.take_files("video");
    if files.len() != 1 {
        fields.wrong("video", format!("send one MP4 file in the field video; {} were sent", files.len()));
    }
    fields.check()?;
    let (Some(sent), Some(name)) = (files.pop(), name) else {
        return Err(Problem::field("video", "send one MP4 file in the field video"));
    };
    let model = gateway.catalogue.default_for(JobKind::Video).map(|model| model.name.clone());
    let new = NewCharacter {
        owner: caller.0.id,
        model: model.unwrap_or_default(),
        video: sent.upload,
        timestamps: Timestamps::default(),
        username: None,
        display_name: Some(name),
        instruction_set: None,
        safety_instruction_set: None,
        visibility: Visibility::Private,
        account: accountable(&gateway).await?,
    };
    let character = gateway.characters.create(new).await?;
    Ok(HttpResponse::Ok().json(CharacterView::of(&character)))
}

/// A character.
#[utoipa::path(get, path = "/v1/videos/characters/{id}", tag = "videos", params(("id" = String, Path, description = "The character")),
    responses((status = 200, description = "The character", body = CharacterView), (status = 404, description = "`character_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(CharacterView::of(&own(&gateway, &caller, &id)?)))
}

/// Delete a character: what it took of the key's room is free again. OpenAI has no such call.
#[utoipa::path(delete, path = "/v1/videos/characters/{id}", tag = "videos", params(("id" = String, Path, description = "The character")),
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
