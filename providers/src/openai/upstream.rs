//! One account's upstream: where it is, what opens it, through whom it is reached; and what it means when it does not answer.

use super::{
    Dialect, OpenAiConfig,
    dialect::Auth,
    error::{Asked, Refusal},
};
pub(super) use crate::outbound::{no_result, submission};
use crate::{
    http::ProxyUrl,
    outbound::{self, Answer, Ask, Broken, Download, DownloadError, Held, Outbound, Payload, Unanswered},
};
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    fault::{Fault, FaultClass, FaultScope},
    secret::Secret,
    time::{Clock, Millis},
};
use awc::http::{
    Method,
    header::{self, HeaderName, HeaderValue},
};
use std::{sync::Arc, time::Duration};
use url::Url;

/// The longest JSON answer: ten images of 20 MB in base64, and some.
pub(super) const LONGEST_ANSWER: usize = 288 << 20;
/// The longest answer that carries no files.
pub(crate) const LONGEST_NOTE: usize = 4 << 20;
/// Bytes of a refusal that are read.
pub(crate) const LONGEST_REFUSAL: usize = 256 << 10;
/// A name that correlates our log with the upstream's.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");

/// What all accounts share.
pub(super) struct WayOut {
    pub outbound: Arc<Outbound>,
    pub config: OpenAiConfig,
    pub clock: Arc<dyn Clock>,
}

/// One account's upstream.
pub(super) struct Upstream {
    pub dialect: &'static Dialect,
    way: Arc<WayOut>,
    base: Url,
    key: Vec<(HeaderName, HeaderValue)>,
    secrets: Arc<AccountSecrets>,
    proxy: Option<ProxyUrl>,
}

/// The dialect of an endpoint; one that has an address of its own and says no more is another gateway.
///
/// # Errors
/// Which dialects there are.
pub(super) fn dialect(endpoint: &Endpoint) -> Result<&'static Dialect, Fault> {
    let usual = if endpoint.base_url.is_some() { "relay" } else { "openai" };
    let name = endpoint.dialect.as_deref().unwrap_or(usual);
    Dialect::named(name).ok_or_else(|| {
        misconfigured(format!("its dialect {name:?} is not known; there are {}", Dialect::names()))
    })
}

fn misconfigured(what: String) -> Fault {
    let mut fault = Fault::new(FaultClass::NotEntitled, "the account in use is not configured rightly");
    fault.scope = FaultScope::Account;
    fault.with_context(what)
}

impl Upstream {
    /// The upstream of a credential.
    ///
    /// # Errors
    /// What is wrong with its settings.
    pub fn of(credential: &Credential, way: Arc<WayOut>) -> Result<Self, Fault> {
        let dialect = dialect(&credential.endpoint)?;
        let base = credential.endpoint.base_url.as_deref().unwrap_or(&way.config.base_url);
        let base = Url::parse(base.trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let base =
            base.ok_or_else(|| misconfigured("its base URL is not an http or https address".into()))?;
        let proxy = credential.proxy.as_ref().map(ProxyUrl::read).transpose();
        let proxy = proxy.map_err(|error| {
            let fault = Fault::new(FaultClass::Network, "the proxy of the account in use is no way out");
            fault.with_context(error.to_string())
        })?;
        let secrets = Arc::clone(&credential.secrets);
        Ok(Self { dialect, way, base, key: key(dialect, &secrets)?, secrets, proxy })
    }

    /// The present.
    pub fn now(&self) -> Millis {
        self.way.clock.now()
    }

    /// The bounds of requests.
    pub fn config(&self) -> &OpenAiConfig {
        &self.way.config
    }

    /// Asks for something that has an effect, and waits as long as making an image may take.
    ///
    /// # Errors
    /// As [`Upstream::ask`].
    pub async fn post(&self, path: &str, payload: Payload, order: &Order<'_>) -> Result<Answer, Fault> {
        let answer = self.ask(Method::POST, path, payload, order).await?;
        // Whoever makes something may be silent for as long as that takes.
        Ok(answer.with_idle(order.patience))
    }

    /// Asks, to the head of an answer below 300.
    ///
    /// # Errors
    /// What no answer or a refusal means.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
        order: &Order<'_>,
    ) -> Result<Answer, Fault> {
        let answer = self.raw(method, path, payload, order).await?;
        if answer.status() < 300 {
            Ok(answer)
        } else {
            Err(Box::pin(self.refused(answer, order.asked)).await)
        }
    }

