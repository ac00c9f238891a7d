//! What a refusal means: from its shape to one fault, by a table.

use super::rules::{RULES, Says, is_unsafe};
use crate::outbound::{excerpt, retry_at};
use atelier_domain::{
    account::AccountSecrets,
    code::Code,
    fault::{Fault, FaultClass, FaultScope},
    time::Millis,
};
use awc::http::header::HeaderMap;
use serde_json::Value;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// To begin a job. `is_fine`: in a quality or size that not every plan has.
    Submit {
        /// Of the finest quality, or 4K.
        is_fine: bool,
    },
    /// To take a picture in, which begins nothing.
    Upload,
    /// How something is doing.
    Look,
}

impl Asked {
    /// Whether something may have begun when no answer comes.
    pub const fn has_effect(self) -> bool {
        matches!(self, Self::Submit { .. })
    }
}

/// A refusal as it was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status; 0 for that of a job, which has none.
    pub status: u16,
    codes: Vec<String>,
    words: String,
    is_page: bool,
    retry_at: Option<Millis>,
}

impl Refusal {
    /// Reads an answer that is no result.
    pub fn read(status: u16, headers: &HeaderMap, body: &[u8], now: Millis) -> Self {
        let mut refusal = serde_json::from_slice(body).map(|said| Self::of(&said)).unwrap_or_default();
        refusal.status = status;
        refusal.is_page = body.trim_ascii_start().starts_with(b"<");
        if let Some(marker) = headers.get("x-access-error").and_then(|marker| marker.to_str().ok()) {
            refusal.codes.insert(0, marker.trim().to_lowercase());
        }
        refusal.retry_at = retry_at(Some(headers), &refusal.words.to_lowercase(), now);
        refusal
    }

    /// Reads the error of a job that failed, or of a body.
    pub fn of(said: &Value) -> Self {
        let inner = ["error", "result", "task"].iter().filter_map(|name| said.get(*name));
        let (mut codes, mut parts) = (Vec::new(), Vec::new());
        for place in std::iter::once(said).chain(inner) {
            for name in ["error_code", "errorCode", "code"] {
                match place.get(name) {
                    Some(Value::String(code)) if !code.is_empty() => codes.push(code.to_lowercase()),
                    Some(Value::Number(code)) => codes.push(code.to_string()),
                    _ => {}
                }
            }
            let message = ["message", "error_description", "detail", "error"]
                .iter()
                .find_map(|name| place.get(*name)?.as_str());
            parts.extend(message.map(str::to_owned));
            let flaws = place.get("validation_errors").and_then(Value::as_array).into_iter().flatten();
            parts.extend(flaws.take(8).filter_map(flaw));
        }
        Self { codes, words: parts.join("; "), ..Self::default() }
    }

    fn says<'a>(&'a self, lower: &'a str) -> Says<'a> {
        Says { status: self.status, codes: &self.codes, words: lower, is_page: self.is_page }
    }

    /// Whether it is certainly about what is shown.
    pub fn is_unsafe(&self) -> bool {
        is_unsafe(&self.says(""))
    }

    /// The fault that it is.
    pub fn fault(&self, asked: Asked, secrets: &AccountSecrets) -> Fault {
        let words = excerpt(&self.words, secrets);
        let lower = self.words.to_lowercase();
        let rule = RULES.iter().find(|rule| rule.matches(&self.says(&lower)));
        let (class, message) = match rule {
            Some(rule) => (rule.class, rule.message),
            None => self.unruled(asked),
        };
        let quotes = matches!(class, FaultClass::Content | FaultClass::Invalid);
        let message =
            if quotes && !words.is_empty() { format!("{message}: {words}") } else { message.to_owned() };
        let mut fault = Fault::new(class, message);
        fault.code = rule.and_then(|rule| rule.code);
        fault.scope = match (class, rule.and_then(|rule| rule.scope)) {
            (_, Some(scope)) => scope,
            (FaultClass::Overloaded, None) => FaultScope::Account,
            (_, None) => fault.scope,
        };
        // A plan that lacks the finest has the rest: the account goes on, only this job goes elsewhere.
        let is_of_plan = class == FaultClass::NotEntitled && fault.scope == FaultScope::AccountModel;
        if is_of_plan && asked == (Asked::Submit { is_fine: true }) {
            fault.scope = FaultScope::Request;
            "no account may make this quality or size: ask for a lower one".clone_into(&mut fault.message);
            fault.code = Some(Code::QualityNotEntitled);
        }
        fault.retry_at = self.retry_at;
        fault.with_context(self.context(&words))
    }

    /// What no rule says: by the status alone.
    fn unruled(&self, asked: Asked) -> (FaultClass, &'static str) {
        match self.status {
            0 => (FaultClass::JobLost, "the engine failed while it worked on the job; nothing was charged"),
            500.. if asked.has_effect() => {
                (FaultClass::UnknownOutcome, "the engine failed, and does not say whether it began")
            }
            500.. => (FaultClass::Overloaded, "the engine is down or overloaded"),
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
        if self.is_page {
            context.push_str(", a page for people");
        }
        if !words.is_empty() {
            context.push_str(&format!(": {words}"));
        }
        context
    }
}

/// Which field is wrong, and why.
fn flaw(said: &Value) -> Option<String> {
    let place: Vec<_> = said.get("loc")?.as_array()?.iter().filter_map(Value::as_str).collect();
    Some(format!("{}: {}", place.join(" "), said.get("msg").and_then(Value::as_str).unwrap_or("wrong")))
}
