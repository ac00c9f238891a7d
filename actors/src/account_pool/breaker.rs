//! One circuit breaker per upstream: when it fails everybody, nobody is sent there for a while, then one goes and looks. Pure.

use atelier_domain::time::Millis;
use std::time::Duration;

/// Overloads in a row, over all accounts of an upstream, that open the breaker.
const THRESHOLD: u32 = 5;
const LONGEST: Duration = Duration::from_secs(300);

/// The state of one upstream.
#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Times in a row that it was opened.
    openings: u32,
    open_until: Option<Millis>,
    /// Somebody is there to look.
    probing: bool,
}

/// What a breaker says to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    Free,
    /// Not before then; without a time, not before the one who looks is back.
    Barred(Option<Millis>),
}

impl Breaker {
    /// Whether an attempt may go there.
    pub fn passage(&self, now: Millis) -> Passage {
        match self.open_until {
            None => Passage::Free,
            Some(until) if now < until => Passage::Barred(Some(until)),
            Some(_) if self.probing => Passage::Barred(None),
            Some(_) => Passage::Free,
        }
    }

    /// An attempt goes there.
    pub const fn enter(&mut self) {
        self.probing = self.open_until.is_some();
    }

    /// An attempt came back from there; `failed` is none when it says nothing about the upstream.
    pub fn leave(&mut self, failed: Option<bool>, usual: Duration, now: Millis) {
        let was_probe = std::mem::take(&mut self.probing);
        match failed {
            None => {}
            Some(false) => *self = Self::default(),
            Some(true) => {
                self.failures += 1;
                let is_closed = self.open_until.is_none();
                if was_probe || (is_closed && self.failures >= THRESHOLD) {
                    let wait = usual.saturating_mul(1 << self.openings.min(10)).min(LONGEST);
                    self.openings += 1;
                    self.open_until = Some(now + wait);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(15);

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..THRESHOLD {
            assert_eq!(breaker.passage(Millis(0)), Passage::Free);
            breaker.enter();
            breaker.leave(Some(true), USUAL, Millis(0));
        }
        breaker
    }

    #[test]
    fn one_goes_and_looks_when_the_time_is_up_and_success_closes() {
        let mut breaker = opened();
        assert_eq!(breaker.passage(Millis(14_999)), Passage::Barred(Some(Millis(15_000))));
        assert_eq!(breaker.passage(Millis(15_000)), Passage::Free);
        breaker.enter();
        assert_eq!(breaker.passage(Millis(15_000)), Passage::Barred(None), "one is enough");
        breaker.leave(Some(false), USUAL, Millis(15_100));
        assert_eq!(breaker.passage(Millis(15_100)), Passage::Free);
        breaker.enter();
        breaker.leave(Some(true), USUAL, Millis(15_200));
        assert_eq!(breaker.passage(Millis(15_200)), Passage::Free, "forgotten");
    }

    #[test]
    fn each_failed_look_doubles_the_wait_up_to_a_cap_and_one_that_says_nothing_frees_the_next() {
        let mut breaker = opened();
        let mut now = Millis(15_000);
        for wait in [30, 60, 120, 240, 300, 300] {
            breaker.enter();
            breaker.leave(Some(true), USUAL, now);
            assert_eq!(breaker.passage(now), Passage::Barred(Some(now + Duration::from_secs(wait))));
            now = now + Duration::from_secs(wait);
        }
        breaker.enter();
        breaker.leave(None, USUAL, now);
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[test]
    fn attempts_that_were_under_way_when_it_opened_do_not_prolong_it() {
        let mut breaker = opened();
        breaker.leave(Some(true), USUAL, Millis(10_000));
        assert_eq!(breaker.passage(Millis(15_000)), Passage::Free);
    }
}
