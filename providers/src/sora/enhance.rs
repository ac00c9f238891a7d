//! Prompts that are made into descriptions of shots there.

use super::upstream::{Upstream, unreadable};
use crate::openai::Asked;
use atelier_domain::{engine::EnhanceCall, enhance::Expansion, fault::Fault};
use serde_json::{Value, json};

/// Lengths that are understood, in seconds.
const SECONDS: [u32; 5] = [5, 10, 15, 20, 25];

/// The description of a shot.
///
/// # Errors
/// Why there is none.
pub(super) async fn enhance(upstream: &Upstream, call: &EnhanceCall) -> Result<String, Fault> {
    let level = match call.expansion {
        Expansion::Short => "short",
        Expansion::Medium => "medium",
        Expansion::Long => "long",
    };
    // The next longer shot has room for everything.
    let seconds = SECONDS.into_iter().find(|seconds| *seconds >= call.seconds).unwrap_or(25);
    let body = json!({ "prompt": call.prompt, "expansion_level": level, "duration_s": seconds });
    let said = upstream.tell("/editor/enhance_prompt", &body, Asked::Look).await?;
    let text = said.get("enhanced_prompt").and_then(Value::as_str).map(str::trim);
    let text = text.filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| unreadable(Asked::Look, "an enhanced prompt without words".into()))
}
