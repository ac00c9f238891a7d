//! Who gets an attempt, and what a fault does to an account: pure decisions over the pool's book.

use super::Outcome;
use atelier_domain::{
    account::Account,
    fault::{Fault, FaultClass, FaultScope},
    ids::AccountId,
    job::{JobKind, Route},
    time::Millis,
};
use std::{collections::BTreeMap, time::Duration};

/// How the pool reacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// Real faults in a row that switch an account off.
    pub error_ban_threshold: u32,
    /// How long an account rests after a rate limit without a hint.
    pub rate_limited_cooldown: Duration,
    /// How long it rests after an overload or a network failure without a hint.
    pub overloaded_cooldown: Duration,
    /// How long it rests after its quota is used up, without a hint.
    pub quota_cooldown: Duration,
}

/// Health of one account as the pool sees it.
#[derive(Debug, Clone)]
struct Entry {
    account: Account,
    in_flight: u32,
    last_used: Millis,
    faults_in_a_row: u32,
    /// Switched off by a fault, until an operator switches it on.
    banned: Option<FaultClass>,
    /// Resting, per model; the empty name stands for all.
    resting: BTreeMap<String, Rest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    until: Millis,
    class: FaultClass,
}

/// Why an account would or would not be picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It would be picked.
    Picked,
    /// It could serve; another is preferred.
    Eligible,
    /// The operator switched it off.
    Disabled,
    /// A fault switched it off.
    Banned(FaultClass),
    /// No route of the model leads to its engine.
    WrongEngine,
    /// It rests until then.
    Resting {
        /// When it is back.
        until: Millis,
        /// Why it rests.
        class: FaultClass,
    },
    /// All its slots are taken.
    Busy,
}

/// One account's answer to a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which account.
    pub account: AccountId,
    /// The operator's name for it.
    pub name: String,
    /// Its engine.
    pub engine: String,
    /// Attempts it does now.
    pub in_flight: u32,
    /// Its slots; −1 means no limit.
    pub slots: i32,
    /// The answer.
    pub reason: Reason,
}

/// One account's state.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The account.
    pub account: Account,
    /// Attempts it does now.
    pub in_flight: u32,
    /// Real faults in a row.
    pub faults_in_a_row: u32,
    /// The fault that switched it off.
    pub banned: Option<FaultClass>,
    /// What rests: model (empty means all), until when, and why.
    pub resting: Vec<(String, Millis, FaultClass)>,
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
    /// Somebody can serve later; a rest that ends then may be what is waited for.
    Wait {
        until: Option<Millis>,
    },
    /// Nobody here ever can.
    Never,
}

/// The pool's book: every account with its health.
pub(super) struct Book {
    entries: BTreeMap<AccountId, Entry>,
    config: PoolConfig,
    /// Smoothed length of an attempt.
    mean: Duration,
}

impl Book {
    pub fn new(accounts: Vec<Account>, config: PoolConfig) -> Self {
        let mut book = Self { entries: BTreeMap::new(), config, mean: Duration::from_secs(1) };
        for account in accounts {
            book.upsert(account);
        }
        book
    }

    /// Adds an account, or takes its new settings; being switched on by hand forgives its faults.
    pub fn upsert(&mut self, account: Account) {
        let fresh = Entry {
            account: account.clone(),
            in_flight: 0,
            last_used: Millis(0),
            faults_in_a_row: 0,
            banned: None,
            resting: BTreeMap::new(),
        };
        let entry = self.entries.entry(account.id).or_insert(fresh);
        if account.enabled {
            entry.banned = None;
            entry.faults_in_a_row = 0;
        }
        entry.account = account;
    }

    /// Counts an attempt for the account; false when there is no such account.
    pub fn borrow(&mut self, account: AccountId, now: Millis) -> bool {
        self.entries.get_mut(&account).is_some_and(|entry| {
            entry.in_flight += 1;
            entry.last_used = now;
            true
        })
    }

