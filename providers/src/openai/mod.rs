//! Upstreams that speak OpenAI's API: OpenAI itself, Azure, engines at home (SGLang, vLLM-Omni, sd-server, LocalAI) and other
//! gateways. How they differ stands in `dialect`, as data; what their refusals mean stands in `rules`, as a table.
//!
//! Reading order: `dialect`, `upstream` (one account: where, with what key, through whom), `images` and `videos`, then
//! `error` with `rules`, and `engine`, which is the `Engine` of all of it.
//!
//! Images are made while the request lasts: a lost connection is an unknown outcome, and nothing can be looked up. Videos have an
//! id, and everything that a poll needs is in their handle. Results are always brought home: links end, and some want the key.

mod checkup;
mod dialect;
mod engine;
mod error;
mod images;
mod relay;
mod rules;
mod upstream;
mod videos;

#[cfg(test)]
mod tests;

pub use dialect::{DIALECTS, Dialect};
pub use engine::OpenAi;

// What other engines have in common with this one.
pub(crate) use error::{Asked, Refusal};
pub(crate) use upstream::{LONGEST_NOTE, LONGEST_REFUSAL, broken_off, lost};

use std::time::Duration;

/// The engine's name in routes and accounts.
pub const NAME: &str = "openai";

/// The section `[openai]` of the configuration, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAiConfig {
    /// Where accounts without a base URL are, without a final `/`.
    pub base_url: String,
    /// How long a request that makes images, or answers text, may take. The job's own deadline may be shorter.
    pub answer_timeout: Duration,
    /// How long any other request may take to be answered.
    pub look_timeout: Duration,
    /// How often a running video is looked at.
    pub poll_every: Duration,
    /// Pictures that are decoded or made anew at the same time; 0 means one per core.
    pub picture_threads: usize,
}

impl Default for OpenAiConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            // What OpenAI's own SDKs wait for.
            answer_timeout: Duration::from_secs(600),
            look_timeout: Duration::from_secs(60),
            poll_every: Duration::from_secs(5),
            picture_threads: 0,
        }
    }
}
