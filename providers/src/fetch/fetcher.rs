//! The fetcher: takes a place, asks, follows redirects, and hands out the body.

use super::{
    Allowed,
    answer::{self, Answer},
    body::{Bounds, HttpBody},
    client::{GuardedClient, Request, place},
    deadline::Deadline,
    dial::{GuardedDial, Resolve, SystemResolver},
    slots::Slots,
    target::{redirect_target, target},
};
use crate::http::{AGENT, TlsError, public_roots, tls_config};
use atelier_domain::{
    engine::LocalFuture,
    fetch::{FetchError, FetchErrorKind, FetchLimits, Fetched, Fetcher},
    time::Clock,
};
use awc::{
    ClientResponse,
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
};
use rustls::ClientConfig;
use std::{sync::Arc, time::Duration};
use url::Url;

/// Redirects that are followed (api.md §0).
const REDIRECTS: u8 = 3;

const CONNECT: Duration = Duration::from_secs(10);
/// From asking to the head of the answer, connecting included.
const HEAD: Duration = Duration::from_secs(15);
/// Between two pieces of a body.
const IDLE: Duration = Duration::from_secs(10);

/// All that is said about us: no cookie, no credential, no referrer. A body in a content coding could unpack to anything.
fn headers() -> [(HeaderName, HeaderValue); 3] {
    [
        (header::ACCEPT, HeaderValue::from_static("*/*")),
        (header::ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        (header::USER_AGENT, HeaderValue::from_static(AGENT)),
    ]
}

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct FetchConfig {
    /// What may be fetched from although it is not public.
    pub allowed: Allowed,
    /// How long one fetch may take, waiting for a place and reading the body included.
    pub timeout: Duration,
    /// Fetches at once; further ones wait.
    pub concurrency: usize,
}

/// The guarded fetcher of the process.
pub struct HttpFetcher {
    client: GuardedClient,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    slots: Slots,
}

impl HttpFetcher {
    /// A fetcher that resolves like the machine does and trusts whom the web trusts. There is one per process: its places are its own.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(config: FetchConfig, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        // HTTP/2 would gain nothing for one request per connection.
        let tls = tls_config(public_roots(), &["http/1.1"])?;
        Ok(Self::with_parts(config, clock, Arc::new(SystemResolver), tls))
    }

    pub(super) fn with_parts(
        config: FetchConfig,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolve>,
        tls: Arc<ClientConfig>,
    ) -> Self {
        let FetchConfig { allowed, timeout, concurrency } = config;
        let client = GuardedClient::new(GuardedDial { allowed, resolver }, tls, CONNECT);
        Self { client, clock, timeout, slots: Slots::new(concurrency) }
    }

    async fn open(&self, url: Url, limits: FetchLimits) -> Result<Fetched, FetchError> {
        let deadline = Deadline::after(Arc::clone(&self.clock), self.timeout);
        let place_in_line = deadline.within(self.timeout, String::new, self.slots.take()).await;
        let slot = place_in_line
            .unwrap_or_else(|_| Err(FetchError::new(FetchErrorKind::Busy, "no place became free in time")))?;
        let mut url = url;
        for _ in 0..=REDIRECTS {
            let response = self.ask(&url, &deadline).await?;
            let line = (response.version(), response.status());
            match answer::read(line, response.headers(), limits, &place(&url))? {
                Answer::Body { media_type, length } => {
                    let bounds = Bounds { bytes: limits.bytes, length, idle: IDLE, deadline };
                    let body = Box::new(HttpBody::new(response, slot, bounds, place(&url)));
                    return Ok(Fetched { media_type, length, body });
                }
                Answer::Redirect(location) => url = followed(&url, &location)?,
            }
        }
        let context = format!("the last one was to {}", place(&url));
        Err(FetchError::new(FetchErrorKind::TooManyRedirects(REDIRECTS), context))
    }

    async fn ask(&self, url: &Url, deadline: &Deadline) -> Result<ClientResponse, FetchError> {
        let request = Request { method: Method::GET, url, headers: &headers(), body: None };
        let what = || format!("{}: the head of the answer", place(url));
        deadline.within(HEAD, what, self.client.send(request)).await?
    }
}

fn followed(from: &Url, location: &str) -> Result<Url, FetchError> {
    redirect_target(from, location).map_err(|why| {
        let context = format!("{}: a redirect to an address that cannot be used: {why}", place(from));
        FetchError::new(FetchErrorKind::BadRedirect(why), context)
    })
}

impl Fetcher for HttpFetcher {
    fn fetch(self: Arc<Self>, url: String, limits: FetchLimits) -> LocalFuture<Result<Fetched, FetchError>> {
        Box::pin(async move {
            let url =
                target(&url).map_err(|why| FetchError::new(FetchErrorKind::BadUrl(why), "not asked"))?;
            self.open(url, limits).await
        })
    }
}
