//! `GET /v1/models`.

use super::dialect::Dialect;
use crate::upstream::{
    reply::Reply,
    stage::{Call, Stage},
};
use serde_json::{Value, json};

/// All models of the setup.
pub fn list(stage: &Stage, _: &Call) -> Reply {
    let models: Vec<_> = stage.setup.models.iter().map(|name| card(stage.setup.dialect, name)).collect();
    Reply::json(200, &json!({"object": "list", "data": models}))
}

fn card(dialect: Dialect, name: &str) -> Value {
    let mut card = json!({"id": name, "object": "model", "created": 1_780_000_000, "owned_by": "system"});
    if dialect == Dialect::Sglang {
        let more = json!({"task_type": "T2V", "supported_task_types": ["T2V", "T2I"], "num_gpus": 1});
        if let (Some(card), Value::Object(more)) = (card.as_object_mut(), more) {
            card.extend(more);
        }
    }
    card
}
