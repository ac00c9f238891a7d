//! One account: add, show, change, switch, look at, take away.

use super::{AccountBody, AccountView, Done, done, form, number, view, views};
use crate::{
    auth::Admin,
    body,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data, Path},
};
use atelier_actors::account_book::{Report, Revive};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest body of these endpoints, in bytes.
pub(super) const LIMIT: usize = 256 << 10;

/// What a new account answers.
#[derive(Serialize, ToSchema)]
pub struct Added {
    /// Always true; errors have another body.
    success: bool,
    /// For people: whether it works.
    message: String,
    /// Its number.
    token_id: u64,
    /// `success`, `failed`, or `unverified` when nobody looked.
    status: &'static str,
    /// The account.
    token: Option<AccountView>,
}

/// What a look at an account answers.
#[derive(Serialize, ToSchema)]
pub struct Tested {
    /// Always true: the look itself took place.
    success: bool,
    /// `success` or `failed`.
    status: &'static str,
    /// For people: why it does not work.
    message: String,
    /// Its address upstream.
    email: Option<String>,
    /// Its public name upstream.
    username: Option<String>,
    /// Whether the look switched it off, because its credential is refused.
    auto_disabled: bool,
    /// Whether the look switched it on, because it works again.
    auto_enabled: bool,
    /// The account afterwards, with its quota and plan; its fields `sora2_…` stand beside these, too.
    #[serde(flatten)]
    sora: Sora,
    /// The account afterwards.
    token: Option<AccountView>,
}

/// What older clients read beside the result of a look.
#[derive(Serialize, ToSchema)]
pub struct Sora {
    /// Whether it has a quota of Sora 2.
    sora2_supported: bool,
    /// What is left of it.
    sora2_remaining_count: u64,
    /// The code that it may invite with.
    sora2_invite_code: Option<String>,
    /// How many have used that.
    sora2_redeemed_count: u64,
    /// How many may.
    sora2_total_count: u64,
}

/// What a look found, in the words of older clients.
pub(super) fn verdict(report: &Report) -> (&'static str, String) {
    match &report.problem {
        None => ("success", "the account works".to_owned()),
        Some(problem) => ("failed", problem.clone()),
    }
}

/// All accounts, by number.
#[utoipa::path(get, path = "/api/tokens", tag = "admin: accounts", responses((status = 200, description = "The accounts", body = Vec<AccountView>)))]
pub async fn list(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(views(&gateway, &gateway.accounts.list()).await?))
}

/// One account.
#[utoipa::path(get, path = "/api/tokens/{id}", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "The account", body = AccountView), (status = 404, description = "`account_not_found`", body = ErrorBody)))]
pub async fn retrieve(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let account = gateway.accounts.get(number(&id)?)?;
    Ok(HttpResponse::Ok().json(view(&gateway, &account).await?))
}

/// Add an account. Its upstream is asked at once whether it works; one that cannot be asked now is added all the same, as `unverified`.
#[utoipa::path(post, path = "/api/tokens", tag = "admin: accounts", request_body = AccountBody,
    responses((status = 200, description = "Added", body = Added), (status = 409, description = "`account_exists`", body = ErrorBody),
        (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn create(
    admin: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let draft = form::draft(&gateway, &mut fields, None);
    let is_checked = fields.flag("check").unwrap_or(true);
    fields.check()?;
    let account = gateway.accounts.add(draft).await?;
    admin.note(format!("account {} of {}", account.number, account.engine));
    let (status, message, account) = if is_checked {
        let report = gateway.checkups.check(account.number, Revive::ByFaults).await?;
        let (status, message) = verdict(&report);
        (status, message, report.account)
    } else {
        ("unverified", "nobody looked whether it works".to_owned(), account)
    };
    let message = format!("account {} added: {message}", account.number);
    let token = view(&gateway, &account).await?;
    Ok(HttpResponse::Ok().json(Added { success: true, message, token_id: account.number, status, token }))
}

/// Change an account: what is left out stays as it is, and a masked secret sent back as it was shown does, too.
#[utoipa::path(put, path = "/api/tokens/{id}", tag = "admin: accounts", request_body = AccountBody, params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "Changed", body = Done), (status = 404, description = "`account_not_found`", body = ErrorBody),
        (status = 409, description = "`account_exists`", body = ErrorBody), (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn update(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let before = gateway.accounts.get(number(&id)?)?;
    let mut fields = body::json_object(payload, LIMIT).await?;
    let draft = form::draft(&gateway, &mut fields, Some(&gateway.accounts.secrets(&before)?));
    fields.check()?;
    let speaks_anew = !draft.secrets.is_empty() || draft.base_url.is_some() || draft.dialect.is_some();
    let account = gateway.accounts.change(before.number, draft).await?;
    if !speaks_anew {
        return done(&gateway, &account, "account changed").await;
    }
    let report = gateway.checkups.check(account.number, Revive::ByFaults).await?;
    done(&gateway, &report.account, format!("account changed: {}", verdict(&report).1)).await
}

/// Take an account away, with its secrets. Jobs that its upstream still works on cannot be asked for any more, and fail.
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "Gone", body = Done), (status = 404, description = "`account_not_found`", body = ErrorBody)))]
pub async fn delete(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let account = gateway.accounts.remove(number(&id)?).await?;
    let message = format!("account {} removed", account.number);
    Ok(HttpResponse::Ok().json(Done { success: true, message, token_id: account.number, token: None }))
}

