//! The real clock, and the threads that actors live on.

use crate::refused::Refused;
use actix::{Arbiter, ArbiterHandle};
use atelier_domain::time::{Clock, Millis};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, at: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = *self;
        Box::pin(async move {
            // More than once when the machine's clock is set back meanwhile.
            while clock.now() < at {
                tokio::time::sleep(at.since(clock.now())).await;
            }
        })
    }
}

/// The arbiters: one for the actors that talk to each other all the time, some for generations. A message within an
/// arbiter costs 0.3 µs, one across wakes a thread.
#[derive(Debug, Clone)]
pub struct Units {
    core: ArbiterHandle,
    runners: Arc<[ArbiterHandle]>,
    next: Arc<AtomicUsize>,
}

impl Units {
    /// Starts the threads; `runners` is at least one.
    pub fn start(runners: usize) -> Self {
        let arbiters = (0..runners.max(1)).map(|_| Arbiter::new().handle());
        Self { core: Arbiter::new().handle(), runners: arbiters.collect(), next: Arc::default() }
    }

    /// Where ledger, pool and supervisor live.
    pub const fn core(&self) -> &ArbiterHandle {
        &self.core
    }

    /// The runner whose turn it is.
    pub fn runner(&self) -> &ArbiterHandle {
        &self.runners[self.next.fetch_add(1, Ordering::Relaxed) % self.runners.len()]
    }
}

/// Does the work even when whoever asked goes away: a change that was committed must be seen, and a deleted key above all.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refused>> + Send + 'static,
) -> Result<T, Refused> {
    tokio::spawn(work).await.map_err(Refused::internal)?
}

/// Held by an actor that Atelier cannot do without. actix does not revive an actor that panicked, and what it had in memory
/// may be half changed, so the process ends: a restart from disk is safer than going on.
pub(crate) struct Vital(pub &'static str);

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(actor = self.0, "a vital actor panicked, ending the process");
            std::process::abort();
        }
    }
}
