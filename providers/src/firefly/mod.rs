//! Adobe Firefly as an upstream, in two flavours: the official Firefly Services API, opened by a client's id and secret, and the web
//! back end, opened by an account's own token. Which of them an account is, its dialect says: `services` (the default) or `web`.
//!
//! Both work alike: references are uploaded with the account that the job goes to, a submit is answered with an address to poll, and
//! a finished job names its files by links that last an hour. The web back end makes one picture per submit, so a job of several is
//! several submits, and the handle of all of them is one. Nothing that was accepted is ever submitted again: troubles of polls and
//! of downloads are polled and downloaded again.
//!
//! Not done here, on purpose: anything that makes the gateway look like a browser.
//!
//! Reading order: `models` (what there is, as data), `images`, `films` and `services` (bodies of requests), `upstream` (one account),
//! `refusal` with `rules` (what a no means), `submit`, `job` with `state` and `bring`, then `checkup` and `renewal`.

mod bring;
mod checkup;
mod engine;
mod films;
mod images;
mod job;
mod models;
mod refusal;
mod renewal;
mod rules;
mod services;
mod state;
mod submit;
#[cfg(test)]
mod tests;
mod upload;
mod upstream;

pub use engine::Firefly;
pub use renewal::FireflyTokens;

use std::time::Duration;

/// The engine's name in routes and accounts.
pub const NAME: &str = "firefly";

/// The dialects of its accounts, the usual one first.
pub const DIALECTS: [&str; 2] = ["services", "web"];

/// The section `[firefly]` of the configuration, checked. URLs are without a final `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireflyConfig {
    /// Where Firefly Services are.
    pub services_url: String,
    /// Who gives their tokens.
    pub token_url: String,
    /// What such a token is asked for.
    pub token_scope: String,
    /// Where the web back end is.
    pub web_url: String,
    /// The `x-api-key` of the web back end: the client that its tokens were given to.
    pub web_api_key: String,
    /// The site that this client is of, as `Origin` and `Referer`.
    pub web_origin: String,
    /// What else the web back end is told with each call: names and values of headers.
    pub web_headers: Vec<(String, String)>,
    /// Who gives a token of the web back end for a session's cookies.
    pub check_url: String,
    /// What such a token is asked for.
    pub check_scope: String,
    /// Who tells whose a token is.
    pub profile_url: String,
    /// Who tells what is left of an account's credits.
    pub balance_url: String,
    /// The `x-api-key` there.
    pub balance_api_key: String,
    /// Hosts that an account's token is sent to when an answer names them, besides its own: names, or `*.` and a domain.
    pub trusted_hosts: Vec<String>,
    /// Sora videos that a free account may make.
    pub sora_calls: u64,
    /// How often a running job is looked at, at most.
    pub poll_every: Duration,
    /// How long the head of any answer may take.
    pub timeout: Duration,
    /// Pictures that are decoded or made anew at the same time; 0 means one per core.
    pub picture_threads: usize,
}

impl Default for FireflyConfig {
    fn default() -> Self {
        Self {
            services_url: "https://firefly-api.adobe.io".to_owned(),
            token_url: "https://ims-na1.adobelogin.com/ims/token/v3".to_owned(),
            token_scope: "openid,AdobeID,session,additional_info,read_organizations,firefly_api,ff_apis"
                .to_owned(),
            web_url: "https://firefly-3p.ff.adobe.io".to_owned(),
            web_api_key: "projectx_webapp".to_owned(),
            web_origin: "https://new.express.adobe.com".to_owned(),
            web_headers: Vec::new(),
            check_url: "https://adobeid-na1.services.adobe.com/ims/check/v6/token".to_owned(),
            check_scope: "AdobeID,firefly_api,openid".to_owned(),
            profile_url: "https://ims-na1.adobelogin.com/ims/profile/v1".to_owned(),
            balance_url: "https://firefly.adobe.io/v1/credits/balance".to_owned(),
            balance_api_key: "SunbreakWebUI1".to_owned(),
            trusted_hosts: vec!["*.adobe.io".to_owned()],
            sora_calls: 2,
            poll_every: Duration::from_secs(3),
            timeout: Duration::from_secs(60),
            picture_threads: 0,
        }
    }
}
