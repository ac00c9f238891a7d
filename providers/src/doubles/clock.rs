//! Time that stands still until a test moves it.

use atelier_domain::time::{Clock, Millis};
use std::{future::Future, pin::Pin, sync::Mutex, time::Duration};
use tokio::sync::oneshot;

#[derive(Default)]
pub struct ManualClock(Mutex<State>);

#[derive(Default)]
struct State {
    now: Millis,
    sleepers: Vec<(Millis, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// Moves on, and wakes whoever slept for it.
    pub fn advance(&self, by: Duration) {
        let mut state = self.0.lock().unwrap();
        state.now = state.now + by;
        let now = state.now;
        for (_, sleeper) in state.sleepers.extract_if(.., |(at, _)| *at <= now) {
            let _ = sleeper.send(());
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.0.lock().unwrap().now
    }

    fn sleep_until(&self, at: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (sleeper, woken) = oneshot::channel();
        let mut state = self.0.lock().unwrap();
        if at > state.now {
            state.sleepers.push((at, sleeper));
        }
        // A sleeper that is dropped at once wakes at once.
        Box::pin(async move {
            let _ = woken.await;
        })
    }
}
