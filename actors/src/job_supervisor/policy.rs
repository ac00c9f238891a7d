//! Who may hand in a job now, and which earlier job answers for a repeated request: pure decisions.

use crate::refused::Refused;
use atelier_domain::{
    code::Code,
    ids::{JobId, KeyId},
    key::ApiKey,
    time::Millis,
};
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

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
            return Err(Refused::new(Code::RateLimitExceeded, message).retry_after(Duration::from_secs(wait_s)));
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

    pub fn open(&self) -> usize {
        self.open
    }
}

/// What a young job did, as far as a retry cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    job: JobId,
    at: Millis,
    /// It failed or was cancelled: a retry deserves a new try.
    spoiled: bool,
}

/// Young jobs by key and body, so that an SDK's silent retry gets the answer of its first send instead of paying again.
#[derive(Default)]
pub(super) struct Recent {
    sent: HashMap<(KeyId, String), Sent>,
    order: VecDeque<(Millis, KeyId, String)>,
}

impl Recent {
    /// Remembers a job.
    pub fn remember(&mut self, key: KeyId, body_hash: &str, job: JobId, at: Millis) {
        self.sent.insert((key, body_hash.to_owned()), Sent { job, at, spoiled: false });
        self.order.push_back((at, key, body_hash.to_owned()));
    }

    /// Forgets that the job could answer for anybody.
    pub fn spoil(&mut self, key: KeyId, body_hash: &str, job: JobId) {
        if let Some(sent) = self.sent.get_mut(&(key, body_hash.to_owned())).filter(|sent| sent.job == job) {
            sent.spoiled = true;
        }
    }

    /// The job that answers for a retry of this body.
    pub fn find(&self, key: KeyId, body_hash: &str, now: Millis) -> Option<JobId> {
        let sent = self.sent.get(&(key, body_hash.to_owned()))?;
        (!sent.spoiled && now.since(sent.at) < RETRY_WINDOW).then_some(sent.job)
    }

    /// Drops what is too old to matter.
    pub fn forget_old(&mut self, now: Millis) {
        while self.order.front().is_some_and(|(at, ..)| now.since(*at) >= RETRY_WINDOW) {
            let Some((at, key, hash)) = self.order.pop_front() else { break };
            let place = (key, hash);
            if self.sent.get(&place).is_some_and(|sent| sent.at == at) {
                self.sent.remove(&place);
            }
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
        assert_eq!(door.open(), 3);
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
    fn a_retry_joins_a_young_job_but_never_a_failed_or_an_old_or_another_keys() {
        let (key, other) = (key(1, None, None).id, key(2, None, None).id);
        let job = JobId::from_uuid(Uuid::from_u128(9));
        let mut recent = Recent::default();
        recent.remember(key, "h", job, Millis(0));
        assert_eq!(recent.find(key, "h", Millis(599_999)), Some(job));
        assert_eq!(recent.find(other, "h", Millis(1)), None);
        assert_eq!(recent.find(key, "other", Millis(1)), None);
        assert_eq!(recent.find(key, "h", Millis(600_000)), None);
        recent.spoil(key, "h", job);
        assert_eq!(recent.find(key, "h", Millis(1)), None);
        recent.forget_old(Millis(600_000));
        assert!(recent.sent.is_empty() && recent.order.is_empty());
    }
}
