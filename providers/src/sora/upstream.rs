//! One account's upstream: where it is, what opens it, through whom it is reached.

use super::{SoraConfig, refusal::No};
use crate::{
    http::ProxyUrl,
    openai::{Asked, LONGEST_NOTE, LONGEST_REFUSAL, broken_off, lost},
    outbound::{
        Answer, Ask, Download, DownloadError, Held, Outbound, Payload, Unanswered, Unsent, no_result,
    },
};
use atelier_domain::{
    account::{AccountSecrets, Credential, Endpoint},
    fault::{Fault, FaultClass, FaultScope},
    time::{Clock, Millis},
};
use awc::http::{
    Method,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use url::Url;

/// Before the first repeat of a call that did not leave; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Posts of creates without an answer that are kept in mind at the same time.
const MOST_LEFT: usize = 1_000;
const DEVICE_ID: HeaderName = HeaderName::from_static("oai-device-id");

/// What all accounts share.
pub(super) struct WayOut {
    pub outbound: Arc<Outbound>,
    pub config: SoraConfig,
    pub clock: Arc<dyn Clock>,
    /// Posts that were made for creates that got no answer, by the title of what was to be created.
    pub left_shown: Mutex<HashMap<String, String>>,
}

/// One account's upstream.
#[derive(Clone)]
pub(super) struct Upstream {
    way: Arc<WayOut>,
    base: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    secrets: Arc<AccountSecrets>,
    proxy: Option<ProxyUrl>,
}

/// Where an endpoint is; none: nowhere, and its account can do nothing.
pub(super) fn base(endpoint: &Endpoint, config: &SoraConfig) -> Option<Url> {
    let base = endpoint.base_url.as_deref().or(config.base_url.as_deref())?;
    let url = Url::parse(base.trim_end_matches('/')).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

fn misconfigured(what: impl Into<String>) -> Fault {
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
        let base = base(&credential.endpoint, &way.config).ok_or_else(|| {
            let mut fault = misconfigured("the service that this engine once spoke to is closed");
            "the account in use has no base URL, and [sora] base_url names no server"
                .clone_into(&mut fault.message);
            fault
        })?;
        let proxy = credential.proxy.as_ref().map(ProxyUrl::read).transpose();
        let proxy = proxy.map_err(|error| {
            let fault = Fault::new(FaultClass::Network, "the proxy of the account in use is no way out");
            fault.with_context(error.to_string())
        })?;
        let secrets = Arc::clone(&credential.secrets);
        let headers = headers(&way.config, &secrets)?;
        Ok(Self { way, base, headers, secrets, proxy })
    }

    /// The present.
    pub fn now(&self) -> Millis {
        self.way.clock.now()
    }

    /// The bounds of calls.
    pub fn config(&self) -> &SoraConfig {
        &self.way.config
    }

    /// Waits until the next look is due.
    pub async fn pause(&self) {
        self.way.clock.sleep_until(self.now() + self.way.config.poll_every).await;
    }

    /// Keeps the post that was made for a create which got no answer.
    pub fn leave_shown(&self, mark: String, post: String) {
        let mut left = self.way.left_shown.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() < MOST_LEFT {
            left.insert(mark, post);
        }
    }

    /// The post that was made for this create, once.
    pub fn left_shown(&self, mark: &str) -> Option<String> {
        self.way.left_shown.lock().unwrap_or_else(PoisonError::into_inner).remove(mark)
    }

    /// The secrets that no text may repeat.
    pub fn secrets(&self) -> &AccountSecrets {
        &self.secrets
    }

    /// Asks for something that has an effect, to the answer's JSON.
    ///
    /// # Errors
    /// What no answer, an unreadable one or a refusal means.
    pub async fn post(&self, path: &str, payload: Payload, asked: Asked) -> Result<Value, Fault> {
        let answer = self.ask(Method::POST, path, payload, asked).await?;
        if answer.status() >= 300 {
            return Err(self.refused(answer, asked).await);
        }
        self.json(answer, asked).await
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// As [`Upstream::post`].
    pub async fn tell(&self, path: &str, body: &Value, asked: Asked) -> Result<Value, Fault> {
        self.post(path, Payload::Json(body.to_string().into()), asked).await
    }

    /// Looks at something.
    ///
    /// # Errors
    /// What no answer, an unreadable one or a refusal means.
    pub async fn look(&self, path: &str) -> Result<Value, Fault> {
        self.try_look(path).await?.map_err(|no| no.fault(Asked::Look, &self.secrets))
    }

    /// Looks at something that may be refused for a reason that matters.
    ///
    /// # Errors
    /// What no answer or an unreadable one means; inside, the refusal.
    pub async fn try_look(&self, path: &str) -> Result<Result<Value, No>, Fault> {
        let answer = self.ask(Method::GET, path, Payload::Nothing, Asked::Look).await?;
        if answer.status() >= 300 {
            return Ok(Err(self.no(answer).await));
        }
        self.json(answer, Asked::Look).await.map(Ok)
    }

    /// Deletes something.
    ///
    /// # Errors
    /// What no answer or a refusal means.
    pub async fn delete(&self, path: &str) -> Result<(), Fault> {
        let answer = self.ask(Method::DELETE, path, Payload::Nothing, Asked::Look).await?;
        if answer.status() >= 300 { Err(self.refused(answer, Asked::Look).await) } else { Ok(()) }
    }

    /// Gets a file that the upstream names.
    ///
    /// # Errors
    /// What no answer or a refusal means.
    pub async fn download(&self, url: &str) -> Result<Answer, Fault> {
        let (base, key, proxy) = (&self.base, &self.headers[..], self.proxy.as_ref());
        let download = Download { url, base, key, patience: self.way.config.timeout, proxy };
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

    /// A call elsewhere, without anything that opens this upstream.
    ///
    /// # Errors
    /// What no answer means.
    pub async fn ask_elsewhere(&self, url: &Url, body: &Value) -> Result<Answer, Fault> {
        let ask = Ask {
            method: Method::POST,
            url,
            headers: &[],
            payload: Payload::Json(body.to_string().into()),
            patience: self.way.config.timeout,
            proxy: None,
        };
        self.way.outbound.ask(ask).await.map_err(|unanswered| lost(&unanswered, Asked::Look))
    }

    /// An address at the root of the upstream's host.
    pub fn at_root(&self, path: &str) -> String {
        format!("{}{path}", self.base.origin().ascii_serialization())
    }

    /// The whole body of an answer.
    ///
    /// # Errors
    /// What it means that it did not arrive.
    pub async fn body(&self, answer: Answer, limit: usize, asked: Asked) -> Result<Held, Fault> {
        let place = answer.place().to_owned();
        answer.read(limit).await.map_err(|broken| broken_off(&broken, &place, asked))
    }

    async fn json(&self, answer: Answer, asked: Asked) -> Result<Value, Fault> {
        let held = self.body(answer, LONGEST_NOTE, asked).await?;
        let read = serde_json::from_slice(&held);
        read.map_err(|error| {
            if held.trim_ascii_start().starts_with(b"<") {
                let message = "the address of the engine answers, but not as an engine does";
                let mut fault = Fault::new(FaultClass::Network, message);
                fault.scope = FaultScope::Account;
                return fault.with_context("a page for people where JSON belongs: is the base URL right?");
            }
            unreadable(asked, error.to_string())
        })
    }

    async fn refused(&self, answer: Answer, asked: Asked) -> Fault {
        self.no(answer).await.fault(asked, &self.secrets)
    }

    async fn no(&self, answer: Answer) -> No {
        let (status, headers) = (answer.status(), answer.headers().clone());
        // The status says enough when the body does not arrive.
        let body = answer.read(LONGEST_REFUSAL).await;
        No::read(status, &headers, body.as_deref().unwrap_or_default(), self.now())
    }

    /// Asks, to the head of whatever answer. What certainly did not leave is sent again, as often as the configuration says.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        mut payload: Payload,
        asked: Asked,
    ) -> Result<Answer, Fault> {
        let (url, mut repeats) = (self.url(path)?, 0);
        loop {
            let again = copy(&payload).filter(|_| repeats < self.way.config.retries);
            let ask = Ask {
                method: method.clone(),
                url: &url,
                headers: &self.headers,
                payload,
                patience: self.way.config.timeout,
                proxy: self.proxy.as_ref(),
            };
            match (self.way.outbound.ask(ask).await, again) {
                (Ok(answer), _) => return Ok(answer),
                (Err(Unanswered::Unsent(Unsent::Unreachable, _)), Some(same)) => {
                    let wait = FIRST_WAIT.saturating_mul(1 << repeats.min(8)).min(LONGEST_WAIT);
                    self.way.clock.sleep_until(self.now() + wait).await;
                    (payload, repeats) = (same, repeats + 1);
                }
                (Err(unanswered), _) => return Err(lost(&unanswered, asked)),
            }
        }
    }

    fn url(&self, path: &str) -> Result<Url, Fault> {
        let url = Url::parse(&format!("{}{path}", self.base.as_str().trim_end_matches('/')));
        url.map_err(|error| misconfigured(format!("its base URL cannot be built upon: {error}")))
    }
}

/// What it means that an answer is not what was asked for: of a create, that something may run.
pub(super) fn unreadable(asked: Asked, context: String) -> Fault {
    let fault = match asked {
        Asked::Look => Fault::new(FaultClass::Network, "the engine's answer cannot be read"),
        Asked::Image | Asked::Video => {
            let message = "the request reached the engine, and its answer cannot be read";
            Fault::new(FaultClass::UnknownOutcome, message)
        }
    };
    fault.with_context(context)
}

/// The same once more, where that can be had: files of a form are read as they are sent.
fn copy(payload: &Payload) -> Option<Payload> {
    match payload {
        Payload::Nothing => Some(Payload::Nothing),
        Payload::Json(body) => Some(Payload::Json(body.clone())),
        Payload::Bytes(kind, bytes) => Some(Payload::Bytes(kind, bytes.clone())),
        Payload::Form(_) => None,
    }
}

fn headers(config: &SoraConfig, secrets: &AccountSecrets) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    let mut headers = vec![(header::ACCEPT, HeaderValue::from_static("application/json"))];
    let mut add = |name: HeaderName, value: &str, secret: bool| {
        let mut sent = HeaderValue::from_str(value)
            .map_err(|_| misconfigured(format!("its {name} has characters that HTTP does not have")))?;
        sent.set_sensitive(secret);
        headers.push((name, sent));
        Ok::<_, Fault>(())
    };
    for (name, value) in &config.headers {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| misconfigured("[sora] headers has a name that HTTP does not have"))?;
        add(name, value, false)?;
    }
    if let Some(agent) = &config.user_agent {
        add(header::USER_AGENT, agent, false)?;
    }
    if let Some(device) = &config.device_id {
        add(DEVICE_ID, device, false)?;
    }
    if let Some(token) = secrets.token.as_ref().filter(|token| !token.is_empty()) {
        add(header::AUTHORIZATION, &format!("Bearer {}", token.expose()), true)?;
    }
    if let Some(cookie) = secrets.cookie.as_ref().filter(|cookie| !cookie.is_empty()) {
        add(header::COOKIE, cookie.expose(), true)?;
    }
    Ok(headers)
}
