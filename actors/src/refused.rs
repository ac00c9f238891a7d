//! The one way in which an actor says no to the façade: a public code and a public message.

use actix::MailboxError;
use atelier_domain::code::Code;
use atelier_store::{CommitError, ReadError};
use std::time::Duration;

/// A request that was not carried out. Nothing was changed and nothing charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.word())]
pub struct Refused {
    /// The public code.
    pub code: Code,
    /// The public message.
    pub message: String,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl Refused {
    /// A refusal with this code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// The same refusal with a time to come back.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A refusal for a defect of ours; `context` goes to the log, never to the client.
    pub fn internal(context: impl std::fmt::Display) -> Self {
        tracing::error!(%context, "internal error");
        Self::new(
            Code::InternalError,
            "the gateway met a defect of its own; the request id finds it in the log",
        )
    }

    /// A refusal because a queue is full.
    pub(crate) fn busy() -> Self {
        Self::new(Code::QueueFull, "the gateway has more to do than it can queue")
            .retry_after(Duration::from_secs(2))
    }
}

impl From<MailboxError> for Refused {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Timeout => Self::busy(),
            MailboxError::Closed => {
                Self::new(Code::ShuttingDown, "the gateway is stopping").retry_after(Duration::from_secs(5))
            }
        }
    }
}

impl From<CommitError> for Refused {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full => Self::busy(),
            CommitError::Closed => MailboxError::Closed.into(),
            other => Self::internal(other),
        }
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        Self::internal(error)
    }
}
