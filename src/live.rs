//! What of the configuration can be changed while the gateway runs, and who follows it.

use crate::{
    boot::pool_config,
    config::{Config, Secret},
};
use atelier_actors::{
    account_pool::{Pool, PoolConfig},
    janitor::LogKept,
    settings::{Base, Settings, Values},
};
use std::{sync::Arc, time::Duration};

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
        refresh_access_tokens: config.refresh_access_tokens,
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
