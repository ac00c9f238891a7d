//! The one table of public error codes (api.md §0): every code that a client can meet, its status and what it means.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident = $code:literal, $status:literal, $class:ident, $retry:ident, $meaning:literal;)+) => {
        /// A public error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(#[doc = $meaning] #[serde(rename = $code)] $variant),+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status it is answered with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// The OpenAI error type it belongs to.
            pub const fn class(self) -> ErrorClass {
                match self { $(Self::$variant => ErrorClass::$class),+ }
            }

            /// Whether a client may send the same request again: `Yes` and `No` are told in `x-should-retry`.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry),+ }
            }

            /// What it means, in one sentence for the docs page.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

/// The `type` of an error body. `invalid_request_error` stands only where LiteLLM survives it: 400, 404, 405 and 422 (clients.md 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request is wrong.
    InvalidRequest,
    /// The key or session is wrong.
    Authentication,
    /// The key may not do this.
    Permission,
    /// There is not enough credit.
    InsufficientQuota,
    /// Too much at once.
    RateLimit,
    /// We or the upstream cannot serve now.
    Unavailable,
    /// Something broke.
    Server,
    /// The content is refused.
    Content,
    /// The state of the thing forbids it.
    Conflict,
}

impl ErrorClass {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request_error",
            Self::Authentication => "authentication_error",
            Self::Permission => "permission_error",
            Self::InsufficientQuota => "insufficient_quota",
            Self::RateLimit => "rate_limit_error",
            Self::Unavailable => "service_unavailable_error",
            Self::Server => "server_error",
            Self::Content => "image_generation_user_error",
            Self::Conflict => "conflict_error",
        }
    }
}

/// What a client should do with the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Worth another try later.
    Yes,
    /// Cannot help, or would pay twice.
    No,
    /// The SDKs' own rules are right.
    Unsaid,
}