    /// Ends an attempt and draws the consequences.
    pub fn give_back(&mut self, account: AccountId, model: &str, outcome: &Outcome, now: Millis) {
        let Some(entry) = self.entries.get_mut(&account) else { return };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Success => entry.faults_in_a_row = 0,
            Outcome::Neutral => {}
            Outcome::Fault(fault) => {
                entry.suffer(&reaction(fault, &self.config, now), fault, model, &self.config)
            }
        }
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
        let usable = self.entries.values().filter(|e| e.account.enabled && e.banned.is_none());
        usable.map(|e| u64::try_from(e.account.images.slots).unwrap_or(1_000)).sum()
    }

    /// Picks in order of the routes; among equals the one with the fewest attempts, then the one that rested longest.
    pub fn choose(&self, _: JobKind, routes: &[Route], now: Millis) -> Verdict {
        let mut wait = None;
        for (at, route) in routes.iter().enumerate() {
            let mut best: Option<&Entry> = None;
            for entry in self.entries.values() {
                match entry.answer(route, now) {
                    Reason::Eligible if best.is_none_or(|best| entry.load() < best.load()) => {
                        best = Some(entry)
                    }
                    Reason::Busy => wait = Some(wait.flatten()),
                    Reason::Resting { until, .. } => {
                        wait = Some(Some(wait.flatten().map_or(until, |w: Millis| w.min(until))));
                    }
                    _ => {}
                }
            }
            if let Some(entry) = best {
                return Verdict::Pick(Pick { account: entry.account.id, route: at });
            }
        }
        wait.map_or(Verdict::Never, |until| Verdict::Wait { until })
    }

    /// Every account's answer, and who would be picked.
    pub fn explain(&self, kind: JobKind, routes: &[Route], now: Millis) -> Vec<Candidate> {
        let picked = match self.choose(kind, routes, now) {
            Verdict::Pick(pick) => Some(pick.account),
            _ => None,
        };
        let answer = |entry: &Entry| {
            let mut answers = routes.iter().map(|route| entry.answer(route, now));
            answers.find(|reason| *reason != Reason::WrongEngine).unwrap_or(Reason::WrongEngine)
        };
        let candidate = |entry: &Entry| Candidate {
            account: entry.account.id,
            name: entry.account.name.clone(),
            engine: entry.account.engine.clone(),
            in_flight: entry.in_flight,
            slots: entry.account.images.slots,
            reason: if picked == Some(entry.account.id) { Reason::Picked } else { answer(entry) },
        };
        self.entries.values().map(candidate).collect()
    }

    pub fn standings(&self, now: Millis) -> Vec<Standing> {
        let standing = |entry: &Entry| Standing {
            account: entry.account.clone(),
            in_flight: entry.in_flight,
            faults_in_a_row: entry.faults_in_a_row,
            banned: entry.banned,
            resting: entry
                .resting
                .iter()
                .filter(|(_, r)| now < r.until)
                .map(|(m, r)| (m.clone(), r.until, r.class))
                .collect(),
        };
        self.entries.values().map(standing).collect()
    }
}

impl Entry {
    /// The lower, the sooner it is picked.
    const fn load(&self) -> (u32, Millis) {
        (self.in_flight, self.last_used)
    }

    fn answer(&self, route: &Route, now: Millis) -> Reason {
        if self.account.engine != route.engine {
            return Reason::WrongEngine;
        }
        if !self.account.enabled {
            return Reason::Disabled;
        }
        if let Some(class) = self.banned {
            return Reason::Banned(class);
        }
        let rests = ["", route.model.as_str()].into_iter().filter_map(|name| self.resting.get(name));
        if let Some(rest) = rests.filter(|rest| now < rest.until).max_by_key(|rest| rest.until) {
            return Reason::Resting { until: rest.until, class: rest.class };
        }
        if u32::try_from(self.account.images.slots).is_ok_and(|slots| self.in_flight >= slots) {
            return Reason::Busy;
        }
        Reason::Eligible
    }

