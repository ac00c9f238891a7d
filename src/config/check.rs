//! From the values as written to the values as used: every bound of every key stands here, once.

use std::path::PathBuf;

use atelier_actors::request_log::Calendar;
use atelier_domain::{key::Profile, price::PriceTable};
use atelier_providers::{fetch::Allowed, firefly::FireflyConfig};

use super::{
    Setting,
    bounds::{Checker, is_origin},
    checked::{
        Cache, Cloudflare, Config, CorsOrigins, Debug, Fetch, Generation, Global, Images, Jobs, Limits, Log,
        LogFormat, LogLevel, Media, Metrics, OpenAi, Pool, Proxy, Server, Sora, Store, Studio, TokenRefresh,
        WatermarkFree,
    },
    problem::Problem,
    raw::{self, Raw},
};

const DAY_S: u64 = 86_400;
const YEAR_S: u64 = 365 * DAY_S;
const WEB: &[&str] = &["http", "https"];

/// Checks every value, noting all problems; what comes back is to be used only if none was noted.
pub(super) fn check(
    raw: &Raw,
    prices: PriceTable,
    file: Option<PathBuf>,
    settings: Vec<Setting>,
    problems: &mut Vec<Problem>,
) -> Config {
    let mut c = Checker::default();
    let config = Config {
        global: global(&raw.global, &mut c),
        server: server(&raw.server, &mut c),
        generation: generation(&raw.generation, &mut c),
        data_dir: PathBuf::from(c.visible("database.path", &raw.database.path, 4096)),
        log: log(&raw.log, &mut c),
        metrics: Metrics {
            enabled: raw.metrics.enabled,
            token: c.secret("metrics.token", &raw.metrics.token),
        },
        limits: limits(&raw.limits, &mut c),
        jobs: jobs(&raw.jobs, &mut c),
        pool: pool(&raw.pool, &mut c),
        store: store(&raw.store, &mut c),
        studio: studio(&raw.studio, &mut c),
        openai: openai(&raw.openai, &mut c),
        firefly: firefly(&raw.firefly, &mut c),
        images: Images { ignore_unsupported_mask: raw.images.ignore_unsupported_mask },
        media: Media { url_ttl: c.seconds("media.url_ttl_s", raw.media.url_ttl_s, 1..=7 * DAY_S) },
        fetch: fetch(&raw.fetch, &mut c),
        sora: sora(&raw.sora, &mut c),
        cache: cache(&raw.cache, &mut c),
        proxy: proxy(&raw.proxy, &mut c),
        watermark_free: watermark_free(&raw.watermark_free, &mut c),
        cloudflare: cloudflare(&raw.cloudflare, &mut c),
        token_refresh: token_refresh(&raw.token_refresh, &mut c),
        debug: Debug {
            enabled: raw.debug.enabled,
            requests: raw.debug.enabled && raw.debug.log_requests,
            responses: raw.debug.enabled && raw.debug.log_responses,
        },
        prices,
        secret_key: None,
        new_secret_key: None,
        file,
        settings,
    };
    problems.extend(c.problems);
    config
}

fn global(raw: &raw::Global, c: &mut Checker) -> Global {
    let api_key = c.secret("global.api_key", &raw.api_key);
    // It travels in a header, where spaces and other scripts are mangled or refused on the way.
    if api_key.as_ref().is_some_and(|key| !key.expose().chars().all(|c| c.is_ascii_graphic())) {
        c.note("global.api_key", "expected printable ASCII without spaces");
    }
    Global {
        api_key,
        admin_username: c.visible("global.admin_username", &raw.admin_username, 64),
        admin_password: c.secret("global.admin_password", &raw.admin_password),
        profile: Profile::parse(&raw.profile).unwrap_or_else(|| {
            c.note("global.profile", format!("expected openai or sora2api, found {:?}", raw.profile));
            Profile::default()
        }),
    }
}

