//! Where pictures and films of upstreams are worked on: on threads, as many at the same time as there are permits for.

use atelier_domain::fault::{Fault, FaultClass};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// One engine's desk.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Semaphore>);

impl Desk {
    /// A desk for so many at once; 0 means one per core.
    pub fn new(threads: usize) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(if threads == 0 { cores() } else { threads })))
    }

    /// Runs work on a thread, once there is a permit.
    ///
    /// # Errors
    /// When the work panics.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let failed = |context: &dyn std::fmt::Display| {
            let message = "the gateway met a defect of its own while it read a result; nothing was charged";
            Fault::new(FaultClass::Internal, message).with_context(context.to_string())
        };
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|error| failed(&error))?;
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        work.await.map_err(|error| failed(&error))
    }
}
