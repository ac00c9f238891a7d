//! New access tokens: for a client's id and secret (Firefly Services), and for the cookies of a session (the web back end). Neither is
//! used up by its use, and nothing is kept here: that is the keeper's.

use super::{FireflyConfig, checkup::is_guest, upstream::secret_header};
use crate::{
    http::ProxyUrl,
    outbound::{Ask, Outbound, Payload, lost},
};
use atelier_domain::{
    engine::LocalFuture,
    fault::{Fault, FaultClass},
    renewal::{Grant, Renewal, RenewalOrder, Renewer},
    secret::Secret,
    time::{Clock, Millis},
};
use awc::http::{
    Method,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use url::{Url, form_urlencoded};

/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;
/// What no token lives longer than: what is said to is told in milliseconds.
const LONGEST_LIFE: Duration = Duration::from_secs(400 * 86_400);
/// What the web back end's own library of tokens says of itself, without which it is not answered.
const LIBRARY: (&str, &str) = ("jslVersion", "v2-v0.48.0-1-g1e322cb");
const FORM: &str = "application/x-www-form-urlencoded;charset=UTF-8";

/// The renewer of both flavours.
pub struct FireflyTokens {
    config: FireflyConfig,
    outbound: Arc<Outbound>,
    clock: Arc<dyn Clock>,
}

impl FireflyTokens {
    /// A renewer that goes out through `outbound`.
    pub fn new(config: FireflyConfig, outbound: Arc<Outbound>, clock: Arc<dyn Clock>) -> Self {
        Self { config, outbound, clock }
    }

    async fn obtain(&self, order: RenewalOrder) -> Result<Renewal, Fault> {
        let proxy = order.proxy.as_ref().map(ProxyUrl::read).transpose().map_err(|error| {
            Fault::new(FaultClass::Network, "the proxy of the account is no way out")
                .with_context(error.to_string())
        })?;
        let config = &self.config;
        let (url, fields, headers) = match &order.grant {
            Grant::Client { id, secret } => {
                let fields = vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", id.expose()),
                    ("client_secret", secret.expose()),
                    ("scope", &config.token_scope),
                ];
                (&config.token_url, fields, Vec::new())
            }
            Grant::Cookie(cookie) => {
                // With guests allowed, a session that ended would give a token that may make nothing.
                let fields = vec![
                    ("client_id", config.web_api_key.as_str()),
                    ("guest_allowed", "false"),
                    ("scope", &config.check_scope),
                ];
                (&config.check_url, fields, site(config, cookie)?)
            }
            Grant::Session(_) | Grant::Refresh { .. } => {
                let message = "this vendor has tokens for cookies, or for a client's id and secret";
                return Err(Fault::new(FaultClass::Invalid, message));
            }
        };
        let (status, body) = self.ask(url, &fields, headers, proxy.as_ref()).await?;
        renewal(status, &body, self.clock.now())
    }

    async fn ask(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        mut headers: Vec<(HeaderName, HeaderValue)>,
        proxy: Option<&ProxyUrl>,
    ) -> Result<(u16, Vec<u8>), Fault> {
        let mut url = Url::parse(url).map_err(|error| {
            let message = "the address that tokens are had from is not configured rightly";
            Fault::new(FaultClass::Invalid, message).with_context(error.to_string())
        })?;
        if headers.iter().any(|(name, _)| name == header::COOKIE) {
            url.query_pairs_mut().append_pair(LIBRARY.0, LIBRARY.1);
        }
        headers.push((header::ACCEPT, HeaderValue::from_static("application/json")));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let payload = Payload::Bytes(FORM, form.into());
        let ask = Ask {
            method: Method::POST,
            url: &url,
            headers: &headers,
            payload,
            patience: self.config.timeout,
            proxy,
        };
        // Nothing is used up: a lost answer can be asked for again.
        let answer = self.outbound.ask(ask).await.map_err(|unanswered| lost(&unanswered, false))?;
        let (status, place) = (answer.status(), answer.place().to_owned());
        let held = answer.read(LONGEST_ANSWER).await.map_err(|broken| {
            let fault = Fault::new(FaultClass::Network, "the answer of the account's vendor broke off");
            fault.with_context(format!("{place}: {broken}"))
        })?;
        Ok((status, held.into_bytes()))
    }
}