fn server(raw: &raw::Server, c: &mut Checker) -> Server {
    let host = c.visible("server.host", &raw.host, 255);
    if host.contains([' ', '/']) {
        c.note("server.host", "expected an address or a host name, without scheme or path");
    }
    Server {
        host,
        port: c.whole("server.port", raw.port, 0..=65_535),
        workers: c.threads("server.workers", raw.workers),
        public_url: c.url("server.public_url", &raw.public_url, WEB),
        shutdown_timeout: c.seconds("server.shutdown_timeout_s", raw.shutdown_timeout_s, 0..=3600),
        cors_origins: cors_origins(&raw.cors_origins, c),
        max_connections: c.whole("server.max_connections", raw.max_connections, 1..=1_000_000),
    }
}

fn cors_origins(raw: &[String], c: &mut Checker) -> CorsOrigins {
    if raw.iter().any(|origin| origin == "*") {
        if raw.len() > 1 {
            c.note("server.cors_origins", "\"*\" means every origin: let it stand alone, or remove it");
        }
        return CorsOrigins::Any;
    }
    for origin in raw.iter().filter(|origin| !is_origin(origin)) {
        let message = format!("expected an origin such as \"https://app.example.com\", found {origin:?}");
        c.note("server.cors_origins", message);
    }
    CorsOrigins::Only(raw.to_vec())
}

fn generation(raw: &raw::Generation, c: &mut Checker) -> Generation {
    Generation {
        image_timeout: c.seconds("generation.image_timeout", raw.image_timeout, 1..=3600),
        video_timeout: c.seconds("generation.video_timeout", raw.video_timeout, 1..=7200),
    }
}

fn log(raw: &raw::Log, c: &mut Checker) -> Log {
    let formats = [("pretty", LogFormat::Pretty), ("json", LogFormat::Json)];
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
    Log {
        format: c.word("log.format", &raw.format, &formats),
        level: c.word("log.level", &raw.level, &levels.map(|level| (level.word(), level))),
        requests_days: c.whole("log.requests_days", raw.requests_days, 1..=3650),
        calendar: Calendar::of(&raw.time_zone).unwrap_or_else(|| {
            c.note(
                "log.time_zone",
                format!("expected a name such as Europe/Berlin, found {:?}", raw.time_zone),
            );
            Calendar::default()
        }),
    }
}

fn limits(raw: &raw::Limits, c: &mut Checker) -> Limits {
    Limits {
        json_body_bytes: c.mebibytes("limits.json_body_mib", raw.json_body_mib, 1..=1024),
        multipart_body_bytes: c.mebibytes("limits.multipart_body_mib", raw.multipart_body_mib, 1..=16_384),
        file_bytes: c.mebibytes("limits.file_mib", raw.file_mib, 1..=16_384),
        disk_bytes_per_key: c.mebibytes("limits.disk_mib_per_key", raw.disk_mib_per_key, 1..=1_073_741_824),
        prompt_chars: c.whole("limits.prompt_chars", raw.prompt_chars, 1..=1_000_000),
    }
}

fn jobs(raw: &raw::Jobs, c: &mut Checker) -> Jobs {
    Jobs {
        max_open: c.whole("jobs.max_open", raw.max_open, 1..=1_000_000),
        retention: c.seconds("jobs.retention_s", raw.retention_s, 1..=YEAR_S),
        idempotency: c.seconds("jobs.idempotency_s", raw.idempotency_s, 1..=YEAR_S),
        runners: c.whole("jobs.runners", raw.runners, 1..=64),
    }
}

fn pool(raw: &raw::Pool, c: &mut Checker) -> Pool {
    let (limited, overloaded) = (raw.rate_limited_cooldown_s, raw.overloaded_cooldown_s);
    Pool {
        max_attempts: c.whole("pool.max_attempts", raw.max_attempts, 1..=20),
        error_ban_threshold: c.whole("pool.error_ban_threshold", raw.error_ban_threshold, 1..=1000),
        rate_limited_cooldown: c.seconds("pool.rate_limited_cooldown_s", limited, 0..=DAY_S),
        overloaded_cooldown: c.seconds("pool.overloaded_cooldown_s", overloaded, 0..=DAY_S),
    }
}

