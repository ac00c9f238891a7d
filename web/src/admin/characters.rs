//! Everybody's characters, as older admin pages show them (api.md §9).

use crate::{
    accounts::{self, Numbered},
    auth::Admin,
    body, dates,
    fields::Fields,
    gateway::Gateway,
    native::characters::picture,
    openai::answer,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Path},
};
use atelier_actors::characters::CharacterChanges;
use atelier_domain::{
    character::{self, Character, INSTRUCTION_CHARS, Visibility},
    code::Code,
    ids::{CharacterId, KeyId},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Characters that are read at once, and listed at most.
const PAGE: usize = 500;
const MOST: usize = 10_000;

/// A character as the operator sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminCharacter {
    /// Its number.
    id: u64,
    /// Its id as mentions write it.
    #[schema(example = "ch_0199abcd000070008000000000000001")]
    cameo_id: String,
    /// Its id.
    #[schema(example = "char_0199abcd000070008000000000000001")]
    character_id: String,
    /// The number of the account that its making was counted for; null when that is gone.
    token_id: Option<u64>,
    /// Whose it is.
    key_id: String,
    /// What prompts call it.
    username: String,
    /// Its name for people.
    display_name: String,
    /// What it looks like: a link that lasts an hour.
    profile_url: Option<String>,
    /// How it behaves.
    instruction_set: Option<String>,
    /// How it must not behave.
    safety_instruction_set: Option<String>,
    /// `private` or `public`.
    visibility: &'static str,
    /// Always `finalized`: a character is there when it is done.
    status: &'static str,
    /// Since when, in ISO 8601.
    created_at: String,
    /// When it was last changed, in ISO 8601.
    updated_at: String,
}

/// Characters.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminCharacters {
    /// Always true.
    success: bool,
    /// The characters, the oldest first, at most 10,000.
    characters: Vec<AdminCharacter>,
}

/// One character.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneCharacter {
    /// Always true.
    success: bool,
    /// The character.
    character: AdminCharacter,
}

/// A character that is gone.
#[derive(Debug, Serialize, ToSchema)]
pub struct CharacterDeleted {
    /// Always true.
    success: bool,
    /// What was done.
    message: &'static str,
}

/// What to change of a character. What is left out stays; a blank instruction set is taken away.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct UpdateCharacter {
    /// How it behaves.
    instruction_set: Option<String>,
    /// How it must not behave.
    safety_instruction_set: Option<String>,
    /// `private` or `public`.
    visibility: Option<String>,
}

/// What views of characters are made with.
struct Shown {
    accounts: Vec<Numbered>,
    origin: String,
}

impl Shown {
    async fn to(request: &HttpRequest, gateway: &Gateway) -> Result<Self, Problem> {
        Ok(Self { accounts: accounts::all(gateway).await?, origin: answer::origin(request) })
    }

    fn view(&self, gateway: &Gateway, character: &Character) -> AdminCharacter {
        AdminCharacter {
            id: character.number,
            cameo_id: character.cameo().to_string(),
            character_id: character.id.to_string(),
            token_id: character.account.and_then(|id| accounts::number(&self.accounts, id)),
            key_id: character.owner.to_string(),
            username: character.username.to_string(),
            display_name: character.display_name.clone(),
            profile_url: picture(gateway, &self.origin, character),
            instruction_set: character.instruction_set.clone(),
            safety_instruction_set: character.safety_instruction_set.clone(),
            visibility: character.visibility.word(),
            status: "finalized",
            created_at: dates::iso(character.created_at),
            updated_at: dates::iso(character.updated_at),
        }
    }
}

