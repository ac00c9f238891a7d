//! The table of refusals: the first row that matches says what one means.

use atelier_domain::fault::{FaultClass, FaultScope};

/// What a refusal says, as rows look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Says<'a> {
    /// The status; 0 for a job that failed.
    pub status: u16,
    /// Code and type, in lower case.
    pub codes: &'a [String],
    /// The words, in lower case.
    pub words: &'a str,
    /// Whether it is in the upstream's own shape.
    pub is_own: bool,
}

/// One row.
#[derive(Debug)]
pub(super) struct Rule {
    /// Which statuses; empty: any.
    statuses: &'static [u16],
    /// One of these codes or types, or …
    codes: &'static [&'static str],
    /// … one of these pieces of text; both empty: any.
    texts: &'static [&'static str],
    /// Only what is not in the upstream's own shape.
    strangers: bool,
    /// What it is.
    pub class: FaultClass,
    /// Whom it concerns, when not whom the class usually does.
    pub scope: Option<FaultScope>,
    /// Whether a vendor that says so speaks for all of its accounts.
    pub is_final: bool,
    /// For clients.
    pub message: &'static str,
}

impl Rule {
    /// Whether the row is about this.
    pub fn matches(&self, says: &Says<'_>) -> bool {
        let in_words = self.texts.iter().any(|text| says.words.contains(text));
        let in_codes = self.codes.iter().any(|code| says.codes.iter().any(|said| said == code));
        let any = self.codes.is_empty() && self.texts.is_empty();
        (self.statuses.is_empty() || self.statuses.contains(&says.status))
            && (!self.strangers || !says.is_own)
            && (any || in_codes || in_words)
    }

    const fn new(class: FaultClass, message: &'static str) -> Self {
        Self {
            statuses: &[],
            codes: &[],
            texts: &[],
            strangers: false,
            class,
            scope: None,
            is_final: false,
            message,
        }
    }
}

const ACCOUNT: Option<FaultScope> = Some(FaultScope::Account);
const BUSY: &str = "the engine takes no more requests right now";
const NOT_ENTITLED: &str = "the account in use may not use this model";
const GONE: &str = "the engine does not have this model";
const MISPLACED: &str = "the address of the engine answers, but not as an engine does";

