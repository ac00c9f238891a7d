//! The table of refusals: the first row that matches says what one means, and with it what becomes of the account.

use atelier_domain::fault::{FaultClass, FaultScope};

/// What a refusal says, as rows look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Says<'a> {
    /// The status; 0 for a task that failed.
    pub status: u16,
    /// Codes and types, in lower case.
    pub codes: &'a [String],
    /// The words, in lower case.
    pub words: &'a str,
    /// Who says it.
    pub speaker: Speaker,
}

/// Who refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The upstream, in its own shape.
    Upstream,
    /// Somebody between, who wants a proof from a browser.
    Challenger,
    /// Somebody else between.
    Stranger,
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
    /// Only what this one says.
    speaker: Option<Speaker>,
    /// What it is.
    pub class: FaultClass,
    /// Whom it concerns, when not whom the class usually does.
    pub scope: Option<FaultScope>,
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
            && self.speaker.is_none_or(|speaker| speaker == says.speaker)
            && (any || in_codes || in_words)
    }

    const fn new(class: FaultClass, message: &'static str) -> Self {
        Self { statuses: &[], codes: &[], texts: &[], speaker: None, class, scope: None, message }
    }
}

const ACCOUNT: Option<FaultScope> = Some(FaultScope::Account);
const BUSY: &str = "the engine takes no more requests right now";
const MISPLACED: &str = "the address of the engine answers, but not as an engine does";

/// All rows, from the most telling to the least.
pub(super) static RULES: &[Rule] = &[
    // No such proof is given here. The account rests, since whoever asks for one often stops asking.
    Rule {
        speaker: Some(Speaker::Challenger),
        scope: ACCOUNT,
        ..Rule::new(
            FaultClass::Network,
            "the way to the engine asks for a browser's proof, which is not given",
        )
    },
    Rule {
        codes: &["sentinel_block"],
        scope: ACCOUNT,
        ..Rule::new(FaultClass::RateLimited, "the engine asks for a browser's proof, which is not given")
    },
    Rule {
        statuses: &[0, 400, 403, 422, 451],
        codes: &[
            "sora_content_violation",
            "content_violation",
            "content_policy_violation",
            "moderation_blocked",
            "input_moderation",
            "output_moderation",
        ],
        texts: &[
            "content policy",
            "content violation",
            "guardrail",
            "our policies",
            "usage policies",
            "violates our",
            "violate our",
            "moderation system",
            "similarity to third-party content",
        ],
        ..Rule::new(FaultClass::Content, "the engine refuses the content")
    },
    Rule {
        codes: &["unsupported_country_code", "unsupported_country_region_territory"],
        scope: ACCOUNT,
        ..Rule::new(
            FaultClass::NotEntitled,
            "the engine does not serve the place that the account goes out from",
        )
    },
    Rule {
        codes: &["phone_number_required", "sora_username_not_yet_created"],
        scope: ACCOUNT,
        ..Rule::new(FaultClass::NotEntitled, "the account in use is not set up at its engine yet")
    },
    Rule {
        codes: &["too_many_concurrent_tasks"],
        ..Rule::new(FaultClass::Concurrency, "the account in use makes as much at once as it may")
    },
    Rule {
        codes: &["rate_limit_exhausted"],
        ..Rule::new(FaultClass::QuotaWindow, "the account in use has used up what it may use for now")
    },
    Rule {
        codes: &["heavy_load"],
        texts: &["under heavy load"],
        scope: ACCOUNT,
        ..Rule::new(FaultClass::Overloaded, "the engine is overloaded")
    },
    Rule { statuses: &[402], ..Rule::new(FaultClass::Billing, "the account in use has no money left") },
    Rule {
        codes: &["token_invalidated", "token_expired", "invalid_api_key"],
        ..Rule::new(FaultClass::Auth, "the engine refuses the token of the account in use")
    },
    // A page of somebody between: the token was not even looked at.
    Rule {
        statuses: &[401, 403],
        speaker: Some(Speaker::Stranger),
        scope: ACCOUNT,
        ..Rule::new(FaultClass::Network, MISPLACED)
    },
    Rule {
        statuses: &[401],
        ..Rule::new(FaultClass::Auth, "the engine refuses the token of the account in use")
    },
    Rule {
        statuses: &[403],
        ..Rule::new(FaultClass::NotEntitled, "the account in use may not do this at its engine")
    },
    Rule { statuses: &[429], ..Rule::new(FaultClass::RateLimited, BUSY) },
    Rule {
        statuses: &[404, 405, 410, 501],
        scope: Some(FaultScope::AccountModel),
        ..Rule::new(FaultClass::NotEntitled, "the engine of the account in use has no such call")
    },
    Rule { statuses: &[300, 301, 302, 303, 307, 308], ..Rule::new(FaultClass::Network, MISPLACED) },
    Rule {
        statuses: &[407],
        ..Rule::new(FaultClass::Network, "the proxy of the account in use is no way out")
    },
    Rule { statuses: &[408, 409, 423, 425], scope: ACCOUNT, ..Rule::new(FaultClass::Overloaded, BUSY) },
    Rule {
        statuses: &[0],
        codes: &["sora_error", "internal_error", "server_error"],
        texts: &["internal error", "server error", "something went wrong"],
        scope: ACCOUNT,
        ..Rule::new(FaultClass::Overloaded, "the engine failed while it worked on the job")
    },
    Rule {
        statuses: &[400],
        codes: &["invalid_request"],
        texts: &["unable to process request"],
        ..Rule::new(FaultClass::Invalid, "the engine cannot process the request")
    },
];
