//! How an attempt can go wrong: a class that decides the reaction, a scope that says who it concerns.

use crate::{code::Code, time::Millis};
use serde::{Deserialize, Serialize};

/// What kind of trouble it is. Retry, failover and account health follow from this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultClass {
    /// Too many calls in a span of time; usable again at `retry_at`.
    RateLimited,
    /// Too many calls at once.
    Concurrency,
    /// A daily or plan quota is used up until `retry_at`.
    QuotaWindow,
    /// The account has no money or is locked.
    Billing,
    /// The account may not use this model or option.
    NotEntitled,
    /// The credential is refused.
    Auth,
    /// The upstream is down or overloaded.
    Overloaded,
    /// The content is refused: nobody's fault but the request's.
    Content,
    /// The upstream finds the request malformed.
    Invalid,
    /// The model no longer exists there.
    ModelGone,
    /// The upstream forgot the running job.
    JobLost,
    /// The connection failed before the request left.
    Network,
    /// The request left and no answer came: it may run and may be billed.
    UnknownOutcome,
    /// Our own defect, such as a panic in an engine.
    Internal,
}

impl FaultClass {
    /// Every class, for tables and tests.
    pub const ALL: [Self; 14] = [
        Self::RateLimited,
        Self::Concurrency,
        Self::QuotaWindow,
        Self::Billing,
        Self::NotEntitled,
        Self::Auth,
        Self::Overloaded,
        Self::Content,
        Self::Invalid,
        Self::ModelGone,
        Self::JobLost,
        Self::Network,
        Self::UnknownOutcome,
        Self::Internal,
    ];

    /// The written form, as in logs and in scripted prompts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate-limited",
            Self::Concurrency => "concurrency",
            Self::QuotaWindow => "quota",
            Self::Billing => "billing",
            Self::NotEntitled => "not-entitled",
            Self::Auth => "auth",
            Self::Overloaded => "overloaded",
            Self::Content => "content",
            Self::Invalid => "invalid",
            Self::ModelGone => "model-gone",
            Self::JobLost => "job-lost",
            Self::Network => "network",
            Self::UnknownOutcome => "unknown-outcome",
            Self::Internal => "internal",
        }
    }

    /// The class with this written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Whether another account may be tried: true where nothing can have been billed and the request itself is fine.
    pub const fn fails_over(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Concurrency
                | Self::QuotaWindow
                | Self::Billing
                | Self::NotEntitled
                | Self::Auth
                | Self::Overloaded
                | Self::ModelGone
                | Self::Network
                | Self::Internal
        )
    }

    /// The public code of a job that ends with this class.
    pub const fn code(self) -> Code {
        match self {
            Self::RateLimited | Self::Concurrency | Self::QuotaWindow => Code::UpstreamSaturated,
            Self::Billing | Self::Auth => Code::NoAccountAvailable,
            Self::NotEntitled => Code::PlanRequired,
            Self::Overloaded => Code::UpstreamOverloaded,
            Self::Content => Code::ContentPolicyViolation,
            Self::Invalid => Code::UpstreamRejected,
            Self::ModelGone => Code::ModelUnavailable,
            Self::JobLost => Code::JobLost,
            Self::Network => Code::SubmitNetwork,
            Self::UnknownOutcome => Code::SubmitOutcomeUnknown,
            Self::Internal => Code::InternalError,
        }
    }
}

/// Who a fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultScope {
    /// This request only.
    Request,
    /// One account, for every model.
    Account,
    /// One account, for this model or quota pool.
    AccountModel,
    /// This model on every account.
    Model,
    /// The whole engine.
    Engine,
}

/// One thing that went wrong, with an outer message for the client and an inner context for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub class: FaultClass,
    /// Whom it concerns.
    pub scope: FaultScope,
    /// When the upstream says it will be well again.
    pub retry_at: Option<Millis>,
    /// The public code of a job that ends with it, where its class does not say enough.
    pub code: Option<Code>,
    /// For the client: kind, exact, free of accounts, hosts and secrets.
    pub message: String,
    /// For the operator's log: free of secrets, never sent to a client.
    pub context: String,
}

impl Fault {
    /// A fault of this class, with the scope that the class usually has.
    pub fn new(class: FaultClass, message: impl Into<String>) -> Self {
        let scope = match class {
            FaultClass::RateLimited | FaultClass::QuotaWindow | FaultClass::NotEntitled => {
                FaultScope::AccountModel
            }
            FaultClass::Concurrency | FaultClass::Billing | FaultClass::Auth | FaultClass::Network => {
                FaultScope::Account
            }
            FaultClass::Overloaded => FaultScope::Engine,
            FaultClass::ModelGone => FaultScope::Model,
            _ => FaultScope::Request,
        };
        Self { class, scope, retry_at: None, code: None, message: message.into(), context: String::new() }
    }

    /// The same fault with inner context for the log.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = context.into();
        self
    }

    /// The same fault with a public code of its own.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// The public code of a job that ends with it.
    pub fn public_code(&self) -> Code {
        self.code.unwrap_or(self.class.code())
    }

    /// The same fault with the time at which the upstream expects to be well.
    #[must_use]
    pub fn with_retry_at(mut self, at: Millis) -> Self {
        self.retry_at = Some(at);
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_read_back_and_content_never_fails_over() {
        for class in FaultClass::ALL {
            assert_eq!(FaultClass::parse(class.name()), Some(class));
        }
        for final_class in
            [FaultClass::Content, FaultClass::Invalid, FaultClass::UnknownOutcome, FaultClass::JobLost]
        {
            assert!(!final_class.fails_over(), "{}", final_class.name());
        }
    }
}
