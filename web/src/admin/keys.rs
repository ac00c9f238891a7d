//! API keys: make, list, change, rotate, delete, and give credit.

use crate::{
    auth::Admin,
    body,
    fields::Fields,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    http::Uri,
    web::{self, Data, Path},
};
use atelier_actors::key_ring::KeySettings;
use atelier_domain::{
    code::Code,
    credit::MAX_AMOUNT,
    ids::KeyId,
    key::{ApiKey, Profile},
    time::Millis,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The longest body of these endpoints, in bytes.
const LIMIT: usize = 256 << 10;

/// Settings of a key. On a change, what is left out stays as it is; to lift a limit send 0 (or "" for a text).
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct KeyBody {
    /// The operator's name for it, at most 100 characters.
    name: Option<String>,
    /// Whether its jobs cost credit (true).
    metered: Option<bool>,
    /// Opening credit; on creation only.
    credits: Option<i64>,
    /// `openai` or `sora2api`, for the endpoints in which they differ (none yet); "" means the gateway's default.
    profile: Option<String>,
    /// The only models it may use; empty means all.
    models: Option<Vec<String>>,
    /// Creating calls a minute; 0 means no limit.
    rpm: Option<u32>,
    /// Open jobs at once; 0 means no limit.
    concurrency: Option<u32>,
    /// When it stops working, in seconds since the epoch; 0 means never.
    expires_at: Option<i64>,
    /// The http(s) URL that ended jobs are told to with a signed POST; "" means nowhere.
    webhook_url: Option<String>,
    /// Switched off.
    disabled: Option<bool>,
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub struct KeyView {
    /// Which key.
    id: String,
    /// Always `api_key`.
    object: &'static str,
    /// The whole secret: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The beginning of the secret.
    prefix: String,
    /// The operator's name for it.
    name: String,
    /// Whether its jobs cost credit.
    metered: bool,
    /// What can be spent.
    balance: i64,
    /// What is set aside for open jobs.
    held: i64,
    /// Its dialect; null means the gateway's default.
    profile: Option<&'static str>,
    /// The only models it may use; empty means all.
    models: Vec<String>,
    /// Creating calls a minute.
    rpm: Option<u32>,
    /// Open jobs at once.
    concurrency: Option<u32>,
    /// When it stops working, in seconds since the epoch.
    expires_at: Option<i64>,
    /// The URL that ended jobs are told to.
    webhook_url: Option<String>,
    /// What these calls are signed with: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
    /// Switched off.
    disabled: bool,
    /// The key of first start.
    bootstrap: bool,
    /// Since when, in seconds since the epoch.
    created_at: i64,
    /// When last changed.
    updated_at: i64,
}

/// All keys.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    /// Always `list`.
    object: &'static str,
    /// The keys, oldest first.
    data: Vec<KeyView>,
}

fn view(gateway: &Gateway, key: &ApiKey, secret: Option<String>) -> Result<KeyView, Problem> {
    let balance = gateway.ledger.balance(key.id)?;
    Ok(KeyView {
        id: key.id.to_string(),
        object: "api_key",
        key: secret,
        prefix: key.prefix.clone(),
        name: key.name.clone(),
        metered: key.metered,
        balance: balance.available,
        held: balance.held,
        profile: key.profile.map(Profile::word),
        models: key.models.clone(),
        rpm: key.rpm,
        concurrency: key.concurrency,
        expires_at: key.expires_at.map(Millis::seconds),
        webhook_url: key.webhook_url.clone(),
        webhook_secret: None,
        disabled: key.disabled,
        bootstrap: key.bootstrap,
        created_at: key.created_at.seconds(),
        updated_at: key.updated_at.seconds(),
    })
}

fn settings(gateway: &Gateway, fields: &mut Fields) -> KeySettings {
    let limit = |number: i64| u32::try_from(number).ok().filter(|n| *n > 0);
    let settings = KeySettings {
        name: fields.text("name").map(|name| name.trim().to_owned()),
        metered: fields.flag("metered"),
        profile: profile(fields),
        models: fields.texts("models"),
        rpm: fields.integer("rpm", 0..=1_000_000).map(limit),
        concurrency: fields.integer("concurrency", 0..=1_000_000).map(limit),
        expires_at: fields
            .integer("expires_at", 0..=253_402_300_799)
            .map(|at| (at > 0).then(|| Millis(at * 1000))),
        webhook_url: fields
            .text("webhook_url")
            .map(|url| Some(url.trim().to_owned()).filter(|url| !url.is_empty())),
        disabled: fields.flag("disabled"),
    };
    if settings.name.as_ref().is_some_and(|name| name.chars().count() > 100) {
        fields.wrong("name", "name may have 100 characters at most");
    }
    for unknown in settings.models.iter().flatten().filter(|name| gateway.model(name).is_none()) {
        fields.wrong(
            "models",
            format!("no model is called {:?}", unknown.chars().take(80).collect::<String>()),
        );
    }
    if settings.webhook_url.iter().flatten().any(|url| !may_be_called(url)) {
        let message =
            "webhook_url must be an http(s) URL of 2000 characters at most, without user or password";
        fields.wrong("webhook_url", message);
    }
    settings
}

/// What the text of a webhook's URL must be. Whether its host may be connected to is judged at each connection.
fn may_be_called(url: &str) -> bool {
    let Ok(parsed) = url.parse::<Uri>() else { return false };
    let is_http = matches!(parsed.scheme_str(), Some("http" | "https"));
    let is_host = parsed.host().is_some_and(|host| !host.is_empty());
    let is_port = parsed.authority().is_some_and(|whole| !whole.as_str().contains('@'))
        && (parsed.port().is_none() || parsed.port_u16().is_some_and(|port| port > 0));
    url.len() <= 2000 && is_http && is_host && is_port
}

/// The key in the answer that makes its signing secret.
fn with_webhook_secret(view: KeyView, gateway: &Gateway, key: &ApiKey) -> KeyView {
    let secret = gateway.webhooks.secret(key).map(|secret| secret.expose().to_owned());
    KeyView { webhook_secret: secret, ..view }
}

fn profile(fields: &mut Fields) -> Option<Option<Profile>> {
    let word = fields.text("profile")?;
    if word.trim().is_empty() {
        return Some(None);
    }
    fields.word("profile", Profile::parse, &["openai", "sora2api"]).map(Some)
}

fn key_id(id: &str) -> Result<KeyId, Problem> {
    id.parse().map_err(|_| Problem::new(Code::KeyNotFound, "there is no API key with this id"))
}

/// All keys, oldest first.
#[utoipa::path(get, path = "/api/keys", tag = "admin: keys", responses((status = 200, description = "The keys", body = KeyList)))]
pub async fn list(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let keys = gateway.keys.list();
    let data = keys.iter().map(|key| view(&gateway, key, None)).collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(KeyList { object: "list", data }))
}