fn site(config: &FireflyConfig, cookie: &Secret) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    let plain = |name, value: &str| Some((name, HeaderValue::from_str(value).ok()?));
    let origin = [
        plain(header::ORIGIN, &config.web_origin),
        plain(header::REFERER, &format!("{}/", config.web_origin)),
    ];
    let mut headers: Vec<_> = origin.into_iter().flatten().collect();
    headers.push(secret_header(header::COOKIE, cookie.expose())?);
    Ok(headers)
}

/// What an answer gives.
fn renewal(status: u16, body: &[u8], now: Millis) -> Result<Renewal, Fault> {
    let said = serde_json::from_slice::<Value>(body);
    let text = |name: &str| said.as_ref().ok()?.get(name)?.as_str().filter(|text| !text.is_empty());
    match (status, text("access_token")) {
        (200, Some(token)) if text("guestId").is_some() || is_guest(token) => {
            Err(refused(status, "the token of a guest"))
        }
        (200, Some(token)) => Ok(Renewal {
            token: Secret::new(token),
            refresh_token: None,
            expires_at: said
                .as_ref()
                .ok()
                .and_then(|said| lasts(said.get("expires_in")?))
                .map(|life| now + life),
            email: text("email").map(str::to_owned),
        }),
        (429, _) => Err(later(FaultClass::RateLimited, status)),
        // A refusal says so in JSON; a page is somebody else's, who stands between.
        (200 | 400..=403, None) if said.as_ref().is_ok_and(Value::is_object) => {
            Err(refused(status, text("error").unwrap_or("no token")))
        }
        _ => Err(later(FaultClass::Overloaded, status)),
    }
}

fn lasts(told: &Value) -> Option<Duration> {
    let seconds = told.as_f64().or_else(|| told.as_str()?.parse().ok())?;
    let life = Duration::try_from_secs_f64(seconds).ok()?;
    Some(if life > LONGEST_LIFE { (life / 1000).min(LONGEST_LIFE) } else { life })
}

/// `what` is the vendor's code or our own word: its texts may repeat what was sent.
fn refused(status: u16, what: &str) -> Fault {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    let what: String = what.chars().filter(|c| plain(*c)).take(60).collect();
    let fault = Fault::new(FaultClass::Auth, "the vendor refuses the cookies, or the client's id and secret");
    fault.with_context(format!("status {status}: {what}"))
}

fn later(class: FaultClass, status: u16) -> Fault {
    Fault::new(class, "the vendor gives no token right now").with_context(format!("status {status}"))
}

impl Renewer for FireflyTokens {
    fn takes(&self, grant: &Grant) -> bool {
        matches!(grant, Grant::Client { .. } | Grant::Cookie(_))
    }

    fn renew(self: Arc<Self>, order: RenewalOrder) -> LocalFuture<Result<Renewal, Fault>> {
        Box::pin(async move { self.obtain(order).await })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    fn token(user: &str) -> String {
        format!("eyJ.{}.x", URL_SAFE_NO_PAD.encode(json!({ "user_id": user }).to_string()))
    }

    #[test]
    fn what_is_over_is_told_from_what_may_be_tried_again() {
        use FaultClass::{Auth, Overloaded, RateLimited};
        for (status, body, class) in [
            (200, json!({"error": "no session"}).to_string(), Auth),
            (200, json!({"access_token": token("a@GuestID")}).to_string(), Auth),
            (200, json!({"access_token": "opaque", "guestId": "g"}).to_string(), Auth),
            (400, json!({"error": "invalid_client"}).to_string(), Auth),
            (401, json!({}).to_string(), Auth),
            (403, "<html></html>".to_owned(), Overloaded),
            (200, "<html></html>".to_owned(), Overloaded),
            (429, "{}".to_owned(), RateLimited),
            (500, json!({"error": "x"}).to_string(), Overloaded),
        ] {
            let fault = renewal(status, body.as_bytes(), Millis(0)).unwrap_err();
            assert_eq!(fault.class, class, "{status} {body}");
        }
    }

    #[test]
    fn a_life_is_told_in_seconds_or_by_mistake_in_milliseconds() {
        for (told, ends) in
            [(json!(86_399), 86_399_000), (json!(86_400_000), 86_400_000), (json!("60"), 60_000)]
        {
            let body = json!({"access_token": token("a@AdobeID"), "expires_in": told}).to_string();
            let renewal = renewal(200, body.as_bytes(), Millis(0)).unwrap();
            assert_eq!(renewal.expires_at, Some(Millis(ends)), "{told}");
        }
    }
}
