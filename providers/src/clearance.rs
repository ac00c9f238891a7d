//! The client of an operator's clearance service (`upstreams/sora.md` 5.2): one GET, one JSON answer. It only asks and reads; what the
//! service does to have its answer is the operator's affair.

use crate::outbound::{Ask, Outbound, Payload};
use atelier_domain::{
    clearance::{Clearance, Solver},
    engine::LocalFuture,
    fault::{Fault, FaultClass},
    secret::Secret,
};
use awc::http::header::HeaderValue;
use awc::http::{Method, header};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use url::Url;

/// How long the service may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer, in bytes.
const LONGEST_ANSWER: usize = 256 << 10;
/// What is asked for below the base of the service; some operators write it into the base.
const PATH: &str = "/v1/challenge";

/// The client.
pub struct ClearanceService {
    outbound: Arc<Outbound>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    cookies: BTreeMap<String, String>,
    #[serde(default)]
    user_agent: String,
}

impl ClearanceService {
    /// A client that goes out through `outbound`.
    pub fn new(outbound: Arc<Outbound>) -> Self {
        Self { outbound }
    }

    async fn ask(&self, url: &str, fresh: bool) -> Result<Clearance, Fault> {
        let url = address(url, fresh)?;
        let headers = [(header::ACCEPT, HeaderValue::from_static("application/json"))];
        let (method, payload) = (Method::GET, Payload::Nothing);
        let ask = Ask { method, url: &url, headers: &headers, payload, patience: PATIENCE, proxy: None };
        let away = |context: &str| {
            Fault::new(FaultClass::Network, "the clearance service does not answer").with_context(context)
        };
        let answer = self.outbound.ask(ask).await.map_err(|lost| away(lost.context()))?;
        let status = answer.status();
        let held = answer.read(LONGEST_ANSWER).await.map_err(|broken| away(&broken.to_string()))?;
        read(status, &held.into_bytes())
    }
}

fn address(url: &str, fresh: bool) -> Result<Url, Fault> {
    let base = url.trim_end_matches('/');
    let base = base.strip_suffix(PATH).unwrap_or(base);
    let query = if fresh { "?skip_cache=true" } else { "" };
    Url::parse(&format!("{base}{PATH}{query}")).map_err(|error| {
        Fault::new(FaultClass::Invalid, "solver_api_url is no address").with_context(error.to_string())
    })
}

fn read(status: u16, body: &[u8]) -> Result<Clearance, Fault> {
    let refused = |context: String| {
        Fault::new(FaultClass::Overloaded, "the clearance service has none to give").with_context(context)
    };
    if status != 200 {
        return Err(refused(format!("it answered with status {status}")));
    }
    let said: Said = serde_json::from_slice(body).map_err(|_| refused("it answered no JSON".to_owned()))?;
    if !said.success || said.cookies.is_empty() {
        return Err(refused("it said that it failed".to_owned()));
    }
    let cookies = said.cookies.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    Ok(Clearance { cookies, user_agent: said.user_agent })
}

impl Solver for ClearanceService {
    fn solve(self: Arc<Self>, url: String, fresh: bool) -> LocalFuture<Result<Clearance, Fault>> {
        Box::pin(async move { self.ask(&url, fresh).await })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_path_is_asked_for_once_however_the_base_is_written() {
        for base in ["http://a:1", "http://a:1/", "http://a:1/v1/challenge", "http://a:1/v1/challenge/"] {
            assert_eq!(address(base, false).unwrap().as_str(), "http://a:1/v1/challenge");
            assert_eq!(address(base, true).unwrap().as_str(), "http://a:1/v1/challenge?skip_cache=true");
        }
        assert_eq!(address("nowhere", false).unwrap_err().class, FaultClass::Invalid);
    }

    #[test]
    fn an_answer_is_a_clearance_or_says_why_not_and_keeps_its_cookies_to_itself() {
        let body = br#"{"success":true,"cookies":{"cf_clearance":"planted"},"user_agent":"Mozilla","elapsed_seconds":3.2}"#;
        let clearance = read(200, body).unwrap();
        assert_eq!(clearance.cookies["cf_clearance"].expose(), "planted");
        assert!(!format!("{clearance:?}").contains("planted"));
        for (status, body) in [
            (200, r#"{"success":false,"error":"no"}"#),
            (200, r#"{"success":true,"cookies":{}}"#),
            (200, "<html>"),
            (401, r#"{"success":true,"cookies":{"a":"b"}}"#),
        ] {
            assert_eq!(read(status, body.as_bytes()).unwrap_err().class, FaultClass::Overloaded, "{body}");
        }
    }
}
