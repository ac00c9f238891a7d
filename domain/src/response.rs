//! What an answer of the Responses API repeats of its request (api.md §6). Its work and its end are those of its job: both have one
//! UUID.

use crate::ids::{JobId, ResponseId};
use serde::{Deserialize, Serialize};

/// The longest instructions that are repeated, in bytes; longer ones are left out of the answer.
pub const ECHOED_INSTRUCTIONS: usize = 8 << 10;

/// What is repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseEcho {
    /// The main model as it was asked for.
    pub model: String,
    /// The instructions, when they are short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The tools, as strict clients can read them.
    pub tools: serde_json::Value,
    /// Which tool was to be used.
    pub tool_choice: serde_json::Value,
    /// The caller's own notes.
    pub metadata: serde_json::Value,
    /// The answer that this one follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ResponseId>,
    /// Whether the caller polls.
    pub background: bool,
    /// Whether it can be asked for again.
    pub store: bool,
}

impl ResponseId {
    /// The answer that this job makes.
    pub const fn of(job: JobId) -> Self {
        Self::from_uuid(job.uuid())
    }

    /// The job that makes this answer.
    pub const fn job(self) -> JobId {
        JobId::from_uuid(self.uuid())
    }
}