/// Whether an account may be used.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct StatusBody {
    /// True switches it on, false off.
    is_active: bool,
}

/// Switch an account on or off.
#[utoipa::path(put, path = "/api/tokens/{id}/status", tag = "admin: accounts", request_body = StatusBody, params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "Switched", body = Done), (status = 404, description = "`account_not_found`", body = ErrorBody),
        (status = 422, description = "`bad_is_active`", body = ErrorBody)))]
pub async fn status(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let number = number(&id)?;
    gateway.accounts.get(number)?;
    let mut fields = body::json_object(payload, LIMIT).await?;
    let on = fields.flag("is_active");
    if !fields.has("is_active") {
        fields.wrong("is_active", "is_active is missing");
    }
    fields.check()?;
    switch(&gateway, number, on.unwrap_or(false)).await
}

async fn switch(gateway: &Gateway, number: u64, on: bool) -> Result<HttpResponse, Problem> {
    let account = gateway.accounts.switch(number, on).await?;
    done(gateway, &account, if on { "account enabled" } else { "account disabled" }).await
}

/// Switch an account on. Its faults are forgiven.
#[utoipa::path(post, path = "/api/tokens/{id}/enable", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "Switched on", body = Done), (status = 404, description = "`account_not_found`", body = ErrorBody)))]
pub async fn enable(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    switch(&gateway, number(&id)?, true).await
}

/// Switch an account off. What it has under way goes on.
#[utoipa::path(post, path = "/api/tokens/{id}/disable", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "Switched off", body = Done), (status = 404, description = "`account_not_found`", body = ErrorBody)))]
pub async fn disable(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    switch(&gateway, number(&id)?, false).await
}

/// Ask an account's upstream whether it works. One whose credential is refused is switched off; one that faults had switched off and that
/// works is switched on. Any other failure, such as an upstream that cannot be reached, switches nothing.
#[utoipa::path(post, path = "/api/tokens/{id}/test", tag = "admin: accounts", params(("id" = String, Path, description = "The account's number")),
    responses((status = 200, description = "What was found", body = Tested), (status = 404, description = "`account_not_found`", body = ErrorBody)))]
pub async fn test(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    use atelier_actors::account_book::Switched;
    let report = gateway.checkups.check(number(&id)?, Revive::ByFaults).await?;
    let (status, message) = verdict(&report);
    let (quota, invites) =
        (report.account.checked.quota.get("sora"), report.account.checked.invites.as_ref());
    let sora = Sora {
        sora2_supported: quota.is_some(),
        sora2_remaining_count: quota.map_or(0, |quota| quota.remaining),
        sora2_invite_code: invites.map(|invites| invites.code.clone()),
        sora2_redeemed_count: invites.map_or(0, |invites| invites.redeemed),
        sora2_total_count: invites.map_or(0, |invites| invites.total),
    };
    Ok(HttpResponse::Ok().json(Tested {
        success: true,
        status,
        message,
        email: report.account.identity.email.clone(),
        username: report.account.identity.username.clone(),
        auto_disabled: report.switched == Some(Switched::Off),
        auto_enabled: report.switched == Some(Switched::On),
        sora,
        token: view(&gateway, &report.account).await?,
    }))
}
