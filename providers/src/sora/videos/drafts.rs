//! Drafts: the videos that an account has finished, the latest first.

use super::super::{
    images::failure,
    refusal::No,
    upstream::{Upstream, unreadable},
};
use crate::openai::Asked;
use atelier_domain::fault::Fault;
use serde_json::Value;
use url::form_urlencoded;

/// Pages that are looked through, of fifteen drafts each: for what has just been finished, and for what may be older.
pub(super) const LATEST: usize = 3;
pub(super) const FURTHER: usize = 20;
const LIST: &str = "/project_y/profile/drafts?limit=15";

/// What a draft says of its video.
#[derive(Debug)]
pub(super) enum Draft {
    /// Its file is there.
    Done(String),
    /// It was refused, or failed.
    Failed(No),
}

/// The draft of a task; none when it is not on so many pages.
///
/// # Errors
/// What kept it from being learned.
pub(super) async fn of_task(upstream: &Upstream, task: &str, pages: usize) -> Result<Option<Value>, Fault> {
    find(upstream, pages, |item| item.get("task_id").and_then(Value::as_str) == Some(task)).await
}

/// The latest draft that this is true of; none when it is not on so many pages.
///
/// # Errors
/// What kept it from being learned.
pub(super) async fn find(
    upstream: &Upstream,
    pages: usize,
    is_it: impl Fn(&Value) -> bool,
) -> Result<Option<Value>, Fault> {
    let mut path = LIST.to_owned();
    for _ in 0..pages {
        let mut page = upstream.look(&path).await?;
        let items = page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take);
        let items = items.ok_or_else(|| unreadable(Asked::Look, "a list of drafts that is none".into()))?;
        if let Some(found) = items.into_iter().find(&is_it) {
            return Ok(Some(found));
        }
        match page.get("cursor").and_then(Value::as_str).filter(|cursor| !cursor.is_empty()) {
            Some(cursor) => {
                let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
                path = format!("{LIST}&cursor={cursor}");
            }
            None => break,
        }
    }
    Ok(None)
}

impl Draft {
    /// Reads a draft. Pure.
    pub fn read(item: &Value) -> Self {
        let text = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let kind = text("kind").unwrap_or_default();
        let reason = text("reason_str").or_else(|| text("markdown_reason_str"));
        if kind == "sora_content_violation" || reason.is_some() {
            // Whatever its kind, a reason is why it may not be shown.
            return Self::Failed(No::of_task("sora_content_violation", reason.unwrap_or_default()));
        }
        match text("downloadable_url").or_else(|| text("url")) {
            Some(url) => Self::Done(url.to_owned()),
            None if kind == "sora_error" => Self::Failed(No::of_task(kind, "")),
            None => Self::Failed(failure(item)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;
    use atelier_domain::{account::AccountSecrets, fault::FaultClass};
    use serde_json::json;

    #[test]
    fn a_draft_has_a_file_or_says_why_not() {
        for (item, file) in [
            (json!({"downloadable_url": "d", "url": "u"}), "d"),
            (json!({"kind": "sora_draft", "downloadable_url": null, "url": "u", "reason_str": " "}), "u"),
        ] {
            match Draft::read(&item) {
                Draft::Done(url) => assert_eq!(url, file),
                Draft::Failed(no) => panic!("{no:?}"),
            }
        }
        for (item, class) in [
            (json!({"kind": "sora_content_violation", "url": "u"}), FaultClass::Content),
            (json!({"url": "u", "reason_str": "similarity"}), FaultClass::Content),
            (json!({"url": "u", "markdown_reason_str": "**no**"}), FaultClass::Content),
            (json!({"kind": "sora_error"}), FaultClass::Overloaded),
            (json!({"kind": "sora_draft"}), FaultClass::Invalid),
        ] {
            match Draft::read(&item) {
                Draft::Failed(no) => {
                    assert_eq!(no.fault(Asked::Look, &AccountSecrets::default()).class, class, "{item}");
                }
                Draft::Done(url) => panic!("{url}"),
            }
        }
    }
}
