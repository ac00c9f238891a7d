//! Invitations and user names, which belong to engines that have them. None here does yet: the endpoints exist, check what they are
//! given, and say so.

use super::number;
use crate::{
    auth::Admin,
    body,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data, Path, Query},
};
use atelier_domain::code::Code;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// An invitation has so many characters.
const INVITE_CHARS: usize = 6;

/// With which invitation.
#[derive(Deserialize, IntoParams)]
pub struct Invitation {
    /// Six characters.
    #[serde(default)]
    invite_code: String,
}

/// With which invitation.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct InvitationBody {
    /// Six characters.
    invite_code: String,
}

fn invitation(code: &str) -> Result<(), Problem> {
    let fits = code.chars().count() == INVITE_CHARS && code.chars().all(|c| c.is_ascii_alphanumeric());
    let wrong = || Problem::field("invite_code", "invite_code must be six letters or digits");
    fits.then_some(()).ok_or_else(wrong)
}

fn unsupported(who: &str) -> Problem {
    Problem::new(Code::ActivationUnsupported, format!("{who} knows no invitations and no user names to set"))
}

/// Accept an invitation with an account.
#[utoipa::path(post, path = "/api/tokens/{id}/sora2/activate", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number"), Invitation),
    responses((status = 501, description = "`activation_unsupported`: its engine knows none", body = ErrorBody),
        (status = 404, description = "`account_not_found`", body = ErrorBody), (status = 422, description = "`bad_invite_code`", body = ErrorBody)))]
pub async fn activate(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    query: Query<Invitation>,
) -> Result<HttpResponse, Problem> {
    let account = gateway.accounts.get(number(&id)?)?;
    invitation(query.invite_code.trim())?;
    Err(unsupported(&format!("the engine {}", account.engine)))
}

/// Set a user name at an account's upstream.
#[utoipa::path(post, path = "/api/tokens/{id}/activate-username", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number")),
    responses((status = 501, description = "`activation_unsupported`: its engine knows none", body = ErrorBody),
        (status = 404, description = "`account_not_found`", body = ErrorBody)))]
pub async fn activate_username(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let account = gateway.accounts.get(number(&id)?)?;
    Err(unsupported(&format!("the engine {}", account.engine)))
}

/// Accept an invitation with every account.
#[utoipa::path(post, path = "/api/tokens/batch-activate", tag = "admin: accounts", request_body = InvitationBody,
    responses((status = 501, description = "`activation_unsupported`: no engine here knows any", body = ErrorBody),
        (status = 422, description = "`bad_invite_code`", body = ErrorBody)))]
pub async fn activate_all(_: Admin, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object_or_empty(payload, super::one::LIMIT).await?;
    let code = fields.text("invite_code").unwrap_or_default();
    fields.check()?;
    invitation(code.trim())?;
    Err(unsupported("no engine here"))
}

/// Set a user name at every account's upstream.
#[utoipa::path(post, path = "/api/tokens/batch-activate-username", tag = "admin: accounts",
    responses((status = 501, description = "`activation_unsupported`: no engine here knows any", body = ErrorBody)))]
pub async fn activate_all_usernames(_: Admin) -> Result<HttpResponse, Problem> {
    Err(unsupported("no engine here"))
}
