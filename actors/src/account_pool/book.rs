//! The pool's book: every account with its health, every upstream with its breaker. Decides who gets an attempt. Pure.

use super::{
    Outcome, PoolConfig,
    breaker::{Breaker, Passage},
    entry::{Entry, Reason, Upstream},
    need::{Over, Wants},
    reaction::reaction,
};
use atelier_domain::{
    account::{Account, Off},
    engine::Abilities,
    fault::FaultClass,
    ids::AccountId,
    job::{JobKind, Route},
    time::Millis,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// How long a model that its upstream no longer has is not asked for there.
const GONE: Duration = Duration::from_secs(3600);

/// One account's answer to a need.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The account.
    pub account: Arc<Account>,
    /// Attempts it does now.
    pub in_flight: u32,
    /// Its slots for this kind of work as they are now; none means no limit.
    pub slots: Option<u32>,
    /// The answer.
    pub reason: Reason,
}

/// One account's state.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The account.
    pub account: Arc<Account>,
    /// Attempts it does now.
    pub in_flight: u32,
    /// Faults in a row that count.
    pub faults_in_a_row: u32,
    /// The fault that switched it off.
    pub banned: Option<FaultClass>,
    /// Whether its credential is being renewed.
    pub renewing: bool,
    /// What rests: a model or family (empty means all), until when, and why.
    pub resting: Vec<(String, Millis, FaultClass)>,
    /// Until when its upstream is left alone because it fails everybody.
    pub upstream_down: Option<Millis>,
    /// When it was last lent; 0 for never since the start.
    pub last_used: Millis,
}

/// Who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pick {
    pub account: AccountId,
    pub route: usize,
}

/// What a need gets now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pick(Pick),
    /// Somebody can serve later: at that time, or, without one, whenever an attempt ends.
    Wait {
        until: Option<Millis>,
    },
    /// Nobody here ever can; `plan` when only a plan is missing.
    Never {
        plan: bool,
    },
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub kind: Option<JobKind>,
    pub routes: &'a [Route],
    pub wants: &'a Wants,
    pub avoid: &'a [AccountId],
}

impl<'a> Ask<'a> {
    const fn over(&self, route: &'a Route) -> Over<'a> {
        Over { kind: self.kind, route }
    }
}

/// The book.
pub(super) struct Book {
    entries: BTreeMap<AccountId, Entry>,
    breakers: HashMap<Arc<Upstream>, Breaker>,
    /// Models that an upstream said it no longer has, and until when it is believed.
    gone: HashMap<Arc<Upstream>, HashMap<String, Millis>>,
    config: PoolConfig,
    /// Smoothed length of an attempt.
    mean: Duration,
}

impl Book {
    pub fn new(config: PoolConfig) -> Self {
        Self {
            entries: BTreeMap::new(),
            breakers: HashMap::new(),
            gone: HashMap::new(),
            config,
            mean: Duration::from_secs(1),
        }
    }

    /// Takes other settings.
    pub fn configure(&mut self, config: PoolConfig) {
        self.config = config;
    }

    /// Adds an account, or takes its new settings; being switched on by hand forgives its faults.
    pub fn upsert(&mut self, account: Arc<Account>, can: Abilities) {
        let entry = self.entries.entry(account.id);
        entry
            .and_modify(|entry| entry.update(account.clone(), can))
            .or_insert_with(|| Entry::new(account, can));
    }

    /// Forgets an account. Its attempts under way end as they do.
    pub fn remove(&mut self, account: AccountId) {
        self.entries.remove(&account);
    }

    pub fn account(&self, account: AccountId) -> Option<&Arc<Account>> {
        self.entries.get(&account).map(|entry| &entry.account)
    }

    /// Every account with what its engine can do with it.
    pub fn roster(&self) -> Vec<(Arc<Account>, Abilities)> {
        self.entries.values().map(|entry| (entry.account.clone(), entry.can)).collect()
    }

