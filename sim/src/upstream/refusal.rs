//! The ways in which OpenAI and what speaks like it refuse a call, each with its status, type, code, text and headers.

use serde::{Deserialize, Deserializer, Serialize};

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// 400: a value that is not allowed.
    Invalid,
    /// 400: the safety system refused the prompt or the picture.
    ModerationBlocked,
    /// 400: a field that the upstream does not know.
    UnknownParameter,
    /// 400: a refresh token that is not good any more.
    InvalidGrant,
    /// 401: no such key.
    BadKey,
    /// 403: the organisation has to be verified for this model.
    VerifyOrg,
    /// 403: the key may not.
    NoPermission,
    /// 404: no such model.
    ModelNotFound,
    /// 404: no such thing.
    NotFound,
    /// 408: the upstream gave up waiting.
    Timeout,
    /// 409: it is in a state that does not allow it.
    Conflict,
    /// 422: it is understood, and cannot be.
    Unprocessable,
    /// 429: too many requests.
    RateLimited,
    /// 429: too many images in a minute.
    ImagesPerMinute,
    /// 429: a limit of 0 images in a minute, which means that the account may never.
    NotEntitled,
    /// 429: too many at the same time.
    Concurrency,
    /// 429: enough for today.
    DailyLimit,
    /// 429: the account has no money.
    InsufficientQuota,
    /// 429: traffic grew too fast.
    SlowDown,
    /// 451: not where you are.
    Illegal,
    /// 500.
    ServerError,
    /// 502, as a proxy in front of the upstream says it: a page.
    BadGateway,
    /// 503: overloaded.
    Overloaded,
    /// 504, as a proxy says it: a page.
    GatewayTimeout,
    /// 529: overloaded, as some relays say it.
    Overloaded529,
}

/// A refusal with the headers that may stand with it. In JSON also just the reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Another text than the reason's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The field that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    /// `Retry-After`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// `retry-after-ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// `x-should-retry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub should_retry: Option<bool>,
    /// Without a body.
    pub bare: bool,
}

impl Refusal {
    /// Says it with the reason's own words.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            message: None,
            param: None,
            retry_after: None,
            retry_after_ms: None,
            should_retry: None,
            bare: false,
        }
    }

    /// The same with this text.
    #[must_use]
    pub fn saying(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// The same with this field to blame.
    #[must_use]
    pub fn blaming(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.message.clone().unwrap_or_else(|| self.reason.terms().message.to_owned())
    }

    /// Its headers, without those of the body.
    pub fn headers(&self) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            headers.extend(value.map(|value| (name.to_owned(), value)));
        };
        add("retry-after", self.retry_after.map(|seconds| seconds.to_string()));
        add("retry-after-ms", self.retry_after_ms.map(|ms| ms.to_string()));
        add("x-should-retry", self.should_retry.map(|retry| retry.to_string()));
        headers
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl<'de> Deserialize<'de> for Refusal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Short(reason) => Self::new(reason),
            Written::Long(Long {
                reason,
                message,
                param,
                retry_after,
                retry_after_ms,
                should_retry,
                bare,
            }) => Self { reason, message, param, retry_after, retry_after_ms, should_retry, bare },
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Short(Reason),
    Long(Long),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    reason: Reason,
    message: Option<String>,
    param: Option<String>,
    retry_after: Option<u64>,
    retry_after_ms: Option<u64>,
    should_retry: Option<bool>,
    #[serde(default)]
    bare: bool,
}

/// What stands in a refusal's body.
pub struct Terms {
    /// Of the answer.
    pub status: u16,
    /// `error.type`.
    pub kind: &'static str,
    /// `error.code`.
    pub code: Option<&'static str>,
    /// `error.message`.
    pub message: &'static str,
    /// Whether a proxy says it, with a page instead of JSON.
    pub page: bool,
}

const REQUEST: &str = "invalid_request_error";
const RATE: &str = "rate_limit_exceeded";

