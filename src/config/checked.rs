//! The configuration that the rest of the program gets: typed, in bounds, nothing left to doubt.

use std::{path::PathBuf, time::Duration};

use atelier_actors::request_log::Calendar;
use atelier_domain::{key::Profile, price::PriceTable, secret::Secret};
use atelier_providers::{fetch::Allowed, firefly::FireflyConfig};

use super::Setting;
use crate::master_key::MasterKey;

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The first key, the administrator, the default dialect.
    pub global: Global,
    /// HTTP.
    pub server: Server,
    /// Deadlines of jobs.
    pub generation: Generation,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The log.
    pub log: Log,
    /// Prometheus figures.
    pub metrics: Metrics,
    /// What one request may bring.
    pub limits: Limits,
    /// How many jobs, how long remembered.
    pub jobs: Jobs,
    /// How accounts are tried and rested.
    pub pool: Pool,
    /// The database.
    pub store: Store,
    /// The embedded engine.
    pub studio: Studio,
    /// The engine that speaks OpenAI's API.
    pub openai: OpenAi,
    /// The engine for Adobe Firefly.
    pub firefly: FireflyConfig,
    /// Choices of the images API.
    pub images: Images,
    /// Links to results.
    pub media: Media,
    /// References that are given as URLs.
    pub fetch: Fetch,
    /// The Sora engine's upstream.
    pub sora: Sora,
    /// Copies of upstream results.
    pub cache: Cache,
    /// The way out to upstreams.
    pub proxy: Proxy,
    /// Results without a mark.
    pub watermark_free: WatermarkFree,
    /// The clearance service.
    pub cloudflare: Cloudflare,
    /// Renewal of account credentials.
    pub token_refresh: TokenRefresh,
    /// The wire of upstreams in the log.
    pub debug: Debug,
    /// What things cost.
    pub prices: PriceTable,
    /// The secret of the installation, if the environment gives it: it is no key of the file, where secrets are read by many.
    pub secret_key: Option<MasterKey>,
    /// The next one, for a rekey.
    pub new_secret_key: Option<MasterKey>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Every key with its value and where it came from, in the order of `config.toml`.
    pub settings: Vec<Setting>,
}

/// See `[global]`.
#[derive(Clone, Debug)]
pub struct Global {
    /// The first API key; none: generate one.
    pub api_key: Option<Secret>,
    /// The administrator's name.
    pub admin_username: String,
    /// The administrator's password; none: generate one.
    pub admin_password: Option<Secret>,
    /// Dialect of keys without one.
    pub profile: Profile,
}

/// See `[server]`.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address or host name.
    pub host: String,
    /// TCP port; 0 takes any free one.
    pub port: u16,
    /// Threads, at least 1.
    pub workers: usize,
    /// Start of links in answers, without a final `/`; none: the address listened on.
    pub public_url: Option<String>,
    /// Grace for running requests at shutdown.
    pub shutdown_timeout: Duration,
    /// Which web pages may call the API.
    pub cors_origins: CorsOrigins,
    /// Open connections per worker.
    pub max_connections: usize,
}

/// Which web origins may call the API from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Any.
    Any,
    /// Only these, such as `https://app.example.com`; none at all when empty.
    Only(Vec<String>),
}

/// See `[generation]`.
#[derive(Clone, Copy, Debug)]
pub struct Generation {
    /// Deadline of an image job, from its acceptance.
    pub image_timeout: Duration,
    /// Deadline of a video job, from its acceptance.
    pub video_timeout: Duration,
}

/// See `[log]`.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// The least grave level that is written.
    pub level: LogLevel,
    /// Days that the log of requests is kept.
    pub requests_days: u64,
    /// Where a day begins.
    pub calendar: Calendar,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Somebody must act.
    Error,
    /// Somebody should look.
    Warn,
    /// The normal course of things.
    Info,
    /// For finding a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word in the file, which is also a directive of `tracing`'s filters.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// See `[metrics]`.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Whether `/metrics` exists.
    pub enabled: bool,
    /// What a reader must know; none: nothing.
    pub token: Option<Secret>,
}

/// See `[limits]`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest JSON body.
    pub json_body_bytes: usize,
    /// Largest multipart body.
    pub multipart_body_bytes: usize,
    /// Largest single file of one.
    pub file_bytes: usize,
    /// Uploads that one API key may keep.
    pub disk_bytes_per_key: usize,
    /// Longest prompt, in characters.
    pub prompt_chars: usize,
}

/// See `[jobs]`.
#[derive(Clone, Copy, Debug)]
pub struct Jobs {
    /// Most open jobs.
    pub max_open: usize,
    /// How long an ended job can be read.
    pub retention: Duration,
    /// How long an `Idempotency-Key` is remembered.
    pub idempotency: Duration,
    /// Arbiters that run generations, at least 1.
    pub runners: usize,
}

