//! Every section and key: its meaning, unit and default. What is written here is still unchecked; bounds are in `check`.
//!
//! The macro is what keeps the names in one place: from this table come the structs, the defaults, the list of known
//! keys (for "did you mean") and the reading of one key at a time (so that all wrong values are found at once).

use super::value::{Given, Readable};
use atelier_domain::secret::Secret;

/// The name of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its section, such as `server`.
    pub section: &'static str,
    /// Its name in the section, such as `port`.
    pub name: &'static str,
    /// Whether it is hidden when shown, and may be given as `<name>_file`.
    pub secret: bool,
}

impl Key {
    /// `server.port`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

macro_rules! sections {
    ($(
        $(#[$section_doc:meta])*
        $section:ident: $Section:ident {
            $( $(#[$key_doc:meta])* $key:ident: $Value:ty = $default:expr, )*
        }
    )*) => {
        $(
            $(#[$section_doc])*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $( $(#[$key_doc])* pub $key: $Value, )*
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )* }
                }
            }
        )*

        /// All values as written, over the defaults. Prices are not here: they are lists of tables.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Raw {
            $( $(#[$section_doc])* pub $section: $Section, )*
        }

        impl Raw {
            /// Every key there is, in the order of `config.toml`.
            pub const KEYS: &'static [Key] = &[$($(
                Key {
                    section: stringify!($section),
                    name: stringify!($key),
                    secret: <$Value as Readable>::SECRET,
                },
            )*)*];

            /// Sets one key of [`Raw::KEYS`].
            pub fn set(&mut self, key: &Key, given: Given) -> Result<(), String> {
                match (key.section, key.name) {
                    $($( (stringify!($section), stringify!($key)) => self.$section.$key = Readable::read(given)?, )*)*
                    _ => return Err("no such key".to_owned()),
                }
                Ok(())
            }

            /// Every value as it would stand in `config.toml`, secrets hidden, in the order of [`Raw::KEYS`].
            pub fn show(&self) -> Vec<String> {
                vec![$($( self.$section.$key.show(), )*)*]
            }
        }
    };
}

