//! Video jobs: each goes the course that was scripted for it, step by step with its polls.

use crate::upstream::behaviour::{Course, Outcome};
use std::collections::BTreeMap;

/// How many jobs are kept; the oldest goes.
const MOST_KEPT: usize = 100_000;

/// A video job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Whose it is: others are told that there is none.
    pub account: String,
    /// Which model makes it.
    pub model: String,
    /// What it shows.
    pub prompt: String,
    /// `1280x720`.
    pub size: String,
    /// How long it is.
    pub seconds: u32,
    /// When it was accepted, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it was first seen ended, the same.
    pub ended_ms: Option<u64>,
    /// Which video it comes from.
    pub source: Option<String>,
    /// What becomes of it.
    pub course: Course,
    /// How many polls have found it unready.
    pub polls: u32,
}

/// How a job is getting on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// Nobody has asked yet.
    Queued,
    /// Under way, in hundredths.
    Running(u64),
    /// There is a film.
    Completed,
    /// There will be none.
    Failed,
}

impl Job {
    /// How it is getting on now.
    pub fn stand(&self, now_ms: u64) -> Stand {
        match self.course.end {
            Outcome::Completed if self.is_over(now_ms) => Stand::Completed,
            Outcome::Failed if self.is_over(now_ms) => Stand::Failed,
            _ if self.polls == 0 => Stand::Queued,
            _ => self.running(),
        }
    }

    fn running(&self) -> Stand {
        let steps = if self.course.end == Outcome::Never { self.polls } else { self.course.polls };
        Stand::Running((u64::from(self.polls) * 100 / (u64::from(steps) + 1)).min(99))
    }

    /// Whether its course has come to its end.
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.course.end != Outcome::Never
            && self.polls >= self.course.polls
            && now_ms >= self.created_ms.saturating_add(self.course.takes_ms)
    }
}

/// All jobs by id. Ids grow, so their order is that of their making.
#[derive(Debug, Default)]
pub struct Jobs {
    by_id: BTreeMap<String, Job>,
}

impl Jobs {
    /// A new one.
    pub fn add(&mut self, job: Job) {
        if self.by_id.len() == MOST_KEPT {
            self.by_id.pop_first();
        }
        self.by_id.insert(job.id.clone(), job);
    }

    /// A job of this account.
    pub fn get(&self, id: &str, account: &str) -> Option<&Job> {
        self.by_id.get(id).filter(|job| job.account == account)
    }

    /// Asks for a job of this account, which moves it on. None when there is none, or none any more.
    pub fn poll(&mut self, id: &str, account: &str, now_ms: u64) -> Option<(Job, Stand)> {
        let job = self.by_id.get_mut(id).filter(|job| job.account == account)?;
        if !job.is_over(now_ms) {
            job.polls += 1;
            return Some((job.clone(), job.running()));
        }
        if job.course.end == Outcome::Forgotten {
            self.by_id.remove(id);
            return None;
        }
        job.ended_ms.get_or_insert(now_ms);
        Some((job.clone(), job.stand(now_ms)))
    }

    /// Deletes a job of this account.
    pub fn remove(&mut self, id: &str, account: &str) -> Option<Job> {
        self.get(id, account)?;
        self.by_id.remove(id)
    }

    /// Whether it is not over.
    pub fn is_open(&self, id: &str, now_ms: u64) -> bool {
        self.by_id.get(id).is_some_and(|job| !job.is_over(now_ms))
    }

    /// All jobs of this account, the oldest first.
    pub fn of(&self, account: &str) -> impl DoubleEndedIterator<Item = &Job> {
        self.by_id.values().filter(move |job| job.account == account)
    }
}
