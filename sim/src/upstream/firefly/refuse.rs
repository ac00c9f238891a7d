//! How Firefly says no: an `error_code`, and for what an account may not do, a header with the reason.

use crate::upstream::{
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::Stage,
};
use serde_json::json;

/// A refusal in Firefly's words.
pub fn refuse(_: &Stage, refusal: &Refusal) -> Reply {
    let (status, code, marker) = match refusal.reason {
        Reason::BadKey => (401, "401013", None),
        Reason::InvalidGrant => (400, "invalid_client", None),
        Reason::InsufficientQuota => (403, "access_error", Some("taste_exhausted")),
        Reason::DailyLimit => (403, "access_error", Some("quota_exhausted")),
        Reason::VerifyOrg | Reason::NoPermission | Reason::NotEntitled => {
            (403, "access_error", Some("user_not_entitled"))
        }
        Reason::ModerationBlocked => (451, "image_unsafe", None),
        Reason::Illegal => (451, "", None),
        Reason::Timeout => (408, "timeout_error", None),
        Reason::Unprocessable => (422, "validation_error", None),
        Reason::Concurrency | Reason::SlowDown => (429, "backpressure_limited", None),
        Reason::RateLimited | Reason::ImagesPerMinute => (429, "rate_limited", None),
        Reason::NotFound | Reason::ModelNotFound => (404, "unknown_job_id", None),
        Reason::ServerError => (500, "runtime_error", None),
        Reason::Overloaded | Reason::Overloaded529 => (503, "model_not_loaded", None),
        Reason::BadGateway | Reason::GatewayTimeout => {
            let terms = refusal.reason.terms();
            return Reply::page(terms.status, terms.message);
        }
        Reason::Invalid | Reason::UnknownParameter | Reason::Conflict => (400, "bad_request", None),
    };
    let message =
        if refusal.reason == Reason::Timeout { "system under load".to_owned() } else { refusal.text() };
    let reply = if refusal.bare {
        Reply::bare(status)
    } else {
        Reply::json(status, &json!({ "error_code": code, "message": message }))
    };
    let reply = refusal.headers().iter().fold(reply, |reply, (name, value)| reply.with(name, value));
    match marker {
        Some(marker) => reply.with("x-access-error", marker),
        None => reply,
    }
}
