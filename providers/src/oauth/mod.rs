//! New access tokens, as the vendor of ChatGPT and of its apps gives them: for a session token (a cookie of its site), and for a
//! refresh token. Which account is renewed when, and what becomes of one that cannot be, is decided elsewhere.
//!
//! A session token stays; a refresh token is used up by its use, so that a lost answer may have cost the account. That is told
//! as an unknown outcome, and nothing here tries twice.

mod reply;
#[cfg(test)]
mod tests;

use crate::{
    http::ProxyUrl,
    outbound::{Answer, Ask, Outbound, Payload, Unanswered},
};
use atelier_domain::{
    engine::LocalFuture,
    fault::{Fault, FaultClass},
    renewal::{Grant, Renewal, RenewalOrder, Renewer},
    secret::Secret,
    time::Clock,
};
use awc::http::{
    Method,
    header::{self, HeaderValue},
};
use bytes::Bytes;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;
/// The cookie that a session token is.
const SESSION_COOKIE: &str = "__Secure-next-auth.session-token";

/// Where tokens are had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthConfig {
    /// Answers with an access token for a session cookie.
    pub session_url: String,
    /// Answers with one for a refresh token.
    pub token_url: String,
    /// The client that a refresh token was given to when its account does not say. Public, like the redirect.
    pub client_id: String,
    /// Said along with it, whoever the client is.
    pub redirect_uri: String,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Default for OAuthConfig {
    fn default() -> Self {
        Self {
            session_url: "https://sora.chatgpt.com/api/auth/session".to_owned(),
            token_url: "https://auth.openai.com/oauth/token".to_owned(),
            client_id: "app_LlGpXReQgckcGGUo2JrYvtJK".to_owned(),
            redirect_uri: "com.openai.chat://auth0.openai.com/ios/com.openai.chat/callback".to_owned(),
            timeout: Duration::from_secs(30),
        }
    }
}

/// The renewer of session tokens and refresh tokens.
pub struct OAuth {
    config: OAuthConfig,
    outbound: Arc<Outbound>,
    clock: Arc<dyn Clock>,
}

impl OAuth {
    /// A renewer that goes out through `outbound`.
    pub fn new(config: OAuthConfig, outbound: Arc<Outbound>, clock: Arc<dyn Clock>) -> Self {
        Self { config, outbound, clock }
    }

    async fn obtain(&self, order: RenewalOrder) -> Result<Renewal, Fault> {
        let proxy = order.proxy.as_ref().map(ProxyUrl::read).transpose();
        let proxy = proxy.map_err(|error| {
            let fault = Fault::new(FaultClass::Network, "the proxy of the account is no way out");
            fault.with_context(error.to_string())
        })?;
        match order.grant {
            Grant::Session(token) => self.by_session(&token, proxy.as_ref()).await,
            Grant::Refresh { token, client_id } => {
                self.by_refresh(&token, client_id.as_ref(), proxy.as_ref()).await
            }
            Grant::Client { .. } | Grant::Cookie(_) => Err(Fault::new(
                FaultClass::Invalid,
                "this vendor has no tokens for cookies or a client's own credentials",
            )),
        }
    }

    async fn by_session(&self, token: &Secret, proxy: Option<&ProxyUrl>) -> Result<Renewal, Fault> {
        let cookie = secret_header(&format!("{SESSION_COOKIE}={}", token.expose()))?;
        let url = address(&self.config.session_url)?;
        let headers =
            [(header::ACCEPT, HeaderValue::from_static("application/json")), (header::COOKIE, cookie)];
        let (method, payload) = (Method::GET, Payload::Nothing);
        let ask = Ask { method, url: &url, headers: &headers, payload, patience: self.config.timeout, proxy };
        // Nothing is used up: a lost answer can be asked for again.
        let answer = self.outbound.ask(ask).await.map_err(|lost| unreachable(&lost, FaultClass::Network))?;
        let (status, body) = read(answer, FaultClass::Network).await?;
        reply::session(status, &body)
    }

    async fn by_refresh(
        &self,
        token: &Secret,
        client: Option<&Secret>,
        proxy: Option<&ProxyUrl>,
    ) -> Result<Renewal, Fault> {
        let url = address(&self.config.token_url)?;
        let body = json!({
            "client_id": client.map_or(self.config.client_id.as_str(), Secret::expose),
            "grant_type": "refresh_token",
            "redirect_uri": self.config.redirect_uri,
            "refresh_token": token.expose(),
        });
        let headers = [(header::ACCEPT, HeaderValue::from_static("application/json"))];
        let payload = Payload::Json(Bytes::from(body.to_string()));
        let ask = Ask {
            method: Method::POST,
            url: &url,
            headers: &headers,
            payload,
            patience: self.config.timeout,
            proxy,
        };
        let asked = self.outbound.ask(ask).await;
        let answer = asked.map_err(|lost| unreachable(&lost, FaultClass::UnknownOutcome))?;
        let (status, body) = read(answer, FaultClass::UnknownOutcome).await?;
        reply::refresh(status, &body, self.clock.now())
    }
}

impl Renewer for OAuth {
    fn renew(self: Arc<Self>, order: RenewalOrder) -> LocalFuture<Result<Renewal, Fault>> {
        Box::pin(async move { self.obtain(order).await })
    }
}

fn address(url: &str) -> Result<Url, Fault> {
    Url::parse(url).map_err(|error| {
        let message = "the address that tokens are had from is not configured rightly";
        Fault::new(FaultClass::Invalid, message).with_context(error.to_string())
    })
}

fn secret_header(value: &str) -> Result<HeaderValue, Fault> {
    let mut header = HeaderValue::from_str(value)
        .map_err(|_| Fault::new(FaultClass::Auth, "the session token has characters that no cookie has"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn unreachable(lost: &Unanswered, sent: FaultClass) -> Fault {
    let fault = match lost {
        Unanswered::Unsent(..) => {
            Fault::new(FaultClass::Network, "the vendor of the account cannot be reached")
        }
        Unanswered::Sent(_) => Fault::new(sent, "the vendor of the account did not answer"),
    };
    fault.with_context(lost.context())
}

async fn read(answer: Answer, lost: FaultClass) -> Result<(u16, Vec<u8>), Fault> {
    let (status, place) = (answer.status(), answer.place().to_owned());
    match answer.read(LONGEST_ANSWER).await {
        Ok(held) => Ok((status, held.into_bytes())),
        Err(broken) => {
            let fault = Fault::new(lost, "the answer of the account's vendor broke off");
            Err(fault.with_context(format!("{place}: {broken}")))
        }
    }
}
