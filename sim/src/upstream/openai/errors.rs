//! Refusals as each dialect writes them.

use super::dialect::ErrorShape;
use crate::upstream::{refusal::Refusal, reply::Reply, stage::Stage};
use serde_json::{Value, json};

/// A refusal as an answer.
pub fn refuse(stage: &Stage, refusal: &Refusal) -> Reply {
    let terms = refusal.reason.terms();
    let reply = if refusal.bare {
        Reply::bare(terms.status)
    } else if terms.page {
        Reply::page(terms.status, &format!("{} {}", terms.status, terms.message))
    } else {
        Reply::json(terms.status, &body(stage, refusal))
    };
    refusal.headers().iter().fold(reply, |reply, (name, value)| reply.with(name, value))
}

fn body(stage: &Stage, refusal: &Refusal) -> Value {
    let terms = refusal.reason.terms();
    match stage.setup.dialect.error_shape() {
        ErrorShape::Object => json!({
            "error": {"message": refusal.text(), "type": terms.kind, "param": refusal.param, "code": terms.code}
        }),
        ErrorShape::Text => json!({"error": refusal.text()}),
        ErrorShape::Detail => json!({"detail": refusal.text()}),
    }
}
