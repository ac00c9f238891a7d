//! A look at an account: whether its key opens the upstream, and which models are there.

use super::{
    dialect::Unnamed,
    error::Asked,
    upstream::{LONGEST_NOTE, Order, Upstream},
};
use crate::outbound::Payload;
use atelier_domain::{
    account::AccountModel,
    engine::Checkup,
    fault::{Fault, FaultClass, FaultScope},
    job::JobKind,
};
use awc::http::Method;
use serde_json::Value;

/// Models of one list; large gateways have some hundreds.
const MAX_MODELS: usize = 2000;
/// The longest name of a model, in bytes.
const LONGEST_NAME: usize = 200;

/// Pieces of names that tell what a model makes.
const VIDEO_NAMES: &[&str] = &[
    "sora",
    "video",
    "t2v",
    "i2v",
    "ti2v",
    "veo-",
    "wan2",
    "hunyuanvideo",
    "ltx",
    "cogvideo",
    "seedance",
    "mochi",
    "minimax-h",
    "hailuo",
    "kling",
    "skyreels",
];
const IMAGE_NAMES: &[&str] = &[
    "image",
    "dall-e",
    "flux",
    "stable-diffusion",
    "sdxl",
    "sd3",
    "sd-",
    "z-image",
    "kandinsky",
    "pixart",
    "seedream",
    "hidream",
    "nano-banana",
    "playground-v",
    "dreamshaper",
];

/// Asks for the models.
///
/// # Errors
/// `auth` when the key is refused; anything else says nothing about it.
pub(super) async fn check(upstream: &Upstream) -> Result<Checkup, Fault> {
    let order = Order { asked: Asked::Look, patience: upstream.config().look_timeout, id: None };
    let answer = upstream.raw(Method::GET, "/models", Payload::Nothing, &order).await?;
    match answer.status() {
        200 => {}
        // An engine without a list is one that says nothing about its models.
        404 | 405 | 501 => return Ok(Checkup::default()),
        _ => return Err(upstream.refused(answer, Asked::Look).await),
    }
    let held = upstream.body(answer, LONGEST_NOTE, Asked::Look).await?;
    let Ok(said) = serde_json::from_slice::<Value>(&held) else {
        let mut fault =
            Fault::new(FaultClass::Network, "the address of the engine answers, but not as an engine does");
        fault.scope = FaultScope::Account;
        return Err(fault.with_context("the list of models is no JSON: is the base URL right?"));
    };
    Ok(Checkup { models: models(&said, upstream.dialect.unnamed), ..Checkup::default() })
}

/// The models of a list, in its order; none when it is no list.
fn models(said: &Value, unnamed: Unnamed) -> Option<Vec<AccountModel>> {
    let list = said.get("data").unwrap_or(said).as_array()?;
    let model = |card: &Value| {
        let name = card.get("id").or_else(|| card.get("name")).and_then(Value::as_str)?;
        let named = !name.is_empty() && name.len() <= LONGEST_NAME;
        named.then(|| AccountModel { name: name.to_owned(), upstream: None, kind: kind(name, card, unnamed) })
    };
    Some(list.iter().take(MAX_MODELS).filter_map(model).collect())
}

/// What a model makes: what its card says, or what its name does.
fn kind(name: &str, card: &Value, unnamed: Unnamed) -> Option<JobKind> {
    let told = card.get("task_type").and_then(Value::as_str);
    let told = told.or_else(|| card.pointer("/supported_task_types/0").and_then(Value::as_str));
    if let Some(task) = told.map(str::to_lowercase) {
        // T2I, TI2I, T2V, I2V and so on: the last letter is what comes out.
        return match task.chars().last() {
            Some('i') => Some(JobKind::Image),
            Some('v') => Some(JobKind::Video),
            _ => None,
        };
    }
    let name = name.to_lowercase();
    let has = |pieces: &[&str]| pieces.iter().any(|piece| name.contains(piece));
    if has(VIDEO_NAMES) && !name.contains("sora-image") {
        return Some(JobKind::Video);
    }
    match unnamed {
        _ if has(IMAGE_NAMES) => Some(JobKind::Image),
        Unnamed::Images => Some(JobKind::Image),
        Unnamed::Text => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_model_is_for_what_its_card_or_its_name_says() {
        for (card, unnamed, expected) in [
            (json!({"id": "x", "task_type": "T2V"}), Unnamed::Text, Some(JobKind::Video)),
            (json!({"id": "video-of-sorts", "task_type": "TI2I"}), Unnamed::Text, Some(JobKind::Image)),
            (json!({"id": "x", "supported_task_types": ["I2V"]}), Unnamed::Text, Some(JobKind::Video)),
            (json!({"id": "gpt-image-2.5-flare"}), Unnamed::Text, Some(JobKind::Image)),
            (json!({"id": "black-forest-labs/FLUX.1-dev"}), Unnamed::Text, Some(JobKind::Image)),
            (json!({"id": "Wan-AI/Wan2.2-T2V-A14B-Diffusers"}), Unnamed::Text, Some(JobKind::Video)),
            (json!({"id": "sora-2-pro"}), Unnamed::Text, Some(JobKind::Video)),
            (json!({"id": "sora-image-portrait"}), Unnamed::Text, Some(JobKind::Image)),
            (json!({"id": "gpt-5.5"}), Unnamed::Text, None),
            (json!({"id": "sd-cpp-local"}), Unnamed::Images, Some(JobKind::Image)),
            (json!({"id": "anything"}), Unnamed::Images, Some(JobKind::Image)),
        ] {
            let found = models(&json!({ "data": [card.clone()] }), unnamed).unwrap();
            assert_eq!(found[0].kind, expected, "{card}");
        }
        assert_eq!(models(&json!({"data": "none"}), Unnamed::Text), None);
        assert_eq!(models(&json!([{"id": ""}, {}, {"name": "x"}]), Unnamed::Text).unwrap().len(), 1);
    }
}
