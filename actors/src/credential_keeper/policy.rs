//! When a credential is renewed, when an account is switched off over it, and when it comes back: pure functions of what is known of
//! it and the time.

use atelier_domain::{
    account::{Account, Off},
    time::Millis,
};
use std::time::Duration;

/// A token is renewed this long before its end at the most, however long it lives.
const LONGEST_MARGIN: Duration = Duration::from_secs(24 * 3600);

/// A token that ends so soon is not handed out while a better one may be had. Also the least time between two renewals.
pub(super) const LEEWAY: Duration = Duration::from_secs(60);

/// Waits after failures in a row, in seconds; the last one is repeated.
const WAITS_S: [u64; 4] = [60, 180, 600, 1_800];

/// How long a grant rests that was refused as often as is believed.
const REST: Duration = Duration::from_secs(24 * 3600);

/// A renewed token that is refused within this time was no help.
const PROBATION: Duration = Duration::from_secs(600);

/// Who holds the switch of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    /// It is on.
    On,
    /// Off over its credential: a good one brings it back.
    OffByAuth,
    /// Off by the operator: nothing is done about it.
    OffByOperator,
    /// Off for another reason, which a credential does not mend.
    OffElse,
}

impl Power {
    pub(super) fn of(account: &Account) -> Self {
        match (account.enabled, account.off) {
            (true, _) => Self::On,
            (false, Some(Off::TokenInvalid | Off::Expired)) => Self::OffByAuth,
            (false, Some(Off::Manual) | None) => Self::OffByOperator,
            (false, Some(Off::ErrorLimit | Off::Billing)) => Self::OffElse,
        }
    }
}

/// What the rows of an account say of its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub power: Power,
    /// Whether there is a grant, and a vendor that takes it.
    pub renewable: bool,
    /// There is no token yet, only what one is had for.
    pub missing: bool,
    /// When the token ends; none: never, or nobody knows.
    pub ends: Option<Millis>,
    /// Since when it is here.
    pub since: Millis,
    /// When it was had by a renewal; none: it was given.
    pub renewed_at: Option<Millis>,
    /// A refresh token was handed in, and what came of it is not known: it may be used up.
    pub unsure: bool,
    /// The grants are worth nothing; only the operator can help.
    pub hopeless: bool,
}

/// What is known of one account's credential, without its secrets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub seen: Seen,
    /// The upstream refused the token.
    pub spurned: bool,
    /// Renewals in a row that failed, whyever.
    pub failures: u32,
    /// Refusals in a row: of the grants, or of tokens that were had for them.
    pub refusals: u32,
    /// No renewal before this.
    pub not_before: Millis,
    /// The operator asked for a renewal.
    pub asked: bool,
    /// Keeps accounts from being renewed all at once: 0 to 1.
    pub jitter: f64,
}

/// What holds for all accounts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Whether tokens are renewed unasked.
    pub enabled: bool,
    /// Refusals in a row that switch an account off.
    pub refusals: u32,
}

/// What to do about a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing before then; none: nothing until something happens.
    Rest(Option<Millis>),
    Renew,
    SwitchOff(Off),
}

/// How a renewal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// A token that serves, kept.
    Renewed { ends: Option<Millis> },
    /// Every grant was refused for good.
    Refused,
    /// Something that passes.
    Trouble { retry_at: Option<Millis>, unsure: bool },
}

impl Case {
    /// A case that is new here. `jitter` is a number from 0 to 1.
    pub(super) fn new(seen: Seen, now: Millis, jitter: f64) -> Self {
        let (spurned, asked) = (false, false);
        Self { seen, spurned, failures: 0, refusals: 0, not_before: now, asked, jitter }
    }

    /// Until when the token is worth anything.
    pub(super) fn usable_until(&self) -> Millis {
        if self.spurned || self.seen.missing {
            Millis(i64::MIN)
        } else {
            self.seen.ends.unwrap_or(Millis(i64::MAX))
        }
    }

    /// Until when it is handed out without a second thought.
    pub(super) fn good_until(&self) -> Millis {
        let until = self.usable_until();
        if until == Millis(i64::MAX) { until } else { until - LEEWAY }
    }

    fn is_usable(&self, now: Millis) -> bool {
        now < self.usable_until()
    }

    /// When it is due to be renewed: a fifth of its life before its end, but a day at the most, give or take a tenth. Its life counts
    /// from when it was had: some vendors hand out what is left of a token.
    fn due(&self, ends: Millis) -> Millis {
        let margin = (ends.since(self.seen.since) / 5).min(LONGEST_MARGIN);
        ends - margin.mul_f64(spread(self.jitter))
    }

