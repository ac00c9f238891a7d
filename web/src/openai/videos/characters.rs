//! `/v1/videos/characters` in OpenAI's shape: a named person or thing out of a video, kept to be used by its id (api.md §2).
//!
//! It is kept as a file of its owner: the same budget, the same listing order, the same end.

use super::over::looked_at;
use crate::{
    auth::Caller,
    form,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Path},
};
use atelier_actors::media_library::{NewFile, StoredFile};
use atelier_domain::{
    code::Code,
    ids::{CharacterId, FileId},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// What a character's file is for. Not among the purposes of `/v1/files`, which do not show it.
pub const PURPOSE: &str = "character";

/// The longest name, in characters.
const NAME_CHARS: usize = 100;

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
    fn of(file: &StoredFile) -> Self {
        let id = CharacterId::from_uuid(file.id.uuid());
        Self { id: id.to_string(), name: file.filename.clone(), created_at: file.created_at.seconds() }
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
    let name = fields.filled("name").filter(|name| name.chars().count() <= NAME_CHARS);
    if name.is_none() {
        fields.wrong("name", format!("name must have 1 to {NAME_CHARS} characters"));
    }
    let mut files = fields.take_files("video");
    if files.len() != 1 {
        fields.wrong("video", format!("send one MP4 file in the field video; {} were sent", files.len()));
    }
    fields.check()?;
    let (Some(sent), Some(name)) = (files.pop(), name) else {
        return Err(Problem::field("video", "send one MP4 file in the field video"));
    };
    looked_at(&gateway, &sent.upload).await?;
    let said = NewFile { filename: name, purpose: PURPOSE.to_owned(), expires_at: None };
    let file = gateway.library.keep_file(caller.0.id, sent.upload, said).await?;
    Ok(HttpResponse::Ok().json(CharacterView::of(&file)))
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

fn own(gateway: &Gateway, caller: &Caller, id: &str) -> Result<StoredFile, Problem> {
    let unknown = || Problem::new(Code::CharacterNotFound, "this API key has no such character");
    let id: CharacterId = id.parse().map_err(|_| unknown())?;
    let file = gateway.library.file(caller.0.id, FileId::from_uuid(id.uuid()))?;
    file.filter(|file| file.purpose == PURPOSE).ok_or_else(unknown)
}

/// Delete a character: what it took of the key's room is free again. OpenAI has no such call.
#[utoipa::path(delete, path = "/v1/videos/characters/{id}", tag = "videos", params(("id" = String, Path, description = "The character")),
    responses((status = 200, description = "`{id, object, deleted}`"), (status = 404, description = "`character_not_found`", body = ErrorBody)))]
pub async fn delete(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let file = own(&gateway, &caller, &id)?;
    let deleted = gateway.library.delete_file(caller.0.id, file.id).await?;
    let id = CharacterId::from_uuid(file.id.uuid()).to_string();
    Ok(HttpResponse::Ok().json(json!({ "id": id, "object": "character.deleted", "deleted": deleted })))
}