async fn those(
    request: &HttpRequest,
    gateway: &Gateway,
    is_meant: impl Fn(&Character) -> bool,
) -> Result<HttpResponse, Problem> {
    let shown = Shown::to(request, gateway).await?;
    let (mut characters, mut after) = (Vec::new(), None);
    while characters.len() < MOST {
        let page = gateway.characters.all(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        characters.extend(page.iter().filter(|one| is_meant(one)).map(|one| shown.view(gateway, one)));
    }
    characters.truncate(MOST);
    Ok(HttpResponse::Ok().json(AdminCharacters { success: true, characters }))
}

fn meant(gateway: &Gateway, id: &str) -> Result<Character, Problem> {
    let id = character::id_of(id).ok_or_else(unknown)?;
    gateway.characters.find(id)?.ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(Code::CharacterNotFound, "there is no character with this id")
}

/// Every character.
#[utoipa::path(get, path = "/api/characters", tag = "admin: characters", responses((status = 200, description = "The characters", body = AdminCharacters)))]
pub async fn list(_: Admin, request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    those(&request, &gateway, |_| true).await
}

/// The characters of an account, or of an API key.
#[utoipa::path(get, path = "/api/characters/by-token/{id}", tag = "admin: characters", params(("id" = String, Path, description = "The number or id of an account, or the id of an API key")),
    responses((status = 200, description = "The characters", body = AdminCharacters), (status = 404, description = "`token_not_found`", body = ErrorBody)))]
pub async fn by_token(
    _: Admin,
    request: HttpRequest,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    if let Some(key) = id.parse::<KeyId>().ok().and_then(|id| gateway.keys.get(id)) {
        return those(&request, &gateway, |character| character.owner == key.id).await;
    }
    let account = accounts::find(&gateway, &id).await?.standing.account.id;
    those(&request, &gateway, |character| character.account == Some(account)).await
}

/// A character.
#[utoipa::path(get, path = "/api/characters/{cameo_id}", tag = "admin: characters", params(("cameo_id" = String, Path, description = "`ch_…` or `char_…`")),
    responses((status = 200, description = "The character", body = OneCharacter), (status = 404, description = "`character_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    _: Admin,
    request: HttpRequest,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let character = meant(&gateway, &id)?;
    respond(&request, &gateway, &character).await
}

async fn respond(
    request: &HttpRequest,
    gateway: &Gateway,
    character: &Character,
) -> Result<HttpResponse, Problem> {
    let character = Shown::to(request, gateway).await?.view(gateway, character);
    Ok(HttpResponse::Ok().json(OneCharacter { success: true, character }))
}

/// Change how a character behaves and who may use it.
#[utoipa::path(post, path = "/api/characters/{cameo_id}/update", tag = "admin: characters", request_body = UpdateCharacter, params(("cameo_id" = String, Path, description = "`ch_…` or `char_…`")),
    responses((status = 200, description = "The character", body = OneCharacter), (status = 404, description = "`character_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_instruction_set`, `bad_safety_instruction_set`, `bad_visibility`", body = ErrorBody)))]
pub async fn update(
    _: Admin,
    request: HttpRequest,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let id: CharacterId = meant(&gateway, &id)?.id;
    let mut fields = body::json_object(payload, gateway.limits.json_body).await?;
    let changes = CharacterChanges {
        instruction_set: instructions(&mut fields, "instruction_set"),
        safety_instruction_set: instructions(&mut fields, "safety_instruction_set"),
        visibility: fields.word("visibility", Visibility::parse, Visibility::WORDS),
    };
    fields.check()?;
    let character = gateway.characters.update(id, changes).await?.ok_or_else(unknown)?;
    tracing::info!(character = %id, "character changed");
    respond(&request, &gateway, &character).await
}

fn instructions(fields: &mut Fields, name: &str) -> Option<Option<String>> {
    let text = fields.text(name)?;
    if text.chars().count() > INSTRUCTION_CHARS {
        fields.wrong(name, format!("{name} may have {INSTRUCTION_CHARS} characters at most"));
    }
    Some(Some(text).filter(|text| !text.trim().is_empty()))
}

/// Delete a character: its username is free again.
#[utoipa::path(delete, path = "/api/characters/{cameo_id}", tag = "admin: characters", params(("cameo_id" = String, Path, description = "`ch_…` or `char_…`")),
    responses((status = 200, description = "It is gone", body = CharacterDeleted), (status = 404, description = "`character_not_found`", body = ErrorBody)))]
pub async fn delete(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let character = meant(&gateway, &id)?;
    if !gateway.characters.delete(character.id).await? {
        return Err(unknown());
    }
    tracing::info!(character = %character.id, "character deleted");
    Ok(HttpResponse::Ok().json(CharacterDeleted { success: true, message: "Character deleted successfully" }))
}
