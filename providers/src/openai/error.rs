//! What an upstream's refusal means: from its many shapes to one fault, by a table.
//!
//! Whether something was billed is decided here. An upstream that says itself what went wrong has not made an image, so such a
//! 5xx is a refusal and another account may be tried. A 5xx that says nothing may come from a proxy between that gave up
//! waiting: the outcome is unknown, and the job is not sent again. A video lives on after its create, so for that only a 503
//! in the upstream's own words is a refusal.

use super::{
    Dialect,
    rules::{RULES, Says},
};
use crate::outbound::{excerpt, retry_at};
use atelier_domain::{
    account::AccountSecrets,
    fault::{Fault, FaultClass, FaultScope},
    time::Millis,
};
use awc::http::header::HeaderMap;
use serde_json::Value;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To make images, or text: nothing of it lives on.
    Image,
    /// To begin a video.
    Video,
    /// How something is doing. Nothing can be billed for that.
    Look,
}

/// A refusal as it was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status; 0 for that of a job, which has none.
    pub status: u16,
    /// Its code and its type, in lower case.
    pub codes: Vec<String>,
    /// Its words.
    pub words: String,
    /// Whether the body was an error in a shape that upstreams have, not a page of somebody between.
    pub is_own: bool,
    /// When to come again.
    pub retry_at: Option<Millis>,
    /// What to quote to the upstream's support.
    pub request_id: Option<String>,
}

impl Refusal {
    /// Reads an answer that is no result.
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8], now: Millis) -> Self {
        let mut refusal =
            serde_json::from_slice(body).ok().and_then(|said| Self::of(&said)).unwrap_or_default();
        refusal.status = status;
        refusal.retry_at = retry_at(Some(headers), &refusal.words.to_lowercase(), now);
        let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
        refusal.request_id = request_id.filter(|id| id.len() <= 80).map(str::to_owned);
        refusal
    }

    /// Reads an error object out of any of its shapes; none when there is no error in it.
    pub fn of(said: &Value) -> Option<Self> {
        match said {
            Value::Array(errors) => errors.first().and_then(Self::of),
            Value::Object(fields) => {
                let error = fields.get("error").filter(|error| !error.is_null());
                let error = error.or_else(|| fields.get("detail")).or_else(|| fields.get("errors"));
                let mut refusal = Self { is_own: true, ..Self::default() };
                refusal.take(error.unwrap_or(said), 0);
                // `{"code": "...", "error": "text"}`: the code stands beside its text.
                if refusal.codes.is_empty() {
                    refusal.take_codes(said);
                }
                (error.is_some() || !refusal.words.is_empty()).then_some(refusal)
            }
            _ => None,
        }
    }

    fn take(&mut self, error: &Value, depth: u8) {
        match error {
            Value::String(words) => self.words.clone_from(words),
            // FastAPI's list of what is wrong with a request.
            Value::Array(items) if depth < 3 => {
                let mut parts = Vec::new();
                for item in items.iter().take(8) {
                    let mut part = Self::default();
                    part.take(item, depth + 1);
                    parts.push(part.words);
                }
                self.words = parts.join("; ");
            }
            Value::Object(fields) => {
                self.take_codes(error);
                let said = ["message", "msg", "detail", "error", "description"]
                    .iter()
                    .find_map(|name| fields.get(*name));
                if let Some(said) = said.filter(|_| depth < 3) {
                    self.take(said, depth + 1);
                }
                // Which field of the request FastAPI means.
                if let Some(Value::Array(place)) = fields.get("loc") {
                    let place: Vec<_> = place.iter().filter_map(Value::as_str).collect();
                    self.words = format!("{}: {}", place.join(" "), self.words);
                }
            }
            _ => {}
        }
    }

    fn take_codes(&mut self, error: &Value) {
        for name in ["code", "type", "status"] {
            match error.get(name) {
                Some(Value::String(code)) if !code.is_empty() => self.codes.push(code.to_lowercase()),
                Some(Value::Number(code)) => self.codes.push(code.to_string()),
                _ => {}
            }
        }
    }

    /// The fault that it is.
    pub(super) fn fault(&self, asked: Asked, dialect: &Dialect, secrets: &AccountSecrets) -> Fault {
        let words = excerpt(&self.words, secrets);
        let lower = self.words.to_lowercase();
        let says = Says { status: self.status, codes: &self.codes, words: &lower, is_own: self.is_own };
        let rule = RULES.iter().find(|rule| rule.matches(&says));
        let (class, message) = match rule {
            Some(rule) => (rule.class, rule.message),
            None => self.unruled(asked),
        };
        let quotes = matches!(class, FaultClass::Content | FaultClass::Invalid | FaultClass::ModelGone);
        let message =
            if quotes && !words.is_empty() { format!("{message}: {words}") } else { message.to_owned() };
        let mut fault = Fault::new(class, message);
        fault.scope = match class {
            // Keys of one engine lead to upstreams that have nothing to do with each other.
            FaultClass::Overloaded => FaultScope::Account,
            FaultClass::ModelGone if !dialect.is_vendor || !rule.is_some_and(|rule| rule.is_final) => {
                FaultScope::AccountModel
            }
            _ => rule.and_then(|rule| rule.scope).unwrap_or(fault.scope),
        };
        fault.retry_at = self.retry_at;
        fault.with_context(self.context(&words))
    }

    /// What no rule says: by the status alone.
    fn unruled(&self, asked: Asked) -> (FaultClass, &'static str) {
        const OVERLOADED: &str = "the engine is down or overloaded";
        let is_code = |code: &str| self.codes.iter().any(|known| known == code);
        match self.status {
            // A job that failed. Numbers are status codes of their own.
            0 if self.codes.iter().any(|code| code.len() == 3 && code.starts_with('4')) => {
                (FaultClass::Invalid, "the engine could not do what was asked")
            }
            0 if self.codes.iter().any(|code| code.len() == 3 && code.starts_with('5'))
                || ["server_error", "internal_error", "internal_server_error"]
                    .iter()
                    .any(|code| is_code(code)) =>
            {
                (FaultClass::Overloaded, "the engine failed while it worked on the job")
            }
            0 => (FaultClass::Invalid, "the engine could not do what was asked"),
            500.. => match (asked, self.status) {
                (Asked::Look, _) => (FaultClass::Overloaded, OVERLOADED),
                // Cloudflare could not reach the upstream.
                (_, 521..=523 | 525 | 526 | 530) => (FaultClass::Overloaded, OVERLOADED),
                (Asked::Image, 503 | 529) => (FaultClass::Overloaded, OVERLOADED),
                (Asked::Video, 503 | 529) if self.is_own => (FaultClass::Overloaded, OVERLOADED),
                (Asked::Image, _) if self.is_own => (FaultClass::Overloaded, OVERLOADED),
                _ => (FaultClass::UnknownOutcome, "the engine failed, and does not say whether it began"),
            },
            _ => (FaultClass::Invalid, "the engine refuses the request"),
        }
    }

    fn context(&self, words: &str) -> String {
        let mut context = match self.status {
            0 => "the job failed".to_owned(),
            status => format!("status {status}"),
        };
        for code in self.codes.iter().take(3) {
            context.push_str(&format!(", {}", code.chars().take(60).collect::<String>()));
        }
        if let Some(id) = &self.request_id {
            context.push_str(&format!(", request {id}"));
        }
        if !self.is_own {
            context.push_str(", a body that is no error of an engine");
        }
        if !words.is_empty() {
            context.push_str(&format!(": {words}"));
        }
        context
    }
}
