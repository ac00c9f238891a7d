//! Invitations and user names, which belong to engines that have them.

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
use atelier_actors::Refused;
use atelier_domain::code::Code;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::future::Future;
use utoipa::{IntoParams, ToSchema};

/// Accounts that are asked for at the same time.
const AT_ONCE: usize = 3;

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

/// An accepted invitation.
#[derive(Serialize, ToSchema)]
pub struct Activated {
    /// Always true.
    success: bool,
    /// For people.
    message: &'static str,
    /// Whether the account had accepted one before.
    already_accepted: bool,
    /// The code that it may invite with itself.
    invite_code: Option<String>,
    /// How many have used that.
    redeemed_count: u64,
    /// How many may.
    total_count: u64,
    /// What is left of its quota.
    sora2_remaining_count: u64,
}

/// A user name.
#[derive(Serialize, ToSchema)]
pub struct NameSet {
    /// Always true.
    success: bool,
    /// For people.
    message: String,
    /// The name.
    username: String,
    /// Whether the account had it before.
    already_set: bool,
}

/// What became of many accounts.
#[derive(Serialize, ToSchema)]
pub struct ActivatedMany {
    /// Always true.
    success: bool,
    /// Accounts that were asked for.
    total: usize,
    /// Those that have it now and had it not.
    activated: usize,
    /// Those that had accepted an invitation before.
    already_active: usize,
    /// Those that had a name before: the same number.
    already_set: usize,
    /// Those whose upstream refused.
    failed: usize,
}

/// Asks for every account that can, a few at once. Each asked says whether it was so before.
async fn each<F: Future<Output = Result<bool, Refused>>>(
    gateway: &Gateway,
    ask: impl Fn(u64) -> F,
) -> Result<HttpResponse, Problem> {
    let numbers = gateway.checkups.invitable();
    if numbers.is_empty() {
        let message = "no account here has an engine that knows invitations and user names";
        return Err(Problem::new(Code::ActivationUnsupported, message));
    }
    let total = numbers.len();
    let answers: Vec<_> = stream::iter(numbers).map(ask).buffered(AT_ONCE).collect().await;
    let count = |wanted: Result<bool, ()>| {
        answers
            .iter()
            .filter(|answer| answer.as_ref().map(|before| *before).map_err(|_| ()) == wanted)
            .count()
    };
    let before = count(Ok(true));
    Ok(HttpResponse::Ok().json(ActivatedMany {
        success: true,
        total,
        activated: count(Ok(false)),
        already_active: before,
        already_set: before,
        failed: count(Err(())),
    }))
}

/// Accept an invitation with an account.
#[utoipa::path(post, path = "/api/tokens/{id}/sora2/activate", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number"), Invitation),
    responses((status = 200, description = "Accepted", body = Activated), (status = 501, description = "`activation_unsupported`: its engine knows none", body = ErrorBody),
        (status = 404, description = "`account_not_found`", body = ErrorBody), (status = 422, description = "`bad_invite_code`", body = ErrorBody)))]
pub async fn activate(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    query: Query<Invitation>,
) -> Result<HttpResponse, Problem> {
    let number = gateway.accounts.get(number(&id)?)?.number;
    let code = query.invite_code.trim();
    invitation(code)?;
    let accepted = gateway.checkups.accept_invitation(number, code.to_owned()).await?;
    let (invites, quota) =
        (accepted.account.checked.invites.as_ref(), accepted.account.checked.quota.get("sora"));
    Ok(HttpResponse::Ok().json(Activated {
        success: true,
        message: "Sora2 activated successfully",
        already_accepted: accepted.before,
        invite_code: invites.map(|invites| invites.code.clone()),
        redeemed_count: invites.map_or(0, |invites| invites.redeemed),
        total_count: invites.map_or(0, |invites| invites.total),
        sora2_remaining_count: quota.map_or(0, |quota| quota.remaining),
    }))
}

/// Set a user name at an account's upstream, made up out of words, unless it has one.
#[utoipa::path(post, path = "/api/tokens/{id}/activate-username", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "It has one", body = NameSet), (status = 501, description = "`activation_unsupported`: its engine knows none", body = ErrorBody),
        (status = 404, description = "`account_not_found`", body = ErrorBody)))]
pub async fn activate_username(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let claimed = gateway.checkups.claim_username(number(&id)?).await?;
    let done = if claimed.already_set { "the account has the user name" } else { "user name set:" };
    Ok(HttpResponse::Ok().json(NameSet {
        success: true,
        message: format!("{done} {}", claimed.username),
        username: claimed.username,
        already_set: claimed.already_set,
    }))
}

/// Accept an invitation with every account that is on and whose engine knows any.
#[utoipa::path(post, path = "/api/tokens/batch-activate", tag = "admin: accounts", request_body = InvitationBody,
    responses((status = 200, description = "What became of them", body = ActivatedMany), (status = 501, description = "`activation_unsupported`: no account here can", body = ErrorBody),
        (status = 422, description = "`bad_invite_code`", body = ErrorBody)))]
pub async fn activate_all(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object_or_empty(payload, super::one::LIMIT).await?;
    let code = fields.text("invite_code").unwrap_or_default();
    fields.check()?;
    invitation(code.trim())?;
    let (code, checkups) = (code.trim(), &gateway.checkups);
    each(&gateway, |number| async move {
        checkups.accept_invitation(number, code.to_owned()).await.map(|accepted| accepted.before)
    })
    .await
}

/// Set a user name at the upstream of every account that is on and whose engine knows any.
#[utoipa::path(post, path = "/api/tokens/batch-activate-username", tag = "admin: accounts",
    responses((status = 200, description = "What became of them", body = ActivatedMany), (status = 501, description = "`activation_unsupported`: no account here can", body = ErrorBody)))]
pub async fn activate_all_usernames(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let checkups = &gateway.checkups;
    each(&gateway, |number| async move {
        checkups.claim_username(number).await.map(|claimed| claimed.already_set)
    })
    .await
}
