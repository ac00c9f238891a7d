//! One circuit breaker per upstream: when it fails everybody, nobody is sent there for a while, then one goes and looks. Pure.

use atelier_domain::time::Millis;
use std::time::Duration;

/// Overloads in a row, over all accounts of an upstream, that open the breaker.
const THRESHOLD: u32 = 5;
const LONGEST: Duration = Duration::from_secs(300);
/// How long the others wait for the one who looks: it may make a film, or never come back.
const LOOK: Duration = Duration::from_secs(60);

/// The state of one upstream.
#[derive(Debug, Clone, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Times in a row that it was opened.
    openings: u32,
    open_until: Option<Millis>,
    /// Since when somebody is there to look.
    probing: Option<Millis>,
}

/// What a breaker says to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    Free,
    /// Not before then, unless the one who looks comes back with good news.
    Barred(Millis),
}

impl Breaker {
    /// Whether an attempt may go there.
    pub fn passage(&self, now: Millis) -> Passage {
        match self.open_until {
            None => Passage::Free,
            Some(until) if now < until => Passage::Barred(until),
            Some(_) => match self.probing.map(|since| since + LOOK) {
                Some(next) if now < next => Passage::Barred(next),
                _ => Passage::Free,
            },
        }
    }

    /// An attempt goes there.
    pub const fn enter(&mut self, now: Millis) {
        if self.open_until.is_some() {
            self.probing = Some(now);
        }
    }

    /// An attempt came back from there; `failed` is none when it says nothing about the upstream.
    pub fn leave(&mut self, failed: Option<bool>, usual: Duration, now: Millis) {
        let was_probe = self.probing.take().is_some();
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
            breaker.enter(Millis(0));
            breaker.leave(Some(true), USUAL, Millis(0));
        }
        breaker
    }

    #[test]
    fn one_goes_and_looks_when_the_time_is_up_and_success_closes() {
        let mut breaker = opened();
        assert_eq!(breaker.passage(Millis(14_999)), Passage::Barred(Millis(15_000)));
        assert_eq!(breaker.passage(Millis(15_000)), Passage::Free);
        breaker.enter(Millis(15_000));
        assert_eq!(breaker.passage(Millis(15_000)), Passage::Barred(Millis(75_000)), "one is enough");
        breaker.leave(Some(false), USUAL, Millis(15_100));
        assert_eq!(breaker.passage(Millis(15_100)), Passage::Free);
        breaker.enter(Millis(15_100));
        breaker.leave(Some(true), USUAL, Millis(15_200));
        assert_eq!(breaker.passage(Millis(15_200)), Passage::Free, "forgotten");
    }

    #[test]
    fn each_failed_look_doubles_the_wait_up_to_a_cap_and_one_that_says_nothing_frees_the_next() {
        let mut breaker = opened();
        let mut now = Millis(15_000);
        for wait in [30, 60, 120, 240, 300, 300] {
            breaker.enter(now);
            breaker.leave(Some(true), USUAL, now);
            assert_eq!(breaker.passage(now), Passage::Barred(now + Duration::from_secs(wait)));
            now = now + Duration::from_secs(wait);
        }
        breaker.enter(now);
        breaker.leave(None, USUAL, now);
        assert_eq!(breaker.passage(now), Passage::Free);
    }

    #[test]
    fn one_who_looks_for_long_or_never_comes_back_does_not_keep_the_others_out() {
        let mut breaker = opened();
        breaker.enter(Millis(15_000));
        assert_eq!(breaker.passage(Millis(74_999)), Passage::Barred(Millis(75_000)));
        assert_eq!(breaker.passage(Millis(75_000)), Passage::Free);
        breaker.enter(Millis(75_000));
        assert_eq!(breaker.passage(Millis(75_000)), Passage::Barred(Millis(135_000)), "again one is enough");
    }

    #[test]
    fn attempts_that_were_under_way_when_it_opened_do_not_prolong_it() {
        let mut breaker = opened();
        breaker.leave(Some(true), USUAL, Millis(10_000));
        assert_eq!(breaker.passage(Millis(15_000)), Passage::Free);
    }
}
