//! Refusals as this wire writes them. What no source has seen is written as OpenAI writes it.

use crate::upstream::{
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::Stage,
};
use serde_json::{Value, json};

/// When a used-up quota is full again, in seconds.
pub const RESETS_IN_S: u64 = 46_833;

/// A refusal as an answer.
pub fn refuse(_: &Stage, refusal: &Refusal) -> Reply {
    let terms = refusal.reason.terms();
    let (kind, code, message) = match refusal.reason {
        Reason::BadKey => {
            ("invalid_request_error", "token_invalidated", "Your authentication token has been invalidated.")
        }
        Reason::Concurrency => (
            "invalid_request_error",
            "too_many_concurrent_tasks",
            "You have too many generations in progress.",
        ),
        Reason::DailyLimit | Reason::InsufficientQuota => {
            ("rate_limit_exhausted", "rate_limit_exhausted", "You've used up your generations.")
        }
        Reason::Overloaded | Reason::Overloaded529 => {
            ("server_error", "heavy_load", "We're under heavy load, please try again later.")
        }
        Reason::ModerationBlocked => {
            ("invalid_request_error", "content_policy_violation", "This content may violate our guardrails.")
        }
        Reason::Illegal => {
            ("invalid_request_error", "unsupported_country_code", "Not available in your country.")
        }
        Reason::Unprocessable => ("invalid_request_error", "invalid_request", "Unable to process request"),
        _ => (terms.kind, terms.code.unwrap_or_default(), terms.message),
    };
    let text = refusal.message.clone().unwrap_or_else(|| message.to_owned());
    let code = Some(code).filter(|code| !code.is_empty());
    let mut body = json!({"error": {"message": text, "type": kind, "param": refusal.param, "code": code}});
    if kind == "rate_limit_exhausted" {
        body["rate_limit_and_credit_balance"] = balance(Some(0));
    }
    let mut reply = Reply::refusal(refusal, &body);
    if refusal.reason == Reason::Illegal {
        reply.status = 403;
    }
    reply
}

/// What is left, as creates, checks and refusals say it. None is no limit.
pub fn balance(left: Option<u32>) -> Value {
    json!({
        "estimated_num_videos_remaining": left.unwrap_or(100),
        "estimated_num_purchased_videos_remaining": 0,
        "credit_remaining": 0,
        "rate_limit_reached": left == Some(0),
        "access_resets_in_seconds": RESETS_IN_S,
    })
}
