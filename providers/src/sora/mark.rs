//! Files without a mark, from the operator's own service: one POST that changes the link of a post into that of a file
//! (`upstreams/sora.md` 5.1, `custom`). Nothing here takes a mark away, and nobody is asked unless the operator names a service.

use super::{ParseService, upstream::Upstream};
use crate::openai::Asked;
use atelier_domain::fault::{Fault, FaultClass};
use serde_json::{Value, json};
use url::Url;

/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 256 << 10;

/// The link of a file without a mark.
///
/// # Errors
/// Why there is none: the file that the engine gave is taken instead.
pub(super) async fn link(upstream: &Upstream, service: &ParseService, post: &str) -> Result<String, Fault> {
    let none = |context: String| {
        Fault::new(FaultClass::Overloaded, "the parse service has no file to give").with_context(context)
    };
    let url = Url::parse(&format!("{}/get-sora-link", service.url.trim_end_matches('/')));
    let url = url.map_err(|error| none(format!("its address is none: {error}")))?;
    let body = json!({ "url": post, "token": service.token.expose() });
    let answer = upstream.ask_elsewhere(&url, &body).await?;
    let status = answer.status();
    let held = upstream.body(answer, LONGEST_ANSWER, Asked::Look).await?;
    let said = serde_json::from_slice::<Value>(&held).unwrap_or_default();
    if status != 200 || said.get("error").is_some() {
        return Err(none(format!("it answered with status {status}")));
    }
    let link = said.get("download_link").and_then(Value::as_str).filter(|link| !link.is_empty());
    link.map(str::to_owned).ok_or_else(|| none("it answered without a link".into()))
}
