//! Who is who: profiles by username, and the search for characters (api.md §8).

use super::{
    elsewhere::Elsewhere,
    post_view::{Authors, ProfileView},
};
use crate::{
    auth::Caller,
    gateway::Gateway,
    openai::answer,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use atelier_domain::{
    character::Character,
    code::Code,
    ids::KeyId,
    username::{Bearer, Username},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What stands for the caller itself in place of a username. Too short to be one.
const ME: &str = "me";

/// Finds of a search unless said otherwise, and at most.
const FINDS: usize = 10;
const MOST_FINDS: usize = 100;

/// The longest beginning that is searched for, in characters.
const LONGEST: usize = 64;

/// An account that older clients name.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Through {
    /// An account, by its number or id. One whose engine can asks its upstream; any other changes nothing.
    token_id: Option<String>,
}

impl Through {
    /// Which.
    pub fn token(&self) -> Option<&str> {
        self.token_id.as_deref()
    }
}

/// A profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneProfile {
    /// Always true.
    success: bool,
    /// Who it is.
    profile: ProfileView,
}

/// The profile of the owner of a key, or of a character that this key may see. `me` is this key's own.
#[utoipa::path(get, path = "/v1/profiles/{username}", tag = "posts", params(("username" = String, Path, description = "With or without the `@`; `me` for oneself"), Through),
    responses((status = 200, description = "The profile", body = OneProfile), (status = 404, description = "`profile_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    username: Path<String>,
    through: Query<Through>,
) -> Result<HttpResponse, Problem> {
    if let Some(elsewhere) = Elsewhere::named(&gateway, through.token()).await? {
        return Ok(HttpResponse::Ok().json(elsewhere.profile(&gateway, &username).await?));
    }
    let unknown = || Problem::new(Code::ProfileNotFound, "nobody here has this username");
    let origin = answer::origin(&request);
    let mut authors = Authors::new(&gateway, &origin);
    let profile = if *username == ME {
        authors.of(caller.0.id).await?
    } else {
        let username: Username = username.parse().map_err(|_| unknown())?;
        match gateway.profiles.find(&username)?.ok_or_else(unknown)? {
            Bearer::Key(key) => {
                gateway.keys.get(key).ok_or_else(unknown)?;
                authors.of(key).await?
            }
            Bearer::Character(id) => {
                let character = gateway.characters.find(id)?.filter(|one| one.is_visible_to(caller.0.id));
                ProfileView::of_character(&gateway, &origin, &character.ok_or_else(unknown)?)
            }
        }
    };
    Ok(HttpResponse::Ok().json(OneProfile { success: true, profile }))
}

/// What to search for.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Wanted {
    /// How the username begins.
    username: Option<String>,
    /// `users` (everybody, the default) or `cameo` (characters that prompts of this key may speak of).
    intent: Option<String>,
    /// How many at most, up to 100 (10).
    limit: Option<usize>,
    /// An account, by its number or id. One whose engine can searches at its upstream; any other changes nothing.
    token_id: Option<String>,
}

/// Whose a character is.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnerView {
    /// The public id.
    user_id: String,
    /// The username.
    username: String,
    /// The name for people.
    display_name: String,
}

/// Somebody who was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    /// Who it is.
    #[serde(flatten)]
    profile: ProfileView,
    /// Whether prompts of this key may speak of it.
    can_cameo: bool,
    /// How prompts speak of it: `<@ch_…>`. Null for owners of keys.
    token: Option<String>,
    /// Whose it is. Null for owners of keys.
    owner: Option<OwnerView>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Finds {
    /// Always true.
    success: bool,
    /// What was searched for.
    query: String,
    /// How many were found.
    count: usize,
    /// They, by username.
    results: Vec<Found>,
}

/// Search for whoever's username begins like this.
#[utoipa::path(get, path = "/v1/characters/search", tag = "characters", params(Wanted),
    responses((status = 200, description = "Who was found", body = Finds), (status = 404, description = "`token_not_found`", body = ErrorBody), (status = 422, description = "`bad_username`, `bad_intent`", body = ErrorBody)))]
pub async fn search(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let query = wanted.username.clone().unwrap_or_default();
    let beginning = query.trim().trim_start_matches('@').to_ascii_lowercase();
    if beginning.is_empty() || beginning.chars().count() > LONGEST {
        return Err(Problem::field("username", format!("username must have 1 to {LONGEST} characters")));
    }
    let users_too = match wanted.intent.as_deref() {
        None | Some("" | "users") => true,
        Some("cameo") => false,
        Some(_) => return Err(Problem::field("intent", "intent must be users or cameo")),
    };
    let limit = wanted.limit.unwrap_or(FINDS).clamp(1, MOST_FINDS);
    if let Some(elsewhere) = Elsewhere::named(&gateway, wanted.token_id.as_deref()).await? {
        let told = elsewhere.search(&gateway, &query, (!users_too, limit)).await?;
        return Ok(HttpResponse::Ok().json(told));
    }
    let key = caller.0.id;
    let found = gateway.profiles.search(&beginning, limit, |_, bearer| match bearer {
        Bearer::Key(owner) => {
            Ok(gateway.keys.get(owner).filter(|_| users_too).map(|key| Somebody::Key(key.id)))
        }
        Bearer::Character(id) => {
            let character = gateway.characters.find(id)?.filter(|one| one.is_visible_to(key));
            Ok(character.map(|character| Somebody::Character(Box::new(character))))
        }
    })?;
    let origin = answer::origin(&request);
    let mut authors = Authors::new(&gateway, &origin);
    let mut results = Vec::with_capacity(found.len());
    for somebody in &found {
        results.push(view(&gateway, &origin, &mut authors, somebody).await?);
    }
    Ok(HttpResponse::Ok().json(Finds { success: true, query, count: results.len(), results }))
}

enum Somebody {
    Key(KeyId),
    Character(Box<Character>),
}

async fn view(
    gateway: &Gateway,
    origin: &str,
    authors: &mut Authors<'_>,
    somebody: &Somebody,
) -> Result<Found, Problem> {
    match somebody {
        Somebody::Key(key) => {
            Ok(Found { profile: authors.of(*key).await?, can_cameo: false, token: None, owner: None })
        }
        Somebody::Character(character) => {
            let owner = authors.of(character.owner).await?;
            Ok(Found {
                profile: ProfileView::of_character(gateway, origin, character),
                can_cameo: true,
                token: Some(format!("<@{}>", character.cameo())),
                owner: Some(OwnerView {
                    user_id: owner.user_id.to_string(),
                    username: owner.username,
                    display_name: owner.display_name,
                }),
            })
        }
    }
}
