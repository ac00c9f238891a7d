//! Serving: binds, prints the banner, and stops in order: no new jobs, waiting clients answered, the store exported and closed.

use crate::{
    banner,
    boot::{self, BootError, Booted, FirstSecrets},
    config::Config,
};
use actix_web::{HttpServer, dev::ServerHandle};
use atelier_store::Store;
use std::{future::Future, io, net::SocketAddr, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Connections that may wait to be accepted: bursts of clients are answered, not refused.
const BACKLOG: u32 = 8192;

/// How long an open connection may be idle.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A gateway that listens.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What first start made.
    pub first: FirstSecrets,
    /// Open jobs that were taken up again.
    pub resumed: usize,
    gateway: atelier_web::Gateway,
    server: ServerHandle,
    store: Store,
    closing: watch::Sender<bool>,
    patience: Duration,
}

/// Boots and listens. The returned future is the server's own life: await or spawn it.
pub async fn start(
    config: &Config,
) -> Result<(Running, impl Future<Output = io::Result<()>> + use<>), BootError> {
    let Booted { gateway, store, closing, resumed } = boot::boot(config).await?;
    let address = (config.server.host.as_str(), config.server.port);
    let bind = |source| BootError::Bind { address: format!("{}:{}", address.0, address.1), source };
    let shared = gateway.clone();
    let server = HttpServer::new(move || atelier_web::router::app(shared.clone()))
        .workers(config.server.workers)
        .max_connections(config.server.max_connections)
        .backlog(BACKLOG)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(Duration::from_secs(15))
        // Who closes its side has left: what it waited for is freed at once, not with the next write. Jobs go on.
        .h1_allow_half_closed(false)
        .shutdown_timeout(5)
        .disable_signals()
        .bind(address)
        .map_err(bind)?;
    let bound = server.addrs().first().copied();
    let bound = bound.ok_or_else(|| bind(io::Error::other("the name of the host leads to no address")))?;
    let first = boot::first_secrets(config, &gateway).await?;
    let server = server.run();
    let running = Running {
        address: bound,
        first,
        resumed,
        gateway,
        server: server.handle(),
        store,
        closing,
        patience: config.server.shutdown_timeout,
    };
    Ok((running, server))
}

impl Running {
    /// Stops: lets running jobs end for as long as configured, answers those who still wait, exports and closes the store.
    /// Jobs that have not ended go on at the next start.
    pub async fn stop(self) {
        if let Err(error) = self.gateway.jobs.drain().await {
            tracing::warn!(%error, "the supervisor is gone already");
        }
        let deadline = tokio::time::Instant::now() + self.patience;
        while self.gateway.jobs.open() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = self.gateway.jobs.open();
        if left > 0 {
            tracing::info!(jobs = left, "jobs go on at the next start");
        }
        self.closing.send_replace(true);
        self.server.stop(true).await;
        let store = self.store;
        match tokio::task::spawn_blocking(move || store.close()).await {
            Ok(Ok(Some(report))) => {
                tracing::info!(path = %report.path.display(), rows = report.rows, "store exported")
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the export at shutdown failed; the database itself is whole")
            }
            Err(error) => tracing::error!(%error, "closing the store failed"),
        }
    }
}

/// Serves until SIGINT or SIGTERM.
pub async fn serve(config: Config) -> Result<(), BootError> {
    let (running, server) = start(&config).await?;
    banner::print(&config, &running);
    let server = actix_rt::spawn(server);
    wait_for_signal().await;
    tracing::info!("stopping: no new jobs; running ones have {} s", config.server.shutdown_timeout.as_secs());
    // A second signal ends the wait: everything accepted is on disk at all times.
    tokio::select! {
        () = running.stop() => {}
        () = wait_for_signal() => tracing::warn!("stopped at once: open jobs go on at the next start"),
    }
    server.abort();
    Ok(())
}

async fn wait_for_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be watched: stop the process with SIGKILL; nothing is lost by it");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