    /// Whether it is renewed without being asked for.
    pub(super) fn renews(&self, rules: Rules) -> bool {
        rules.enabled && self.seen.renewable && !self.seen.hopeless
    }

    /// What to do now.
    pub(super) fn next(&self, rules: Rules, now: Millis) -> Step {
        if self.asked && self.seen.renewable {
            return Step::Renew;
        }
        let renews = self.renews(rules);
        let good = now < self.good_until();
        match self.seen.power {
            Power::OffByOperator => Step::Rest(None),
            Power::OffByAuth if renews => self.renew_at(self.not_before, now),
            Power::OffByAuth => Step::Rest(None),
            Power::On | Power::OffElse if good => match self.seen.ends {
                Some(ends) if renews => self.renew_at(self.due(ends).max(self.not_before), now),
                ends => Step::Rest(ends),
            },
            Power::On if !self.is_usable(now) && (!renews || self.refusals >= rules.refusals) => {
                let simply_ended = !self.spurned && self.refusals == 0 && !self.seen.hopeless;
                Step::SwitchOff(if simply_ended { Off::Expired } else { Off::TokenInvalid })
            }
            Power::On | Power::OffElse if renews => self.renew_at(self.not_before, now),
            Power::On => Step::Rest(self.seen.ends),
            Power::OffElse => Step::Rest(None),
        }
    }

    /// Renews at this time. A token that ends before is looked at again then: its account may have to go off.
    fn renew_at(&self, at: Millis, now: Millis) -> Step {
        if at <= now {
            return Step::Renew;
        }
        let end = self.seen.ends.filter(|_| self.is_usable(now));
        Step::Rest(Some(end.map_or(at, |ends| ends.min(at))))
    }

    /// The upstream refused the token. For tokens that may be renewed: what the refusal of another one means is the pool's.
    pub(super) fn spurn(&mut self, rules: Rules, now: Millis) {
        if self.spurned {
            return;
        }
        self.spurned = true;
        match self.seen.renewed_at {
            Some(renewed) if now.since(renewed) < PROBATION => self.refusals += 1,
            _ if self.failures == 0 => self.refusals = 0,
            _ => {}
        }
        if self.refusals >= rules.refusals {
            self.not_before = self.not_before.max(now + REST);
        } else if self.failures == 0 {
            self.not_before = now;
        }
    }

    /// A renewal ended. `jitter` is a number from 0 to 1.
    pub(super) fn renewal_ended(&mut self, ending: Ending, rules: Rules, now: Millis, jitter: f64) {
        self.asked = false;
        match ending {
            Ending::Renewed { ends } => {
                // A token that takes the place of a refused one has yet to prove itself.
                self.refusals = if self.spurned { self.refusals } else { 0 };
                let (since, renewed_at) = (now, Some(now));
                self.seen = Seen {
                    ends,
                    since,
                    renewed_at,
                    missing: false,
                    unsure: false,
                    hopeless: false,
                    ..self.seen
                };
                (self.spurned, self.failures, self.jitter) = (false, 0, jitter);
                self.not_before = now + LEEWAY;
            }
            Ending::Refused => {
                self.failures += 1;
                self.refusals += 1;
                self.seen.hopeless |= self.seen.unsure;
                self.seen.unsure = false;
                let wait = if self.refusals >= rules.refusals { REST } else { wait(self.failures, jitter) };
                self.not_before = now + wait;
            }
            Ending::Trouble { retry_at, unsure } => {
                self.failures += 1;
                self.seen.unsure |= unsure;
                let soon = now + wait(self.failures, jitter);
                self.not_before = retry_at.map_or(soon, |hint| hint.clamp(soon, soon + REST));
            }
        }
    }

    /// Somebody changed the rows. What the account is authenticated by is `other` than before, or the same.
    pub(super) fn rows_changed(&mut self, seen: Seen, other: bool, now: Millis) {
        let was = std::mem::replace(&mut self.seen, seen);
        if other || (was.power != Power::On && seen.power == Power::On) {
            // What went wrong before says nothing any more.
            (self.failures, self.refusals, self.not_before, self.spurned) = (0, 0, now, false);
            self.seen.hopeless = false;
        }
    }
}

/// The wait after so many failures in a row, give or take a tenth.
pub(super) fn wait(failures: u32, jitter: f64) -> Duration {
    let index = usize::try_from(failures).unwrap_or(usize::MAX).saturating_sub(1).min(WAITS_S.len() - 1);
    Duration::from_secs(WAITS_S[index]).mul_f64(spread(jitter))
}

fn spread(jitter: f64) -> f64 {
    0.9 + 0.2 * jitter.clamp(0.0, 1.0)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