codes! {
    BadBody = "bad_body", 400, InvalidRequest, Unsaid, "The body is not valid JSON, or not the expected kind of body.";
    MissingPrompt = "missing_prompt", 400, InvalidRequest, Unsaid, "`prompt` is missing or empty.";
    MissingImage = "missing_image", 400, InvalidRequest, Unsaid, "An edit needs at least one picture: `image`.";
    MarkupWithMask = "markup_with_mask", 400, InvalidRequest, Unsaid, "`markup` and `mask` exclude each other.";
    UnknownParameter = "unknown_parameter", 400, InvalidRequest, Unsaid, "A tool has a field that it does not know.";
    UnknownModel = "unknown_model", 400, InvalidRequest, Unsaid, "No model of this name makes this kind of thing; `GET /v1/models` lists them.";
    InvalidImageUrl = "invalid_image_url", 400, InvalidRequest, Unsaid, "The URL of a reference is malformed, not public, or did not give a usable file in time.";
    ContentPolicyViolation = "content_policy_violation", 400, Content, No, "The prompt or an image was refused by the engine's content rules; nothing was charged.";
    MissingFirstFrame = "missing_first_frame", 400, InvalidRequest, Unsaid, "A last frame needs a first one.";
    VideoFailed = "video_failed", 400, InvalidRequest, No, "The video failed: it has no content.";
    ClearanceOff = "clearance_off", 400, InvalidRequest, No, "No clearance service is switched on: `/api/cloudflare/config` names one.";
    TokenRefused = "token_refused", 400, InvalidRequest, No, "The vendor refuses the session or refresh token: it has ended, is used up, or belongs to another client.";
    TaskNotCompleted = "task_not_completed", 400, InvalidRequest, Unsaid, "The video is not ready yet (profile `sora2api`).";
    GenerationFailed = "generation_failed", 400, InvalidRequest, No, "The video failed: it has no content (profile `sora2api`).";
    InvalidKey = "invalid_key", 401, Authentication, Unsaid, "The API key is missing, wrong, expired or disabled.";
    InvalidSession = "invalid_session", 401, Authentication, Unsaid, "The admin token or cookie is missing, wrong or expired: log in again.";
    InvalidCredentials = "invalid_credentials", 401, Authentication, Unsaid, "The admin user name or password is wrong.";
    InsufficientCredits = "insufficient_credits", 402, InsufficientQuota, No, "The key's balance does not cover the price.";
    PlanRequired = "plan_required", 403, Permission, Unsaid, "No account here has the plan that the model needs.";
    ModelNotAllowed = "model_not_allowed", 403, Permission, Unsaid, "This API key may not use this model.";
    WrongOrigin = "wrong_origin", 403, Permission, Unsaid, "A cookie session may only write from the gateway's own pages.";
    BadSignature = "bad_signature", 403, Permission, Unsaid, "The media link is altered or has expired.";
    ModelNotFound = "model_not_found", 404, InvalidRequest, Unsaid, "No model of this name.";
    JobNotFound = "job_not_found", 404, InvalidRequest, Unsaid, "No such job belongs to this key, or it is past its retention.";
    RedeemCodeNotFound = "redeem_code_not_found", 404, InvalidRequest, Unsaid, "No redeem code like this was ever made.";
    KeyNotFound = "key_not_found", 404, InvalidRequest, Unsaid, "No API key with this id.";
    MediaNotFound = "media_not_found", 404, InvalidRequest, Unsaid, "The file is gone: it was past its retention.";
    FileNotFound = "file_not_found", 404, InvalidRequest, Unsaid, "No such file belongs to this key.";
    VideoNotFound = "video_not_found", 404, InvalidRequest, Unsaid, "No such video belongs to this key, or it is past its retention.";
    TaskNotFound = "task_not_found", 404, InvalidRequest, Unsaid, "No such task, or (profile `sora2api`) video, belongs to this key, or it is past its retention.";
    CharacterNotFound = "character_not_found", 404, InvalidRequest, Unsaid, "No such character belongs to this key.";
    TokenNotFound = "token_not_found", 404, InvalidRequest, Unsaid, "No account with this number or id.";
    PostNotFound = "post_not_found", 404, InvalidRequest, Unsaid, "No such post, or it was taken back.";
    ProfileNotFound = "profile_not_found", 404, InvalidRequest, Unsaid, "Nobody has this username or user id.";
    ResponseNotFound = "response_not_found", 404, InvalidRequest, Unsaid, "No such response belongs to this key, or it was not stored, or it is past its retention.";
    AccountNotFound = "account_not_found", 404, InvalidRequest, Unsaid, "No account has this number.";
    WebhookNotFound = "webhook_not_found", 404, InvalidRequest, Unsaid, "No event with this id waits among the dead letters.";
    RouteNotFound = "route_not_found", 404, InvalidRequest, Unsaid, "No such path; `/docs` lists them.";
    MethodNotAllowed = "method_not_allowed", 405, InvalidRequest, Unsaid, "The path exists, but not with this method.";
    BodyTimeout = "body_timeout", 408, Server, Unsaid, "The request body did not arrive in time.";
    BelowZero = "below_zero", 409, Conflict, No, "The deduction is larger than the balance; nothing was changed.";
    RedeemCodeUsed = "redeem_code_used", 409, Conflict, No, "The redeem code was used already.";
    RedeemCodeExpired = "redeem_code_expired", 409, Conflict, No, "The redeem code is past its time.";
    JobOpen = "job_open", 409, Conflict, Unsaid, "The job has not ended yet.";
    AccountExists = "account_exists", 409, Conflict, No, "An account with this credential, or with this address at this engine, is there already.";
    JobNotCompleted = "job_not_completed", 409, Conflict, Unsaid, "Only what is completed can be published.";
    Cancelled = "cancelled", 409, Conflict, No, "The job was cancelled before it ended; nothing was charged.";
    BodyTooLarge = "body_too_large", 413, Server, No, "The body is larger than the limit.";
    StorageLimitExceeded = "storage_limit_exceeded", 413, Server, No, "The uploads of this key take as much of the disk as they may.";
    BadField = "bad_field", 422, InvalidRequest, Unsaid, "A field has a wrong value; the code on the wire is `bad_` with the field's name, and `error.fields` lists all of them.";
    IdempotencyMismatch = "idempotency_mismatch", 422, InvalidRequest, No, "The Idempotency-Key was used before with another body.";
    ReferencesUnsupported = "references_unsupported", 422, InvalidRequest, No, "This gateway has no engine that takes reference images.";
    TooManyReferences = "too_many_references", 422, InvalidRequest, No, "More pictures than the request, or any engine for this model, takes.";
    MaskUnsupported = "mask_unsupported", 422, InvalidRequest, No, "No engine for this model takes a mask.";
    UpstreamRejected = "upstream_rejected", 422, InvalidRequest, No, "The engine refused the request as malformed.";
    LastFrameUnsupported = "last_frame_unsupported", 422, InvalidRequest, No, "No engine for this model takes a last frame.";
    ReferenceSize = "reference_size", 422, InvalidRequest, No, "With `fit=exact` the first frame must have the size of the video.";
    BadSize = "bad_size", 422, InvalidRequest, No, "No engine for this model makes this size.";
    BadDuration = "bad_duration", 422, InvalidRequest, No, "No engine for this model makes a video of this length.";
    QualityNotEntitled = "quality_not_entitled", 422, InvalidRequest, No, "No account may make this quality or size: ask for a lower one.";
    VideoNotReady = "video_not_ready", 425, Conflict, Unsaid, "The video is not ready yet: poll it until it is.";
    RateLimitExceeded = "rate_limit_exceeded", 429, RateLimit, Yes, "The key's own limit of requests a minute or of open jobs is reached; `retry-after` says when to come back.";
    RedeemThrottled = "redeem_throttled", 429, RateLimit, No, "Too many wrong redeem codes; wait and try again.";
    LoginThrottled = "login_throttled", 429, RateLimit, No, "Too many failed logins; wait and try again.";
    ImageUnsafe = "image_unsafe", 451, Content, No, "The engine finds the prompt or a picture unsafe, or may not make it; nothing was charged.";
    InternalError = "internal_error", 500, Server, Unsaid, "A defect of the gateway; the request id finds it in the log.";
    ActivationUnsupported = "activation_unsupported", 501, Server, No, "The account's engine knows no invitations and no user names to set.";
    RemixUnsupported = "remix_unsupported", 501, Server, No, "No engine for this model makes videos over others.";
    ClearanceFailed = "clearance_failed", 502, Server, Unsaid, "The operator's clearance service gave no clearance; the log says why.";
    JobLost = "job_lost", 502, Server, No, "The engine forgot the running job; nothing was charged.";
    SubmitOutcomeUnknown = "submit_outcome_unknown", 502, Server, No, "The request reached the engine and no answer came; it was not sent again, and nothing was charged.";
    ModelUnavailable = "model_unavailable", 503, Unavailable, No, "The engine no longer has this model.";
    UpstreamSaturated = "upstream_saturated", 503, Unavailable, Yes, "Every account is busy or waiting for its quota; `retry-after` says when to come back.";
    UpstreamOverloaded = "upstream_overloaded", 503, Unavailable, Yes, "The engine is down or overloaded.";
    NoAccountAvailable = "no_account_available", 503, Unavailable, No, "No account can serve this model; the log says why.";
    QueueFull = "queue_full", 503, Unavailable, Yes, "The gateway holds as many open jobs, or fetches as many references, as it may; `retry-after` says when to come back.";
    ShuttingDown = "shutting_down", 503, Unavailable, Yes, "The gateway is stopping or restarting; accepted jobs go on after it.";
    RequestTimeout = "request_timeout", 503, Unavailable, No, "The wait for the result is over; the job goes on under `x-job-id`.";
    SubmitNetwork = "submit_network", 504, Server, No, "The engine could not be reached; nothing was charged.";
    Timeout = "timeout", 504, Server, No, "The job did not end before its deadline; nothing was charged.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_statuses_are_errors_and_litellm_survives_the_types() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.word()), "{} stands twice", code.word());
            assert!((400..600).contains(&code.status()));
            if code.class() == ErrorClass::InvalidRequest {
                assert!(
                    matches!(code.status(), 400 | 404 | 405 | 422),
                    "{}: the type breaks LiteLLM at this status",
                    code.word()
                );
            }
        }
    }
}
