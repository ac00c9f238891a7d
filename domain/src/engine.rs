//! What the rest of Atelier knows of an upstream: submit, poll, cancel. Choice of account, money and storage happen
//! elsewhere; an engine gets a request and an account, and gives outputs or a typed fault.

pub use crate::account::Credential;
use crate::{
    account::{Account, AccountModel, Identity, Invites, Plan, Quota},
    browse::Browse,
    enhance::Expansion,
    fault::{Fault, FaultClass},
    fetch::FetchBody,
    ids::JobId,
    image::ImageSpec,
    media::Variant,
    size::Size,
    time::Millis,
    video::VideoSpec,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

/// A future that stays on its thread, as HTTP clients of actix do.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// Opaque state of a submitted generation: what an engine needs to poll or cancel it, kept with the job before it is acted on.
pub type UpstreamHandle = serde_json::Value;

/// What is to be made.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Still (or animated) images.
    Image(ImageSpec),
    /// A video.
    Video(VideoSpec),
}

/// What an engine reports while it works.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineEvent {
    /// Percent done, 0–99.
    Progress(u8),
    /// The upstream has made it, and may bill it: what is left is to bring it home. From then on the job's deadline can wait.
    Made,
    /// A preview of output `output`: `index` counts from 0, `bytes` is a whole file in the asked format.
    Partial {
        /// Which output of the job, from 0.
        output: u32,
        /// Which preview of that output, from 0.
        index: u8,
        /// The file.
        bytes: Arc<[u8]>,
    },
}

/// Where an engine reports to. Cheap to call; never blocks.
pub type EventSink = Arc<dyn Fn(EngineEvent) + Send + Sync>;

/// One call of an engine.
#[derive(Clone)]
pub struct Call {
    /// The job, for correlation only.
    pub job: JobId,
    /// Which try of this job it is, from 1.
    pub attempt: u32,
    /// What is to be made.
    pub task: Arc<Task>,
    /// With whose account.
    pub credential: Credential,
    /// Where progress and previews go.
    pub events: EventSink,
}

/// A file that comes with an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// What it is.
    pub variant: Variant,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub mime: &'static str,
}

/// One finished file.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Its media type, such as `image/png`.
    pub mime: &'static str,
    /// Real width in pixels.
    pub width: u32,
    /// Real height in pixels.
    pub height: u32,
    /// The prompt that the engine says it used, when it differs.
    pub revised_prompt: Option<String>,
    /// What comes with it, such as the thumbnail of a video.
    pub companions: Vec<Companion>,
    /// How long a video really lasts, in seconds, as its file says.
    pub seconds: Option<f64>,
    /// The tokens that the engine counted for it.
    pub usage: Option<TokenUsage>,
}

/// Tokens, as OpenAI counts them for pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Of the prompt's text.
    pub input_text: u64,
    /// Of the pictures that came in.
    pub input_image: u64,
    /// Of what went out.
    pub output: u64,
}

impl std::ops::Add for TokenUsage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            input_text: self.input_text + other.input_text,
            input_image: self.input_image + other.input_image,
            output: self.output + other.output,
        }
    }
}

/// The answer to a submit.
#[derive(Debug)]
pub enum Submission {
    /// Made at once.
    Done(Vec<Output>),
    /// Under way.
    Accepted {
        /// What to poll with.
        handle: UpstreamHandle,
        /// When to poll first.
        poll_at: Millis,
    },
    /// Refused: nothing runs and nothing was billed.
    Rejected(Fault),
    /// The request left and no answer came.
    Unknown(Fault),
}

/// The answer to a poll.
#[derive(Debug)]
pub enum Polled {
    /// Not yet.
    Pending {
        /// Percent done when known, 0–99.
        progress: Option<u8>,
        /// When to poll next.
        poll_at: Millis,
    },
    /// All outputs that could be made, in order; fewer than asked means the rest failed.
    Done(Vec<Output>),
    /// Nothing was learned: the poll failed, not the job, which goes on up there. It is polled again, at the fault's `retry_at` or
    /// after a growing wait; a fault of class `auth` has the credential renewed first.
    Unlearned(Fault),
    /// It ended badly.
    Failed(Fault),
}