    /// Asks, to the head of whatever answer.
    ///
    /// # Errors
    /// What no answer means.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
        order: &Order<'_>,
    ) -> Result<Answer, Fault> {
        let url = self.url(path)?;
        let mut headers = self.key.clone();
        if let Some(id) = order.id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.push((CLIENT_REQUEST_ID, id));
        }
        let (patience, proxy) = (order.patience, self.proxy.as_ref());
        let ask = Ask { method, url: &url, headers: &headers, payload, patience, proxy };
        let answer = self.way.outbound.ask(ask).await;
        answer.map_err(|unanswered| lost(&unanswered, order.asked))
    }

    /// Gets a file that the upstream has, or names.
    ///
    /// # Errors
    /// What no answer or a refusal means.
    pub async fn download(&self, url: &str) -> Result<Answer, Fault> {
        let download = Download {
            url,
            base: &self.base,
            key: &self.key,
            patience: self.way.config.look_timeout,
            proxy: self.proxy.as_ref(),
        };
        match self.way.outbound.download(download).await {
            Ok(answer) if answer.status() == 200 => Ok(answer),
            Ok(answer) => Err(self.refused(answer, Asked::Look).await),
            Err(DownloadError::Unanswered(unanswered)) => Err(lost(&unanswered, Asked::Look)),
            Err(DownloadError::BadUrl(why)) => Err(no_result(format!("the URL of the result: {why}"))),
            Err(DownloadError::TooManyRedirects) => {
                Err(no_result("the URL of the result redirects too often".into()))
            }
        }
    }

    /// The whole body of an answer.
    ///
    /// # Errors
    /// What it means that it did not arrive.
    pub async fn body(&self, answer: Answer, limit: usize, asked: Asked) -> Result<Held, Fault> {
        let place = answer.place().to_owned();
        answer.read(limit).await.map_err(|broken| broken_off(&broken, &place, asked))
    }

    /// The fault of an answer that is a refusal.
    pub async fn refused(&self, answer: Answer, asked: Asked) -> Fault {
        let (status, headers) = (answer.status(), answer.headers().clone());
        // The status says enough when the body does not arrive.
        let body = answer.read(LONGEST_REFUSAL).await;
        let body: &[u8] = body.as_deref().unwrap_or_default();
        Refusal::read(status, &headers, body, self.now()).fault(asked, self.dialect, &self.secrets)
    }

    /// The fault of a refusal that came some other way.
    pub fn fault(&self, refusal: &Refusal, asked: Asked) -> Fault {
        refusal.fault(asked, self.dialect, &self.secrets)
    }

    /// The URL of a path below the base.
    pub fn url(&self, path: &str) -> Result<Url, Fault> {
        let url = Url::parse(&format!("{}{path}", self.base.as_str().trim_end_matches('/')));
        url.map_err(|error| misconfigured(format!("its base URL cannot be built upon: {error}")))
    }
}

/// How one request is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    /// What for.
    pub asked: Asked,
    /// Longest wait for the head of the answer.
    pub patience: Duration,
    /// For the upstream's log.
    pub id: Option<&'a str>,
}

fn key(dialect: &Dialect, secrets: &AccountSecrets) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    let token = secrets.token.as_ref().filter(|token| !token.is_empty());
    let bearer = |token: &Secret| Secret::new(format!("Bearer {}", token.expose()));
    let headers = [
        match dialect.auth {
            Auth::Bearer => (header::AUTHORIZATION, token.map(bearer)),
            Auth::ApiKey => (HeaderName::from_static("api-key"), token.cloned()),
        },
        (HeaderName::from_static("openai-organization"), secrets.organization.clone()),
        (HeaderName::from_static("openai-project"), secrets.project.clone()),
    ];
    let set = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    set.map(|(name, value)| {
        let mut sent = HeaderValue::from_str(value.expose())
            .map_err(|_| misconfigured(format!("its {name} has characters that HTTP does not have")))?;
        sent.set_sensitive(true);
        Ok((name, sent))
    })
    .collect()
}

/// What it means that no answer came.
pub(crate) fn lost(unanswered: &Unanswered, asked: Asked) -> Fault {
    outbound::lost(unanswered, asked != Asked::Look)
}

/// What it means that a body broke off.
pub(crate) fn broken_off(broken: &Broken, place: &str, asked: Asked) -> Fault {
    outbound::broken_off(broken, place, asked != Asked::Look)
}
