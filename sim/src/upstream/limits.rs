//! The quotas of an account, real ones: a sliding minute that fills and empties, and amounts that run out.

use super::refusal::{Reason, Refusal};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The window of the limits per minute.
const MINUTE_MS: u64 = 60_000;

/// What an account may. None is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls of any kind in a minute.
    pub rpm: Option<u32>,
    /// Images in a minute; 0 is an account that may not.
    pub ipm: Option<u32>,
    /// Images in all; then the account has no money.
    pub images: Option<u32>,
    /// Films in all; then it is enough for today.
    pub videos: Option<u32>,
    /// Submits under way and films that are not ready, together.
    pub in_flight: Option<u32>,
}

/// What a submit takes of the quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// So many images.
    Images(u32),
    /// A film.
    Video,
    /// Nothing that is counted.
    Nothing,
}

/// What an account has used of its limits.
#[derive(Debug, Default)]
pub struct Used {
    requests: VecDeque<u64>,
    images: VecDeque<u64>,
    images_ever: u32,
    videos_ever: u32,
}

impl Used {
    /// How many films are left; none is no limit.
    pub fn videos_left(&self, limits: &Limits) -> Option<u32> {
        limits.videos.map(|most| most.saturating_sub(self.videos_ever))
    }

    /// A call arrives.
    ///
    /// # Errors
    /// The refusal, when there were too many in the last minute. Refused calls do not count.
    pub fn request(&mut self, limits: &Limits, now_ms: u64) -> Result<(), Refusal> {
        let Some(rpm) = limits.rpm else { return Ok(()) };
        forget(&mut self.requests, now_ms);
        if self.requests.len() >= rpm as usize {
            let wait = wait_s(&self.requests, now_ms);
            let text = format!(
                "Rate limit reached for requests per minute (RPM). Limit: {rpm}/1min. Please try again in {wait}s."
            );
            return Err(Refusal::new(Reason::RateLimited).saying(text).retry_after(wait));
        }
        self.requests.push_back(now_ms);
        Ok(())
    }

    /// A submit is to be accepted.
    ///
    /// # Errors
    /// The refusal, when it would take more than the account has; then nothing is taken.
    pub fn take(&mut self, limits: &Limits, load: Load, now_ms: u64) -> Result<(), Refusal> {
        match load {
            Load::Nothing => Ok(()),
            Load::Video => {
                if limits.videos.is_some_and(|most| self.videos_ever >= most) {
                    return Err(Refusal::new(Reason::DailyLimit));
                }
                self.videos_ever += 1;
                Ok(())
            }
            Load::Images(n) => self.take_images(limits, n, now_ms),
        }
    }

    fn take_images(&mut self, limits: &Limits, n: u32, now_ms: u64) -> Result<(), Refusal> {
        if limits.images.is_some_and(|most| self.images_ever.saturating_add(n) > most) {
            return Err(Refusal::new(Reason::InsufficientQuota));
        }
        if let Some(ipm) = limits.ipm {
            forget(&mut self.images, now_ms);
            let current = self.images.len() + n as usize;
            if current > ipm as usize {
                let text = format!(
                    "Rate limit reached for images per minute (IPM). Limit: {ipm}/1min. Current: {current}/1min."
                );
                let reason = if ipm == 0 { Reason::NotEntitled } else { Reason::ImagesPerMinute };
                return Err(Refusal::new(reason).saying(text));
            }
            self.images.extend((0..n).map(|_| now_ms));
        }
        self.images_ever = self.images_ever.saturating_add(n);
        Ok(())
    }
}

fn forget(window: &mut VecDeque<u64>, now_ms: u64) {
    while window.front().is_some_and(|at| at + MINUTE_MS <= now_ms) {
        window.pop_front();
    }
}

/// Whole seconds until the oldest leaves the window, at least one.
fn wait_s(window: &VecDeque<u64>, now_ms: u64) -> u64 {
    let free_at = window.front().map_or(now_ms, |at| at + MINUTE_MS);
    free_at.saturating_sub(now_ms).div_ceil(1000).max(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_slides() {
        let limits = Limits { rpm: Some(2), ..Limits::default() };
        let mut used = Used::default();
        used.request(&limits, 0).unwrap();
        used.request(&limits, 30_000).unwrap();
        let refused = used.request(&limits, 45_500).unwrap_err();
        assert_eq!(refused.retry_after, Some(15), "the first leaves at 60 s");
        used.request(&limits, 60_000).unwrap();
        used.request(&limits, 60_001).unwrap_err();
    }

    #[test]
    fn images_count_one_by_one_and_a_refused_submit_takes_none() {
        let limits = Limits { ipm: Some(5), images: Some(8), ..Limits::default() };
        let mut used = Used::default();
        used.take(&limits, Load::Images(4), 0).unwrap();
        assert_eq!(used.take(&limits, Load::Images(2), 1).unwrap_err().reason, Reason::ImagesPerMinute);
        used.take(&limits, Load::Images(1), 1).unwrap();
        used.take(&limits, Load::Images(3), 60_001).unwrap();
        let broke = used.take(&limits, Load::Images(1), 200_000).unwrap_err();
        assert_eq!(broke.reason, Reason::InsufficientQuota);
    }

    #[test]
    fn a_limit_of_nothing_is_told_apart_from_a_full_one() {
        let limits = Limits { ipm: Some(0), ..Limits::default() };
        let refused = Used::default().take(&limits, Load::Images(1), 0).unwrap_err();
        assert_eq!(refused.reason, Reason::NotEntitled);
        assert!(refused.text().contains("Limit: 0/1min"), "{}", refused.text());
    }
}
