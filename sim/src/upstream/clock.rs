//! The time of a simulated upstream: the real one, moved ahead as a test says, so that windows close and tokens expire without
//! waiting.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A clock that can be moved ahead, never back.
#[derive(Debug, Default)]
pub struct Clock {
    ahead_ms: AtomicU64,
}

impl Clock {
    /// Milliseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "this crate imports nothing of ours; all of it asks here")]
    pub fn now_ms(&self) -> u64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        saturated(real) + self.ahead_ms.load(Ordering::Relaxed)
    }

    /// Seconds since 1970.
    pub fn now_s(&self) -> u64 {
        self.now_ms() / 1000
    }

    /// Moves it ahead.
    pub fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(saturated(by), Ordering::Relaxed);
    }
}

fn saturated(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
