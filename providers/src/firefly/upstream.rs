//! One account's upstream: which flavour, where it is, what opens it, whom else its token may be shown to.

use super::{
    DIALECTS, FireflyConfig,
    refusal::{Asked, Refusal},
};
use crate::{
    http::ProxyUrl,
    outbound::{Answer, Ask, Download, DownloadError, Held, Outbound, Payload, broken_off, lost},
};
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    fault::{Fault, FaultClass, FaultScope},
    ids::AccountId,
    secret::Secret,
    time::{Clock, Millis},
};
use awc::http::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The longest answer that carries no files.
const LONGEST_NOTE: usize = 8 << 20;
/// Between which an upstream's own wish for the next poll is granted.
const LATEST: Duration = Duration::from_secs(60);

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What all accounts share.
pub(super) struct WayOut {
    pub outbound: Arc<Outbound>,
    pub config: FireflyConfig,
    pub clock: Arc<dyn Clock>,
}

/// What kind of account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Firefly Services.
    Services,
    /// The web back end.
    Web,
}

impl Flavour {
    /// The flavour of an endpoint.
    ///
    /// # Errors
    /// Which ones there are.
    pub fn of(endpoint: &Endpoint) -> Result<Self, Fault> {
        match endpoint.dialect.as_deref() {
            None | Some("services") => Ok(Self::Services),
            Some("web") => Ok(Self::Web),
            Some(other) => Err(misconfigured(format!(
                "its dialect {other:?} is not known; there are {}",
                DIALECTS.join(", ")
            ))),
        }
    }
}

/// One account's upstream.
pub(super) struct Upstream {
    pub flavour: Flavour,
    pub account: AccountId,
    way: Arc<WayOut>,
    base: Url,
    key: Vec<(HeaderName, HeaderValue)>,
    secrets: Arc<AccountSecrets>,
    proxy: Option<ProxyUrl>,
}

/// An answer below 300 that is no file.
pub(super) struct Note {
    pub headers: HeaderMap,
    /// Null when the body is no JSON.
    pub said: Value,
    /// Whether it is a page for people.
    pub is_page: bool,
}

fn misconfigured(what: String) -> Fault {
    let mut fault = Fault::new(FaultClass::NotEntitled, "the account in use is not configured rightly");
    fault.scope = FaultScope::Account;
    fault.with_context(what)
}

/// A header whose value is a secret.
pub(super) fn secret_header(name: HeaderName, value: &str) -> Result<(HeaderName, HeaderValue), Fault> {
    let mut sent = HeaderValue::from_str(value)
        .map_err(|_| misconfigured(format!("its {name} has characters that HTTP does not have")))?;
    sent.set_sensitive(true);
    Ok((name, sent))
}

/// A header that is told as it is configured.
fn plain_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Fault> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok();
    name.zip(HeaderValue::from_str(value).ok())
        .ok_or_else(|| misconfigured("a header of [firefly] cannot be sent".into()))
}

