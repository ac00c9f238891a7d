//! Webhooks that could not be delivered: seen, and tried again.

use crate::{
    auth::Admin,
    gateway::Gateway,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use atelier_domain::{code::Code, ids::EventId, webhook::WebhookEvent};
use serde::Serialize;
use utoipa::ToSchema;

/// Dead letters that are listed at most.
const MOST: usize = 1_000;

/// One event that was given up.
#[derive(Serialize, ToSchema)]
pub struct DeadLetter {
    /// Which event.
    id: String,
    /// What happened, such as `video.completed`.
    r#type: &'static str,
    /// Whose it is.
    key: String,
    /// Where it would go now; null when the key has no URL any more, or is gone.
    url: Option<String>,
    /// Tries that failed.
    tries: u32,
    /// What the last one met.
    last_error: Option<String>,
    /// When it happened, in seconds since the epoch.
    created_at: i64,
}

/// Dead letters.
#[derive(Serialize, ToSchema)]
pub struct DeadLetters {
    /// Always `list`.
    object: &'static str,
    /// The latest jobs first, at most 1000.
    data: Vec<DeadLetter>,
}

/// A dead letter that is tried again.
#[derive(Serialize, ToSchema)]
pub struct Retried {
    /// Which event.
    id: String,
    /// Always `webhook`.
    object: &'static str,
    /// Always `pending`.
    status: &'static str,
}

fn letter(gateway: &Gateway, event: &WebhookEvent) -> DeadLetter {
    DeadLetter {
        id: event.id.to_string(),
        r#type: event.kind.word(),
        key: event.key.to_string(),
        url: gateway.keys.get(event.key).and_then(|key| key.webhook_url.clone()),
        tries: event.tries,
        last_error: event.last_error.clone(),
        created_at: event.created_at.seconds(),
    }
}

/// The webhooks that were given up after their last try. They are kept for 7 days.
#[utoipa::path(get, path = "/api/webhooks/dead", tag = "admin: webhooks", responses((status = 200, description = "The dead letters", body = DeadLetters)))]
pub async fn dead(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let dead = gateway.webhooks.dead(MOST).await?;
    let data = dead.iter().map(|event| letter(&gateway, event)).collect();
    Ok(HttpResponse::Ok().json(DeadLetters { object: "list", data }))
}

/// Try a dead letter again, now and as often as a new one.
#[utoipa::path(post, path = "/api/webhooks/dead/{id}/retry", tag = "admin: webhooks", params(("id" = String, Path, description = "The event's id")),
    responses((status = 202, description = "It is tried again", body = Retried), (status = 404, description = "`webhook_not_found`", body = ErrorBody)))]
pub async fn retry(_: Admin, gateway: Data<Gateway>, id: Path<String>) -> Result<HttpResponse, Problem> {
    let unknown = |_| Problem::new(Code::WebhookNotFound, "no dead letter has this id");
    let event = gateway.webhooks.retry(id.parse::<EventId>().map_err(unknown)?).await?;
    tracing::info!(event_id = %event.id, "dead webhook retried");
    let answer = Retried { id: event.id.to_string(), object: "webhook", status: "pending" };
    Ok(HttpResponse::Accepted().json(answer))
}
