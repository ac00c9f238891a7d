//! How many fetches there are at once, in the whole process.

use atelier_domain::fetch::{FetchError, FetchErrorKind};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fetches that may wait for each one that runs: one request brings up to 16 references.
const WAITING_PER_SLOT: usize = 16;

/// The places.
pub(super) struct Slots {
    /// Running and waiting ones.
    present: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// One place, given back by being dropped.
pub(super) struct Slot {
    _present: OwnedSemaphorePermit,
    _running: OwnedSemaphorePermit,
}

impl Slots {
    pub(super) fn new(running: usize) -> Self {
        let running = running.clamp(1, Semaphore::MAX_PERMITS / (1 + WAITING_PER_SLOT));
        Self {
            present: Arc::new(Semaphore::new(running * (1 + WAITING_PER_SLOT))),
            running: Arc::new(Semaphore::new(running)),
        }
    }

    /// Waits for a place, first come, first served; when too many wait already, it fails at once.
    pub(super) async fn take(&self) -> Result<Slot, FetchError> {
        let busy =
            || FetchError::new(FetchErrorKind::Busy, "all places for fetches and for waiting are taken");
        let present = Arc::clone(&self.present).try_acquire_owned().map_err(|_| busy())?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        Ok(Slot { _present: present, _running: running })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::{FutureExt as _, future::join_all};

    #[actix_rt::test]
    async fn the_line_is_bounded_and_moves_on_when_a_place_is_left() {
        let slots = Slots::new(2);
        let first = join_all([slots.take(), slots.take()]).await;
        assert!(first.iter().all(Result::is_ok));
        let mut line: Vec<_> = (0..2 * WAITING_PER_SLOT).map(|_| Box::pin(slots.take())).collect();
        for waiting in &mut line {
            assert!(waiting.as_mut().now_or_never().is_none(), "a third one ran");
        }
        assert_eq!(slots.take().now_or_never().unwrap().err().unwrap().kind, FetchErrorKind::Busy);
        drop(first);
        assert!(line.remove(0).now_or_never().unwrap().is_ok(), "the place that was left is taken by nobody");
    }
}
