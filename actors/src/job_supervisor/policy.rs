//! Who may hand in a job now, and which earlier job answers for a repeated request: pure decisions.

use crate::refused::Refused;
use atelier_domain::{
    code::Code,
    ids::{JobId, KeyId},
    key::ApiKey,
    time::Millis,
};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};
use tokio::sync::watch;

/// How long a retry of an SDK finds the job of the first send (api.md §0).
pub(super) const RETRY_WINDOW: Duration = Duration::from_secs(600);

const MINUTE: Duration = Duration::from_secs(60);

/// What each key has going on.
#[derive(Default)]
struct Load {
    open: u32,
    /// Times of creating calls within the last minute; kept only for keys with such a limit.
    recent: VecDeque<Millis>,
}

/// The doorkeeper: counts open jobs and calls a minute.
pub(super) struct Door {
    max_open: usize,
    open: usize,
    keys: HashMap<KeyId, Load>,
}

impl Door {
    pub fn new(max_open: usize) -> Self {
        Self { max_open, open: 0, keys: HashMap::new() }
    }

    /// Lets one more job in, or says when to come back. What is let in is let out again with [`Door::leave`].
    pub fn enter(&mut self, key: &ApiKey, now: Millis, wait_s: u64) -> Result<(), Refused> {
        if self.open >= self.max_open {
            let message = format!("{} jobs are open, as many as this gateway holds", self.open);
            return Err(Refused::new(Code::QueueFull, message).retry_after(Duration::from_secs(wait_s)));
        }
        let load = self.keys.entry(key.id).or_default();
        if let Some(limit) = key.concurrency.filter(|limit| load.open >= *limit) {
            let message = format!("this API key may have {limit} open jobs, and has {}", load.open);
            return Err(
                Refused::new(Code::RateLimitExceeded, message).retry_after(Duration::from_secs(wait_s))
            );
        }
        if let Some(rpm) = key.rpm {
            while load.recent.front().is_some_and(|&at| now.since(at) >= MINUTE) {
                load.recent.pop_front();
            }
            if load.recent.len() >= rpm as usize {
                let oldest = load.recent.front().copied().unwrap_or(now);
                let wait = (oldest + MINUTE).since(now).max(Duration::from_secs(1));
                let message = format!("this API key may create {rpm} jobs a minute");
                return Err(Refused::new(Code::RateLimitExceeded, message).retry_after(wait));
            }
            load.recent.push_back(now);
        }
        load.open += 1;
        self.open += 1;
        Ok(())
    }

    /// Counts a job that was let in before a restart.
    pub fn readmit(&mut self, key: KeyId) {
        self.keys.entry(key).or_default().open += 1;
        self.open += 1;
    }

    /// A job has ended, or was refused further in.
    pub fn leave(&mut self, key: KeyId) {
        self.open = self.open.saturating_sub(1);
        if let Some(load) = self.keys.get_mut(&key) {
            load.open = load.open.saturating_sub(1);
            if load.open == 0 && load.recent.is_empty() {
                self.keys.remove(&key);
            }
        }
    }
}

/// How many young jobs are remembered; beyond that the oldest are forgotten early.
pub(super) const MAX_RECENT: usize = 65_536;

/// The job of a request that was sent lately.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub job: JobId,
    at: Millis,
    /// Closes once it is known whether the job was accepted; none when it is known.
    pub deciding: Option<watch::Receiver<()>>,
}

/// A body sent with a key, in a quarter of the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Body(u128);

impl Body {
    pub fn of(key: KeyId, body_hash: &str) -> Self {
        let digest = Sha256::new().chain_update(key.uuid().as_bytes()).chain_update(body_hash).finalize();
        Self(digest.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
    }
}

/// Young jobs by key and body, so that an SDK's silent retry gets the answer of its first send instead of paying again.
#[derive(Default)]
pub(super) struct Recent {
    sent: HashMap<Body, Sent>,
    order: VecDeque<(Millis, Body)>,
}

impl Recent {
    /// Remembers a job.
    pub fn remember(&mut self, body: Body, job: JobId, at: Millis, deciding: Option<watch::Receiver<()>>) {
        self.sent.insert(body, Sent { job, at, deciding });
        self.order.push_back((at, body));
        while self.order.len() > MAX_RECENT {
            self.forget_oldest();
        }
    }

    /// Whether the job was accepted is known: a refused one answers for nobody.
    pub fn decided(&mut self, body: Body, job: JobId, accepted: bool) {
        if let Some(sent) = self.sent.get_mut(&body).filter(|sent| sent.job == job) {
            sent.deciding = None;
            if !accepted {
                self.sent.remove(&body);
            }
        }
    }

