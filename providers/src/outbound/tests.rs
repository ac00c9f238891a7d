//! Calls against real sockets: bounds, connections, forms, and where keys go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bounds;
mod forms;
mod keys;
mod proxies;

use super::*;
use crate::{
    doubles::{Double, ManualClock},
    http::ProxyUrl,
};
use awc::http::{
    Method,
    header::{self, HeaderName, HeaderValue},
};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    outbound: Outbound,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        Self::with(&[], tls_config(public_roots(), &["http/1.1"]).unwrap())
    }

    /// One that may fetch results from what `allow` names, and trusts so.
    fn with(allow: &[&str], tls: Arc<ClientConfig>) -> Self {
        let mut allowed = Allowed::default();
        for entry in allow {
            allowed.add(entry).unwrap();
        }
        let clock = Arc::new(ManualClock::default());
        let config = OutboundConfig { allowed, large_answers: 1, ..OutboundConfig::default() };
        Self { outbound: Outbound::with_tls(config, clock.clone(), tls), clock }
    }

    async fn get(&self, url: &str, proxy: Option<&ProxyUrl>) -> Result<Answer, Unanswered> {
        let url = Url::parse(url).unwrap();
        let (method, payload, headers) = (Method::GET, Payload::Nothing, &[][..]);
        self.outbound.ask(Ask { method, url: &url, headers, payload, patience: PATIENCE, proxy }).await
    }

    async fn post(&self, url: &str, payload: Payload) -> Result<Answer, Unanswered> {
        let url = Url::parse(url).unwrap();
        let key = key();
        let ask =
            Ask { method: Method::POST, url: &url, headers: &key, payload, patience: PATIENCE, proxy: None };
        self.outbound.ask(ask).await
    }

    async fn download(&self, url: &str, base: &Double) -> Result<Answer, DownloadError> {
        let (base, key) = (Url::parse(&base.url("/v1")).unwrap(), key());
        let download = Download { url, base: &base, key: &key, patience: PATIENCE, proxy: None };
        self.outbound.download(download).await
    }
}

fn key() -> [(HeaderName, HeaderValue); 1] {
    [(header::AUTHORIZATION, HeaderValue::from_static("Bearer planted-key"))]
}