/// All rows, from the most telling to the least.
pub(super) static RULES: &[Rule] = &[
    Rule {
        statuses: &[0, 400, 403, 422, 451],
        codes: &[
            "moderation_blocked",
            "content_policy_violation",
            "content_policy",
            "content_filter",
            "contentfilter",
            "content_moderation",
            "safety",
            "safety_violation",
            "responsibleaipolicyviolation",
            "sensitive_content",
            "sentinel_block",
            "input_moderation",
            "output_moderation",
        ],
        texts: &[
            "safety system",
            "content policy",
            "content_policy",
            "moderation system",
            "content moderation",
            "our policies",
            "usage policies",
            "policy violation",
            "violates our",
            "violate our",
            "responsible ai",
            "sensitive content",
            "similarity to third-party content",
            "guardrail",
        ],
        ..Rule::new(FaultClass::Content, "the engine refuses the content")
    },
    Rule {
        codes: &[
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
            "account_deactivated",
            "insufficient_balance",
            "insufficient_credits",
            "insufficient_user_quota",
        ],
        texts: &[
            "exceeded your current quota",
            "billing hard limit",
            "billing details",
            "credit balance is too low",
            "used all available credits",
            "monthly spending limit",
            "account is not active",
            "insufficient balance",
        ],
        ..Rule::new(FaultClass::Billing, "the account in use has no money left")
    },
    Rule { statuses: &[402], ..Rule::new(FaultClass::Billing, "the account in use has no money left") },
    // A limit of nothing is not one to wait for.
    Rule {
        statuses: &[429],
        texts: &["limit: 0/", "limit 0,", "limit: 0,"],
        ..Rule::new(FaultClass::NotEntitled, NOT_ENTITLED)
    },
    Rule {
        statuses: &[401, 403],
        codes: &["unsupported_country_region_territory", "unsupported_country_code"],
        texts: &["country, region, or territory"],
        scope: ACCOUNT,
        ..Rule::new(
            FaultClass::NotEntitled,
            "the engine does not serve the place that the account goes out from",
        )
    },
    Rule {
        statuses: &[403],
        codes: &["model_not_allowed", "permission_denied", "missing_scope", "access_denied"],
        texts: &[
            "must be verified",
            "verify your organization",
            "access to model",
            "access to the model",
            "not have access",
            "not allowed",
            "permission",
            "not available in your",
            " tier",
            "not enabled for",
        ],
        ..Rule::new(FaultClass::NotEntitled, NOT_ENTITLED)
    },
    // A page of somebody between, such as a challenge of a CDN: the key was not even looked at.
    Rule {
        statuses: &[401, 403],
        strangers: true,
        scope: ACCOUNT,
        ..Rule::new(FaultClass::Network, MISPLACED)
    },
    Rule {
        statuses: &[401, 403],
        ..Rule::new(FaultClass::Auth, "the engine refuses the key of the account in use")
    },
    Rule {
        codes: &["invalid_api_key", "invalid_authentication", "token_expired", "authentication_error"],
        ..Rule::new(FaultClass::Auth, "the engine refuses the key of the account in use")
    },
    Rule {
        statuses: &[429],
        codes: &["concurrency_limit_exceeded", "too_many_concurrent_requests", "queue_full"],
        texts: &[
            "concurren",
            "queue is full",
            "queue full",
            "in parallel",
            "at the same time",
            "simultaneous",
        ],
        ..Rule::new(FaultClass::Concurrency, BUSY)
    },
    Rule {
        statuses: &[429],
        codes: &["daily_limit_exceeded", "quota_exceeded"],
        texts: &["per day", "daily", "(rpd)", "/day", "per month", "monthly"],
        ..Rule::new(FaultClass::QuotaWindow, "the account in use has used up what it may use for now")
    },
    Rule {
        statuses: &[429],
        codes: &["slow_down"],
        scope: ACCOUNT,
        ..Rule::new(FaultClass::RateLimited, BUSY)
    },
    Rule { statuses: &[429], ..Rule::new(FaultClass::RateLimited, BUSY) },
    Rule {
        statuses: &[0],
        codes: &["rate_limit_exceeded", "429"],
        ..Rule::new(FaultClass::RateLimited, BUSY)
    },
    // Engines at home say why a job failed in words alone.
    Rule {
        statuses: &[0],
        texts: &["out of memory", "internal error", "internal server error", "server had an error"],
        ..Rule::new(FaultClass::Overloaded, "the engine failed while it worked on the job")
    },
    Rule {
        statuses: &[0, 400, 403, 404, 410],
        codes: &["model_deprecated", "model_retired", "model_no_longer_available"],
        texts: &[
            "has been deprecated",
            "is deprecated",
            "no longer available",
            "no longer supported",
            "has been retired",
            "has been shut down",
            "been discontinued",
            "has been removed",
        ],
        is_final: true,
        ..Rule::new(FaultClass::ModelGone, GONE)
    },
    // `model_not_found` is also said to an account that may not use the model: it is gone for that account.
    Rule {
        statuses: &[400, 404, 422],
        codes: &["model_not_found", "deploymentnotfound", "model_mismatch"],
        texts: &[
            "model does not exist",
            "does not exist or you do not have access",
            "model not found",
            "unknown model",
            "is not a valid model",
            "model mismatch",
            "is not served",
            "is not supported by this server",
            "no such model",
        ],
        ..Rule::new(FaultClass::ModelGone, GONE)
    },
    Rule {
        statuses: &[404],
        texts: &["the model `", "the model '", "model \""],
        ..Rule::new(FaultClass::ModelGone, GONE)
    },
    Rule {
        statuses: &[404, 405, 501],
        scope: Some(FaultScope::AccountModel),
        ..Rule::new(FaultClass::NotEntitled, "the engine of the account in use has no such call")
    },
    Rule { statuses: &[410], ..Rule::new(FaultClass::ModelGone, GONE) },
    Rule { statuses: &[300, 301, 302, 303, 307, 308], ..Rule::new(FaultClass::Network, MISPLACED) },
    Rule {
        statuses: &[407],
        ..Rule::new(FaultClass::Network, "the proxy of the account in use is no way out")
    },
    Rule { statuses: &[408, 409, 423, 425], ..Rule::new(FaultClass::Overloaded, BUSY) },
];
