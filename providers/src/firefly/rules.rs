//! The table of refusals: the first row that matches says what one means.

use atelier_domain::{
    code::Code,
    fault::{FaultClass, FaultScope},
};

/// What a refusal says, as rows look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Says<'a> {
    /// The status; 0 for a job that failed.
    pub status: u16,
    /// The header `x-access-error`, then the body's `error_code`, in lower case.
    pub codes: &'a [String],
    /// The words, in lower case.
    pub words: &'a str,
    /// Whether the body is a page for people.
    pub is_page: bool,
}

/// One row.
#[derive(Debug)]
pub(super) struct Rule {
    /// Which statuses; empty: any.
    statuses: &'static [u16],
    /// One of these codes, or …
    codes: &'static [&'static str],
    /// … a code that ends like this, or …
    endings: &'static [&'static str],
    /// … one of these pieces of text; all three empty: any.
    texts: &'static [&'static str],
    /// Only pages.
    pages: bool,
    /// What it is.
    pub class: FaultClass,
    /// Whom it concerns, when not whom the class usually does.
    pub scope: Option<FaultScope>,
    /// The public code, when not that of the class.
    pub code: Option<Code>,
    /// For clients.
    pub message: &'static str,
}

impl Rule {
    /// Whether the row is about this.
    pub fn matches(&self, says: &Says<'_>) -> bool {
        let said = |is_it: &dyn Fn(&str) -> bool| says.codes.iter().any(|code| is_it(code));
        let any = self.codes.is_empty() && self.endings.is_empty() && self.texts.is_empty();
        (self.statuses.is_empty() || self.statuses.contains(&says.status))
            && (!self.pages || says.is_page)
            && (any
                || said(&|code| self.codes.contains(&code))
                || said(&|code| self.endings.iter().any(|end| code.ends_with(end)))
                || self.texts.iter().any(|text| says.words.contains(text)))
    }

    const fn new(class: FaultClass, message: &'static str) -> Self {
        Self {
            statuses: &[],
            codes: &[],
            endings: &[],
            texts: &[],
            pages: false,
            class,
            scope: None,
            code: None,
            message,
        }
    }

    const fn account(self) -> Self {
        Self { scope: Some(FaultScope::Account), ..self }
    }

    const fn code(self, code: Code) -> Self {
        Self { code: Some(code), ..self }
    }
}

/// Whether a refusal is about what is shown, in words that cannot mean anything else.
pub(super) fn is_unsafe(says: &Says<'_>) -> bool {
    RULES.first().is_some_and(|rule| rule.matches(says))
}

/// All rows, from the most telling to the least.
pub(super) static RULES: &[Rule] = &[
    Rule {
        endings: &["_unsafe", "_unsafe_error", "_privacy_error"],
        codes: &["blocked_by_3p_model_provider"],
        ..Rule::new(FaultClass::Content, "the engine refuses the content").code(Code::ImageUnsafe)
    },
    // It may also be about the place that is asked from. Either way another account would be told the same.
    Rule {
        statuses: &[451],
        ..Rule::new(FaultClass::Content, "the engine may not make this").code(Code::ImageUnsafe)
    },
    Rule {
        statuses: &[401, 403],
        codes: &["taste_exhausted", "quota_exhausted"],
        ..Rule::new(FaultClass::QuotaWindow, "the account in use has used up what it may make of this")
    },
    Rule {
        statuses: &[401, 403],
        codes: &["user_not_entitled", "not_entitled", "user_non_entitled"],
        ..Rule::new(FaultClass::NotEntitled, "the account in use may not make this")
    },
    Rule {
        statuses: &[401, 403],
        codes: &["user_profile_denied", "invalid_ims_scope"],
        ..Rule::new(FaultClass::NotEntitled, "the account in use has no access to the engine").account()
    },
    // A challenge of somebody between: the token was not even looked at.
    Rule {
        statuses: &[401, 403],
        pages: true,
        ..Rule::new(FaultClass::Network, "the address of the engine answers, but not as an engine does")
            .account()
    },
    Rule {
        statuses: &[401, 403],
        ..Rule::new(FaultClass::Auth, "the engine refuses the token of the account in use")
    },
    Rule {
        codes: &["backpressure_limited", "rate_limited", "10011"],
        texts: &["worker is overloaded"],
        ..Rule::new(FaultClass::RateLimited, "the engine takes no more requests right now").account()
    },
    Rule {
        statuses: &[429],
        ..Rule::new(FaultClass::RateLimited, "the engine takes no more requests right now").account()
    },
    Rule {
        statuses: &[408],
        ..Rule::new(FaultClass::Overloaded, "the engine is under load").code(Code::UpstreamSaturated)
    },
    Rule {
        statuses: &[400, 422],
        texts: &[
            "must match the requested width and height",
            "unsupported size",
            "invalid size",
            "size is not supported",
            "aspect ratio",
            "aspectratio",
        ],
        ..Rule::new(FaultClass::Invalid, "the engine does not make this size").code(Code::BadSize)
    },
    Rule {
        statuses: &[422],
        texts: &["invalid usage for image"],
        ..Rule::new(FaultClass::Invalid, "the engine refuses the prompt: it may be too long")
    },
    Rule {
        codes: &["unknown_job_id", "job_timeout"],
        ..Rule::new(FaultClass::JobLost, "the engine does not know this job any more; nothing was charged")
    },
    Rule {
        statuses: &[499],
        ..Rule::new(FaultClass::JobLost, "the engine cancelled the job; nothing was charged")
    },
    Rule {
        statuses: &[404, 405, 410, 501],
        ..Rule::new(FaultClass::NotEntitled, "the engine of the account in use has no such call")
    },
    // It would be us who forgot a header.
    Rule {
        statuses: &[406, 415],
        ..Rule::new(FaultClass::Internal, "the gateway asked the engine wrongly; nothing was charged")
    },
    Rule { statuses: &[413], ..Rule::new(FaultClass::Invalid, "the request is too large for the engine") },
    Rule {
        statuses: &[300, 301, 302, 303, 307, 308],
        ..Rule::new(FaultClass::Network, "the address of the engine answers, but not as an engine does")
            .account()
    },
    // The upstream says itself that it failed, or a CDN that it could not reach it: nothing was begun.
    Rule {
        codes: &["runtime_error", "model_not_loaded", "session_data_not_recovered"],
        ..Rule::new(FaultClass::Overloaded, "the engine is down or overloaded").account()
    },
    Rule {
        statuses: &[503, 521, 522, 523, 525, 526, 530],
        ..Rule::new(FaultClass::Overloaded, "the engine is down or overloaded").account()
    },
];
