//! One request through the guard, to the head of its answer. Redirects, bounds and the body are the caller's.

use super::{dial::GuardedDial, guard::Barred};
use crate::http::Profile;
use atelier_domain::fetch::{FetchError, FetchErrorKind};
use awc::{
    ClientResponse,
    error::{ConnectError, SendRequestError},
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use rustls::ClientConfig;
use std::{sync::Arc, time::Duration};
use url::Url;

/// What is sent. The URL has been through `target`.
pub(super) struct Request<'a> {
    pub method: Method,
    pub url: &'a Url,
    /// All headers but `Host`, `Connection` and the body's length.
    pub headers: &'a [(HeaderName, HeaderValue)],
    pub body: Option<Bytes>,
}

/// A client whose every connection is judged.
pub(super) struct GuardedClient(Arc<Profile>);

impl GuardedClient {
    pub(super) fn new(dial: GuardedDial, tls: Arc<ClientConfig>, connect_timeout: Duration) -> Self {
        Self(Arc::new(Profile { dial: Arc::new(dial), proxy: None, tls, connect_timeout }))
    }

    /// Sends the request and waits for the head of the answer, as long as the caller does.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<ClientResponse, FetchError> {
        // A connection that is used again would be one whose address was judged for an earlier request.
        let mut call = self.0.client().request(request.method, request.url.as_str()).force_close();
        for (name, value) in request.headers {
            call = call.insert_header((name, value));
        }
        let sent = match request.body {
            Some(body) => call.send_body(body).await,
            None => call.send().await,
        };
        sent.map_err(|error| explained(request.url, &error))
    }
}

/// Host and port, which may be logged; paths and queries hold secrets.
pub(crate) fn place(url: &Url) -> String {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    format!("{host}:{port}")
}

fn explained(url: &Url, error: &SendRequestError) -> FetchError {
    let (kind, why) = match error {
        SendRequestError::Url(_) | SendRequestError::Http(_) => {
            (FetchErrorKind::BadUrl("it has characters that HTTP does not have"), "not sent".to_owned())
        }
        SendRequestError::Connect(error) => not_connected(error),
        SendRequestError::Timeout => (FetchErrorKind::TimedOut, "no answer".to_owned()),
        other => (FetchErrorKind::Broken, format!("no answer that can be read: {other}")),
    };
    FetchError::new(kind, format!("{}: {why}", place(url)))
}

fn not_connected(error: &ConnectError) -> (FetchErrorKind, String) {
    let why = error.to_string();
    let kind = match error {
        ConnectError::Timeout => FetchErrorKind::TimedOut,
        // awc's word for a connection that ended before the answer.
        ConnectError::Disconnected => FetchErrorKind::Broken,
        ConnectError::Io(io) => {
            let inner = io.get_ref();
            match inner.and_then(|inner| inner.downcast_ref::<Barred>()) {
                Some(Barred::NotPublic { .. }) => FetchErrorKind::Refused,
                Some(Barred::NoAddress { .. }) => FetchErrorKind::Unresolved,
                None if inner.is_some_and(|inner| inner.is::<rustls::Error>()) => FetchErrorKind::Untrusted,
                None => FetchErrorKind::Unreachable,
            }
        }
        _ => FetchErrorKind::Unreachable,
    };
    (kind, why)
}
