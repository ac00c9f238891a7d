//! The administrator, the first API key, and what belongs to the gateway as a whole.

use super::{LIMIT, Saved, save, saved, sources};
use crate::{
    auth::{Admin, peer},
    body,
    fields::Fields,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};
use atelier_actors::{
    key_ring::KeySecret,
    settings::{Change, Values},
};
use atelier_domain::code::Code;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// How long a password or key may be, in characters.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 8..=200;

/// The gateway as a whole.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct ConfigBody {
    /// Faults in a row that switch an account off, 1 to 1000.
    error_ban_threshold: Option<u32>,
    /// Days that the log of requests is kept, 1 to 3650.
    log_retention_days: Option<u64>,
    /// Names of settings, such as `proxy.url`, that are left to file and environment again.
    reset: Option<Vec<String>>,
}

/// The gateway as a whole: `{error_ban_threshold, log_retention_days, api_key, admin_username, debug_enabled, sources}`; the key is masked.
#[utoipa::path(get, path = "/api/admin/config", tag = "admin: settings", responses((status = 200, description = "The settings")))]
pub async fn show(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let values = gateway.settings.values();
    let mut sources = sources(
        &gateway,
        &[
            ("error_ban_threshold", "pool.error_ban_threshold"),
            ("log_retention_days", "log.requests_days"),
            ("debug_enabled", "debug.enabled"),
            ("api_key", "global.api_key"),
            ("admin_username", "global.admin_username"),
        ],
    );
    let username = gateway.desk.username()?;
    if gateway.desk.is_changed()? {
        sources["admin_username"] = "stored".into();
    }
    if gateway.keys.is_first_replaced()? {
        sources["api_key"] = "stored".into();
    }
    Ok(HttpResponse::Ok().json(json!({
        "error_ban_threshold": values.error_ban_threshold,
        "log_retention_days": values.request_log_days,
        "api_key": gateway.keys.first().map(|key| format!("{}…", key.prefix)),
        "admin_username": username,
        "debug_enabled": values.debug,
        "sources": sources,
    })))
}

/// Change the gateway as a whole: what is left out stays as it is.
#[utoipa::path(post, path = "/api/admin/config", tag = "admin: settings", request_body = ConfigBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn change(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let threshold = fields.integer("error_ban_threshold", 1..=1000).and_then(|n| u32::try_from(n).ok());
    let days = fields.integer("log_retention_days", 1..=3650).and_then(|n| u64::try_from(n).ok());
    let reset = fields.texts("reset").unwrap_or_default();
    if let Some(unknown) = reset.iter().find(|path| !Values::PATHS.contains(&path.as_str())) {
        let shown: String = unknown.chars().take(60).collect();
        fields.wrong("reset", format!("{shown:?} is no setting, but {}", Values::PATHS.join(", ")));
    }
    if threshold.is_none() && days.is_none() && reset.is_empty() {
        fields.wrong("error_ban_threshold", "error_ban_threshold is missing");
    }
    fields.check()?;
    if !reset.is_empty() {
        gateway.settings.reset(reset).await?;
    }
    let change = Change { error_ban_threshold: threshold, request_log_days: days, ..Change::default() };
    save(&gateway, change, "settings changed").await
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct PasswordBody {
    /// The password so far.
    old_password: String,
    /// The new one, 8 to 200 characters.
    new_password: String,
    /// A new name.
    username: Option<String>,
}

/// A text that must be there.
fn needed(fields: &mut Fields, name: &str) -> String {
    let text = fields.text(name).unwrap_or_default();
    if text.is_empty() && !fields.has(name) {
        fields.wrong(name, format!("{name} is missing"));
    }
    text
}

/// Change the administrator's password, and name. All sessions are closed, this one too.
#[utoipa::path(post, path = "/api/admin/password", tag = "admin: settings", request_body = PasswordBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_old_password` when it is wrong, and other `bad_…`", body = ErrorBody),
        (status = 429, description = "`login_throttled`", body = ErrorBody)))]