/// What an engine knows of a submit whose outcome we do not know.
#[derive(Debug)]
pub enum Lookup {
    /// It arrived and runs under this handle.
    Found {
        /// What to poll with.
        handle: UpstreamHandle,
        /// When to poll first.
        poll_at: Millis,
    },
    /// It certainly never arrived, or died with no trace and no cost: it may be sent again.
    NeverArrived,
    /// The engine cannot tell: it must not be sent again.
    CannotTell,
}

/// How far a cancel got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The upstream stopped.
    Stopped,
    /// The upstream goes on, and we forget it.
    Forgotten,
}

/// What an engine can do with an account, beyond drawing from a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// The most reference images of one request; 0 when it takes none.
    pub references: usize,
    /// Whether it honours a mask.
    pub mask: bool,
    /// Whether it makes videos over others (remixes, edits, extensions), and from what.
    pub video_sources: VideoSources,
    /// Whether text requests can be passed through to it ([`Engine::relay`]).
    pub relays: bool,
    /// The catalogue's families that an account without a list of models is meant for; none: all that are routed here.
    pub families: Option<&'static [&'static str]>,
    /// Which videos it makes; none: all that the catalogue has.
    pub video_range: Option<VideoRange>,
    /// Whether it describes a shot from a prompt ([`Engine::enhance`]).
    pub enhances: bool,
    /// Whether it knows invitations and user names ([`Engine::accept_invitation`], [`Engine::claim_username`]).
    pub invites: bool,
    /// Whether it shows what its upstream shows to everybody ([`Engine::browse`]).
    pub browses: bool,
}

/// The videos that an engine makes with an account, where that is less than what the catalogue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoRange {
    /// The catalogue's family that it holds for; none: all.
    pub family: Option<&'static str>,
    /// Lengths of new videos, in seconds.
    pub seconds: &'static [u32],
    /// Sizes, in pixels.
    pub sizes: &'static [Size],
}

impl Abilities {
    /// Of an account that can do nothing.
    pub const NONE: Self = Self {
        references: 0,
        mask: false,
        video_sources: VideoSources::None,
        relays: false,
        families: Some(&[]),
        video_range: None,
        enhances: false,
        invites: false,
        browses: false,
    };
}

/// What an engine needs of a video to make another over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoSources {
    /// It cannot.
    None,
    /// The file is enough: any account can.
    File,
    /// Only what the same account has made, by its handle.
    OwnHandle,
}

/// What a look at an account found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkup {
    /// Who it is there.
    pub identity: Identity,
    /// Its plan.
    pub plan: Option<Plan>,
    /// What is left, by family of models.
    pub quota: BTreeMap<String, Quota>,
    /// The models that it lists, when it lists any.
    pub models: Option<Vec<AccountModel>>,
    /// Whether these are, by the names that clients use, all that it serves, although it is at its vendor.
    pub models_are_all: bool,
    /// Whom it may invite, where its upstream knows invitations.
    pub invites: Option<Invites>,
}

/// A prompt that an engine is to make into the description of a shot.
#[derive(Debug, Clone)]
pub struct EnhanceCall {
    /// With whose account.
    pub credential: Credential,
    /// What is to be filmed.
    pub prompt: String,
    /// How much is said.
    pub expansion: Expansion,
    /// How long the shot lasts, in seconds.
    pub seconds: u32,
}

/// A request that is passed through as it is, such as a text chat.
#[derive(Debug, Clone)]
pub struct RelayCall {
    /// With whose account.
    pub credential: Credential,
    /// Below the API's base, such as `/chat/completions`.
    pub path: &'static str,
    /// The client's body, with the upstream's name of the model in it.
    pub body: bytes::Bytes,
}