fn store(raw: &raw::Store, c: &mut Checker) -> Store {
    Store {
        cache_bytes: c.mebibytes("store.cache_mib", raw.cache_mib, 8..=65_536),
        queue: c.whole("store.queue", raw.queue, 1..=1_000_000),
        export_every: c.seconds("store.export_every_s", raw.export_every_s, 1..=YEAR_S),
        exports_kept: c.whole("store.exports_kept", raw.exports_kept, 1..=1000),
    }
}

fn studio(raw: &raw::Studio, c: &mut Checker) -> Studio {
    let latency_ms = c.whole("studio.latency_ms", raw.latency_ms, 0..=3_600_000);
    if raw.font_paths.iter().any(String::is_empty) {
        c.note("studio.font_paths", "one of the paths is empty");
    }
    Studio {
        enabled: raw.enabled,
        latency: std::time::Duration::from_millis(latency_ms),
        faults: raw.faults,
        font_paths: raw.font_paths.iter().map(PathBuf::from).collect(),
        render_threads: c.threads("studio.render_threads", raw.render_threads),
        accounts: c.whole("studio.accounts", raw.accounts, 1..=1000),
        slots: c.whole("studio.slots", raw.slots, 1..=1000),
    }
}

fn fetch(raw: &raw::Fetch, c: &mut Checker) -> Fetch {
    let mut allowed = Allowed::default();
    for problem in raw.allow.iter().filter_map(|entry| allowed.add(entry).err()) {
        c.note("fetch.allow", problem);
    }
    Fetch {
        allowed,
        timeout: c.seconds("fetch.timeout_s", raw.timeout_s, 1..=600),
        concurrency: c.whole("fetch.concurrency", raw.concurrency, 1..=1024),
    }
}

fn openai(raw: &raw::OpenAi, c: &mut Checker) -> OpenAi {
    if raw.base_url.is_empty() {
        c.note("openai.base_url", "expected an address");
    }
    OpenAi {
        base_url: c.url("openai.base_url", &raw.base_url, WEB).unwrap_or_default(),
        poll_interval: c.fraction("openai.poll_interval", raw.poll_interval, 0.1..=600.0),
    }
}

fn firefly(raw: &raw::Firefly, c: &mut Checker) -> FireflyConfig {
    let mut address = |name: &str, url: &str| {
        let path = format!("firefly.{name}");
        if url.is_empty() {
            c.note(&path, "expected an address");
        }
        c.url(&path, url, WEB).unwrap_or_default()
    };
    let services_url = address("services_url", &raw.services_url);
    let token_url = address("token_url", &raw.token_url);
    let web_url = address("web_url", &raw.web_url);
    let web_origin = address("web_origin", &raw.web_origin);
    let check_url = address("check_url", &raw.check_url);
    let profile_url = address("profile_url", &raw.profile_url);
    let balance_url = address("balance_url", &raw.balance_url);
    FireflyConfig {
        services_url,
        token_url,
        token_scope: c.visible("firefly.token_scope", &raw.token_scope, 1000),
        web_url,
        web_api_key: c.visible("firefly.web_api_key", &raw.web_api_key, 200),
        web_origin,
        web_headers: raw.web_headers.iter().filter_map(|line| web_header(line, c)).collect(),
        check_url,
        check_scope: c.visible("firefly.check_scope", &raw.check_scope, 1000),
        profile_url,
        balance_url,
        balance_api_key: c.visible("firefly.balance_api_key", &raw.balance_api_key, 200),
        trusted_hosts: raw.trusted_hosts.iter().map(|host| trusted_host(host, c)).collect(),
        sora_calls: c.whole("firefly.sora_calls", raw.sora_calls, 0..=1_000_000),
        poll_every: c.fraction("firefly.poll_interval", raw.poll_interval, 0.01..=60.0),
        timeout: c.seconds("firefly.timeout", raw.timeout, 1..=600),
        picture_threads: 0,
    }
}

/// A header, written as `name: value`.
fn web_header(line: &str, c: &mut Checker) -> Option<(String, String)> {
    let parts = line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()));
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let (name, value) = match parts.filter(|(name, _)| plain(name)) {
        Some(parts) => parts,
        None => {
            c.note("firefly.web_headers", format!("expected \"name: value\", found {line:?}"));
            return None;
        }
    };
    Some((name, c.visible("firefly.web_headers", value, 4096)))
}

