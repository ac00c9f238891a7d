//! What a refusal means: from what was said to one fault, by the table.
//!
//! A create starts a task that lives on by itself. What says plainly that it refuses has started none; a 5xx that says nothing may have.

use super::rules::{RULES, Says, Speaker};
use crate::{
    openai::{Asked, Refusal},
    outbound::excerpt,
};
use atelier_domain::{
    account::AccountSecrets,
    fault::{Fault, FaultClass, FaultScope},
    time::Millis,
};
use awc::http::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// Nobody's word about a quota is believed for longer.
const LONGEST_RESET: Duration = Duration::from_secs(31 * 86_400);

/// A refusal as it was said.
#[derive(Debug)]
pub(super) struct No {
    said: Refusal,
    speaker: Speaker,
    resets_at: Option<Millis>,
}

impl No {
    /// Reads an answer that is no result.
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8], now: Millis) -> Self {
        let mut said = Refusal::read(status, headers, body, now);
        let whole = serde_json::from_slice::<Value>(body).unwrap_or_default();
        // Some refusals say what they are beside the error, or without one.
        for name in ["type", "code"] {
            if let Some(code) = whole.get(name).and_then(Value::as_str) {
                said.codes.push(code.to_lowercase());
                said.is_own = true;
            }
        }
        let speaker = match said.is_own {
            true => Speaker::Upstream,
            false if is_challenge(status, headers, body) => Speaker::Challenger,
            false => Speaker::Stranger,
        };
        Self { said, speaker, resets_at: resets_at(&whole, now) }
    }

    /// Of a task that failed, with this code and these words.
    pub fn of_task(code: &str, words: &str) -> Self {
        let said = Refusal {
            codes: vec![code.to_lowercase()],
            words: words.to_owned(),
            is_own: true,
            ..Refusal::default()
        };
        Self { said, speaker: Speaker::Upstream, resets_at: None }
    }

    /// Whether it has this status and says this.
    pub fn is(&self, status: u16, text: &str) -> bool {
        self.said.status == status && self.said.words.contains(text)
    }

    /// Whether this is its code or type.
    pub fn has_code(&self, code: &str) -> bool {
        self.said.codes.iter().any(|said| said == code)
    }

    /// The fault that it is.
    pub fn fault(&self, asked: Asked, secrets: &AccountSecrets) -> Fault {
        let words = excerpt(&self.said.words, secrets);
        let lower = self.said.words.to_lowercase();
        let (status, codes) = (self.said.status, &self.said.codes);
        let says = Says { status, codes, words: &lower, speaker: self.speaker };
        let rule = RULES.iter().find(|rule| rule.matches(&says));
        let (class, message) = rule.map_or_else(|| self.unruled(asked), |rule| (rule.class, rule.message));
        let quotes = matches!(class, FaultClass::Content | FaultClass::Invalid);
        let message =
            if quotes && !words.is_empty() { format!("{message}: {words}") } else { message.to_owned() };
        let mut fault = Fault::new(class, message);
        if class == FaultClass::Overloaded {
            // Accounts of this engine lead to servers that have nothing to do with each other.
            fault.scope = FaultScope::Account;
        }
        fault.scope = rule.and_then(|rule| rule.scope).unwrap_or(fault.scope);
        fault.retry_at = match class {
            FaultClass::QuotaWindow => self.resets_at.or(self.said.retry_at),
            _ => self.said.retry_at,
        };
        fault.with_context(self.context(&words))
    }

    /// What no rule says: by the status alone.
    fn unruled(&self, asked: Asked) -> (FaultClass, &'static str) {
        match self.said.status {
            0 => (FaultClass::Invalid, "the engine could not do what was asked"),
            503 | 529 if self.speaker == Speaker::Upstream => {
                (FaultClass::Overloaded, "the engine is down or overloaded")
            }
            // An edge that could not reach the upstream.
            521..=523 | 525 | 526 | 530 => (FaultClass::Overloaded, "the engine is down or overloaded"),
            500.. if asked == Asked::Look => (FaultClass::Overloaded, "the engine is down or overloaded"),
            500.. => (FaultClass::UnknownOutcome, "the engine failed, and does not say whether it began"),
            _ => (FaultClass::Invalid, "the engine refuses the request"),
        }
    }

    fn context(&self, words: &str) -> String {
        let mut context = match self.said.status {
            0 => "the task failed".to_owned(),
            status => format!("status {status}"),
        };
        for code in self.said.codes.iter().filter(|code| !code.is_empty()).take(3) {
            context.push_str(&format!(", {}", code.chars().take(60).collect::<String>()));
        }
        match self.speaker {
            Speaker::Upstream => {}
            Speaker::Challenger => context.push_str(", a challenge for browsers"),
            Speaker::Stranger => context.push_str(", a body that is no error of the engine"),
        }
        if !words.is_empty() {
            context.push_str(&format!(": {words}"));
        }
        context
    }
}

/// Whether an edge wants a proof from a browser.
fn is_challenge(status: u16, headers: &HeaderMap, body: &[u8]) -> bool {
    let head = String::from_utf8_lossy(body.get(..8192).unwrap_or(body));
    matches!(status, 403 | 429 | 503)
        && (headers.contains_key("cf-mitigated") || head.contains("Just a moment"))
}

/// When a used-up quota is full again, wherever that stands.
fn resets_at(said: &Value, now: Millis) -> Option<Millis> {
    const PLACES: [&str; 3] = ["", "/error", "/error/details"];
    let seconds = PLACES.iter().find_map(|place| {
        let place = format!("{place}/rate_limit_and_credit_balance/access_resets_in_seconds");
        said.pointer(&place)?.as_f64()
    })?;
    let wait = Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())?;
    Some(now + wait.min(LONGEST_RESET))
}
