//! Servers that speak the wire of the Sora web application, which its own maker closed on 2026-04-26: compatible servers, named by
//! the operator. There is no address of our own; without one an account can do nothing.
//!
//! Reading order: `upstream` (one account: where, with what), `body` (what is sent), `images` and `videos`, `refusal` with `rules`
//! (what a no means), and `engine`, which is the `Engine` of all of it.
//!
//! Everything made there is a task: a create answers with its id, and lists say how it is doing. Nothing that a look fails to tell starts
//! anything anew. Proofs that are asked of browsers are not computed, and challenges of an edge are not answered: such a refusal is
//! told as what it is.

mod account;
mod body;
mod browse;
mod checkup;
mod engine;
mod enhance;
mod images;
mod mark;
mod posts;
mod refusal;
mod rules;
mod task;
mod upstream;
mod videos;

#[cfg(test)]
mod tests;

pub use engine::Sora;

use atelier_domain::secret::Secret;
use std::{sync::Arc, time::Duration};

/// The engine's name in routes and accounts.
pub const NAME: &str = "sora";

/// The section `[sora]` of the configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoraConfig {
    /// Where accounts without a base URL are, without a final `/`; none: nowhere.
    pub base_url: Option<String>,
    /// How long one call may take to be answered.
    pub timeout: Duration,
    /// How often a call that certainly did not leave is sent again.
    pub retries: u32,
    /// How often a running task is looked at.
    pub poll_every: Duration,
    /// Looks in a row that may find a task in no list before it counts as lost.
    pub lost_after: u32,
    /// What is said to be asking; none: this gateway's own name.
    pub user_agent: Option<String>,
    /// The device that calls are said to come from, for servers that ask for one.
    pub device_id: Option<String>,
    /// Further headers of each call: name and value.
    pub headers: Vec<(String, String)>,
    /// Whether prompts may be enhanced there.
    pub enhances: bool,
    /// Pictures and films that are worked on at the same time; 0 means one per core.
    pub picture_threads: usize,
}

impl Default for SoraConfig {
    fn default() -> Self {
        Self {
            base_url: None,
            timeout: Duration::from_secs(30),
            retries: 3,
            poll_every: Duration::from_secs(2),
            lost_after: 300,
            user_agent: None,
            device_id: None,
            headers: Vec::new(),
            enhances: false,
            picture_threads: 0,
        }
    }
}

/// The operator's own service that has files without a mark, where the operator has the right to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseService {
    /// Start of its API, without a final `/`.
    pub url: String,
    /// What it asks for; empty for nothing.
    pub token: Secret,
}

/// Which such service is asked at the moment; none: files are taken as they are.
pub type ParseServiceChooser = Arc<dyn Fn() -> Option<ParseService> + Send + Sync>;