sections! {
    /// `[global]`: the first API key, the administrator, and the default dialect.
    global: Global {
        /// The first API key, unmetered. Empty: one is generated at first start and printed once.
        api_key: Secret = Secret::default(),
        /// The administrator's name at `/api/login`.
        admin_username: String = "admin".into(),
        /// The administrator's password. Empty: one is generated at first start and printed once.
        admin_password: Secret = Secret::default(),
        /// Dialect of keys that have none of their own: `openai` or `sora2api`.
        profile: String = "openai".into(),
    }

    /// `[server]`: where and how HTTP is served.
    server: Server {
        /// Address or host name to listen on. Loopback by default: opening it to a network is a decision.
        host: String = "127.0.0.1".into(),
        /// TCP port; 0 takes any free one.
        port: u64 = 8000,
        /// Threads that serve HTTP; 0 means one per core.
        workers: u64 = 0,
        /// The address that clients use, for links in answers; empty means `http://host:port`.
        public_url: String = String::new(),
        /// Seconds that running requests get to end when the server is told to stop.
        shutdown_timeout_s: u64 = 30,
        /// Web origins that may call the API from a browser; `*` alone means any.
        cors_origins: Vec<String> = vec!["*".into()],
        /// Connections that one worker holds open at once; further ones wait in the listen backlog.
        max_connections: u64 = 25_000,
    }

    /// `[generation]`: how long a job may take before it ends as failed.
    generation: Generation {
        /// Seconds for an image job.
        image_timeout: u64 = 300,
        /// Seconds for a video job.
        video_timeout: u64 = 1800,
    }

    /// `[database]`: where everything is kept.
    database: Database {
        /// The data directory, relative to the working directory: database, media, exports and the sealing key.
        path: String = "data".into(),
    }

    /// `[log]`: what is written to standard error, and the log of requests that the admin sees.
    log: Log {
        /// `pretty` for people, `json` for machines (one object per line).
        format: String = "pretty".into(),
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: String = "info".into(),
        /// Days that the log of requests is kept, which the admin sees. It can be changed at run time.
        requests_days: u64 = 30,
        /// The IANA time zone in which the figures of a day are counted, such as `Europe/Berlin`.
        time_zone: String = "UTC".into(),
    }

    /// `[metrics]`: Prometheus figures at `/metrics`.
    metrics: Metrics {
        /// Whether `/metrics` exists.
        enabled: bool = true,
        /// What `Authorization: Bearer …` must carry to read them. Empty: anybody who can connect may read them.
        token: Secret = Secret::default(),
    }

    /// `[limits]`: what one request may bring.
    limits: Limits {
        /// Largest JSON body, MiB.
        json_body_mib: u64 = 64,
        /// Largest multipart body, MiB. It is streamed to disk, never held in memory.
        multipart_body_mib: u64 = 1024,
        /// Largest single file of one, MiB.
        file_mib: u64 = 50,
        /// Uploads that one API key may keep, those of its jobs within their retention included, MiB.
        disk_mib_per_key: u64 = 10_240,
        /// Longest prompt, characters.
        prompt_chars: u64 = 32_000,
    }

    /// `[jobs]`: how many there are and how long they are remembered.
    jobs: Jobs {
        /// Jobs that may be open (queued or running) at once; above it a submit is answered 503.
        max_open: u64 = 50_000,
        /// Seconds that an ended job can be read.
        retention_s: u64 = 3600,
        /// Seconds that an `Idempotency-Key` is remembered.
        idempotency_s: u64 = 86_400,
        /// Threads that run generations (actix arbiters). Drawing has its own, see `studio.render_threads`.
        runners: u64 = 1,
    }

    /// `[pool]`: how accounts are tried, rested and disabled.
    pool: Pool {
        /// Accounts that one job may try before it fails.
        max_attempts: u64 = 3,
        /// Faults in a row that disable an account. Refused content never counts.
        error_ban_threshold: u64 = 3,
        /// Seconds that an account rests after it was rate-limited, when the upstream does not say how long.
        rate_limited_cooldown_s: u64 = 60,
        /// Seconds that an account rests after its upstream was overloaded, when the upstream does not say how long.
        overloaded_cooldown_s: u64 = 15,
    }

    /// `[store]`: the database's memory, its committer, and the exports that guard against its own faults.
    store: Store {
        /// Page cache, MiB.
        cache_mib: u64 = 64,
        /// Changes that may wait for the committer; above it a change is answered 503.
        queue: u64 = 16_384,
        /// Seconds between exports of all data. One more is written at shutdown.
        export_every_s: u64 = 3600,
        /// Exports kept; the oldest goes first.
        exports_kept: u64 = 5,
    }

    /// `[studio]`: the embedded drawing engine, which needs no account, key or network. It draws; it is not a model.
    studio: Studio {
        /// Whether it takes jobs.
        enabled: bool = true,
        /// Milliseconds added to each of its jobs, to rehearse a slow upstream.
        latency_ms: u64 = 0,
        /// Whether words such as `[[delay:1500]]` or `[[fault:overloaded*2]]` in a prompt steer it. For tests only.
        faults: bool = false,
        /// Font files or directories asked for characters that the built-in font lacks (such as CJK), in this order.
        font_paths: Vec<String> = Vec::new(),
        /// Threads that draw; 0 means one per core.
        render_threads: u64 = 0,
        /// Accounts that it starts with, so that the pool has something to choose from.
        accounts: u64 = 3,
        /// Jobs that each of them takes at once.
        slots: u64 = 4,
    }

    /// `[openai]`: the engine for OpenAI's own API and for every server that speaks it. Its accounts are added over the admin API.
    openai: OpenAi {
        /// Where accounts are that name no base URL of their own.
        base_url: String = "https://api.openai.com/v1".into(),
        /// Seconds between two looks at a running video, unless the upstream says when.
        poll_interval: f64 = 5.0,
    }

    /// `[firefly]`: the engine for Adobe Firefly: accounts of Firefly Services, and accounts of its web back end.
    firefly: Firefly {
        /// Where Firefly Services are.
        services_url: String = "https://firefly-api.adobe.io".into(),
        /// Who gives their tokens, for a client's id and secret.
        token_url: String = "https://ims-na1.adobelogin.com/ims/token/v3".into(),
        /// What such a token is asked for.
        token_scope: String = "openid,AdobeID,session,additional_info,read_organizations,firefly_api,ff_apis".into(),
        /// Where the web back end is, for accounts of the dialect `web`.
        web_url: String = "https://firefly-3p.ff.adobe.io".into(),
        /// Its `x-api-key`: the client that the accounts' tokens were given to.
        web_api_key: String = "projectx_webapp".into(),
        /// The site of that client, as `Origin` and `Referer`.
        web_origin: String = "https://new.express.adobe.com".into(),
        /// What else it is told with each call, each as `name: value`.
        web_headers: Vec<String> = Vec::new(),
        /// Who gives a token for the cookies of a session.
        check_url: String = "https://adobeid-na1.services.adobe.com/ims/check/v6/token".into(),
        /// What such a token is asked for.
        check_scope: String = "AdobeID,firefly_api,openid".into(),
        /// Who tells whose a token is.
        profile_url: String = "https://ims-na1.adobelogin.com/ims/profile/v1".into(),
        /// Who tells what is left of an account's credits.
        balance_url: String = "https://firefly.adobe.io/v1/credits/balance".into(),
        /// The `x-api-key` there.
        balance_api_key: String = "SunbreakWebUI1".into(),
        /// Hosts that an account's token is shown to when an answer names them: names, or `*.` and a domain.
        trusted_hosts: Vec<String> = vec!["*.adobe.io".into()],
        /// Sora videos that a free account may make.
        sora_calls: u64 = 2,
        /// Seconds between two looks at a running job, at least.
        poll_interval: f64 = 3.0,
        /// Seconds that the beginning of an answer may take.
        timeout: u64 = 60,
    }

    /// `[images]`: points of the images API that the operator decides.
    images: Images {
        /// Draw over the whole picture when the engine has no masks, instead of answering 422 `mask_unsupported`.
        ignore_unsupported_mask: bool = false,
    }

    /// `[media]`: results and references that are served from the data directory.
    media: Media {
        /// Seconds that a signed link is valid.
        url_ttl_s: u64 = 3600,
    }

    /// `[fetch]`: references that clients give as URLs, which the gateway fetches.
    fetch: Fetch {
        /// Addresses, blocks of addresses and host names that may be fetched from although they are not public.
        allow: Vec<String> = Vec::new(),
        /// Seconds that one fetch may take, from waiting for its turn to the last byte.
        timeout_s: u64 = 30,
        /// Fetches at once; further ones wait, and when too many wait they are answered 503.
        concurrency: u64 = 32,
    }

    /// `[sora]`: the engine for servers that speak the wire of the Sora web application, whose own is closed since 2026-04-26.
    sora: Sora {
        /// Where accounts are that name no base URL of their own, such as `https://sora.example/backend`. Empty: nowhere.
        base_url: String = String::new(),
        /// Seconds that one call may take.
        timeout: u64 = 30,
        /// Times that a call which surely had no effect is sent again.
        max_retries: u64 = 3,
        /// Seconds between polls of a running generation.
        poll_interval: f64 = 2.0,
        /// Polls in a row that find a generation in no list before it counts as lost.
        max_poll_attempts: u64 = 300,
        /// What calls say is asking. Empty: this program's own name.
        user_agent: String = String::new(),
        /// The device that calls say they come from, for servers that ask for one. Empty: none.
        device_id: String = String::new(),
        /// Further headers of each call, each `Name: value`.
        headers: Vec<String> = Vec::new(),
        /// Whether `/v1/enhance_prompt` asks such a server, where an account at one is there. What it cannot tell is told by the gateway itself.
        enhance_prompts: bool = false,
    }

    /// `[cache]`: copies of results that an upstream hosts. Results are always copied; older clients of the admin API know these settings.
    cache: Cache {
        /// Whether copies are kept and served instead of the upstream's links.
        enabled: bool = true,
        /// Seconds that a copy is kept.
        timeout: u64 = 7200,
        /// Start of links to copies; empty means `server.public_url`.
        base_url: String = String::new(),
    }

    /// `[proxy]`: the way out to upstreams, of accounts that have no proxy of their own.
    proxy: Proxy {
        /// Whether `url` is used.
        enabled: bool = false,
        /// `http://`, `https://`, `socks5://` or `socks5h://`, with `user:password@` if needed; hidden when shown.
        url: Secret = Secret::default(),
        /// Whether proxies of a pool are used in turn.
        pool_enabled: bool = false,
    }

    /// `[watermark_free]`: where an operator has the right to results without a mark. The `sora` engine asks the operator's own service
    /// (`custom`) and nobody else.
    watermark_free: WatermarkFree {
        /// Whether such results are asked for.
        watermark_free_enabled: bool = false,
        /// `third_party` or `custom`.
        parse_method: String = "third_party".into(),
        /// The operator's own service, for `custom`.
        custom_parse_url: String = String::new(),
        /// What that service asks for.
        custom_parse_token: Secret = Secret::default(),
    }

    /// `[cloudflare]`: the clearance service of an operator.
    cloudflare: Cloudflare {
        /// Whether it is asked.
        enabled: bool = false,
        /// Where it is.
        api_url: String = String::new(),
    }

    /// `[token_refresh]`: renewal of account credentials.
    token_refresh: TokenRefresh {
        /// Whether access tokens are renewed before they end. Those that ended or were refused are renewed when they are needed.
        at_auto_refresh_enabled: bool = true,
        /// Who gives access tokens for refresh tokens.
        token_url: String = "https://auth.openai.com/oauth/token".into(),
        /// Who gives access tokens for session tokens.
        session_url: String = "https://sora.chatgpt.com/api/auth/session".into(),
    }

    /// `[debug]`: the wire of upstreams in the log, secrets always masked. No engine of this version writes it.
    debug: Debug {
        /// Whether anything of it is logged.
        enabled: bool = false,
        /// Whether requests are.
        log_requests: bool = true,
        /// Whether responses are.
        log_responses: bool = true,
    }
}