    /// Counts an attempt for the account; false when there is no such account. `outputs` is none for an attempt that was begun before
    /// a restart and goes on.
    pub fn borrow(&mut self, account: AccountId, over: Over<'_>, outputs: Option<u32>, now: Millis) -> bool {
        let Some(entry) = self.entries.get_mut(&account) else { return false };
        entry.borrow(over, outputs, now);
        if let Some(breaker) = self.breakers.get_mut(&entry.upstream) {
            breaker.enter(now);
        }
        true
    }

    /// Ends an attempt and draws the consequences; the answer is what its account was switched off as.
    pub fn give_back(
        &mut self,
        account: AccountId,
        Over { kind, route }: Over<'_>,
        outcome: &Outcome,
        now: Millis,
    ) -> Option<Off> {
        let entry = self.entries.get_mut(&account)?;
        entry.give_back(kind);
        let place = entry.upstream.clone();
        let (failed, off) = match outcome {
            Outcome::Success => {
                entry.succeed(kind);
                (Some(false), None)
            }
            Outcome::Neutral => (None, None),
            Outcome::Unused => {
                entry.unask(route);
                (None, None)
            }
            Outcome::Fault(fault) => {
                let reaction = reaction(fault, route, &self.config, now);
                if reaction.model_gone && entry.knows(kind, &route.model) {
                    self.gone.entry(place.clone()).or_default().insert(route.model.clone(), now + GONE);
                }
                (reaction.upstream_failed, entry.suffer(kind, &reaction, fault.class, &self.config))
            }
        };
        if failed == Some(true) || self.breakers.contains_key(&place) {
            let breaker = self.breakers.entry(place).or_default();
            breaker.leave(failed, self.config.overloaded_cooldown, now);
        }
        off
    }

    /// The credential of an account that was switched off as refused is being renewed: it only waits. False when it was not.
    pub fn renew(&mut self, account: AccountId) -> bool {
        let Some(entry) = self.entries.get_mut(&account) else { return false };
        entry.renewing = true;
        entry.off = None;
        true
    }

    /// The renewal ended. Without a new credential the account is off; the answer tells whether it now is.
    pub fn renewed(&mut self, account: AccountId, well: bool) -> bool {
        let Some(entry) = self.entries.get_mut(&account) else { return false };
        let was_renewing = std::mem::take(&mut entry.renewing);
        if was_renewing && !well {
            entry.off = Some((Off::TokenInvalid, FaultClass::Auth));
        }
        was_renewing && !well
    }

    /// Takes the length of a successful attempt into the estimate.
    pub fn learn(&mut self, length: Duration) {
        self.mean = (self.mean * 7 + length) / 8;
    }

    pub fn mean_ms(&self) -> u64 {
        u64::try_from(self.mean.as_millis()).unwrap_or(u64::MAX)
    }

    /// All slots of usable accounts.
    pub fn slots(&self) -> u64 {
        const UNLIMITED: u32 = 1_000;
        let usable = self.entries.values().filter(|entry| entry.account.enabled && entry.off.is_none());
        let most = |entry: &Entry| {
            let kinds = [JobKind::Image, JobKind::Video];
            let lanes = kinds.map(|kind| entry.slots(Some(kind)).unwrap_or(UNLIMITED));
            u64::from(lanes.into_iter().max().unwrap_or(0))
        };
        usable.map(most).sum()
    }

    fn answer(&self, entry: &Entry, over: Over<'_>, wants: &Wants, now: Millis) -> Reason {
        let (route, reason) = (over.route, entry.answer(over, wants, now));
        if reason.wait().is_none() && reason != Reason::Eligible {
            return reason;
        }
        let gone = self.gone.get(&entry.upstream).and_then(|gone| gone.get(&route.model));
        if let Some(until) = gone.filter(|until| now < **until) {
            return Reason::ModelGone(*until);
        }
        match self.breakers.get(&entry.upstream).map_or(Passage::Free, |breaker| breaker.passage(now)) {
            Passage::Barred(until) => Reason::UpstreamDown(until),
            Passage::Free => reason,
        }
    }

