//! `POST /v1/quote`: what a creating body would cost, before anything is held (api.md §7).

use crate::{
    auth::Caller,
    form,
    gateway::Gateway,
    openai::{answer, images, request::Asker, videos},
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data},
};
use utoipa::ToSchema;

/// The paths that can be quoted.
const ENDPOINTS: [&str; 5] = [
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images/variations",
    "/v1/videos",
    "/v1/videos/generations",
];

/// A price, and why it is that.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the answer, for the docs")]
pub struct Quote {
    /// Always `quote`.
    object: String,
    /// For everything asked.
    price: i64,
    /// Always `credits`.
    currency: String,
    /// The rule of the price list that matched.
    rule: String,
    /// What the price rests on: kind, model, exact size, n, quality, seconds.
    #[schema(value_type = Object)]
    facts: serde_json::Value,
}

/// What a creating body would cost: the body itself, with `endpoint` beside its fields.
#[utoipa::path(post, path = "/v1/quote", tag = "credits", request_body(content = Object, description = "A creating body with `endpoint`, such as `/v1/images/generations`"),
    responses((status = 200, description = "The price", body = Quote), (status = 422, description = "`bad_endpoint` or what the endpoint itself would say", body = ErrorBody)))]
pub async fn quote(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = form::fields(&request, payload, &gateway, &caller).await?;
    let asked = fields.filled("endpoint").unwrap_or_else(|| ENDPOINTS[0].to_owned());
    let path =
        if asked.starts_with("/v1/") { asked } else { format!("/v1/{}", asked.trim_start_matches('/')) };
    if !ENDPOINTS.contains(&path.as_str()) {
        return Err(Problem::field("endpoint", format!("endpoint must be one of {}", ENDPOINTS.join(", "))));
    }
    if path.starts_with("/v1/videos") {
        return Ok(HttpResponse::Ok().json(videos::quote(&gateway, &caller, &mut fields)?));
    }
    let origin = answer::origin(&request);
    let asker = Asker { gateway: &gateway, key: &caller.0, origin: &origin };
    Ok(HttpResponse::Ok().json(images::quote(asker, &mut fields, &path).await?))
}