pub async fn password(
    _: Admin,
    request: HttpRequest,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let (old, new) = (needed(&mut fields, "old_password"), needed(&mut fields, "new_password"));
    let username = fields.filled("username").map(|name| name.trim().to_owned());
    if fields.has("new_password") && !SECRET_CHARS.contains(&new.chars().count()) {
        fields.wrong("new_password", "new_password must have 8 to 200 characters");
    }
    if username.as_ref().is_some_and(|name| name.chars().count() > 64 || name.chars().any(char::is_control)) {
        fields.wrong("username", "username may have 64 visible characters at most");
    }
    fields.check()?;
    match gateway.desk.change_password(&peer(&request), &old, &new, username).await {
        Ok(()) => {}
        // Not 401: the session is right, and a page would take it for over.
        Err(refused) if refused.code == Code::InvalidCredentials => {
            return Err(Problem::field("old_password", refused.message));
        }
        Err(refused) => return Err(refused.into()),
    }
    tracing::info!("admin password changed, all sessions closed");
    Ok(saved("password changed: log in again"))
}

/// A new first key.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct ApiKeyBody {
    /// The new secret, 8 to 200 printable ASCII characters without spaces.
    new_api_key: String,
}

/// Give the first API key another secret. The old one stops working at once.
#[utoipa::path(post, path = "/api/admin/apikey", tag = "admin: settings", request_body = ApiKeyBody,
    responses((status = 200, description = "Replaced", body = Saved), (status = 422, description = "`bad_new_api_key`", body = ErrorBody)))]
pub async fn api_key(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let given = needed(&mut fields, "new_api_key");
    let is_plain = given.chars().all(|c| c.is_ascii_graphic()) && SECRET_CHARS.contains(&given.len());
    if fields.has("new_api_key") && !is_plain {
        fields.wrong("new_api_key", "new_api_key must be 8 to 200 printable ASCII characters without spaces");
    }
    fields.check()?;
    match gateway.keys.replace_first(&KeySecret::given(&given)).await {
        Ok(key) => tracing::info!(key_id = %key.id, "first API key replaced"),
        Err(refused) if refused.code == Code::BadField => {
            return Err(Problem::field("new_api_key", refused.message));
        }
        Err(refused) => return Err(refused.into()),
    }
    Ok(saved("API key replaced"))
}

/// A switch.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct SwitchBody {
    /// On or off.
    enabled: bool,
}

/// Reads a body that is a switch.
pub(super) async fn switch(payload: web::Payload) -> Result<bool, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let enabled = fields.flag("enabled");
    if !fields.has("enabled") {
        fields.wrong("enabled", "enabled is missing");
    }
    fields.check()?;
    Ok(enabled.unwrap_or(false))
}

/// Log the wire of upstreams, or stop it. Secrets are masked.
#[utoipa::path(post, path = "/api/admin/debug", tag = "admin: settings", request_body = SwitchBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_enabled`", body = ErrorBody)))]
pub async fn debug(_: Admin, gateway: Data<Gateway>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let debug = Some(switch(payload).await?);
    save(&gateway, Change { debug, ..Change::default() }, "debugging changed").await
}

/// Whether access tokens are renewed before they end.
#[utoipa::path(get, path = "/api/token-refresh/config", tag = "admin: settings", responses((status = 200, description = "`{success, config: {at_auto_refresh_enabled}, sources}`")))]
pub async fn refresh(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let path = [("at_auto_refresh_enabled", "token_refresh.at_auto_refresh_enabled")];
    let config: Value = json!({ "at_auto_refresh_enabled": gateway.settings.values().refresh_access_tokens });
    let sources = sources(&gateway, &path);
    Ok(HttpResponse::Ok().json(json!({ "success": true, "config": config, "sources": sources })))
}

/// Renew access tokens before they end, or leave them.
#[utoipa::path(post, path = "/api/token-refresh/enabled", tag = "admin: settings", request_body = SwitchBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_enabled`", body = ErrorBody)))]
pub async fn set_refresh(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let refresh_access_tokens = Some(switch(payload).await?);
    save(&gateway, Change { refresh_access_tokens, ..Change::default() }, "renewal of tokens changed").await
}
