//! A job: one generation request from acceptance to its end, and the only ways it may move.

mod transition;
mod work;

pub use transition::{IllegalTransition, Transition};
pub use work::{ImageJob, JobCharacter, JobSource, Prompt, VideoJob, Work};

use crate::{
    code::Code,
    credit::Credits,
    engine::{TokenUsage, UpstreamHandle},
    fault::FaultClass,
    ids::{AccountId, JobId, KeyId, MediaId},
    media::Variant,
    price::Price,
    response::ResponseEcho,
    time::Millis,
};
use serde::{Deserialize, Serialize};

/// What a job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Images.
    Image,
    /// A video.
    Video,
}

impl JobKind {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
        }
    }
}

/// Where a job stands. See the diagram in ARCHITECTURE.md, "A job's life".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted, waiting for an account.
    Queued,
    /// About to be sent, or sent without an answer yet.
    Submitting,
    /// The upstream works on it.
    Running,
    /// The upstream is done; results are being kept.
    Fetching,
    /// Results are kept and paid.
    Completed,
    /// Ended without a result; nothing was charged.
    Failed,
    /// Ended by its owner; nothing was charged.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Submitting,
        Self::Running,
        Self::Fetching,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether nothing more will happen.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The inner name, for metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitting => "submitting",
            Self::Running => "running",
            Self::Fetching => "fetching",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The public word (api.md §7): `queued in_progress completed failed cancelled`.
    pub const fn public(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitting | Self::Running | Self::Fetching => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where a job may be sent: an engine, and what it asks of an account there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The engine's name.
    pub engine: String,
    /// The model's own name; an account may know it by another.
    pub model: String,
    /// Which models share a quota with it: the catalogue's family; empty: the model alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// The plan that an account must have, such as `pro`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

impl Route {
    /// A route that asks for nothing but its model.
    pub fn new(engine: impl Into<String>, model: impl Into<String>) -> Self {
        Self { engine: engine.into(), model: model.into(), family: String::new(), plan: None }
    }

    /// What a used-up quota is counted against.
    pub fn quota_pool(&self) -> &str {
        if self.family.is_empty() { &self.model } else { &self.family }
    }
}

/// A finished output in the media store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobOutput {
    /// The file.
    pub media: MediaId,
    /// Its media type.
    pub mime: String,
    /// Its length.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The prompt that the engine says it used, when it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<String>,
    /// What comes with it, such as the thumbnail of a video.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<JobCompanion>,
    /// How long a video really lasts, in seconds, as its file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The tokens that the engine counted for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<TokenUsage>,
}

impl JobOutput {
    /// Every file of it: the output itself, then what comes with it.
    pub fn files(&self) -> impl Iterator<Item = MediaId> {
        std::iter::once(self.media).chain(self.companions.iter().map(|companion| companion.media))
    }
}

/// A file that comes with an output, in the media store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCompanion {
    /// What it is.
    pub variant: Variant,
    /// The file.
    pub media: MediaId,
    /// Its media type.
    pub mime: String,
    /// Its length.
    pub bytes: u64,
}

/// Why a job failed, in words that a client may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// The public code.
    pub code: Code,
    /// The public message.
    pub message: String,
    /// The class of the last fault, if a fault ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FaultClass>,
}

/// One job, as its row keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Which job.
    pub id: JobId,
    /// Whose it is.
    pub key: KeyId,
    /// The path it came in by, such as `/v1/images/generations`.
    pub endpoint: String,
    /// The model's own name (aliases resolved).
    pub model: String,
    /// What was asked for.
    pub work: Work,
    /// Where it may be sent, in order of preference.
    pub routes: Vec<Route>,
    /// Where it stands.
    pub state: JobState,
    /// Percent done; 100 only when completed.
    pub progress: u8,
    /// Since when it exists.
    pub created_at: Millis,
    /// When the row last changed.
    pub updated_at: Millis,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// When it is failed if it has not ended.
    pub deadline: Millis,
    /// When its row and media may be deleted, counted from its end unless idempotency keeps it longer.
    pub keep_until: Option<Millis>,
    /// How many attempts were begun.
    #[serde(default)]
    pub attempt: u32,
    /// Which route the current attempt takes.
    #[serde(default)]
    pub route: usize,
    /// The account of the current attempt: polls and cancels go there and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// What to poll with; of a completed job, what it was made under, for whoever makes something over it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<UpstreamHandle>,
    /// What came out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<JobOutput>,
    /// The price, fixed at acceptance.
    pub price: Price,
    /// Whether it costs its key credit.
    pub metered: bool,
    /// What was charged at the end.
    #[serde(default)]
    pub charged: Credits,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// SHA-256 of the endpoint and the parsed body, in hex.
    pub body_hash: String,
    /// The client's Idempotency-Key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The request that made it, for the log.
    pub request_id: String,
    /// What its answer repeats, if it answers the Responses API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<Box<ResponseEcho>>,
    /// Its owner deleted it: nobody is shown it any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forgotten: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Job {
    /// The route of the current attempt.
    pub fn current_route(&self) -> Option<&Route> {
        self.routes.get(self.route)
    }
}

/// A queued job with plain values, for tests.
#[cfg(test)]
pub(crate) fn fixture(id: JobId) -> Job {
    use crate::{price::Per, size::Size};
    use uuid::Uuid;
    Job {
        id,
        key: KeyId::from_uuid(Uuid::from_u128(2)),
        endpoint: "/v1/images/generations".into(),
        model: "gpt-image-2".into(),
        work: Work::Image(ImageJob::new("a lighthouse", Size::new(1024, 1024))),
        routes: vec![Route::new("studio", "gpt-image-2")],
        state: JobState::Queued,
        progress: 0,
        created_at: Millis(0),
        updated_at: Millis(0),
        ended_at: None,
        deadline: Millis(300_000),
        keep_until: None,
        attempt: 0,
        route: 0,
        account: None,
        handle: None,
        outputs: vec![],
        price: Price { total: 1, unit: 1, per: Per::Output, rule: "image".into() },
        metered: true,
        charged: 0,
        error: None,
        body_hash: String::new(),
        idempotency_key: None,
        request_id: "req_1".into(),
        echo: None,
        forgotten: false,
    }
}
