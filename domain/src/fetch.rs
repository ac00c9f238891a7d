//! Fetching a file from an address that a client names, as the rest of Atelier sees it: bounded, and told apart by how it
//! fails. Who may be fetched from is decided where the network is.

use crate::{code::Code, engine::LocalFuture};
use bytes::Bytes;
use std::{future::Future, pin::Pin, sync::Arc};

/// What one fetch may bring. Its time is the fetcher's own setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// The longest body, in bytes.
    pub bytes: u64,
}

/// An answer whose body is still to be read. Dropping it closes the connection.
pub struct Fetched {
    /// The media type that the server names, in lower case and without parameters: a hint, never the truth.
    pub media_type: Option<String>,
    /// The length in bytes that the server announces. It is within the limit, and the body is held to it.
    pub length: Option<u64>,
    /// The body.
    pub body: Box<dyn FetchBody>,
}

/// The next piece of a body; none at its end.
pub type ChunkFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Bytes>, FetchError>> + 'a>>;

/// A body that is read piece by piece. It holds a connection, and one of the fetcher's places, until it is read to its end, has
/// failed, or is dropped.
pub trait FetchBody {
    /// Waits for the next piece, which is never empty; none at the end. A failure is final: it comes again when asked again.
    /// Giving up the wait loses nothing.
    fn chunk(&mut self) -> ChunkFuture<'_>;
}

/// Fetches files from addresses that clients name.
pub trait Fetcher: Send + Sync {
    /// Asks for the file at `url`. The time for all of it, the body included, begins now.
    ///
    /// # Errors
    /// Whatever keeps a body of the allowed size from being had there.
    fn fetch(self: Arc<Self>, url: String, limits: FetchLimits) -> LocalFuture<Result<Fetched, FetchError>>;
}

/// Why a file was not had. Displayed, it is the outer message: it names no host, since that of a redirect is not the
/// client's to know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct FetchError {
    /// What kind, which is also what the client is told.
    pub kind: FetchErrorKind,
    /// For the operator's log: hosts and addresses, but no path and no query, where secrets may stand.
    pub context: String,
}

/// What kept a file from being had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchErrorKind {
    /// It is not an address that can be fetched from.
    #[error("the URL cannot be used: {0}")]
    BadUrl(&'static str),
    /// The host is at an address that is not for clients to reach.
    #[error("{NOT_PUBLIC}")]
    Refused,
    /// The host has no address. Told in the words of [`Self::Refused`], or one could ask which names an inner network has.
    #[error("{NOT_PUBLIC}")]
    Unresolved,
    /// More redirects than are followed.
    #[error("the URL redirects more than {0} times")]
    TooManyRedirects(u8),
    /// A redirect that is not followed.
    #[error("the URL redirects to an address that cannot be used: {0}")]
    BadRedirect(&'static str),
    /// An answer other than 200.
    #[error("the URL answers with status {0} instead of 200")]
    Status(u16),
    /// A body in a content coding, which was not asked for.
    #[error("the URL answers with a compressed body, which was not asked for")]
    Encoded,
    /// More bytes than allowed.
    #[error("the file at the URL is larger than {0} bytes")]
    TooLarge(u64),
    /// It took too long.
    #[error("the file at the URL did not arrive in time")]
    TimedOut,
    /// No connection.
    #[error("the URL's server cannot be connected to")]
    Unreachable,
    /// No TLS connection that can be trusted.
    #[error("the URL's server has no certificate that can be trusted")]
    Untrusted,
    /// The answer is malformed or breaks off.
    #[error("the URL's server broke off or sent an answer that cannot be read")]
    Broken,
    /// Too many fetches at once: not the client's fault.
    #[error("too many URLs are being fetched right now; try again later, or send the file itself")]
    Busy,
}

const NOT_PUBLIC: &str = "the URL, or what it redirects to, is not at a public address, and only those are fetched from; send the file itself";

impl FetchError {
    /// An error of this kind, with context for the log.
    pub fn new(kind: FetchErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into() }
    }

    /// The public code it is answered with.
    pub const fn code(&self) -> Code {
        match self.kind {
            FetchErrorKind::Busy => Code::QueueFull,
            _ => Code::InvalidImageUrl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_tell_a_name_that_is_inside_from_one_that_is_nowhere() {
        let inside = FetchError::new(FetchErrorKind::Refused, "db.corp resolves to 10.0.0.7");
        let nowhere = FetchError::new(FetchErrorKind::Unresolved, "nothing.corp does not resolve");
        assert_eq!(inside.to_string(), nowhere.to_string());
        assert_eq!(inside.code(), nowhere.code());
        assert!(!inside.to_string().contains("10.0.0.7"), "{inside}");
    }

    #[test]
    fn only_a_full_fetcher_is_not_the_url_s_fault() {
        assert_eq!(FetchError::new(FetchErrorKind::Busy, "").code().status(), 503);
        assert_eq!(FetchError::new(FetchErrorKind::TimedOut, "").code(), Code::InvalidImageUrl);
    }
}
