//! One account in the pool's book: its health, and its answer to a need. Pure.

use super::{
    PoolConfig,
    need::{Over, Wants, has_plan, is_meant_for},
    pace::Pace,
    reaction::Reaction,
};
use atelier_domain::{
    account::{Account, Endpoint, Off, Quota},
    engine::Abilities,
    fault::FaultClass,
    job::{JobKind, Route},
    time::Millis,
};
use std::{collections::BTreeMap, sync::Arc};

/// An upstream: an engine at a place. What fails for one of its accounts as a whole fails for all.
pub(super) type Upstream = (String, Endpoint);

fn upstream(account: &Account) -> Arc<Upstream> {
    Arc::new((account.engine.clone(), account.endpoint.clone()))
}

/// An account with its health.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub account: Arc<Account>,
    pub upstream: Arc<Upstream>,
    pub can: Abilities,
    in_flight: [u32; 3],
    pub last_used: Millis,
    pub faults_in_a_row: u32,
    /// Switched off by faults since its row was last read.
    pub off: Option<(Off, FaultClass)>,
    /// Its credential was refused, and a new one is being had.
    pub renewing: bool,
    /// What rests: the account (an empty name), a model, or a family of models.
    resting: BTreeMap<String, Rest>,
    /// How much at once it turned out to take, where it took less than its slots.
    ceiling: [Option<u32>; 3],
    pace: Pace,
    /// What is left by family, less what was taken since it was looked up.
    quota: BTreeMap<String, Quota>,
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
    /// It is switched off: by the operator, or by what its row says.
    Disabled(Off),
    /// Faults switched it off.
    Banned(FaultClass),
    /// No route of the model leads to its engine.
    WrongEngine,
    /// Its list of models has another.
    WrongModel,
    /// The operator wants no such work done by it.
    LaneClosed,
    /// The model needs a plan that it does not have.
    PlanMissing,
    /// Its engine cannot do what is asked.
    Unfit(&'static str),
    /// Its upstream no longer has the model.
    ModelGone(Millis),
    /// It rests until then.
    Resting {
        /// When it is back.
        until: Millis,
        /// Why it rests.
        class: FaultClass,
    },
    /// It was asked as often within a minute as it may be.
    Paced(Millis),
    /// Its upstream fails everybody; somebody looks again then, if the one who is there now has not come back before.
    UpstreamDown(Millis),
    /// Its credential is being renewed.
    Renewing,
    /// All its slots are taken.
    Busy,
}

impl Reason {
    /// Whether waiting can help, and until when at least if that is known.
    pub(super) const fn wait(&self) -> Option<Option<Millis>> {
        match self {
            Self::Resting { until, .. } | Self::Paced(until) | Self::UpstreamDown(until) => {
                Some(Some(*until))
            }
            Self::Busy | Self::Renewing => Some(None),
            _ => None,
        }
    }
}

const fn lane(kind: Option<JobKind>) -> usize {
    match kind {
        Some(JobKind::Image) => 0,
        Some(JobKind::Video) => 1,
        None => 2,
    }
}

impl Entry {
    pub fn new(account: Arc<Account>, can: Abilities) -> Self {
        let quota = account.checked.quota.clone();
        Self {
            upstream: upstream(&account),
            account,
            can,
            in_flight: [0; 3],
            last_used: Millis(0),
            faults_in_a_row: 0,
            off: None,
            renewing: false,
            resting: BTreeMap::new(),
            ceiling: [None; 3],
            pace: Pace::default(),
            quota,
        }
    }

    /// Takes the account's new settings. One that is switched on again is forgiven everything.
    pub fn update(&mut self, account: Arc<Account>, can: Abilities) {
        let was_off = self.off.is_some() || !self.account.enabled;
        if account.enabled && was_off {
            self.off = None;
            self.faults_in_a_row = 0;
            self.resting.clear();
            self.ceiling = [None; 3];
        }
        if account.endpoint != self.account.endpoint || account.models != self.account.models {
            // What failed there, or of these, says nothing about what the operator has corrected.
            self.resting.clear();
        }
        if account.checked.at != self.account.checked.at {
            self.quota = account.checked.quota.clone();
        }
        if account.endpoint != self.account.endpoint || account.engine != self.account.engine {
            self.upstream = upstream(&account);
        }
        (self.account, self.can) = (account, can);
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight.iter().sum()
    }

    /// What is left of the route's quota; everything, where nobody knows.
    fn remaining(&self, route: &Route) -> u64 {
        self.quota.get(route.quota_pool()).map_or(u64::MAX, |quota| quota.remaining)
    }

    /// The lower, the sooner it is picked: most quota left, fewest attempts, longest unused.
    pub fn load(&self, route: &Route) -> (std::cmp::Reverse<u64>, u32, Millis) {
        (std::cmp::Reverse(self.remaining(route)), self.in_flight(), self.last_used)
    }

    /// How many of a kind it takes at once now; none means no limit.
    pub fn slots(&self, kind: Option<JobKind>) -> Option<u32> {
        let set = u32::try_from(self.account.lane(kind).slots).ok();
        set.into_iter().chain(self.ceiling[lane(kind)]).min()
    }