impl Reason {
    /// How it is told.
    pub fn terms(self) -> Terms {
        let (status, kind, code, message) = match self {
            Self::Timeout => (408, "timeout_error", Some("request_timeout"), "The request timed out."),
            Self::Conflict => (409, REQUEST, Some("conflict"), "The resource is busy."),
            Self::Illegal => {
                (451, REQUEST, Some("unavailable_for_legal_reasons"), "Not available in your country.")
            }
            Self::ServerError => (
                500,
                "server_error",
                None,
                "The server had an error while processing your request. Sorry about that!",
            ),
            Self::BadGateway => (502, "server_error", None, "Bad Gateway"),
            Self::Overloaded => (
                503,
                "service_unavailable_error",
                Some("server_is_overloaded"),
                "The engine is currently overloaded, please try again later.",
            ),
            Self::GatewayTimeout => (504, "server_error", None, "Gateway Time-out"),
            Self::Overloaded529 => (529, "overloaded_error", Some("overloaded"), "Overloaded"),
            _ if self.is_rate() => return self.rate_terms(),
            _ => return self.request_terms(),
        };
        let page = matches!(self, Self::BadGateway | Self::GatewayTimeout);
        Terms { status, kind, code, message, page }
    }

    fn is_rate(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::ImagesPerMinute
                | Self::NotEntitled
                | Self::Concurrency
                | Self::DailyLimit
                | Self::InsufficientQuota
                | Self::SlowDown
        )
    }

    fn rate_terms(self) -> Terms {
        let (kind, code, message) = match self {
            Self::ImagesPerMinute => (
                "requests",
                RATE,
                "Rate limit reached for images per minute (IPM). Limit: 5/1min. Current: 6/1min. Please try again in 12s.",
            ),
            Self::NotEntitled => (
                "requests",
                RATE,
                "Rate limit reached for images per minute (IPM). Limit: 0/1min. Current: 1/1min.",
            ),
            Self::Concurrency => ("requests", RATE, "Too many concurrent requests for your organization."),
            Self::DailyLimit => ("requests", RATE, "You have reached your limit of videos per day."),
            Self::InsufficientQuota => (
                "insufficient_quota",
                "insufficient_quota",
                "You exceeded your current quota, please check your plan and billing details.",
            ),
            Self::SlowDown => (
                "rate_limit_error",
                "slow_down",
                "Your traffic grew too fast. Please reduce your request rate and ramp up slowly.",
            ),
            _ => ("requests", RATE, "Rate limit reached for requests per minute (RPM)."),
        };
        Terms { status: 429, kind, code: Some(code), message, page: false }
    }

    fn request_terms(self) -> Terms {
        let (status, kind, code, message) = match self {
            Self::ModerationBlocked => (
                400,
                "image_generation_user_error",
                Some("moderation_blocked"),
                "Your request was rejected by the safety system.",
            ),
            Self::InvalidGrant => (400, REQUEST, Some("invalid_grant"), "The refresh token is not valid."),
            Self::BadKey => (401, REQUEST, Some("invalid_api_key"), "Incorrect API key provided."),
            Self::VerifyOrg => (
                403,
                REQUEST,
                None,
                "Your organization must be verified to use this model. Please go to the settings and click on Verify Organization.",
            ),
            Self::NoPermission => {
                (403, "permission_error", None, "You have insufficient permissions for this operation.")
            }
            Self::ModelNotFound => (
                404,
                REQUEST,
                Some("model_not_found"),
                "The model does not exist or you do not have access to it.",
            ),
            Self::NotFound => (404, REQUEST, Some("not_found"), "Not found."),
            Self::UnknownParameter => (400, REQUEST, Some("unknown_parameter"), "Unknown parameter."),
            Self::Unprocessable => (422, REQUEST, Some("unprocessable"), "It cannot be processed."),
            _ => (400, REQUEST, Some("invalid_value"), "Invalid value."),
        };
        Terms { status, kind, code, message, page: false }
    }
}
