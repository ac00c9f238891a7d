//! Posts: a finished video that is shown to everybody. They are made for what needs one, and taken back.

use super::{task::plain, upstream::Upstream};
use crate::{openai::Asked, outbound::no_result};
use atelier_domain::fault::{Fault, FaultClass};
use serde_json::{Value, json};

/// A post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    /// Its id, such as `s_…`.
    pub id: String,
    /// Where people see it.
    pub link: String,
    /// Whether it was made by us, who take it back.
    pub is_ours: bool,
}

/// Publishes a generation, unless it is published already.
///
/// # Errors
/// Why it is not; it may be all the same when no answer came.
pub(super) async fn publish(upstream: &Upstream, draft: &Value) -> Result<Post, Fault> {
    if let Some(post) = draft.get("post").and_then(|post| read(upstream, post, false)) {
        return Ok(post);
    }
    let generation = ["generation_id", "id"].iter().find_map(|name| draft.get(*name)).and_then(Value::as_str);
    let generation = generation.ok_or_else(|| no_result("a draft without an id".into()))?;
    let body = json!({
        "attachments_to_create": [{ "generation_id": generation, "kind": "sora" }],
        "post_text": "",
    });
    let said = upstream.tell("/project_y/post", &body, Asked::Look).await?;
    said.get("post").and_then(|post| read(upstream, post, true)).ok_or_else(|| {
        Fault::new(FaultClass::Network, "the engine's answer cannot be read")
            .with_context("a post without an id")
    })
}

fn read(upstream: &Upstream, post: &Value, is_ours: bool) -> Option<Post> {
    let id = plain(post.get("id")?.as_str()?)?.to_owned();
    let link = post.get("permalink").and_then(Value::as_str).map(str::to_owned);
    let link = link.unwrap_or_else(|| upstream.at_root(&format!("/p/{id}")));
    Some(Post { id, link, is_ours })
}

/// Takes a post back. One that is not there any more is as good as taken back.
pub(super) async fn take_back(upstream: &Upstream, id: &str) {
    let Some(id) = plain(id) else { return };
    if let Err(fault) = upstream.delete(&format!("/project_y/post/{id}")).await {
        tracing::warn!(post = id, context = %fault.context, "a post that was made for a job is left there");
    }
}
