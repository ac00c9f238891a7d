//! The log and the figures of the process.

use crate::config::{Log, LogFormat};
use atelier_web::gateway::RenderMetrics;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Upper bounds of every histogram of seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0];

/// Upper bounds of the histogram of commit groups.
const GROUPS: [f64; 8] = [1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 2048.0, 4096.0];

/// How often recorded samples are folded into the histograms, so that they do not pile up between two scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Sends the log to standard error. `RUST_LOG` beats the configured level. A second call changes nothing.
pub fn init(log: &Log) {
    let usual = format!("{},actix_server=warn,sled=warn,actix_files=warn", log.level.word());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let set = match log.format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LogFormat::Pretty => registry.with(layer).try_init(),
    };
    // Tests start many servers in one process: the first one's log serves all.
    drop(set);
}

/// The recorder of the process and how to render it. There is one per process, whoever asks first.
pub(crate) fn metrics() -> Result<RenderMetrics, BuildError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = match HANDLE.get() {
        Some(handle) => handle.clone(),
        None => {
            let recorder = PrometheusBuilder::new()
                .set_buckets(&SECONDS)?
                .set_buckets_for_metric(
                    metrics_exporter_prometheus::Matcher::Suffix("group_size".to_owned()),
                    &GROUPS,
                )?
                .build_recorder();
            let handle = recorder.handle();
            // Somebody else's recorder is fine: ours then stays empty.
            drop(metrics::set_global_recorder(recorder));
            HANDLE.get_or_init(|| handle).clone()
        }
    };
    let upkeep = handle.clone();
    actix_rt::spawn(async move {
        loop {
            actix_rt::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}