    /// Whether it could serve this now, its upstream's own state apart.
    pub fn answer(&self, Over { kind, route }: Over<'_>, wants: &Wants, now: Millis) -> Reason {
        if let Some(never) = self.never(kind, route, wants) {
            return never;
        }
        if self.renewing {
            return Reason::Renewing;
        }
        let names = ["", route.model.as_str(), route.quota_pool()];
        let rests = names.into_iter().filter_map(|name| self.resting.get(name));
        if let Some(rest) = rests.filter(|rest| now < rest.until).max_by_key(|rest| rest.until) {
            return Reason::Resting { until: rest.until, class: rest.class };
        }
        if let Some(until) = self.quota_resets(route, now) {
            return Reason::Resting { until, class: FaultClass::QuotaWindow };
        }
        if let Some(until) = self.pace.free_at(&self.account, kind, wants.outputs, now) {
            return Reason::Paced(until);
        }
        if self.slots(kind).is_some_and(|slots| self.in_flight[lane(kind)] >= slots) {
            return Reason::Busy;
        }
        Reason::Eligible
    }

    /// Why it cannot serve this however long one waits.
    fn never(&self, kind: Option<JobKind>, route: &Route, wants: &Wants) -> Option<Reason> {
        let account = &*self.account;
        if account.engine != route.engine {
            return Some(Reason::WrongEngine);
        }
        if !account.enabled {
            return Some(Reason::Disabled(account.off.unwrap_or(Off::Manual)));
        }
        if let Some((_, class)) = self.off {
            return Some(Reason::Banned(class));
        }
        if !account.lane(kind).enabled {
            return Some(Reason::LaneClosed);
        }
        if !is_meant_for(account, self.can, route, kind) {
            return Some(Reason::WrongModel);
        }
        if !has_plan(account, route) {
            return Some(Reason::PlanMissing);
        }
        if kind.is_none() && !self.can.relays {
            return Some(Reason::Unfit("its engine takes no text requests"));
        }
        wants.unmet_by(account, self.can, &route.family).map(Reason::Unfit)
    }

    /// When a used-up quota is full again; none when something is left, or when that is over.
    fn quota_resets(&self, route: &Route, now: Millis) -> Option<Millis> {
        let quota = self.quota.get(route.quota_pool()).filter(|quota| quota.remaining == 0)?;
        quota.resets_at.filter(|resets| now < *resets)
    }

    /// An attempt begins. `counts` is false for one that began before and goes on.
    pub fn borrow(&mut self, Over { kind, route }: Over<'_>, outputs: Option<u32>, now: Millis) {
        self.in_flight[lane(kind)] += 1;
        self.last_used = now;
        self.resting.retain(|_, rest| now < rest.until);
        if let Some(outputs) = outputs {
            self.pace.note(&self.account, kind, outputs, now);
            if let Some(quota) = self.quota.get_mut(route.quota_pool()) {
                quota.remaining = quota.remaining.saturating_sub(u64::from(outputs));
            }
        }
    }

    /// The latest attempt never began: what it would have used is there again.
    pub fn unask(&mut self, route: &Route) {
        let outputs = self.pace.forget();
        if let Some(quota) = self.quota.get_mut(route.quota_pool()) {
            quota.remaining += u64::from(outputs.unwrap_or(1));
        }
    }

    /// An attempt ends.
    pub fn give_back(&mut self, kind: Option<JobKind>) {
        let flying = &mut self.in_flight[lane(kind)];
        *flying = flying.saturating_sub(1);
    }

    /// It went well: what was learned the hard way is slowly forgotten.
    pub fn succeed(&mut self, kind: Option<JobKind>) {
        self.faults_in_a_row = 0;
        let ceiling = &mut self.ceiling[lane(kind)];
        *ceiling = ceiling.map(|most| most + 1).filter(|most| *most <= 64);
    }

    /// Whether what a model or family failed at is remembered: names of text models are whatever clients say, unless the account lists them.
    pub fn knows(&self, kind: Option<JobKind>, what: &str) -> bool {
        kind.is_some() || what.is_empty() || self.account.models.iter().any(|own| own.name == what)
    }

    /// Draws the consequences of a fault; the answer is what it was switched off as.
    pub fn suffer(
        &mut self,
        kind: Option<JobKind>,
        reaction: &Reaction,
        class: FaultClass,
        config: &PoolConfig,
    ) -> Option<Off> {
        if let Some((what, until)) = reaction.rest.as_ref().filter(|(what, _)| self.knows(kind, what)) {
            let rest = Rest { until: *until, class };
            // Attempts that ran beside each other end in any order: the longest rest counts.
            let kept = self.resting.entry(what.clone()).or_insert(rest);
            if kept.until < rest.until {
                *kept = rest;
            }
        }
        if reaction.crowded {
            self.ceiling[lane(kind)] = Some(self.in_flight[lane(kind)].max(1));
        }
        if reaction.counts {
            self.faults_in_a_row += 1;
        }
        let too_many = self.faults_in_a_row >= config.error_ban_threshold;
        let off = reaction.off.or_else(|| (reaction.counts && too_many).then_some(Off::ErrorLimit));
        if let Some(off) = off {
            self.off = Some((off, class));
        }
        off
    }

    /// What rests now: what (empty means all), until when, and why.
    pub fn rests(&self, now: Millis) -> Vec<(String, Millis, FaultClass)> {
        let rests = self.resting.iter().filter(|(_, rest)| now < rest.until);
        rests.map(|(what, rest)| (what.clone(), rest.until, rest.class)).collect()
    }
}
