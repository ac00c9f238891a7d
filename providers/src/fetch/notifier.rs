//! The notifier: posts webhooks through the same guard that references are fetched through.

use super::{
    Allowed,
    client::{GuardedClient, Request, place},
    deadline::Deadline,
    dial::{GuardedDial, SystemResolver},
    target::target,
};
use crate::http::{AGENT, TlsError, public_roots, tls_config};
use atelier_domain::{
    engine::LocalFuture,
    fetch::{FetchError, FetchErrorKind},
    time::Clock,
    webhook::{Notice, Notifier},
};
use awc::{
    ClientResponse,
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
};
use futures_util::StreamExt as _;
use std::{sync::Arc, time::Duration};

const CONNECT: Duration = Duration::from_secs(10);
/// From connecting to the end of the answer.
const TOTAL: Duration = Duration::from_secs(20);
/// For the body of the answer, which nobody reads.
const BODY: Duration = Duration::from_secs(2);
/// Bytes of that body that are waited for, so that a receiver is not cut off while it still writes.
const READ: usize = 16 << 10;

/// The guarded notifier of the process.
pub struct HttpNotifier {
    client: GuardedClient,
    clock: Arc<dyn Clock>,
}

impl HttpNotifier {
    /// A notifier that posts to public addresses and to what is allowed besides.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(allowed: Allowed, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let tls = tls_config(public_roots(), &["http/1.1"])?;
        let dial = GuardedDial { allowed, resolver: Arc::new(SystemResolver) };
        Ok(Self { client: GuardedClient::new(dial, tls, CONNECT), clock })
    }

    async fn send(&self, notice: Notice) -> Result<u16, FetchError> {
        let url =
            target(&notice.url).map_err(|why| FetchError::new(FetchErrorKind::BadUrl(why), "not asked"))?;
        let headers = headers(&notice)?;
        let deadline = Deadline::after(Arc::clone(&self.clock), TOTAL);
        let request = Request { method: Method::POST, url: &url, headers: &headers, body: Some(notice.body) };
        let what = || format!("{}: the answer to a webhook", place(&url));
        let mut response = deadline.within(TOTAL, what, self.client.send(request)).await??;
        // The status is all that counts: a body that is late, broken or long changes nothing about it.
        drop(deadline.within(BODY, String::new, swallow(&mut response)).await);
        Ok(response.status().as_u16())
    }
}

fn headers(notice: &Notice) -> Result<Vec<(HeaderName, HeaderValue)>, FetchError> {
    let own = [(header::USER_AGENT, HeaderValue::from_static(AGENT))];
    let given = notice.headers.iter().map(|(name, value)| {
        let bad = |_| FetchError::new(FetchErrorKind::Broken, format!("the header {name} cannot be sent"));
        Ok((HeaderName::from_static(name), HeaderValue::from_str(value).map_err(bad)?))
    });
    own.into_iter().map(Ok).chain(given).collect()
}

async fn swallow(response: &mut ClientResponse) {
    let mut read = 0;
    while let Some(Ok(piece)) = response.next().await {
        read += piece.len();
        if read > READ {
            return;
        }
    }
}

impl Notifier for HttpNotifier {
    fn post(self: Arc<Self>, notice: Notice) -> LocalFuture<Result<u16, FetchError>> {
        Box::pin(async move { self.send(notice).await })
    }
}
