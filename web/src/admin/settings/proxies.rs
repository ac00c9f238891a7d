//! The way out to upstreams: one proxy for all accounts without one of their own, or several in turn.

use super::{LIMIT, Saved, save, sources};
use crate::{
    auth::Admin,
    body,
    fields::Fields,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data},
};
use atelier_actors::settings::Change;
use atelier_domain::{proxy, secret::Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Proxies in the pool at most.
const MOST: usize = 1_000;

/// Longest text of the pool, in bytes: a sealed row holds it.
const LONGEST_POOL: usize = 32 << 10;

/// The way out.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct ProxyBody {
    /// Whether the proxy is used.
    proxy_enabled: Option<bool>,
    /// `http://`, `https://`, `socks5://` or `socks5h://`, with `user:password@` if needed; "" for none.
    proxy_url: Option<String>,
    /// Whether the proxies of the pool are used in turn.
    proxy_pool_enabled: Option<bool>,
}

/// The way out: `{proxy_enabled, proxy_url, proxy_pool_enabled, proxy_pool_count, sources}`, without user and password of the proxy.
#[utoipa::path(get, path = "/api/proxy/config", tag = "admin: settings", responses((status = 200, description = "The settings")))]
pub async fn show(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let values = gateway.settings.values();
    let names = [
        ("proxy_enabled", "proxy.enabled"),
        ("proxy_url", "proxy.url"),
        ("proxy_pool_enabled", "proxy.pool_enabled"),
        ("proxy_pool_count", "proxy.pool"),
    ];
    Ok(HttpResponse::Ok().json(json!({
        "proxy_enabled": values.proxy,
        "proxy_url": (!values.proxy_url.is_empty()).then(|| proxy::shown(&values.proxy_url)),
        "proxy_pool_enabled": values.proxy_pool_enabled,
        "proxy_pool_count": values.proxies().len(),
        "sources": sources(&gateway, &names),
    })))
}

/// A proxy as it was given; one that is sent back as it was shown is the one that is kept. Proxies that differ in what is not shown look alike: each
/// of those kept is given back once, in their order.
fn read(given: &str, kept: &mut Vec<Secret>) -> Result<Secret, &'static str> {
    let given = Secret::new(given.trim());
    if let Some(same) = kept.iter().position(|kept| proxy::shown(kept) == given.expose()) {
        return Ok(kept.remove(same));
    }
    if given.expose().contains("***") {
        return Err("stars are no password");
    }
    proxy::problem(&given).map_or(Ok(given), Err)
}

fn url(fields: &mut Fields, kept: &Secret) -> Option<Secret> {
    let given = fields.text("proxy_url")?;
    if given.trim().is_empty() {
        return Some(Secret::default());
    }
    match read(&given, &mut vec![kept.clone()]) {
        Ok(proxy) => Some(proxy),
        Err(problem) => {
            fields.wrong("proxy_url", format!("proxy_url: {problem}"));
            None
        }
    }
}

/// Change the way out: what is left out stays as it is. It counts for connections that are made from now on.
#[utoipa::path(post, path = "/api/proxy/config", tag = "admin: settings", request_body = ProxyBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_proxy_url`, `bad_…`", body = ErrorBody)))]
pub async fn change(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let change = Change {
        proxy: fields.flag("proxy_enabled"),
        proxy_url: url(&mut fields, &gateway.settings.values().proxy_url),
        proxy_pool_enabled: fields.flag("proxy_pool_enabled"),
        ..Change::default()
    };
    fields.check()?;
    save(&gateway, change, "proxy settings changed").await
}

/// The proxies of the pool: `{success, proxies, count, sources}`, without their users and passwords.
#[utoipa::path(get, path = "/api/proxy/pool", tag = "admin: settings", responses((status = 200, description = "The pool")))]
pub async fn pool(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let proxies: Vec<_> = gateway.settings.values().proxies().iter().map(proxy::shown).collect();
    let sources = sources(&gateway, &[("proxies", "proxy.pool")]);
    let count = proxies.len();
    Ok(HttpResponse::Ok()
        .json(json!({ "success": true, "proxies": proxies, "count": count, "sources": sources })))
}

/// The proxies of the pool.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct PoolBody {
    /// A list, or a text with one a line: URLs, `host:port`, `host:port:user:password`, or either after `st5 ` for SOCKS5. One that
    /// is sent back as it was shown stays as it is.
    proxies: Vec<String>,
}

/// Replace the proxies of the pool.
#[utoipa::path(post, path = "/api/proxy/pool", tag = "admin: settings", request_body = PoolBody,
    responses((status = 200, description = "Changed", body = Saved), (status = 422, description = "`bad_proxies`, with the numbers of the lines", body = ErrorBody)))]
pub async fn set_pool(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let lines: Vec<String> = match fields.raw("proxies") {
        Some(Value::String(text)) => text.lines().map(str::to_owned).collect(),
        _ => fields.texts("proxies").unwrap_or_default(),
    };
    if !fields.has("proxies") {
        fields.wrong("proxies", "proxies is missing");
    }
    let mut kept = gateway.settings.values().proxies();
    let mut proxies = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !is_remark(line)) {
        match read(line, &mut kept) {
            Ok(proxy) => proxies.push(proxy),
            Err(problem) => fields.wrong("proxies", format!("line {}: {problem}", at + 1)),
        }
    }
    let text = proxies.iter().map(Secret::expose).collect::<Vec<_>>().join("\n");
    if proxies.len() > MOST || text.len() > LONGEST_POOL {
        fields.wrong("proxies", format!("the pool holds {MOST} proxies and 32 KiB at most"));
    }
    fields.check()?;
    let message = format!("{} proxies in the pool", proxies.len());
    save(&gateway, Change { proxy_pool: Some(Secret::new(text)), ..Change::default() }, &message).await
}

fn is_remark(line: &str) -> bool {
    line.trim().is_empty() || line.trim().starts_with('#')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn proxies_that_differ_only_in_what_is_not_shown_are_all_kept_when_they_are_sent_back() {
        let pool = ["http://s1:a@gw.example:7000", "http://s2:b@gw.example:7000"].map(Secret::new);
        let mut kept = pool.to_vec();
        let shown = pool.each_ref().map(proxy::shown);
        assert_eq!(shown[0], shown[1]);
        assert_eq!(shown.map(|one| read(&one, &mut kept).unwrap()), pool);
        assert!(read(&proxy::shown(&pool[0]), &mut kept).is_err(), "there are no more");
    }
}
