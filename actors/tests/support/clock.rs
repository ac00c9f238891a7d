//! Time that stands still until a test moves it.

use atelier_domain::time::{Clock, Millis};
use std::{future::Future, pin::Pin, sync::Mutex, time::Duration};
use tokio::sync::{Notify, oneshot};

struct State {
    now: Millis,
    sleepers: Vec<(Millis, oneshot::Sender<()>)>,
    trap: Option<(Millis, u32)>,
}

/// The clock.
pub struct ManualClock {
    state: Mutex<State>,
    /// Rings when somebody goes to sleep.
    bell: Notify,
}

/// Sleeps up to this long are waits between tries and polls; longer ones are deadlines and cool-downs.
const SHORT: Duration = Duration::from_secs(30);

impl ManualClock {
    pub fn at(now: i64) -> Self {
        Self {
            state: Mutex::new(State { now: Millis(now), sleepers: vec![], trap: None }),
            bell: Notify::new(),
        }
    }

    /// Moves on, and wakes whoever slept for it.
    pub fn advance(&self, by: Duration) {
        let to = self.now() + by;
        self.advance_to(to);
    }

    pub fn advance_to(&self, to: Millis) {
        let mut state = self.state.lock().unwrap();
        state.now = state.now.max(to);
        let now = state.now;
        let due = state.sleepers.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>();
        drop(state);
        for (_, sleeper) in due {
            let _ = sleeper.send(());
        }
    }

    /// Waits until somebody sleeps for a short while, and skips that while.
    pub async fn skip_short_sleep(&self) {
        loop {
            let bell = self.bell.notified();
            let next = {
                let mut state = self.state.lock().unwrap();
                state.sleepers.retain(|(_, sleeper)| !sleeper.is_closed());
                let horizon = state.now + SHORT;
                state.sleepers.iter().map(|(at, _)| *at).filter(|at| *at <= horizon).min()
            };
            if let Some(at) = next {
                return self.advance_to(at);
            }
            bell.await;
        }
    }

    /// Waits until somebody sleeps for exactly this time.
    pub async fn somebody_sleeps_until(&self, at: Millis) {
        loop {
            let bell = self.bell.notified();
            if self
                .state
                .lock()
                .unwrap()
                .sleepers
                .iter()
                .any(|(until, sleeper)| *until == at && !sleeper.is_closed())
            {
                return;
            }
            bell.await;
        }
    }

    /// Whoever goes to sleep for exactly this time panics, so many times.
    pub fn set_trap(&self, at: Millis, times: u32) {
        self.state.lock().unwrap().trap = Some((at, times));
    }

    /// How often the trap can still spring.
    pub fn trap_left(&self) -> u32 {
        self.state.lock().unwrap().trap.map_or(0, |(_, left)| left)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.state.lock().unwrap().now
    }

    fn sleep_until(&self, at: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut state = self.state.lock().unwrap();
        if let Some((trapped, left)) = &mut state.trap
            && *trapped == at
            && *left > 0
        {
            *left -= 1;
            drop(state);
            panic!("the test's trap");
        }
        if at <= state.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        state.sleepers.push((at, wake));
        drop(state);
        self.bell.notify_waiters();
        Box::pin(async move {
            let _ = woken.await;
        })
    }
}