    fn suffer(&mut self, reaction: &Reaction, fault: &Fault, model: &str, config: &PoolConfig) {
        if let Some(until) = reaction.rest_until {
            let name = if fault.scope == FaultScope::AccountModel { model } else { "" };
            let rest = Rest { until, class: fault.class };
            // Attempts that ran beside each other end in any order: the longest rest counts.
            let kept = self.resting.entry(name.to_owned()).or_insert(rest);
            if kept.until < until {
                *kept = rest;
            }
        }
        if reaction.counts {
            self.faults_in_a_row += 1;
        }
        if reaction.bans || self.faults_in_a_row >= config.error_ban_threshold {
            tracing::warn!(account = %self.account.id, class = fault.class.name(), "account switched off by faults");
            self.banned = Some(fault.class);
        }
    }
}

/// What a fault does to the account that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reaction {
    rest_until: Option<Millis>,
    counts: bool,
    bans: bool,
}

fn reaction(fault: &Fault, config: &PoolConfig, now: Millis) -> Reaction {
    let rest = |usual: Duration| Some(fault.retry_at.unwrap_or(now + usual));
    let (rest_until, counts, bans) = match fault.class {
        FaultClass::RateLimited => (rest(config.rate_limited_cooldown), false, false),
        FaultClass::Concurrency => (rest(Duration::from_secs(2)), false, false),
        FaultClass::QuotaWindow => (rest(config.quota_cooldown), false, false),
        FaultClass::NotEntitled => (rest(Duration::from_secs(86_400)), false, false),
        FaultClass::Overloaded | FaultClass::Network => (rest(config.overloaded_cooldown), true, false),
        FaultClass::Billing | FaultClass::Auth => (None, true, true),
        FaultClass::JobLost | FaultClass::UnknownOutcome => (None, true, false),
        // The request's fault, the model's, or ours: the account did nothing wrong.
        FaultClass::Content | FaultClass::Invalid | FaultClass::ModelGone | FaultClass::Internal => {
            (None, false, false)
        }
    };
    Reaction { rest_until, counts, bans }
}

