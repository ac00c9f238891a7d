//! The clearance of the operator's own service: what there is, a new one, none.

use crate::{
    auth::Admin,
    gateway::Gateway,
    moment,
    problem::{ErrorBody, Problem},
};
use actix_web::{HttpResponse, web::Data};
use atelier_actors::clearances::ClearanceState;
use serde_json::{Value, json};

fn view(state: &ClearanceState) -> Value {
    json!({
        "is_valid": state.is_valid,
        "has_credentials": state.has_credentials,
        "last_updated": state.last_updated.map(moment::text),
        "expires_at": state.expires_at.map(moment::text),
        "remaining_seconds": state.remaining_seconds,
        "cookies_count": state.cookies_count,
        "user_agent": state.user_agent,
    })
}

/// What clearance there is.
#[utoipa::path(get, path = "/api/cloudflare/state", tag = "admin: settings", responses((status = 200, description = "`{success, state}`")))]
pub async fn state(_: Admin, gateway: Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "success": true, "state": view(&gateway.clearances.state()) }))
}

/// Have a new clearance from the service.
#[utoipa::path(post, path = "/api/cloudflare/refresh", tag = "admin: settings",
    responses((status = 200, description = "`{success, message, state}`"), (status = 400, description = "`clearance_off`", body = ErrorBody),
        (status = 502, description = "`clearance_failed`", body = ErrorBody)))]
pub async fn refresh(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let state = gateway.clearances.refresh().await?;
    Ok(HttpResponse::Ok()
        .json(json!({ "success": true, "message": "clearance renewed", "state": view(&state) })))
}

/// Forget the clearance.
#[utoipa::path(post, path = "/api/cloudflare/clear", tag = "admin: settings", responses((status = 200, description = "`{success, message, state}`")))]
pub async fn clear(_: Admin, gateway: Data<Gateway>) -> HttpResponse {
    let state = gateway.clearances.clear();
    HttpResponse::Ok().json(json!({ "success": true, "message": "clearance cleared", "state": view(&state) }))
}
