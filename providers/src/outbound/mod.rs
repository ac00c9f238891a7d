//! Calls of engines: one request to an upstream that the operator configured, directly or through an account's proxy, with a
//! bound on every wait and every body.
//!
//! - A base URL may be anywhere, a private network included: it is the operator's word. What an *upstream* names (the URL of
//!   a result) goes through the guard of fetched URLs, unless it is at the upstream's own origin (`download`).
//! - A key is sent to the origin that it belongs to and nowhere else: redirects of a POST are not followed, those of a
//!   download go on without it as soon as they leave the origin.
//! - How a request failed is told in two kinds (`request`): it did not leave, or it may have arrived.
//!
//! Reading order: `request`, `answer`, then `form` and `sse`, which write and read bodies, and `download`.

mod answer;
mod download;
mod excerpt;
mod form;
mod meaning;
mod request;
mod retry;
mod sse;
#[cfg(test)]
mod tests;
mod ways;

pub(crate) use answer::{Answer, Broken, Held, Place};
pub(crate) use download::{Download, DownloadError};
pub(crate) use excerpt::excerpt;
pub(crate) use form::{FileLabel, Form, FormError};
pub(crate) use meaning::{after_acceptance, broken_off, lost, no_result, submission};
pub(crate) use request::{Ask, Payload, Unanswered, Unsent};
pub(crate) use retry::retry_at;
pub(crate) use sse::{Event, Events};

use crate::{
    fetch::Allowed,
    http::{TlsError, public_roots, tls_config},
};
use atelier_domain::time::Clock;
use futures_util::future::{Either, select};
use rustls::ClientConfig;
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use ways::Ways;

/// The bounds of calls to upstreams.
#[derive(Debug, Clone)]
pub struct OutboundConfig {
    /// How long resolving and connecting may take, a proxy's part included, and again the TLS handshake.
    pub connect_timeout: Duration,
    /// Longest time between two pieces of an answer.
    pub idle_timeout: Duration,
    /// Answers of more than 8 MiB that are in memory at the same time; further ones wait, and their senders with them.
    pub large_answers: usize,
    /// What results may be fetched from although it is not public, besides the upstream itself.
    pub allowed: Allowed,
}

impl Default for OutboundConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(60),
            large_answers: 4,
            allowed: Allowed::default(),
        }
    }
}

/// The way out of all engines. There is one per process: its bounds are its own.
pub struct Outbound {
    clock: Arc<dyn Clock>,
    idle_timeout: Duration,
    large: Arc<Semaphore>,
    ways: Ways,
}

impl Outbound {
    /// A way out that trusts whom the web trusts.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(config: OutboundConfig, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        // One request at a time on a connection: an upstream that hangs takes nothing with it.
        let tls = tls_config(public_roots(), &["http/1.1"])?;
        Ok(Self::with_tls(config, clock, tls))
    }

    pub(crate) fn with_tls(config: OutboundConfig, clock: Arc<dyn Clock>, tls: Arc<ClientConfig>) -> Self {
        let places = config.large_answers.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            clock,
            idle_timeout: config.idle_timeout,
            large: Arc::new(Semaphore::new(places)),
            ways: Ways::new(config.allowed, tls, config.connect_timeout),
        }
    }
}

/// Does one step, but waits for it no longer than `span`; none when that is over.
async fn within<T>(clock: &dyn Clock, span: Duration, step: impl Future<Output = T>) -> Option<T> {
    let end = clock.now() + span;
    match select(pin!(step), clock.sleep_until(end)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
