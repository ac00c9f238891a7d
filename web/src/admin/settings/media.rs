//! How long jobs may take, and what is kept of results that an upstream hosts.

use super::{LIMIT, Saved, filled, general::switch, save, sources};
use crate::{
    auth::Admin,
    body,
    gateway::Gateway,
    openai::answer::origin,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::Uri,
    web::{self, Data},
};
use atelier_actors::settings::Change;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

/// How long jobs may take.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct TimeoutBody {
    /// Seconds for an image job, 60 to 3600.
    image_timeout: Option<u64>,
    /// Seconds for a video job, 60 to 7200.
    video_timeout: Option<u64>,
}

/// How long jobs may take: `{success, config: {image_timeout, video_timeout}, sources}`.
#[utoipa::path(get, path = "/api/generation/timeout", tag = "admin: settings", responses((status = 200, description = "The settings")))]
pub async fn timeouts(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let values = gateway.settings.values();
    let names =
        [("image_timeout", "generation.image_timeout"), ("video_timeout", "generation.video_timeout")];
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "config": { "image_timeout": values.image_timeout_s, "video_timeout": values.video_timeout_s },
        "sources": sources(&gateway, &names),
    })))
}

/// Change how long jobs may take that are accepted from now on.
#[utoipa::path(post, path = "/api/generation/timeout", tag = "admin: settings", request_body = TimeoutBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_image_timeout`, `bad_video_timeout`", body = ErrorBody)))]
pub async fn set_timeouts(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let mut seconds = |name: &str, most: i64| {
        fields.integer(name, 60..=most).and_then(|seconds| u64::try_from(seconds).ok())
    };
    let (image_timeout_s, video_timeout_s) = (seconds("image_timeout", 3600), seconds("video_timeout", 7200));
    if !fields.has("image_timeout") && !fields.has("video_timeout") {
        fields.wrong("image_timeout", "image_timeout and video_timeout are missing: say one at least");
    }
    fields.check()?;
    save(&gateway, Change { image_timeout_s, video_timeout_s, ..Change::default() }, "timeouts changed").await
}

/// Copies of results.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct CacheBody {
    /// Seconds that a copy is kept, 60 to 86400.
    timeout: u64,
}

/// Copies of results: `{success, config: {enabled, timeout, base_url, effective_base_url}, sources}`.
#[utoipa::path(get, path = "/api/cache/config", tag = "admin: settings", responses((status = 200, description = "The settings")))]
pub async fn cache(_: Admin, request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let values = gateway.settings.values();
    let names = [("enabled", "cache.enabled"), ("timeout", "cache.timeout"), ("base_url", "cache.base_url")];
    let base_url = filled(&values.cache_base_url);
    let origin = origin(&request);
    let effective = base_url.unwrap_or_else(|| gateway.links.base(&origin));
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "config": {
            "enabled": values.cache, "timeout": values.cache_timeout_s, "base_url": base_url, "effective_base_url": effective,
        },
        "sources": sources(&gateway, &names),
    })))
}

/// Change how long copies of results are kept.
#[utoipa::path(post, path = "/api/cache/config", tag = "admin: settings", request_body = CacheBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_timeout`", body = ErrorBody)))]
pub async fn set_cache(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let cache_timeout_s = fields.integer("timeout", 60..=86_400).and_then(|n| u64::try_from(n).ok());
    if !fields.has("timeout") {
        fields.wrong("timeout", "timeout is missing");
    }
    fields.check()?;
    save(&gateway, Change { cache_timeout_s, ..Change::default() }, "cache timeout changed").await
}

/// Where links to copies begin.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct BaseUrlBody {
    /// `http(s)://host`, with a path if needed; "" for the public address.
    base_url: String,
}

/// Change where links to copies begin.
#[utoipa::path(post, path = "/api/cache/base-url", tag = "admin: settings", request_body = BaseUrlBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_base_url`", body = ErrorBody)))]
pub async fn set_base_url(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    if !fields.has("base_url") {
        fields.wrong("base_url", "base_url is missing");
    }
    let cache_base_url = web_address(&mut fields, "base_url");
    fields.check()?;
    save(&gateway, Change { cache_base_url, ..Change::default() }, "base URL changed").await
}

/// An http(s) address without a final `/`, or nothing.
pub(super) fn web_address(fields: &mut crate::fields::Fields, name: &str) -> Option<String> {
    let given = fields.text(name)?;
    let url = given.trim().trim_end_matches('/').to_owned();
    let is_address = |url: &str| {
        url.parse::<Uri>().is_ok_and(|parsed| {
            let plain = parsed.authority().is_some_and(|whole| !whole.as_str().contains('@'));
            matches!(parsed.scheme_str(), Some("http" | "https")) && plain && parsed.query().is_none()
        })
    };
    if !url.is_empty() && (url.len() > 2000 || url.contains('#') || !is_address(&url)) {
        fields.wrong(name, format!("{name} must be http(s)://host with a path if needed"));
        return None;
    }
    Some(url)
}

/// Keep copies of results, or do not.
#[utoipa::path(post, path = "/api/cache/enabled", tag = "admin: settings", request_body = super::general::SwitchBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_enabled`", body = ErrorBody)))]
pub async fn set_cache_enabled(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let cache = Some(switch(payload).await?);
    save(&gateway, Change { cache, ..Change::default() }, "cache changed").await
}
