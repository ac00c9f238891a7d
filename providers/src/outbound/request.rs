//! What is sent, and how it can fail before an answer begins.

use super::{Answer, Form, Outbound, ways::Way, within};
use crate::{
    fetch::place,
    http::{AGENT, Profile, ProxyUrl, TunnelError},
};
use awc::{
    ClientRequest, ClientResponse,
    error::{ConnectError, SendRequestError},
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use std::{io, sync::Arc, time::Duration};
use url::Url;

/// One request.
pub(crate) struct Ask<'a> {
    /// GET and DELETE may go over a connection that was used before; POST never does.
    pub method: Method,
    /// At the upstream that the operator configured.
    pub url: &'a Url,
    /// What opens it, and whatever else it wants to hear.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// What is sent.
    pub payload: Payload,
    /// Longest wait for the head of the answer; connecting and sending count.
    pub patience: Duration,
    /// Through whom.
    pub proxy: Option<&'a ProxyUrl>,
}

/// The body of a request.
pub(crate) enum Payload {
    /// None.
    Nothing,
    /// JSON.
    Json(Bytes),
    /// Bytes of this media type.
    Bytes(&'static str, Bytes),
    /// A form with files.
    Form(Form),
}

/// Why there is no answer. The texts are for the log: hosts, but no paths and no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Nothing was sent: trying again costs nothing.
    Unsent(Unsent, String),
    /// Some of it, or all of it, left: it may have arrived.
    Sent(String),
}

/// What kept a request from leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The upstream cannot be connected to.
    Unreachable,
    /// Its certificate cannot be trusted.
    Untrusted,
    /// The proxy is no way out.
    Proxy,
    /// The guard forbids the address.
    Forbidden,
    /// The request cannot be written down.
    Unwritable,
}

impl Unanswered {
    /// For the log.
    pub fn context(&self) -> &str {
        match self {
            Self::Unsent(_, context) | Self::Sent(context) => context,
        }
    }
}

impl Outbound {
    /// Sends a request and waits for the head of the answer. Dropping the wait drops the connection.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) fn ask<'a>(&'a self, ask: Ask<'a>) -> impl Future<Output = Result<Answer, Unanswered>> + 'a {
        let way = self.ways.through(ask.proxy);
        let is_effect = ask.method == Method::POST;
        self.ask_along(if is_effect { &way.effects } else { &way.polls }, ask)
    }

    /// The same for an address that an upstream names: the guard judges it.
    pub(super) fn ask_guarded<'a>(
        &'a self,
        ask: Ask<'a>,
    ) -> impl Future<Output = Result<Answer, Unanswered>> + 'a {
        let Way { results, .. } = self.ways.through(ask.proxy);
        self.ask_along(&results, ask)
    }

    /// The request is written down at once, so that whoever waits, for minutes perhaps and by the thousand, holds nothing but the wait.
    fn ask_along<'a>(
        &'a self,
        profile: &Arc<Profile>,
        ask: Ask<'a>,
    ) -> impl Future<Output = Result<Answer, Unanswered>> + use<'a> {
        let Ask { method, url, headers, payload, patience, .. } = ask;
        let keeps = matches!(payload, Payload::Nothing) && method != Method::POST;
        let mut call = profile.client().request(method, url.as_str()).no_decompress();
        if !keeps {
            call = call.force_close();
        }
        // A body in a content coding could unpack to anything.
        call = call
            .insert_header((header::ACCEPT_ENCODING, "identity"))
            .insert_header((header::USER_AGENT, AGENT));
        for (name, value) in headers {
            call = call.insert_header((name, value));
        }
        let sent = Box::pin(send(call, payload));
        async move {
            match within(&*self.clock, patience, sent).await {
                Some(Ok(response)) => Ok(self.answer(response, place(url))),
                Some(Err(error)) => Err(explained(&place(url), &error)),
                None => {
                    let seconds = patience.as_secs();
                    Err(Unanswered::Sent(format!("{}: no answer within {seconds} s", place(url))))
                }
            }
        }
    }
}

async fn send(call: ClientRequest, payload: Payload) -> Result<ClientResponse, SendRequestError> {
    match payload {
        Payload::Nothing => call.send().await,
        Payload::Json(body) => {
            call.insert_header((header::CONTENT_TYPE, "application/json")).send_body(body).await
        }
        Payload::Bytes(mime, body) => call.insert_header((header::CONTENT_TYPE, mime)).send_body(body).await,
        Payload::Form(form) => {
            let call = call.insert_header((header::CONTENT_TYPE, form.media_type()));
            call.send_body(form.into_body()).await
        }
    }
}

fn explained(place: &str, error: &SendRequestError) -> Unanswered {
    let unsent = |kind, why: &dyn std::fmt::Display| Unanswered::Unsent(kind, format!("{place}: {why}"));
    match error {
        SendRequestError::Url(_) | SendRequestError::Http(_) => unsent(Unsent::Unwritable, &"not sent"),
        // awc's word for a connection that ended before the answer.
        SendRequestError::Connect(ConnectError::Disconnected) => {
            Unanswered::Sent(format!("{place}: the connection ended before an answer"))
        }
        SendRequestError::Connect(ConnectError::Io(io)) => unsent(unconnected(io), error),
        SendRequestError::Connect(_) => unsent(Unsent::Unreachable, error),
        other => Unanswered::Sent(format!("{place}: {other}")),
    }
}

fn unconnected(error: &io::Error) -> Unsent {
    match error.get_ref() {
        Some(inner) if inner.is::<TunnelError>() => Unsent::Proxy,
        Some(inner) if inner.is::<rustls::Error>() => Unsent::Untrusted,
        Some(inner) if crate::fetch::is_barred(inner) => Unsent::Forbidden,
        _ => Unsent::Unreachable,
    }
}
