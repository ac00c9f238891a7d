//! The janitor: takes away what is past its time (jobs, files, sessions, idempotency rows), sweeps files that no row names,
//! and has the store exported now and then.

mod social;
mod sweep;

use actix::{Actor, ArbiterHandle, AsyncContext, Context, WrapFuture};
use atelier_domain::time::Clock;
use atelier_store::Store;
use std::{sync::Arc, time::Duration};

/// A change log of this many bytes is exported before its time, so that the disk it takes stays bounded under any load.
const LONG_CHANGE_LOG: u64 = 256 << 20;

/// How long the log of requests is kept where nobody says.
const REQUEST_LOG: Duration = Duration::from_secs(30 * 86_400);

/// Says how long the log of requests is kept now: it can be changed at run time.
pub type LogKept = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How often the janitor walks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JanitorConfig {
    /// Between walks for expired rows.
    pub every: Duration,
    /// Between exports.
    pub export_every: Duration,
}

/// Starts the janitor; it lives as long as its arbiter.
pub fn start(
    store: Store,
    clock: Arc<dyn Clock>,
    config: JanitorConfig,
    log_kept: LogKept,
    on: &ArbiterHandle,
) {
    Janitor::start_in_arbiter(on, move |_| Janitor { store, clock, config, log_kept });
}

/// Does one walk now, as the timer would. Blocking. Returns how many rows went.
pub fn walk(store: &Store, clock: &dyn Clock) -> Result<usize, crate::Refused> {
    sweep::walk(store, clock.now(), REQUEST_LOG)
}

struct Janitor {
    store: Store,
    clock: Arc<dyn Clock>,
    config: JanitorConfig,
    log_kept: LogKept,
}

impl Actor for Janitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let rounds =
            rounds(self.store.clone(), self.clock.clone(), self.config.clone(), self.log_kept.clone());
        ctx.spawn(rounds.into_actor(self));
    }
}

async fn rounds(store: Store, clock: Arc<dyn Clock>, config: JanitorConfig, log_kept: LogKept) {
    let mut next_export = clock.now() + config.export_every;
    loop {
        clock.sleep_until(clock.now() + config.every).await;
        let now = clock.now();
        let (kept, export) =
            (store.clone(), now >= next_export || store.stats().change_log_bytes >= LONG_CHANGE_LOG);
        if export {
            next_export = now + config.export_every;
        }
        let log_kept = log_kept();
        let round = tokio::task::spawn_blocking(move || {
            match sweep::walk(&kept, now, log_kept) {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "expired rows removed"),
                Err(refused) => tracing::warn!(%refused, "the janitor's walk was cut short"),
            }
            if export {
                match kept.export() {
                    Ok(report) => {
                        tracing::info!(path = %report.path.display(), rows = report.rows, "store exported")
                    }
                    Err(error) => tracing::error!(%error, "export failed: the last good one is kept"),
                }
            }
        });
        if let Err(panic) = round.await {
            tracing::error!(%panic, "the janitor tripped");
        }
    }
}
