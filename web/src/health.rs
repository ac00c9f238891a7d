//! Whether the gateway is well, and its figures.

use crate::{gateway::Gateway, problem::Problem};
use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};
use atelier_domain::code::Code;
use serde::Serialize;
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

/// How the gateway is.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `draining` while it stops.
    status: &'static str,
    /// Accounts that can take attempts.
    accounts_active: usize,
    /// Credit that keys can still spend or have set aside.
    total_credits: i64,
    /// The version of the program.
    version: &'static str,
    /// Seconds since it started.
    uptime_s: u64,
    /// Jobs that have not ended.
    jobs_open: usize,
}

async fn view(gateway: &Gateway) -> Result<HttpResponse, Problem> {
    let accounts = gateway.pool.state().await?.accounts;
    Ok(HttpResponse::Ok().json(Health {
        status: if *gateway.closing.borrow() { "draining" } else { "ok" },
        accounts_active: accounts.iter().filter(|a| a.account.enabled && a.banned.is_none()).count(),
        total_credits: gateway.ledger.outstanding()?,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: gateway.clock.now().since(gateway.started_at).as_secs(),
        jobs_open: gateway.jobs.open(),
    }))
}

/// How the gateway is; no key needed.
#[utoipa::path(get, path = "/v1/health", tag = "health", security(()), responses((status = 200, description = "Well", body = Health)))]
pub async fn v1_health(gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    view(&gateway).await
}

/// The same for probes.
#[utoipa::path(get, path = "/health", tag = "health", security(()), responses((status = 200, description = "Well", body = Health)))]
pub async fn health(gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    view(&gateway).await
}

/// Figures in Prometheus' text format; with `[metrics] token` set, for its bearer only.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()), responses((status = 200, description = "The figures", content_type = "text/plain"),
    (status = 401, description = "`invalid_session`", body = crate::problem::ErrorBody), (status = 404, description = "Switched off", body = crate::problem::ErrorBody)))]
pub async fn figures(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let Some(render) = &gateway.metrics else {
        return Err(Problem::new(Code::RouteNotFound, "metrics are switched off in [metrics]"));
    };
    if let Some(token) = &gateway.metrics_token {
        let sent = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let expected = format!("Bearer {token}");
        if !bool::from(sent.as_bytes().ct_eq(expected.as_bytes())) {
            return Err(Problem::new(
                Code::InvalidSession,
                "these figures need the bearer token of [metrics]",
            ));
        }
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(render()))
}
