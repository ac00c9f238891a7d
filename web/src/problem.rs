//! How errors look (api.md §0): one body that satisfies every dialect, with the headers that keep SDKs from paying twice.

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue, RETRY_AFTER},
    },
};
use atelier_actors::{Refused, characters::NotCreated};
use atelier_domain::{
    code::{Code, Retry},
    ids::JobId,
    job::Job,
};
use serde::Serialize;
use serde_json::json;
use std::{borrow::Cow, fmt, time::Duration};
use utoipa::ToSchema;

/// The longest `retry-after` that SDKs honour.
const LONGEST_HINT: Duration = Duration::from_secs(60);

/// One field of a body with a wrong value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field.
    pub name: String,
    /// What is wrong and what is right.
    pub message: String,
}

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    message: String,
    fields: Vec<FieldProblem>,
    param: Option<String>,
    retry_after: Option<Duration>,
    job: Option<JobId>,
    dispatched: bool,
}

impl Problem {
    /// An error with this code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code,
            message,
            fields: Vec::new(),
            param: None,
            retry_after: None,
            job: None,
            dispatched: false,
        }
    }

    /// The 422 for these fields: the first names the code, all are listed.
    pub fn fields(fields: Vec<FieldProblem>) -> Self {
        let message = fields.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join("; ");
        let param = fields.first().map(|field| field.name.clone());
        Self { fields, param, ..Self::new(Code::BadField, message) }
    }

    /// The 422 for one field.
    pub fn field(name: &str, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldProblem { name: name.to_owned(), message: message.into() }])
    }

    /// The same error about this parameter.
    #[must_use]
    pub fn param(mut self, name: &str) -> Self {
        self.param = Some(name.to_owned());
        self
    }

    /// The same error about a job that exists.
    #[must_use]
    pub fn of_job(mut self, id: JobId) -> Self {
        self.job = Some(id);
        self
    }

    /// The error that a failed or cancelled job answers with. Once an attempt was made, an SDK's retry would be a second job;
    /// `wait` is when a new one has better chances.
    pub fn of_ended(job: &Job, wait: Duration) -> Self {
        let (code, message) = match &job.error {
            Some(error) => (error.code, error.message.clone()),
            None => {
                (Code::Cancelled, "the job was cancelled before it ended; nothing was charged".to_owned())
            }
        };
        let retry_after = (code.retry() == Retry::Yes).then_some(wait);
        // What only the engine could judge is told like any other wrong field.
        let field = match code {
            Code::BadSize => Some("size"),
            Code::BadDuration => Some("seconds"),
            _ => None,
        };
        let problem = |name: &str| FieldProblem { name: name.to_owned(), message: message.clone() };
        Self {
            fields: field.map(problem).into_iter().collect(),
            param: field.map(str::to_owned),
            job: Some(job.id),
            dispatched: job.attempt > 0,
            retry_after,
            ..Self::new(code, message)
        }
    }

    /// The word of the code; for a field it names the field.
    pub fn word(&self) -> Cow<'static, str> {
        match (self.code, self.fields.first()) {
            (Code::BadField, Some(first)) => format!("bad_{}", first.name.replace('-', "_")).into(),
            (code, _) => code.word().into(),
        }
    }

    /// The object under `error`.
    pub fn error_object(&self) -> serde_json::Value {
        let class = self.code.class().word();
        let mut error =
            json!({ "message": self.message, "type": class, "param": self.param, "code": self.word() });
        if !self.fields.is_empty() {
            error["fields"] = json!(self.fields);
        }
        error
    }

    /// The whole body.
    pub fn body(&self) -> serde_json::Value {
        let detail = format!("[{} {}] {}", self.code.status(), self.word(), self.message);
        json!({ "error": self.error_object(), "detail": detail })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word(), self.message)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.retry_after {
            response.insert_header((
                RETRY_AFTER,
                wait.min(LONGEST_HINT).as_millis().div_ceil(1000).max(1).to_string(),
            ));
        }
        let should_retry = match self.code.retry() {
            _ if self.dispatched => Some("false"),
            Retry::No => Some("false"),
            Retry::Yes => Some("true"),
            Retry::Unsaid => None,
        };
        if let Some(word) = should_retry {
            response.insert_header((SHOULD_RETRY, HeaderValue::from_static(word)));
        }
        if let Some(job) = self.job {
            response.insert_header((JOB_ID, job.to_string()));
        }
        response.json(self.body())
    }
}

/// The header that tells SDKs whether to send again.
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The header of an answer that an earlier request made.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The header that names the job of an answer.
pub const JOB_ID: HeaderName = HeaderName::from_static("x-job-id");

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self { retry_after: refused.retry_after, ..Self::new(refused.code, refused.message) }
    }
}

impl From<NotCreated> for Problem {
    fn from(error: NotCreated) -> Self {
        match error {
            NotCreated::Wrong { field, why } => Self::field(field, format!("{field}: {why}")),
            NotCreated::Refused(refused) => refused.into(),
        }
    }
}

/// The error body, for the docs.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong, as OpenAI's clients read it.
    pub error: ErrorObject,
    /// The same in one line: `[<status> <code>] <message>`.
    #[schema(example = "[422 bad_size] size 1000x1000: both sides must be multiples of 16")]
    pub detail: String,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
pub struct ErrorObject {
    /// For people.
    pub message: String,
    /// The OpenAI error type.
    #[schema(example = "invalid_request_error")]
    pub r#type: String,
    /// The parameter it is about.
    pub param: Option<String>,
    /// For programs; see the table of codes.
    #[schema(example = "bad_size")]
    pub code: String,
    /// With a 422: every field that is wrong.
    pub fields: Option<Vec<FieldProblem>>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_body_satisfies_every_dialect() {
        let problem = Problem::field("size", "size 1x1: too small");
        assert_eq!(
            problem.body(),
            json!({
                "error": {
                    "message": "size 1x1: too small", "type": "invalid_request_error", "param": "size", "code": "bad_size",
                    "fields": [{ "name": "size", "message": "size 1x1: too small" }],
                },
                "detail": "[422 bad_size] size 1x1: too small",
            })
        );
        assert_eq!(problem.status_code(), 422);
    }

    #[test]
    fn hints_stay_within_what_sdks_honour_and_money_is_never_retried() {
        let busy: Problem =
            Refused::new(Code::QueueFull, "full").retry_after(Duration::from_secs(600)).into();
        let response = busy.error_response();
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "60");
        assert_eq!(response.headers().get(SHOULD_RETRY).unwrap(), "true");
        let broke = Problem::new(Code::InsufficientCredits, "no").error_response();
        assert_eq!(broke.headers().get(SHOULD_RETRY).unwrap(), "false");
    }
}