    /// What was sent lately with this body.
    pub fn find(&self, body: Body, now: Millis) -> Option<&Sent> {
        self.sent.get(&body).filter(|sent| now.since(sent.at) < RETRY_WINDOW)
    }

    /// Drops what is too old to matter.
    pub fn forget_old(&mut self, now: Millis) {
        while self.order.front().is_some_and(|(at, _)| now.since(*at) >= RETRY_WINDOW) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, body)) = self.order.pop_front() else { return };
        if self.sent.get(&body).is_some_and(|sent| sent.at == at) {
            self.sent.remove(&body);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use uuid::Uuid;

    fn key(id: u128, rpm: Option<u32>, concurrency: Option<u32>) -> ApiKey {
        ApiKey {
            id: KeyId::from_uuid(Uuid::from_u128(id)),
            name: String::new(),
            secret_sha256: String::new(),
            prefix: String::new(),
            metered: true,
            profile: None,
            models: vec![],
            rpm,
            concurrency,
            expires_at: None,
            webhook_url: None,
            webhook_secrets: 0,
            disabled: false,
            bootstrap: false,
            created_at: Millis(0),
            updated_at: Millis(0),
            deleted_at: None,
        }
    }

    fn code(result: Result<(), Refused>) -> Option<Code> {
        result.err().map(|refused| refused.code)
    }

    #[test]
    fn every_bound_of_the_door_refuses_one_too_many_and_opens_again() {
        let mut door = Door::new(3);
        let (one, two) = (key(1, None, Some(2)), key(2, None, None));
        assert_eq!(code(door.enter(&one, Millis(0), 1)), None);
        assert_eq!(code(door.enter(&one, Millis(0), 1)), None);
        assert_eq!(code(door.enter(&one, Millis(0), 1)), Some(Code::RateLimitExceeded));
        assert_eq!(code(door.enter(&two, Millis(0), 1)), None);
        assert_eq!(code(door.enter(&two, Millis(0), 1)), Some(Code::QueueFull));
        door.leave(one.id);
        assert_eq!(code(door.enter(&one, Millis(0), 1)), None);
        assert_eq!(door.open, 3);
    }

    #[test]
    fn calls_a_minute_are_a_sliding_minute_and_the_hint_is_exact() {
        let mut door = Door::new(100);
        let key = key(1, Some(2), None);
        for at in [0, 30_000] {
            assert_eq!(code(door.enter(&key, Millis(at), 1)), None);
            door.leave(key.id);
        }
        let refused = door.enter(&key, Millis(40_000), 1).unwrap_err();
        assert_eq!(refused.retry_after, Some(Duration::from_secs(20)));
        assert_eq!(code(door.enter(&key, Millis(60_000), 1)), None);
        assert_eq!(code(door.enter(&key, Millis(60_001), 1)), Some(Code::RateLimitExceeded));
    }

    #[test]
    fn a_retry_finds_a_young_job_but_never_a_refused_or_an_old_or_another_keys() {
        let (key, other) = (key(1, None, None).id, key(2, None, None).id);
        let job = JobId::from_uuid(Uuid::from_u128(9));
        let mut recent = Recent::default();
        recent.remember(Body::of(key, "h"), job, Millis(0), None);
        let find = |recent: &Recent, key, hash, at| {
            recent.find(Body::of(key, hash), Millis(at)).map(|sent| sent.job)
        };
        assert_eq!(find(&recent, key, "h", 599_999), Some(job));
        assert_eq!(find(&recent, other, "h", 1), None);
        assert_eq!(find(&recent, key, "other", 1), None);
        assert_eq!(find(&recent, key, "h", 600_000), None);
        recent.decided(Body::of(key, "h"), job, false);
        assert_eq!(find(&recent, key, "h", 1), None);
        recent.forget_old(Millis(600_000));
        assert!(recent.sent.is_empty() && recent.order.is_empty());
    }

    #[test]
    fn a_flood_of_jobs_does_not_fill_the_memory_with_what_a_retry_could_ask_for() {
        let mut recent = Recent::default();
        for at in 0..MAX_RECENT + 10 {
            let job = JobId::from_uuid(Uuid::from_u128(at as u128));
            recent.remember(Body(at as u128), job, Millis(0), None);
        }
        assert_eq!((recent.sent.len(), recent.order.len()), (MAX_RECENT, MAX_RECENT));
    }
}
