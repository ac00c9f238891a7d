//! What a video object says about its job. Pure. Gateways have their own words for the same states.

use super::super::error::Refusal;
use serde_json::{Value, json};

/// How a job is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Not done; percent when known, 0–99.
    Pending(Option<u8>),
    /// Its file can be fetched.
    Done,
    /// It failed, and says why.
    Failed(Refusal),
    /// It ended without a result; what happened to it.
    Lost(&'static str),
}

impl State {
    /// Reads a video object.
    pub fn read(said: &Value) -> Self {
        let status = said.get("status").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        match status.as_str() {
            "completed" | "complete" | "succeeded" | "success" | "succeed" | "done" | "finished"
            | "ready" => Self::Done,
            "failed" | "fail" | "failure" | "error" | "errored" | "rejected" | "blocked" => {
                Self::Failed(reason(said))
            }
            "cancelled" | "canceled" | "aborted" => Self::Lost("cancelled"),
            "expired" | "timeout" | "timed_out" => Self::Lost("let expire"),
            "deleted" | "removed" => Self::Lost("deleted"),
            // An unknown word is no reason to give up work that may be paid for.
            _ => Self::Pending(progress(said)),
        }
    }
}

/// Why it failed, wherever that stands.
fn reason(said: &Value) -> Refusal {
    let error = said.get("error").filter(|error| !error.is_null());
    let words = || {
        ["failure_reason", "fail_reason", "error_message", "message", "detail"]
            .iter()
            .find_map(|name| said.get(*name))
    };
    let error =
        error.cloned().or_else(|| words().map(|words| json!({ "message": words }))).unwrap_or_default();
    Refusal::of(&json!({ "error": error })).unwrap_or_default()
}

/// Percent, from a number or a text such as `"40%"`. It is 100 only when the file is there.
fn progress(said: &Value) -> Option<u8> {
    let percent = match said.get("progress")? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().trim_end_matches('%').parse().ok()?,
        _ => return None,
    };
    percent.is_finite().then(|| percent.clamp(0.0, 99.0) as u8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn every_word_for_a_state_is_understood_and_an_unknown_one_is_no_failure() {
        for (said, expected) in [
            (json!({"status": "queued", "progress": 0}), State::Pending(Some(0))),
            (json!({"status": "in_progress", "progress": 42.9}), State::Pending(Some(42))),
            (json!({"status": "PROCESSING", "progress": "40%"}), State::Pending(Some(40))),
            (json!({"status": "in_progress", "progress": 100}), State::Pending(Some(99))),
            (json!({"status": "warming_up", "progress": null}), State::Pending(None)),
            (json!({"status": "Completed"}), State::Done),
            (json!({"status": "succeeded"}), State::Done),
            (json!({"status": "cancelled"}), State::Lost("cancelled")),
            (json!({"status": "expired"}), State::Lost("let expire")),
        ] {
            assert_eq!(State::read(&said), expected, "{said}");
        }
    }

    #[test]
    fn a_failure_says_why_wherever_it_says_it() {
        for (said, codes, words) in [
            (
                json!({"error": {"code": "moderation_blocked", "message": "no"}}),
                &["moderation_blocked"][..],
                "no",
            ),
            (
                json!({"error": {"code": 500, "message": "CUDA out of memory"}}),
                &["500"],
                "CUDA out of memory",
            ),
            (json!({"error": {"message": "broke"}}), &[], "broke"),
            (json!({"error": "broke"}), &[], "broke"),
            (json!({"error": null, "fail_reason": "broke"}), &[], "broke"),
            (json!({}), &[], ""),
        ] {
            let mut said = said;
            said["status"] = json!("failed");
            let State::Failed(refusal) = State::read(&said) else { panic!("{said}") };
            assert_eq!(
                (refusal.status, refusal.codes, refusal.words.as_str()),
                (0, codes.iter().map(|code| (*code).to_owned()).collect(), words),
                "{said}"
            );
        }
    }
}