/// Make a key; its secret is in this answer and never again.
#[utoipa::path(post, path = "/api/keys", tag = "admin: keys", request_body = KeyBody,
    responses((status = 201, description = "The key with its secret", body = KeyView), (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn create(
    admin: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object_or_empty(payload, LIMIT).await?;
    let settings = settings(&gateway, &mut fields);
    let credits = fields.integer("credits", 0..=MAX_AMOUNT).unwrap_or(0);
    fields.check()?;
    let (key, secret) = gateway.keys.create(settings, credits).await?;
    tracing::info!(key_id = %key.id, "API key made");
    admin.note(format!("{} {:?} with {credits} credits", key.id, key.name));
    let made = view(&gateway, &key, Some(secret.expose().to_owned()))?;
    Ok(HttpResponse::Created().json(with_webhook_secret(made, &gateway, &key)))
}

/// One key.
#[utoipa::path(get, path = "/api/keys/{id}", tag = "admin: keys", params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key", body = KeyView), (status = 404, description = "`key_not_found`", body = ErrorBody)))]
pub async fn retrieve(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(Code::KeyNotFound, "there is no API key with this id");
    let key = gateway.keys.get(key_id(&id)?).ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(view(&gateway, &key, None)?))
}

/// Change a key: what is left out stays as it is.
#[utoipa::path(patch, path = "/api/keys/{id}", tag = "admin: keys", request_body = KeyBody, params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key", body = KeyView), (status = 404, description = "`key_not_found`", body = ErrorBody), (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn update(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let id = key_id(&id)?;
    let mut fields = body::json_object(payload, LIMIT).await?;
    let settings = settings(&gateway, &mut fields);
    if fields.has("credits") {
        fields.wrong("credits", "credits are given with POST /api/keys/{id}/credits");
    }
    fields.check()?;
    let had_secret = gateway.keys.get(id).is_some_and(|key| key.webhook_secrets > 0);
    let key = gateway.keys.update(id, settings).await?;
    tracing::info!(key_id = %key.id, "API key changed");
    let changed = view(&gateway, &key, None)?;
    let answer = if had_secret { changed } else { with_webhook_secret(changed, &gateway, &key) };
    Ok(HttpResponse::Ok().json(answer))
}

