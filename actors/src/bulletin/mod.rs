//! The bulletin: what changes, told to whoever watches: jobs, accounts, balances. Telling costs a lock and a pointer; who reads too slowly misses some,
//! and is told that. The latest are kept for those who come back.

use atelier_domain::{
    ids::{AccountId, KeyId},
    job::Job,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast;

/// News that a reader may be behind.
const AHEAD: usize = 1_024;

/// News that are kept for those who come back.
const KEPT: usize = 512;

/// Something that changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// A job is new, or in another state.
    Job(Arc<Job>),
    /// An account is new, or has other settings, or was switched.
    Account(AccountId),
    /// An account is gone.
    AccountGone(AccountId),
    /// A key's balance is another.
    Balance(KeyId),
}

/// A change with its number, counted since the start of the process.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// From 1.
    pub number: u64,
    /// What changed.
    pub change: Change,
}

#[derive(Default)]
struct Past {
    last: u64,
    kept: VecDeque<Numbered>,
}

/// Where changes are told and heard. Cheap to clone.
#[derive(Clone)]
pub struct Bulletin {
    past: Arc<Mutex<Past>>,
    live: broadcast::Sender<Numbered>,
}

impl Default for Bulletin {
    fn default() -> Self {
        Self { past: Arc::default(), live: broadcast::Sender::new(AHEAD) }
    }
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Something changed.
    Change(Numbered),
    /// More changed than could be told: what is shown must be read anew.
    Missed,
}

/// One who listens.
pub struct Listener {
    waiting: VecDeque<Heard>,
    live: broadcast::Receiver<Numbered>,
}

impl Bulletin {
    fn lock(&self) -> MutexGuard<'_, Past> {
        // Consistent between any two of its operations, so a panic elsewhere does not spoil it.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a change. Never waits.
    pub fn tell(&self, change: Change) {
        let mut past = self.lock();
        past.last += 1;
        let numbered = Numbered { number: past.last, change };
        if past.kept.len() == KEPT {
            past.kept.pop_front();
        }
        past.kept.push_back(numbered.clone());
        // Nobody listening is fine. Sent under the lock, so that nobody hears two in the wrong order.
        let _ = self.live.send(numbered);
    }

    /// Listens from now on; `after` is the number of the last change that was heard before, and what came since is heard first.
    pub fn listen(&self, after: Option<u64>) -> Listener {
        let past = self.lock();
        let live = self.live.subscribe();
        let waiting = match after {
            None => VecDeque::new(),
            // What is no longer kept, and numbers of an earlier process, are a gap.
            Some(after) if after > past.last || after + (past.kept.len() as u64) < past.last => {
                VecDeque::from([Heard::Missed])
            }
            Some(after) => {
                past.kept.iter().filter(|kept| kept.number > after).cloned().map(Heard::Change).collect()
            }
        };
        Listener { waiting, live }
    }
}

impl Listener {
    /// The next that is heard; none when there will be nothing more.
    pub async fn next(&mut self) -> Option<Heard> {
        if let Some(heard) = self.waiting.pop_front() {
            return Some(heard);
        }
        match self.live.recv().await {
            Ok(numbered) => Some(Heard::Change(numbered)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use uuid::Uuid;

    fn balance(number: u128) -> Change {
        Change::Balance(KeyId::from_uuid(Uuid::from_u128(number)))
    }

    async fn numbers(listener: &mut Listener, many: usize) -> Vec<Option<u64>> {
        let mut heard = Vec::new();
        for _ in 0..many {
            heard.push(match listener.next().await.unwrap() {
                Heard::Change(numbered) => Some(numbered.number),
                Heard::Missed => None,
            });
        }
        heard
    }

    #[tokio::test]
    async fn who_comes_back_hears_what_came_since_in_order_and_once() {
        let bulletin = Bulletin::default();
        (0..5).for_each(|number| bulletin.tell(balance(number)));
        let mut back = bulletin.listen(Some(3));
        bulletin.tell(balance(9));
        assert_eq!(numbers(&mut back, 3).await, [Some(4), Some(5), Some(6)]);
        let mut new = bulletin.listen(None);
        bulletin.tell(balance(10));
        assert_eq!(numbers(&mut new, 1).await, [Some(7)]);
        assert_eq!(numbers(&mut bulletin.listen(Some(7)), 0).await, []);
    }

    #[tokio::test]
    async fn who_was_away_too_long_or_reads_too_slowly_is_told_so_and_hears_on() {
        let bulletin = Bulletin::default();
        (0..KEPT as u128 + 2).for_each(|number| bulletin.tell(balance(number)));
        for gap in [0, 1, 9_999_999] {
            assert_eq!(numbers(&mut bulletin.listen(Some(gap)), 1).await, [None], "{gap}");
        }
        assert_eq!(numbers(&mut bulletin.listen(Some(2)), 1).await, [Some(3)]);
        let mut slow = bulletin.listen(None);
        (0..AHEAD as u128 + 5).for_each(|number| bulletin.tell(balance(number)));
        let heard = numbers(&mut slow, AHEAD + 1).await;
        assert_eq!((heard[0], heard[1].is_some()), (None, true));
        assert_eq!(heard.last(), Some(&Some((KEPT + 2 + AHEAD + 5) as u64)));
    }
}