impl Upstream {
    /// The upstream of a credential.
    ///
    /// # Errors
    /// What is wrong with its settings.
    pub fn of(credential: &Credential, way: Arc<WayOut>) -> Result<Self, Fault> {
        let flavour = Flavour::of(&credential.endpoint)?;
        let usual = match flavour {
            Flavour::Services => &way.config.services_url,
            Flavour::Web => &way.config.web_url,
        };
        let base = credential.endpoint.base_url.as_deref().unwrap_or(usual);
        let base = Url::parse(base.trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let base =
            base.ok_or_else(|| misconfigured("its base URL is not an http or https address".into()))?;
        let proxy = credential.proxy.as_ref().map(ProxyUrl::read).transpose().map_err(|error| {
            Fault::new(FaultClass::Network, "the proxy of the account in use is no way out")
                .with_context(error.to_string())
        })?;
        let secrets = Arc::clone(&credential.secrets);
        let key = key(flavour, &way.config, &secrets)?;
        Ok(Self { flavour, account: credential.account, way, base, key, secrets, proxy })
    }

    /// The present.
    pub fn now(&self) -> Millis {
        self.way.clock.now()
    }

    /// Waits.
    pub async fn pause(&self, span: Duration) {
        self.way.clock.sleep_until(self.now() + span).await;
    }

    /// The settings.
    pub fn config(&self) -> &FireflyConfig {
        &self.way.config
    }

    /// When to look next: when the upstream says, but not sooner than is configured, and not much later.
    pub fn next_look(&self, headers: &HeaderMap) -> Millis {
        let soonest = self.now() + self.config().poll_every;
        let wish = crate::outbound::retry_at(Some(headers), "", self.now()).unwrap_or(soonest);
        wish.clamp(soonest, soonest.max(self.now() + LATEST))
    }

    /// A path below the base.
    ///
    /// # Errors
    /// The base is none.
    pub fn url(&self, path: &str) -> Result<Url, Fault> {
        let url = Url::parse(&format!("{}{path}", self.base.as_str().trim_end_matches('/')));
        url.map_err(|error| misconfigured(format!("its base URL cannot be built upon: {error}")))
    }

    /// An address that an answer named, if the account's token may be shown there.
    pub fn trusted(&self, named: &str) -> Option<Url> {
        let url =
            self.base.join(named).ok().filter(|url| url.username().is_empty() && url.password().is_none())?;
        let host = url.host_str()?;
        let is_listed = self.config().trusted_hosts.iter().any(|listed| match listed.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
            }
            None => host == listed,
        });
        (url.origin() == self.base.origin() || (url.scheme() == "https" && is_listed)).then_some(url)
    }

    /// Asks something that is answered with a note, at this upstream or at one that is trusted.
    ///
    /// # Errors
    /// What no answer or a refusal means.
    pub async fn ask(&self, request: Request<'_>) -> Result<Note, Fault> {
        let asked = request.asked;
        self.ask_raw(request).await?.map_err(|refusal| self.fault(&refusal, asked))
    }

    /// The same, with a refusal as it was said.
    ///
    /// # Errors
    /// What no answer means.
    pub async fn ask_raw(&self, request: Request<'_>) -> Result<Result<Note, Refusal>, Fault> {
        let asked = request.asked;
        let answer = self.send(request).await?;
        let (status, headers, place) = (answer.status(), answer.headers().clone(), answer.place().to_owned());
        let held = answer.read(LONGEST_NOTE).await;
        if status >= 300 {
            // The status says enough when the body does not arrive.
            let body: &[u8] = held.as_deref().unwrap_or_default();
            return Ok(Err(Refusal::read(status, &headers, body, self.now())));
        }
        let held = held.map_err(|broken| broken_off(&broken, &place, asked.has_effect()))?;
        let is_page = held.trim_ascii_start().starts_with(b"<");
        Ok(Ok(Note { headers, said: serde_json::from_slice(&held).unwrap_or_default(), is_page }))
    }

    /// The fault of a refusal.
    pub fn fault(&self, refusal: &Refusal, asked: Asked) -> Fault {
        refusal.fault(asked, &self.secrets)
    }

    async fn send(&self, request: Request<'_>) -> Result<Answer, Fault> {
        let Request { method, url, headers, payload, asked } = request;
        let mut all = self.key.clone();
        all.retain(|(name, _)| headers.iter().all(|(own, _)| own != name));
        all.extend(headers.iter().cloned());
        let (patience, proxy) = (self.config().timeout, self.proxy.as_ref());
        let ask = Ask { method, url, headers: &all, payload, patience, proxy };
        let answer = self.way.outbound.ask(ask).await;
        answer.map_err(|unanswered| lost(&unanswered, asked.has_effect()))
    }

    /// Gets a file that a result names: its link says who may have it, so no token goes along.
    ///
    /// # Errors
    /// Whether it is gone, or what kept it from being had.
    pub async fn file(&self, url: &str, longest: usize) -> Result<Held, NoFile> {
        let download = Download {
            url,
            base: &self.base,
            key: &[],
            patience: self.config().timeout,
            proxy: self.proxy.as_ref(),
        };
        let answer = match self.way.outbound.download(download).await {
            Ok(answer) => answer,
            Err(DownloadError::Unanswered(unanswered)) => {
                let fault = lost(&unanswered, false);
                return Err(if fault.class == FaultClass::JobLost {
                    NoFile::Gone(fault.context)
                } else {
                    NoFile::Later(fault)
                });
            }
            Err(DownloadError::BadUrl(why)) => return Err(NoFile::Gone(why.to_owned())),
            Err(DownloadError::TooManyRedirects) => {
                return Err(NoFile::Gone("it redirects too often".into()));
            }
        };
        let place = answer.place().to_owned();
        match answer.status() {
            200 => answer.read(longest).await.map_err(|broken| {
                let fault = broken_off(&broken, &place, false);
                if fault.class == FaultClass::JobLost {
                    NoFile::Gone(fault.context)
                } else {
                    NoFile::Later(fault)
                }
            }),
            status @ (400 | 401 | 403 | 404 | 410) => Err(NoFile::Gone(format!("{place}: status {status}"))),
            status => {
                let fault =
                    Fault::new(FaultClass::Network, "the engine's result cannot be fetched right now");
                Err(NoFile::Later(fault.with_context(format!("{place}: status {status}"))))
            }
        }
    }
}

/// Why a file was not had.
pub(super) enum NoFile {
    /// Its link is of no use any more; the text is for the log.
    Gone(String),
    /// It may be had later.
    Later(Fault),
}

/// One request.
pub(super) struct Request<'a> {
    pub method: Method,
    pub url: &'a Url,
    /// Besides those that the flavour always sends, or in their stead.
    pub headers: &'a [(HeaderName, HeaderValue)],
    pub payload: Payload,
    pub asked: Asked,
}

impl<'a> Request<'a> {
    /// A look at something.
    pub fn look(url: &'a Url) -> Self {
        Self { method: Method::GET, url, headers: &[], payload: Payload::Nothing, asked: Asked::Look }
    }
}

fn key(
    flavour: Flavour,
    config: &FireflyConfig,
    secrets: &AccountSecrets,
) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    let mut headers = Vec::new();
    if let Some(token) = secrets.token.as_ref().filter(|token| !token.is_empty()) {
        headers.push(secret_header(header::AUTHORIZATION, &format!("Bearer {}", token.expose()))?);
    }
    match flavour {
        Flavour::Services => {
            let client = secrets.client_id.as_ref().map(Secret::expose);
            let client = client.ok_or_else(|| misconfigured("it has no client_id".into()))?;
            headers.push(secret_header(API_KEY, client)?);
            headers.push(plain_header("accept", "application/json")?);
        }
        Flavour::Web => {
            headers.push(plain_header("x-api-key", &config.web_api_key)?);
            headers.push(plain_header("origin", &config.web_origin)?);
            headers.push(plain_header("referer", &format!("{}/", config.web_origin))?);
            headers.push(plain_header("accept", "*/*")?);
            for (name, value) in &config.web_headers {
                headers.push(plain_header(name, value)?);
            }
        }
    }
    Ok(headers)
}