fn trusted_host(host: &str, c: &mut Checker) -> String {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if !name.contains('.') || !name.chars().all(plain) || name.starts_with('.') {
        c.note("firefly.trusted_hosts", format!("expected a host name, or *. and a domain, found {host:?}"));
    }
    host.to_ascii_lowercase()
}

fn token_refresh(raw: &raw::TokenRefresh, c: &mut Checker) -> TokenRefresh {
    for (path, url) in
        [("token_refresh.token_url", &raw.token_url), ("token_refresh.session_url", &raw.session_url)]
    {
        if url.is_empty() {
            c.note(path, "expected an address");
        }
    }
    TokenRefresh {
        enabled: raw.at_auto_refresh_enabled,
        token_url: c.url("token_refresh.token_url", &raw.token_url, WEB).unwrap_or_default(),
        session_url: c.url("token_refresh.session_url", &raw.session_url, WEB).unwrap_or_default(),
    }
}

fn sora(raw: &raw::Sora, c: &mut Checker) -> Sora {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    for (path, value) in [("sora.user_agent", &raw.user_agent), ("sora.device_id", &raw.device_id)] {
        if !value.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            c.note(path, "expected printable ASCII");
        }
    }
    Sora {
        base_url: c.url("sora.base_url", &raw.base_url, WEB),
        user_agent: said(&raw.user_agent),
        device_id: said(&raw.device_id),
        headers: raw.headers.iter().filter_map(|line| c.header("sora.headers", line)).collect(),
        enhance_prompts: raw.enhance_prompts,
        timeout: c.seconds("sora.timeout", raw.timeout, 1..=600),
        max_retries: c.whole("sora.max_retries", raw.max_retries, 0..=20),
        poll_interval: c.fraction("sora.poll_interval", raw.poll_interval, 0.1..=600.0),
        max_poll_attempts: c.whole("sora.max_poll_attempts", raw.max_poll_attempts, 1..=1_000_000),
    }
}

fn cache(raw: &raw::Cache, c: &mut Checker) -> Cache {
    Cache {
        enabled: raw.enabled,
        timeout: c.seconds("cache.timeout", raw.timeout, 1..=YEAR_S),
        base_url: c.url("cache.base_url", &raw.base_url, WEB),
    }
}

fn proxy(raw: &raw::Proxy, c: &mut Checker) -> Proxy {
    let url = c.secret("proxy.url", &raw.url);
    if let Some(url) = &url {
        c.url("proxy.url", url.expose(), &["http", "https", "socks5", "socks5h"]);
    }
    if raw.enabled && url.is_none() && !raw.pool_enabled {
        c.note("proxy.url", "is empty, but proxy.enabled is true: name a proxy, or turn it off");
    }
    Proxy { enabled: raw.enabled, url, pool_enabled: raw.pool_enabled }
}

fn watermark_free(raw: &raw::WatermarkFree, c: &mut Checker) -> WatermarkFree {
    let url = c.url("watermark_free.custom_parse_url", &raw.custom_parse_url, WEB);
    let token = c.secret("watermark_free.custom_parse_token", &raw.custom_parse_token);
    let methods = [("third_party", false), ("custom", true)];
    let custom = c.word("watermark_free.parse_method", &raw.parse_method, &methods);
    if raw.watermark_free_enabled && custom && url.is_none() {
        c.note("watermark_free.custom_parse_url", "is empty, but parse_method is custom: name the service");
    }
    WatermarkFree { enabled: raw.watermark_free_enabled, custom, url, token }
}

fn cloudflare(raw: &raw::Cloudflare, c: &mut Checker) -> Cloudflare {
    let api_url = c.url("cloudflare.api_url", &raw.api_url, WEB);
    if raw.enabled && api_url.is_none() {
        c.note(
            "cloudflare.api_url",
            "is empty, but cloudflare.enabled is true: name the service, or turn it off",
        );
    }
    Cloudflare { enabled: raw.enabled, api_url }
}
