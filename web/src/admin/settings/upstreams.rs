//! What engines with a network are told: results without a mark, and the clearance service.

use super::{LIMIT, Saved, filled, masked, media::web_address, save, sources};
use crate::{
    auth::Admin,
    body,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data},
};
use atelier_actors::settings::Change;
use atelier_domain::secret::Secret;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

/// Results without a mark.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct WatermarkBody {
    /// Whether such results are asked for, where the operator has the right to them.
    watermark_free_enabled: bool,
    /// `third_party` or `custom`.
    parse_method: Option<String>,
    /// The operator's own service, for `custom`.
    custom_parse_url: Option<String>,
    /// What that service asks for.
    custom_parse_token: Option<String>,
}

const fn method(custom: bool) -> &'static str {
    if custom { "custom" } else { "third_party" }
}

/// Results without a mark: `{watermark_free_enabled, parse_method, custom_parse_url, custom_parse_token, sources}`; the token is masked.
#[utoipa::path(get, path = "/api/watermark-free/config", tag = "admin: settings", responses((status = 200, description = "The settings")))]
pub async fn watermark(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let values = gateway.settings.values();
    let names = [
        ("watermark_free_enabled", "watermark_free.watermark_free_enabled"),
        ("parse_method", "watermark_free.parse_method"),
        ("custom_parse_url", "watermark_free.custom_parse_url"),
        ("custom_parse_token", "watermark_free.custom_parse_token"),
    ];
    Ok(HttpResponse::Ok().json(json!({
        "watermark_free_enabled": values.watermark_free,
        "parse_method": method(values.custom_parse),
        "custom_parse_url": filled(&values.custom_parse_url),
        "custom_parse_token": masked(&values.custom_parse_token),
        "sources": sources(&gateway, &names),
    })))
}

/// Change results without a mark: what is left out stays as it is.
#[utoipa::path(post, path = "/api/watermark-free/config", tag = "admin: settings", request_body = WatermarkBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_…`", body = ErrorBody)))]
pub async fn set_watermark(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let custom = |word: &str| match word {
        "custom" => Some(true),
        "third_party" => Some(false),
        _ => None,
    };
    let token = fields.text("custom_parse_token").map(|token| Secret::new(token.trim()));
    let kept = &gateway.settings.values().custom_parse_token;
    let change = Change {
        watermark_free: fields.flag("watermark_free_enabled"),
        custom_parse: fields.word("parse_method", custom, &["third_party", "custom"]),
        custom_parse_url: web_address(&mut fields, "custom_parse_url"),
        // One that is sent back as it was shown stays as it is.
        custom_parse_token: token.filter(|token| token.is_empty() || token.expose() != kept.masked()),
        ..Change::default()
    };
    if change.custom_parse_token.as_ref().is_some_and(|token| {
        token.expose().len() > 1024 || !token.expose().chars().all(|c| c.is_ascii_graphic())
    }) {
        fields.wrong("custom_parse_token", "custom_parse_token must be printable ASCII without spaces");
    }
    fields.check()?;
    save(&gateway, change, "settings of results without a mark changed").await
}

/// The clearance service.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct CloudflareBody {
    /// Whether it is asked.
    solver_enabled: bool,
    /// Where it is.
    solver_api_url: Option<String>,
}

/// The clearance service: `{success, config: {solver_enabled, solver_api_url}, sources}`.
#[utoipa::path(get, path = "/api/cloudflare/config", tag = "admin: settings", responses((status = 200, description = "The settings")))]
pub async fn cloudflare(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let values = gateway.settings.values();
    let names = [("solver_enabled", "cloudflare.enabled"), ("solver_api_url", "cloudflare.api_url")];
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "config": { "solver_enabled": values.clearance, "solver_api_url": filled(&values.clearance_url) },
        "sources": sources(&gateway, &names),
    })))
}

/// Change the clearance service: what is left out stays as it is.
#[utoipa::path(post, path = "/api/cloudflare/config", tag = "admin: settings", request_body = CloudflareBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_solver_api_url`", body = ErrorBody)))]
pub async fn set_cloudflare(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let clearance = fields.flag("solver_enabled");
    let clearance_url = web_address(&mut fields, "solver_api_url");
    fields.check()?;
    save(&gateway, Change { clearance, clearance_url, ..Change::default() }, "clearance service changed")
        .await
}
