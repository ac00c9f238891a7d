//! Refusals as each dialect writes them.

use super::dialect::ErrorShape;
use crate::upstream::{refusal::Refusal, reply::Reply, stage::Stage};
use serde_json::{Value, json};

/// A refusal as an answer.
pub fn refuse(stage: &Stage, refusal: &Refusal) -> Reply {
    Reply::refusal(refusal, &body(stage, refusal))
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