    /// Picks in order of the routes; on a route most quota left, then fewest attempts, then longest unused. Accounts that failed the
    /// job before come last.
    pub fn choose(&self, ask: Ask<'_>, now: Millis) -> Verdict {
        let (mut wait, mut plan) = (None::<Option<Millis>>, false);
        let mut second: Option<Pick> = None;
        for (at, route) in ask.routes.iter().enumerate() {
            let mut best: Option<&Entry> = None;
            for entry in self.entries.values() {
                let reason = self.answer(entry, ask.over(route), ask.wants, now);
                if reason == Reason::Eligible {
                    let pick = Pick { account: entry.account.id, route: at };
                    if ask.avoid.contains(&entry.account.id) {
                        second = second.or(Some(pick));
                    } else if best.is_none_or(|best| entry.load(route) < best.load(route)) {
                        best = Some(entry);
                    }
                } else if let Some(until) = reason.wait() {
                    // A slot becomes free at no known time; a rest that ends before may help sooner.
                    wait = Some(match (wait, until) {
                        (None, until) => until,
                        (Some(before), until) => before.into_iter().chain(until).min(),
                    });
                }
                plan |= reason == Reason::PlanMissing;
            }
            if let Some(entry) = best {
                return Verdict::Pick(Pick { account: entry.account.id, route: at });
            }
        }
        match (second, wait) {
            (Some(pick), _) => Verdict::Pick(pick),
            (None, Some(until)) => Verdict::Wait { until },
            (None, None) => Verdict::Never { plan },
        }
    }

    /// Whether everybody who could serve rests, or is kept from it, until after `deadline`.
    pub fn is_hopeless(&self, ask: Ask<'_>, deadline: Millis, now: Millis) -> bool {
        let answers = ask.routes.iter().flat_map(|route| {
            self.entries.values().map(move |entry| self.answer(entry, ask.over(route), ask.wants, now))
        });
        let mut waits = answers.filter_map(|reason| reason.wait()).peekable();
        waits.peek().is_some() && waits.all(|until| until.is_some_and(|until| until >= deadline))
    }

    /// Every account's answer, and who would be picked.
    pub fn explain(&self, ask: Ask<'_>, now: Millis) -> Vec<Candidate> {
        let picked = match self.choose(ask, now) {
            Verdict::Pick(pick) => Some(pick.account),
            _ => None,
        };
        let answer = |entry: &Entry| {
            let mut answers =
                ask.routes.iter().map(|route| self.answer(entry, ask.over(route), ask.wants, now));
            answers.find(|reason| *reason != Reason::WrongEngine).unwrap_or(Reason::WrongEngine)
        };
        let candidate = |entry: &Entry| Candidate {
            account: entry.account.clone(),
            in_flight: entry.in_flight(),
            slots: entry.slots(ask.kind),
            reason: if picked == Some(entry.account.id) { Reason::Picked } else { answer(entry) },
        };
        self.entries.values().map(candidate).collect()
    }

    pub fn standings(&self, now: Millis) -> Vec<Standing> {
        let standing = |entry: &Entry| Standing {
            account: entry.account.clone(),
            in_flight: entry.in_flight(),
            faults_in_a_row: entry.faults_in_a_row,
            banned: entry.off.map(|(_, class)| class),
            renewing: entry.renewing,
            resting: entry.rests(now),
            upstream_down: self.breakers.get(&entry.upstream).and_then(|breaker| {
                match breaker.passage(now) {
                    Passage::Barred(until) => Some(until),
                    Passage::Free => None,
                }
            }),
            last_used: entry.last_used,
        };
        self.entries.values().map(standing).collect()
    }
}

/// Seconds that a newcomer should expect to wait: 1–60, since SDKs ignore longer hints.
pub(super) fn estimate_s(waiting: u64, slots: u64, mean_ms: u64) -> u64 {
    let rounds = (waiting + 1).div_ceil(slots.max(1));
    rounds.saturating_mul(mean_ms).div_ceil(1000).clamp(1, 60)
}
