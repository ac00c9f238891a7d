//! The few points where the two profiles answer differently (api.md §0, the table).

use crate::{auth::Caller, gateway::Gateway, problem::Problem};
use atelier_domain::{catalogue::Model, code::Code, key::Profile};

/// How one key is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect(Profile);

impl Dialect {
    /// The dialect of a key, or the gateway's.
    pub fn of(gateway: &Gateway, caller: &Caller) -> Self {
        Self(caller.0.profile.unwrap_or(gateway.limits.profile))
    }

    /// The status of the answer to a create.
    pub fn created(self) -> u16 {
        if self.0 == Profile::OpenAi { 200 } else { 201 }
    }

    /// The status of a video that waits.
    pub fn waiting(self) -> &'static str {
        if self.0 == Profile::OpenAi { "queued" } else { "in_progress" }
    }

    /// Whether content is answered with a link instead of bytes.
    pub fn redirects(self) -> bool {
        self.0 == Profile::Sora2Api
    }

    /// The length that a model makes when none is asked for.
    pub fn usual_seconds(self, model: &Model) -> u32 {
        let other = model.sora2api_seconds.filter(|_| self.0 == Profile::Sora2Api);
        other.or_else(|| model.seconds.first().copied()).unwrap_or(4)
    }

    /// Whether progress in a chat is told as an object instead of a line of text.
    pub fn tells_stages(self) -> bool {
        self.0 == Profile::Sora2Api
    }

    /// A finished video as the content of a chat message: JSON, or what a page shows as a player. Links have no quote in them.
    pub fn film(self, url: &str) -> String {
        match self.0 {
            Profile::Sora2Api => serde_json::json!({ "type": "video", "url": url }).to_string(),
            Profile::OpenAi => format!("```html\n<video src='{url}' controls></video>\n```"),
        }
    }

    /// What is said of a character that was made, while it is made and then. Older clients look for their own words.
    pub fn made(self, display_name: &str, username: &str) -> (String, String) {
        match self.0 {
            Profile::Sora2Api => (
                format!("✨ 角色已识别: {display_name} (@{username})"),
                format!("角色创建成功，角色名@{username}"),
            ),
            Profile::OpenAi => {
                let made = format!("Character made: {display_name}. Prompts call it @{username}.");
                (format!("Recognised: {display_name} (@{username})"), made)
            }
        }
    }

    /// The error for a video that is not there.
    pub fn not_found(self) -> Problem {
        let code = if self.0 == Profile::OpenAi { Code::VideoNotFound } else { Code::TaskNotFound };
        Problem::new(code, "this API key has no such video, or it is past its retention")
    }

    /// The error for content that is not there yet.
    pub fn not_ready(self) -> Problem {
        let code = if self.0 == Profile::OpenAi { Code::VideoNotReady } else { Code::TaskNotCompleted };
        Problem::new(code, "the video is not ready yet: poll it until its status is completed")
    }

    /// The error for content that will never be there.
    pub fn failed(self, why: &str) -> Problem {
        let code = if self.0 == Profile::OpenAi { Code::VideoFailed } else { Code::GenerationFailed };
        Problem::new(code, format!("the video has no content: {why}"))
    }
}
