//! The time that a fetch has, all in all and for each of its steps.

use atelier_domain::{
    fetch::{FetchError, FetchErrorKind},
    time::{Clock, Millis},
};
use futures_util::future::{Either, select};
use std::{future::Future, pin::pin, sync::Arc, time::Duration};

/// When a fetch must be over.
#[derive(Clone)]
pub(super) struct Deadline {
    clock: Arc<dyn Clock>,
    end: Millis,
}

impl Deadline {
    /// `total` from now.
    pub(super) fn after(clock: Arc<dyn Clock>, total: Duration) -> Self {
        let end = clock.now() + total;
        Self { clock, end }
    }

    /// Does one step, which may take `span` but never longer than the whole. `what` was waited for in vain, for the log.
    pub(super) async fn within<T>(
        &self,
        span: Duration,
        what: impl FnOnce() -> String,
        step: impl Future<Output = T>,
    ) -> Result<T, FetchError> {
        let now = self.clock.now();
        let end = (now + span).min(self.end);
        // A step that is always ready at once would never let the timer speak.
        if now < self.end
            && let Either::Left((done, _)) = select(pin!(step), self.clock.sleep_until(end)).await
        {
            return Ok(done);
        }
        let which = if end < self.end { "its own time" } else { "the time of the whole fetch" };
        Err(FetchError::new(FetchErrorKind::TimedOut, format!("{} took more than {which}", what())))
    }
}
