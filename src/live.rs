//! What of the configuration can be changed while the gateway runs, and who follows it.

use crate::{
    boot::pool_config,
    config::{Config, Secret},
};
use atelier_actors::{
    account_pool::{Pool, PoolConfig},
    credential_keeper::{Keeper, ProxyChooser},
    janitor::LogKept,
    settings::{Base, Settings, Values},
};
use atelier_providers::sora::{ParseService, ParseServiceChooser};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What the configuration says of each setting, and where it has it from.
pub(crate) fn base(config: &Config) -> Base {
    let (proxy, watermark, clearance) = (&config.proxy, &config.watermark_free, &config.cloudflare);
    let secret = |secret: &Option<Secret>| secret.clone().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let values = Values {
        error_ban_threshold: config.pool.error_ban_threshold,
        debug: config.debug.enabled,
        proxy: proxy.enabled,
        proxy_pool_enabled: proxy.pool_enabled,
        watermark_free: watermark.enabled,
        custom_parse: watermark.custom,
        custom_parse_url: text(&watermark.url),
        clearance: clearance.enabled,
        clearance_url: text(&clearance.api_url),
        image_timeout_s: config.generation.image_timeout.as_secs(),
        video_timeout_s: config.generation.video_timeout.as_secs(),
        cache: config.cache.enabled,
        cache_timeout_s: config.cache.timeout.as_secs(),
        cache_base_url: text(&config.cache.base_url),
        refresh_access_tokens: config.token_refresh.enabled,
        request_log_days: config.log.requests_days,
        proxy_url: secret(&proxy.url),
        proxy_pool: Secret::default(),
        custom_parse_token: secret(&watermark.token),
    };
    let sources = config.settings.iter().map(|setting| (setting.path.clone(), setting.source.word()));
    Base { values, sources: sources.collect() }
}

/// The pool takes each change of its settings.
pub(crate) fn pool_follows(pool: Pool, config: &Config, settings: &Settings) {
    let (usual, mut changes) = (pool_config(config), settings.watch());
    actix_rt::spawn(async move {
        // What was stored counts from the start.
        changes.mark_changed();
        while changes.changed().await.is_ok() {
            let error_ban_threshold = changes.borrow_and_update().error_ban_threshold;
            let config = PoolConfig { error_ban_threshold, ..usual.clone() };
            if let Err(refused) = pool.configure(config).await {
                tracing::warn!(%refused, "the pool was not told of changed settings");
            }
        }
    });
}

/// How long the log of requests is kept, as the settings say at the moment.
pub(crate) fn log_kept(settings: &Settings) -> LogKept {
    let settings = settings.clone();
    Arc::new(move || Duration::from_secs(settings.values().request_log_days.saturating_mul(86_400)))
}

/// The proxy of calls whose account has none of its own, as the settings say at the moment: the pool's in turn, else the one.
pub(crate) fn proxies(settings: &Settings) -> ProxyChooser {
    let (settings, turn) = (settings.clone(), AtomicUsize::new(0));
    Arc::new(move || {
        let values = settings.values();
        let pool: Vec<&str> = values.proxy_pool.expose().lines().map(str::trim).filter(is_proxy).collect();
        if values.proxy_pool_enabled && !pool.is_empty() {
            let next = turn.fetch_add(1, Ordering::Relaxed) % pool.len();
            return pool.get(next).map(|proxy| Secret::new(*proxy));
        }
        Some(values.proxy_url.clone()).filter(|url| values.proxy && !url.is_empty())
    })
}

/// The operator's service for files without a mark, as the settings say at the moment. Nobody else's is asked.
pub(crate) fn parse_service(settings: &Settings) -> ParseServiceChooser {
    let settings = settings.clone();
    Arc::new(move || {
        let values = settings.values();
        let is_on = values.watermark_free && values.custom_parse && !values.custom_parse_url.is_empty();
        is_on.then(|| ParseService {
            url: values.custom_parse_url.clone(),
            token: values.custom_parse_token.clone(),
        })
    })
}

/// Whether a line of the proxy list is one: not empty, and no comment.
fn is_proxy(line: &&str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The keeper takes each change of its settings.
pub(crate) fn keeper_follows(keeper: Keeper, settings: &Settings) {
    let mut changes = settings.watch();
    actix_rt::spawn(async move {
        while changes.changed().await.is_ok() {
            let enabled = changes.borrow_and_update().refresh_access_tokens;
            if let Err(refused) = keeper.set_enabled(enabled).await {
                tracing::warn!(%refused, "the keeper was not told of changed settings");
            }
        }
    });
}
