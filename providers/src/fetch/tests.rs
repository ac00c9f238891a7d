//! The fetcher against real sockets on loopback, with names, answers and time that the tests own. What must succeed there
//! goes through the allow-list; everything else on loopback is forbidden ground.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bodies;
mod inside;
mod names;
mod redirects;
mod server;
mod tls;

use super::{Allowed, FetchConfig, HttpFetcher};
use crate::{
    doubles::ManualClock,
    http::{public_roots, tls_config},
};
use atelier_domain::fetch::{FetchBody, FetchError, FetchErrorKind, FetchLimits, Fetched, Fetcher};
use names::Names;
use rustls::RootCertStore;
use std::{future::Future, sync::Arc, time::Duration};

/// The whole time of a fetch.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest body.
const BYTES: u64 = 1000;

struct World {
    fetcher: Arc<HttpFetcher>,
    names: Arc<Names>,
    clock: Arc<ManualClock>,
}

impl World {
    /// A fetcher that may fetch from what `allow` names, besides what is public.
    fn new(allow: &[&str]) -> Self {
        Self::with(allow, 8, public_roots())
    }

    fn with(allow: &[&str], concurrency: usize, roots: RootCertStore) -> Self {
        let mut allowed = Allowed::default();
        for entry in allow {
            allowed.add(entry).unwrap();
        }
        let (names, clock) = (Arc::new(Names::default()), Arc::new(ManualClock::default()));
        let config = FetchConfig { allowed, timeout: TIMEOUT, concurrency };
        let tls = tls_config(roots, &["http/1.1"]).unwrap();
        let fetcher = HttpFetcher::with_parts(config, clock.clone(), names.clone(), tls);
        Self { fetcher: Arc::new(fetcher), names, clock }
    }

    async fn open(&self, url: &str) -> Result<Fetched, FetchError> {
        Arc::clone(&self.fetcher).fetch(url.to_owned(), FetchLimits { bytes: BYTES }).await
    }

    /// The whole file, or why not.
    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchErrorKind> {
        let mut fetched = self.open(url).await.map_err(|error| error.kind)?;
        rest(&mut *fetched.body).await
    }
}

/// What a broken bound would wait for forever, and a test must not.
async fn soon<T>(bounded: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, bounded).await.expect("it goes on after its time")
}

async fn rest(body: &mut dyn FetchBody) -> Result<Vec<u8>, FetchErrorKind> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.chunk().await.map_err(|error| error.kind)? {
        assert!(!piece.is_empty());
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