/// Seconds that a newcomer should expect to wait: 1–60, since SDKs ignore longer hints.
pub(super) fn estimate_s(waiting: u64, slots: u64, mean_ms: u64) -> u64 {
    let rounds = (waiting + 1).div_ceil(slots.max(1));
    rounds.saturating_mul(mean_ms).div_ceil(1000).clamp(1, 60)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use uuid::Uuid;

    fn config() -> PoolConfig {
        PoolConfig {
            error_ban_threshold: 3,
            rate_limited_cooldown: Duration::from_secs(60),
            overloaded_cooldown: Duration::from_secs(5),
            quota_cooldown: Duration::from_secs(3600),
        }
    }

    fn account(id: u128, slots: i32) -> Account {
        let id = AccountId::from_uuid(Uuid::from_u128(id));
        let mut account = Account::new(id, 1, "studio", "a", Millis(0));
        account.images.slots = slots;
        account
    }

    fn routes() -> Vec<Route> {
        vec![Route::new("studio", "m")]
    }

    fn pick(book: &Book, now: i64) -> Option<u128> {
        match book.choose(JobKind::Image, &routes(), Millis(now)) {
            Verdict::Pick(pick) => Some(pick.account.uuid().as_u128()),
            _ => None,
        }
    }

    fn run(book: &mut Book, id: u128, outcome: &Outcome, now: i64) {
        let id = AccountId::from_uuid(Uuid::from_u128(id));
        assert!(book.borrow(id, Millis(now)));
        book.give_back(id, "m", outcome, Millis(now));
    }

    #[test]
    fn slots_are_never_overdrawn_and_load_is_spread() {
        let mut book = Book::new(vec![account(1, 1), account(2, 2)], config());
        let mut order = vec![];
        while let Some(id) = pick(&book, order.len() as i64) {
            book.borrow(AccountId::from_uuid(Uuid::from_u128(id)), Millis(order.len() as i64));
            order.push(id);
        }
        assert_eq!(order, [1, 2, 2]);
        assert_eq!(book.choose(JobKind::Image, &routes(), Millis(9)), Verdict::Wait { until: None });
    }

    #[test]
    fn every_fault_class_has_its_effect_and_no_other() {
        // class, rests (ms), switched off at once, counts towards the threshold
        for (class, rests, off, counts) in [
            (FaultClass::RateLimited, 60_000, false, false),
            (FaultClass::Concurrency, 2_000, false, false),
            (FaultClass::QuotaWindow, 3_600_000, false, false),
            (FaultClass::NotEntitled, 86_400_000, false, false),
            (FaultClass::Overloaded, 5_000, false, true),
            (FaultClass::Network, 5_000, false, true),
            (FaultClass::Billing, 0, true, true),
            (FaultClass::Auth, 0, true, true),
            (FaultClass::JobLost, 0, false, true),
            (FaultClass::UnknownOutcome, 0, false, true),
            (FaultClass::Content, 0, false, false),
            (FaultClass::Invalid, 0, false, false),
            (FaultClass::ModelGone, 0, false, false),
            (FaultClass::Internal, 0, false, false),
        ] {
            let mut book = Book::new(vec![account(1, -1)], config());
            run(&mut book, 1, &Outcome::Fault(Fault::new(class, "x")), 1_000);
            let standing = book.standings(Millis(1_000)).pop().unwrap();
            assert_eq!(standing.banned.is_some(), off, "{}", class.name());
            assert_eq!(standing.faults_in_a_row, u32::from(counts), "{}", class.name());
            if !off {
                assert_eq!(pick(&book, 1_000).is_some(), rests == 0, "{}", class.name());
                assert_eq!(pick(&book, 1_000 + rests), Some(1), "{}", class.name());
            }
        }
    }

    #[test]
    fn a_content_refusal_never_hurts_and_success_forgives() {
        let mut book = Book::new(vec![account(1, -1)], config());
        for _ in 0..100 {
            run(&mut book, 1, &Outcome::Fault(Fault::new(FaultClass::Content, "no")), 0);
        }
        assert_eq!(pick(&book, 0), Some(1));
        for round in 0..10 {
            run(&mut book, 1, &Outcome::Fault(Fault::new(FaultClass::JobLost, "lost")), round);
            run(&mut book, 1, &Outcome::Success, round);
        }
        assert_eq!(pick(&book, 99), Some(1));
        for round in 0..3 {
            run(&mut book, 1, &Outcome::Fault(Fault::new(FaultClass::JobLost, "lost")), round);
        }
        assert_eq!(book.choose(JobKind::Image, &routes(), Millis(99)), Verdict::Never);
        book.upsert(account(1, -1));
        assert_eq!(pick(&book, 99), Some(1), "switching on by hand forgives");
    }

    #[test]
    fn a_rest_for_one_model_leaves_the_others_usable_and_the_line_wakes_when_it_ends() {
        let mut book = Book::new(vec![account(1, -1)], config());
        let until = Millis(90_000);
        run(&mut book, 1, &Outcome::Fault(Fault::new(FaultClass::QuotaWindow, "x").with_retry_at(until)), 0);
        assert_eq!(book.choose(JobKind::Image, &routes(), Millis(1)), Verdict::Wait { until: Some(until) });
        let other = vec![Route::new("studio", "other")];
        assert!(matches!(book.choose(JobKind::Image, &other, Millis(1)), Verdict::Pick(_)));
    }

    #[test]
    fn every_account_is_explained_with_its_own_reason() {
        let mut banned = account(4, 1);
        banned.engine = "studio".into();
        let accounts = vec![
            account(1, 1),
            account(2, 0),
            Account { enabled: false, ..account(3, 1) },
            banned,
            Account { engine: "openai".into(), ..account(5, 1) },
        ];
        let mut book = Book::new(accounts, config());
        run(&mut book, 4, &Outcome::Fault(Fault::new(FaultClass::Auth, "x")), 0);
        let reasons: Vec<Reason> =
            book.explain(JobKind::Image, &routes(), Millis(0)).into_iter().map(|c| c.reason).collect();
        assert_eq!(
            reasons,
            [
                Reason::Picked,
                Reason::Busy,
                Reason::Disabled,
                Reason::Banned(FaultClass::Auth),
                Reason::WrongEngine
            ]
        );
    }

    #[test]
    fn estimates_stay_within_what_sdks_honour() {
        assert_eq!(estimate_s(0, 12, 300), 1);
        assert_eq!(estimate_s(120, 12, 1_000), 11);
        assert_eq!(estimate_s(1_000_000, 1, 60_000), 60);
    }
}