/// The same as PATCH.
#[utoipa::path(put, path = "/api/keys/{id}", tag = "admin: keys", request_body = KeyBody, params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key", body = KeyView), (status = 404, description = "`key_not_found`", body = ErrorBody)))]
pub async fn replace(
    admin: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    update(admin, gateway, id, payload).await
}

/// Delete a key: it stops working at once; its entries stay in the books.
#[utoipa::path(delete, path = "/api/keys/{id}", tag = "admin: keys", params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "`{id, object: api_key.deleted, deleted: true}`"), (status = 404, description = "`key_not_found`", body = ErrorBody)))]
pub async fn delete(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = key_id(&id)?;
    gateway.keys.delete(id).await?;
    tracing::info!(key_id = %id, "API key deleted");
    Ok(HttpResponse::Ok().json(json!({ "id": id.to_string(), "object": "api_key.deleted", "deleted": true })))
}

/// Which secret to renew.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct RotateBody {
    /// True renews what webhooks are signed with, and leaves the key itself as it is.
    webhook_secret: Option<bool>,
}

/// Give a key a new secret; the old one stops working at once. With `webhook_secret: true` it is the signing secret of its webhooks
/// instead. The body may be left out.
#[utoipa::path(post, path = "/api/keys/{id}/rotate", tag = "admin: keys", request_body = RotateBody, params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key with its new secret", body = KeyView), (status = 404, description = "`key_not_found`", body = ErrorBody)))]
pub async fn rotate(
    _: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let id = key_id(&id)?;
    let mut fields = body::json_object_or_empty(payload, LIMIT).await?;
    let signing = fields.flag("webhook_secret").unwrap_or(false);
    fields.check()?;
    if signing {
        let key = gateway.keys.rotate_webhook_secret(id).await?;
        tracing::info!(key_id = %key.id, "webhook secret rotated");
        return Ok(HttpResponse::Ok().json(with_webhook_secret(view(&gateway, &key, None)?, &gateway, &key)));
    }
    let (key, secret) = gateway.keys.rotate(id).await?;
    tracing::info!(key_id = %key.id, "API key rotated");
    Ok(HttpResponse::Ok().json(view(&gateway, &key, Some(secret.expose().to_owned()))?))
}

/// Credit for a key.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct CreditsBody {
    /// How much; negative deducts, never below zero.
    amount: i64,
    /// Why, for the statement.
    reason: Option<String>,
}

/// Give credit, or with a negative amount take it back.
#[utoipa::path(post, path = "/api/keys/{id}/credits", tag = "admin: keys", request_body = CreditsBody, params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "`{id, balance, held, currency}`"), (status = 404, description = "`key_not_found`", body = ErrorBody),
        (status = 409, description = "`below_zero`", body = ErrorBody), (status = 422, description = "`bad_amount`", body = ErrorBody)))]
pub async fn credits(
    admin: Admin,
    gateway: Data<Gateway>,
    id: Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let id = key_id(&id)?;
    let mut fields = body::json_object(payload, LIMIT).await?;
    let amount = fields.integer("amount", -MAX_AMOUNT..=MAX_AMOUNT);
    if amount == Some(0) || !matches!(fields.raw("amount"), Some(Value::Number(_) | Value::String(_))) {
        fields.wrong("amount", "amount must be a whole number other than 0");
    }
    let reason = fields.filled("reason").map(|reason| reason.chars().take(500).collect());
    fields.check()?;
    let balance = gateway.keys.grant(id, amount.unwrap_or(0), reason).await?;
    tracing::info!(key_id = %id, amount, "credit granted");
    admin.note(format!("{} credits", amount.unwrap_or(0)));
    Ok(HttpResponse::Ok().json(json!({
        "id": id.to_string(), "balance": balance.available, "held": balance.held, "currency": "credits",
    })))
}