/// See `[pool]`.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Accounts that one job may try, at least 1.
    pub max_attempts: u32,
    /// Faults in a row that disable an account, at least 1.
    pub error_ban_threshold: u32,
    /// Rest after a rate limit without a named time.
    pub rate_limited_cooldown: Duration,
    /// Rest after an overload without a named time.
    pub overloaded_cooldown: Duration,
}

/// See `[store]`.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// Page cache.
    pub cache_bytes: u64,
    /// Changes that may wait for the committer.
    pub queue: usize,
    /// Between exports.
    pub export_every: Duration,
    /// Exports kept, at least 1.
    pub exports_kept: usize,
}

/// See `[studio]`.
#[derive(Clone, Debug)]
pub struct Studio {
    /// Whether it takes jobs.
    pub enabled: bool,
    /// Added to each job.
    pub latency: Duration,
    /// Whether prompts steer it.
    pub faults: bool,
    /// Font files or directories.
    pub font_paths: Vec<PathBuf>,
    /// Threads that draw, at least 1.
    pub render_threads: usize,
    /// Accounts to start with.
    pub accounts: u32,
    /// Jobs at once for each.
    pub slots: u32,
}

/// See `[openai]`.
#[derive(Clone, Debug)]
pub struct OpenAi {
    /// Where accounts without a base URL are, without a final `/`.
    pub base_url: String,
    /// Between two looks at a running video.
    pub poll_interval: Duration,
}

/// See `[images]`.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    /// Draw over everything where the engine has no masks.
    pub ignore_unsupported_mask: bool,
}

/// See `[media]`.
#[derive(Clone, Copy, Debug)]
pub struct Media {
    /// How long a signed link is valid.
    pub url_ttl: Duration,
}

/// See `[fetch]`.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// What may be fetched from although it is not public.
    pub allowed: Allowed,
    /// Of one fetch.
    pub timeout: Duration,
    /// Fetches at once, at least 1.
    pub concurrency: usize,
}

/// See `[sora]`.
#[derive(Clone, Debug)]
pub struct Sora {
    /// Where its API is, without a final `/`; none: where its accounts say.
    pub base_url: Option<String>,
    /// What is said to be asking; none: this program.
    pub user_agent: Option<String>,
    /// The device that calls are said to come from.
    pub device_id: Option<String>,
    /// Further headers, name and value.
    pub headers: Vec<(String, String)>,
    /// Whether prompts are enhanced there.
    pub enhance_prompts: bool,
    /// Of one call.
    pub timeout: Duration,
    /// Repeats of a call that surely had no effect.
    pub max_retries: u32,
    /// Between polls.
    pub poll_interval: Duration,
    /// Polls in a row that find a generation nowhere before it counts as lost.
    pub max_poll_attempts: u32,
}

/// See `[cache]`.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Whether copies are kept.
    pub enabled: bool,
    /// How long.
    pub timeout: Duration,
    /// Start of links to copies; none: `server.public_url`.
    pub base_url: Option<String>,
}

/// See `[proxy]`.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Whether `url` is used.
    pub enabled: bool,
    /// The proxy, if one is named.
    pub url: Option<Secret>,
    /// Whether proxies of a pool are used in turn.
    pub pool_enabled: bool,
}

/// See `[watermark_free]`.
#[derive(Clone, Debug)]
pub struct WatermarkFree {
    /// Whether such results are asked for.
    pub enabled: bool,
    /// Whether the operator's own service is asked, rather than the method that needs none.
    pub custom: bool,
    /// Where that service is, without a final `/`, if one is named.
    pub url: Option<String>,
    /// What it asks for.
    pub token: Option<Secret>,
}

/// See `[cloudflare]`.
#[derive(Clone, Debug)]
pub struct Cloudflare {
    /// Whether the clearance service is asked.
    pub enabled: bool,
    /// Where it is, if one is named.
    pub api_url: Option<String>,
}

/// See `[token_refresh]`.
#[derive(Clone, Debug)]
pub struct TokenRefresh {
    /// Whether access tokens are renewed before they end.
    pub enabled: bool,
    /// Who gives them for refresh tokens.
    pub token_url: String,
    /// Who gives them for session tokens.
    pub session_url: String,
}

/// See `[debug]`.
#[derive(Clone, Copy, Debug)]
pub struct Debug {
    /// Whether anything is logged.
    pub enabled: bool,
    /// Whether requests to upstreams are logged.
    pub requests: bool,
    /// Whether their responses are.
    pub responses: bool,
}
