//! How often an account may be asked: sliding windows of a minute for submits and for images. Pure.

use atelier_domain::{account::Account, job::JobKind, time::Millis};
use std::{collections::VecDeque, time::Duration};

const WINDOW: Duration = Duration::from_secs(60);

/// What an account was asked for within the last minute.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// When, and for how many images.
    asked: VecDeque<(Millis, u32)>,
}

impl Pace {
    /// Notes a submit. Nothing is noted for accounts without limits.
    pub fn note(&mut self, account: &Account, kind: Option<JobKind>, outputs: u32, now: Millis) {
        if account.rpm.is_none() && account.ipm.is_none() {
            self.asked.clear();
            return;
        }
        while self.asked.front().is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.asked.pop_front();
        }
        self.asked.push_back((now, if kind == Some(JobKind::Image) { outputs } else { 0 }));
    }

    /// Takes back the latest note: it was not asked after all. Returns how many outputs it was for, if it was noted.
    pub fn forget(&mut self) -> Option<u32> {
        self.asked.pop_back().map(|(_, outputs)| outputs)
    }

    /// When a submit with so many outputs fits again; none when it fits now.
    pub fn free_at(
        &self,
        account: &Account,
        kind: Option<JobKind>,
        outputs: u32,
        now: Millis,
    ) -> Option<Millis> {
        let recent = || self.asked.iter().filter(|(at, _)| *at + WINDOW > now);
        let by_calls = account.rpm.and_then(|rpm| {
            let over = (recent().count() + 1).checked_sub(rpm.max(1) as usize)?;
            recent().nth(over.checked_sub(1)?).map(|(at, _)| *at + WINDOW)
        });
        let by_images = account.ipm.filter(|_| kind == Some(JobKind::Image)).and_then(|ipm| {
            // One request may be larger than the limit: it passes when nothing else is in the window.
            let room = ipm.max(1).saturating_sub(outputs.min(ipm.max(1)));
            let mut used: u32 = recent().map(|(_, images)| images).sum();
            recent().find_map(|(at, images)| {
                if used <= room {
                    return None;
                }
                used -= images;
                (used <= room).then_some(*at + WINDOW)
            })
        });
        by_calls.max(by_images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atelier_domain::ids::AccountId;
    use uuid::Uuid;

    fn account(rpm: Option<u32>, ipm: Option<u32>) -> Account {
        let account = Account::new(AccountId::from_uuid(Uuid::from_u128(1)), 1, "openai", "a", Millis(0));
        Account { rpm, ipm, ..account }
    }

    #[test]
    fn calls_and_images_of_the_last_minute_are_counted_apart() {
        let limited = account(Some(2), Some(5));
        let mut pace = Pace::default();
        assert_eq!(
            pace.free_at(&limited, Some(JobKind::Image), 9, Millis(0)),
            None,
            "larger than the limit, alone"
        );
        pace.note(&limited, Some(JobKind::Image), 3, Millis(0));
        assert_eq!(pace.free_at(&limited, Some(JobKind::Image), 2, Millis(10)), None);
        assert_eq!(pace.free_at(&limited, Some(JobKind::Image), 3, Millis(10)), Some(Millis(60_000)));
        assert_eq!(pace.free_at(&limited, Some(JobKind::Video), 1, Millis(10)), None, "videos are no images");
        pace.note(&limited, Some(JobKind::Video), 1, Millis(10));
        assert_eq!(pace.free_at(&limited, Some(JobKind::Video), 1, Millis(20)), Some(Millis(60_000)));
        assert_eq!(pace.free_at(&limited, Some(JobKind::Video), 1, Millis(60_000)), None);
    }

    #[test]
    fn an_account_without_limits_keeps_no_list() {
        let mut pace = Pace::default();
        for at in 0..1000 {
            pace.note(&account(None, None), Some(JobKind::Image), 1, Millis(at));
        }
        assert!(pace.asked.is_empty());
    }

    #[test]
    fn the_list_is_no_longer_than_a_minute() {
        let limited = account(Some(1_000_000), None);
        let mut pace = Pace::default();
        for second in 0..1000 {
            pace.note(&limited, Some(JobKind::Image), 1, Millis(second * 1000));
        }
        assert_eq!(pace.asked.len(), 60);
    }
}