/// The answer to a relayed request: the head, and the body as it arrives.
pub struct Relayed {
    /// The upstream's status, below 400.
    pub status: u16,
    /// The media type, such as `text/event-stream`.
    pub media_type: String,
    /// The body.
    pub body: Box<dyn FetchBody>,
}

/// One upstream kind. Implementations are registered at boot under [`Engine::name`].
pub trait Engine: Send + Sync {
    /// The name that routes and accounts use, such as `studio`.
    fn name(&self) -> &'static str;

    /// What it can do with this account.
    fn abilities(&self, account: &Account) -> Abilities;

    /// Starts the work.
    fn submit(self: Arc<Self>, call: Call) -> LocalFuture<Submission>;

    /// Finds out what became of a submit that got no answer: after an [`Submission::Unknown`], or after a restart in the middle of one.
    fn lookup(self: Arc<Self>, call: Call) -> LocalFuture<Lookup>;

    /// Looks how the work with this handle is doing. Calling it again after a restart is always right.
    fn poll(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Polled>;

    /// Stops the work as far as the upstream can.
    fn cancel(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Cancellation>;

    /// Looks whether the credential works, and what it may use. Costs nothing upstream.
    ///
    /// # Errors
    /// `auth` when it is refused; anything else says nothing about it.
    fn check(self: Arc<Self>, credential: Credential) -> LocalFuture<Result<Checkup, Fault>>;

    /// Passes a text request through. Only asked of engines whose [`Abilities::relays`] says so.
    ///
    /// # Errors
    /// `unknown-outcome` when it left and no answer came; else nothing was billed.
    fn relay(self: Arc<Self>, call: RelayCall) -> LocalFuture<Result<Relayed, Fault>> {
        let _ = call;
        unsupported("this engine takes no text requests")
    }

    /// Makes a prompt into the description of a shot. Only asked of engines whose [`Abilities::enhances`] says so. Costs nothing.
    ///
    /// # Errors
    /// Why there is none; nothing was changed.
    fn enhance(self: Arc<Self>, call: EnhanceCall) -> LocalFuture<Result<String, Fault>> {
        let _ = call;
        unsupported("this engine enhances no prompts")
    }

    /// Looks at what its upstream shows to everybody, in the upstream's own words; none when it is not there. Only asked of engines
    /// whose [`Abilities::browses`] says so. Costs nothing.
    ///
    /// # Errors
    /// Why it could not be seen.
    fn browse(
        self: Arc<Self>,
        credential: Credential,
        what: Browse,
    ) -> LocalFuture<Result<Option<serde_json::Value>, Fault>> {
        let _ = (credential, what);
        unsupported("this engine shows nothing of its upstream")
    }

    /// Accepts an invitation for an account, and says whether it had accepted one before. Only asked of engines whose
    /// [`Abilities::invites`] says so.
    ///
    /// # Errors
    /// Why it was not accepted.
    fn accept_invitation(
        self: Arc<Self>,
        credential: Credential,
        code: String,
    ) -> LocalFuture<Result<bool, Fault>> {
        let _ = (credential, code);
        unsupported("this engine knows no invitations")
    }

    /// Sees to it that an account has a user name at its upstream, and says which. Only asked of engines whose
    /// [`Abilities::invites`] says so.
    ///
    /// # Errors
    /// Why it has none.
    fn claim_username(
        self: Arc<Self>,
        credential: Credential,
    ) -> LocalFuture<Result<ClaimedUsername, Fault>> {
        let _ = credential;
        unsupported("this engine sets no user names")
    }
}

/// The user name of an account at its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedUsername {
    /// The name.
    pub username: String,
    /// Whether it had one before.
    pub already_set: bool,
}

fn unsupported<T: 'static>(message: &'static str) -> LocalFuture<Result<T, Fault>> {
    Box::pin(async move { Err(Fault::new(FaultClass::Invalid, message)) })
}
