//! The actor: the accounts it looks after, and the one way in which it looks at each.

use super::{
    KeeperConfig, KeeperNews, OnChange,
    attempt::{Desk, Outcome},
    board::{Board, CredentialState, Posted},
    policy::{Case, Ending, Power, Rules, Seen, Step},
    rows::{Kept, grants, is_another},
};
use crate::{account_book::Claims, refused::Refused, system::Vital, vault::VaultError};
use actix::{Actor, ActorFutureExt, AsyncContext, Context, SpawnHandle, WrapFuture};
use atelier_domain::{
    account::{AccountSecrets, Off},
    ids::AccountId,
    time::Millis,
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;

/// Renewals at the same time.
const AT_ONCE: usize = 8;

/// How long until a switch that could not be written is tried again.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// One account that is looked after.
pub(super) struct Tended {
    kept: Kept,
    pub(super) secrets: Arc<AccountSecrets>,
    pub(super) case: Case,
    /// A renewal or a switch is under way: one thing at a time.
    busy: bool,
    /// It stands in the line for a renewal.
    queued: bool,
    /// Goes up with each change of what it is authenticated by: a renewal that began before counts for nothing.
    epoch: u64,
    pub(super) wake: Option<Millis>,
    pub(super) waiters: Vec<oneshot::Sender<()>>,
}

/// The actor.
pub(super) struct CredentialKeeper {
    pub(super) desk: Desk,
    board: Arc<Board>,
    pub(super) rules: Rules,
    on_change: OnChange,
    pub(super) tended: HashMap<AccountId, Tended>,
    /// When to look at whom.
    pub(super) schedule: BTreeSet<(Millis, AccountId)>,
    /// Those that are due while as many as may be are being renewed. Each stands in it once.
    line: VecDeque<AccountId>,
    renewing: usize,
    pub(super) converting: usize,
    pub(super) waiting: usize,
    pub(super) alarm: Option<(Millis, SpawnHandle)>,
    _vital: Vital,
}

impl Tended {
    pub(super) fn is_under_way(&self) -> bool {
        self.busy || self.queued
    }
}

impl CredentialKeeper {
    pub(super) fn new(desk: Desk, board: Arc<Board>, config: KeeperConfig, on_change: OnChange) -> Self {
        Self {
            desk,
            board,
            rules: Rules { enabled: config.enabled, refusals: config.refusals.max(1) },
            on_change,
            tended: HashMap::new(),
            schedule: BTreeSet::new(),
            line: VecDeque::new(),
            renewing: 0,
            converting: 0,
            waiting: 0,
            alarm: None,
            _vital: Vital("credential keeper"),
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.desk.rows.clock.now()
    }

    /// Reads an account from its rows, or lets it go when it is gone. What is done about it is for [`Self::look_at`].
    pub(super) fn take_up(&mut self, id: AccountId) -> Result<(), VaultError> {
        let kept = self.desk.rows.load(id).inspect_err(|error| {
            tracing::error!(account_id = %id, %error, "the credential of an account cannot be read");
        })?;
        match kept {
            Some(kept) => self.adopt(kept),
            None => self.let_go(id),
        }
        Ok(())
    }

    /// Looks after an account as it is kept now.
    pub(super) fn adopt(&mut self, kept: Kept) {
        let (id, now, seen) = (kept.account.id, self.now(), self.seen(&kept));
        let secrets = Arc::new(kept.secrets.clone());
        match self.tended.get_mut(&id) {
            Some(tended) => {
                let other = is_another(&tended.kept.secrets, &kept.secrets);
                tended.case.rows_changed(seen, other, now);
                tended.epoch += u64::from(other);
                (tended.kept, tended.secrets) = (kept, secrets);
            }
            None => {
                let case = Case::new(seen, now, rand::random());
                let tended = Tended {
                    kept,
                    secrets,
                    case,
                    busy: false,
                    queued: false,
                    epoch: 0,
                    wake: None,
                    waiters: Vec::new(),
                };
                self.tended.insert(id, tended);
            }
        }
        self.post(id);
    }

    fn seen(&self, kept: &Kept) -> Seen {
        let (account, secrets, note) = (&kept.account, &kept.secrets, &kept.note);
        let renewer = self.desk.renewers.get(account.engine.as_str());
        let renewable =
            renewer.is_some_and(|renewer| grants(secrets).iter().any(|grant| renewer.takes(grant)));
        let claims = secrets.token.as_ref().and_then(Claims::of).unwrap_or_default();
        Seen {
            power: Power::of(account),
            renewable,
            missing: renewable && secrets.token.is_none(),
            ends: claims.expires_at.or(account.expires_at).filter(|_| secrets.token.is_some()),
            since: note.renewed_at.or(claims.issued_at).unwrap_or(account.updated_at),
            renewed_at: note.renewed_at,
            unsure: note.begun.is_some(),
            hopeless: note.hopeless,
        }
    }

    fn let_go(&mut self, id: AccountId) {
        self.board.take_down(id);
        self.set_wake(id, None);
        if let Some(tended) = self.tended.remove(&id) {
            self.line.retain(|waiting| *waiting != id);
            self.tell_waiters(tended.waiters);
        }
    }

    fn tell_waiters(&mut self, waiters: Vec<oneshot::Sender<()>>) {
        self.waiting -= waiters.len();
        for waiter in waiters {
            // Whoever left does not hear it.
            let _ = waiter.send(());
        }
    }

    fn post(&self, id: AccountId) {
        let Some(tended) = self.tended.get(&id) else { return };
        let (case, renews) = (&tended.case, tended.case.renews(self.rules));
        let state = CredentialState {
            expires_at: case.seen.ends,
            renewable: case.seen.renewable,
            renewing: tended.is_under_way(),
            renewed_at: case.seen.renewed_at,
            next_try: tended.wake.filter(|_| renews),
            problem: tended.kept.note.problem.clone(),
        };
        let posted = Posted {
            secrets: tended.secrets.clone(),
            endpoint: tended.kept.account.endpoint.clone(),
            good_until: case.good_until(),
            usable_until: case.usable_until(),
            renews,
            state,
        };
        self.board.post(id, posted);
    }

    pub(super) fn reload(&mut self, id: AccountId, ctx: &mut Context<Self>) {
        if self.take_up(id).is_ok() {
            self.look_at(id, ctx);
        }
    }

    pub(super) fn look_at_all(&mut self, ctx: &mut Context<Self>) {
        let ids: Vec<_> = self.tended.keys().copied().collect();
        ids.into_iter().for_each(|id| self.look_at(id, ctx));
    }

    /// Does what is to be done about an account now: the one way, whatever the occasion.
    pub(super) fn look_at(&mut self, id: AccountId, ctx: &mut Context<Self>) {
        let (now, rules) = (self.now(), self.rules);
        let Some(tended) = self.tended.get(&id) else { return };
        if tended.busy {
            return self.post(id);
        }
        match tended.case.next(rules, now) {
            Step::Rest(until) => {
                self.rest(id, until);
                return self.set_alarm(ctx);
            }
            Step::Renew if self.renewing >= AT_ONCE => self.queue(id),
            Step::Renew => self.renew(id, ctx),
            Step::SwitchOff(off) => self.switch_off(id, off, ctx),
        }
        self.post(id);
        self.set_alarm(ctx);
    }

    fn rest(&mut self, id: AccountId, until: Option<Millis>) {
        self.set_wake(id, until);
        let Some(tended) = self.tended.get_mut(&id) else { return };
        if std::mem::take(&mut tended.queued) {
            self.line.retain(|waiting| *waiting != id);
        }
        let waiters = std::mem::take(&mut tended.waiters);
        self.post(id);
        self.tell_waiters(waiters);
    }

    fn queue(&mut self, id: AccountId) {
        self.set_wake(id, None);
        if let Some(tended) = self.tended.get_mut(&id)
            && !std::mem::replace(&mut tended.queued, true)
        {
            self.line.push_back(id);
        }
    }

    fn renew(&mut self, id: AccountId, ctx: &mut Context<Self>) {
        self.set_wake(id, None);
        let Some(tended) = self.tended.get_mut(&id) else { return };
        tended.busy = true;
        if std::mem::take(&mut tended.queued) {
            self.line.retain(|waiting| *waiting != id);
        }
        self.renewing += 1;
        let (desk, epoch) = (self.desk.clone(), tended.epoch);
        let spurned = tended.secrets.token.clone().filter(|_| tended.case.spurned);
        let renewal = async move { desk.renew(id, spurned).await };
        ctx.spawn(
            renewal.into_actor(self).map(move |outcome, act, ctx| act.renewal_ended(id, epoch, outcome, ctx)),
        );
        self.tell(KeeperNews::Renewing(id));
    }

    fn renewal_ended(&mut self, id: AccountId, epoch: u64, outcome: Outcome, ctx: &mut Context<Self>) {
        self.renewing -= 1;
        let (now, rules) = (self.now(), self.rules);
        let mut ended = None;
        if let Some(tended) = self.tended.get_mut(&id) {
            tended.busy = false;
            // When its grants were replaced meanwhile, nothing of it says anything about the present ones.
            if let Outcome::Ended { ending, kept } = outcome
                && tended.epoch == epoch
            {
                tended.case.renewal_ended(ending, rules, now, rand::random());
                ended = Some(ending);
                if let Some(kept) = kept {
                    self.settle_on(*kept);
                }
            }
        }
        self.reload(id, ctx);
        if let Some(ending) = ended {
            self.tell_of(id, ending);
        }
        while self.renewing < AT_ONCE
            && let Some(next) = self.line.pop_front()
        {
            if let Some(tended) = self.tended.get_mut(&next) {
                tended.queued = false;
            }
            self.look_at(next, ctx);
        }
    }

    /// What the keeper wrote itself is not news to it.
    fn settle_on(&mut self, kept: Kept) {
        let seen = self.seen(&kept);
        if let Some(tended) = self.tended.get_mut(&kept.account.id) {
            tended.case.seen = seen;
            tended.secrets = Arc::new(kept.secrets.clone());
            tended.kept = kept;
        }
    }

    fn tell_of(&self, id: AccountId, ending: Ending) {
        let Some(tended) = self.tended.get(&id) else { return };
        let outcome = match ending {
            Ending::Renewed { .. } => "renewed",
            Ending::Refused => "refused",
            Ending::Trouble { .. } => "trouble",
        };
        metrics::counter!("atelier_renewals_total", "outcome" => outcome).increment(1);
        if outcome == "renewed" {
            tracing::info!(account_id = %id, "access token renewed");
            return self.tell(KeeperNews::Renewed(Box::new(tended.kept.account.clone())));
        }
        let unknown = || "the gateway could not keep what the vendor gave".to_owned();
        let problem = tended.kept.note.problem.clone().unwrap_or_else(unknown);
        let next_try = tended.wake.filter(|_| tended.case.renews(self.rules));
        tracing::warn!(account_id = %id, outcome, problem, "access token not renewed");
        self.tell(KeeperNews::Failed { account: id, problem, next_try });
    }

    fn tell(&self, news: KeeperNews) {
        (self.on_change)(news);
    }

    /// Switches an account off for this reason, unless somebody was there before.
    fn switch_off(&mut self, id: AccountId, off: Off, ctx: &mut Context<Self>) {
        self.set_wake(id, None);
        let Some(tended) = self.tended.get_mut(&id) else { return };
        tended.busy = true;
        let (rows, secrets) = (self.desk.rows.clone(), tended.secrets.clone());
        let change = move |kept: &mut Kept| {
            let is_as_known = Power::of(&kept.account) == Power::On && !is_another(&secrets, &kept.secrets);
            (kept.account.enabled, kept.account.off) = (false, Some(off));
            is_as_known
        };
        let switched = async move { rows.change(id, change).await };
        ctx.spawn(switched.into_actor(self).map(move |kept, act, ctx| act.switched_off(id, off, kept, ctx)));
    }

    fn switched_off(
        &mut self,
        id: AccountId,
        off: Off,
        kept: Result<Option<Kept>, Refused>,
        ctx: &mut Context<Self>,
    ) {
        if let Some(tended) = self.tended.get_mut(&id) {
            tended.busy = false;
        }
        match kept {
            Ok(Some(kept)) => {
                let account = Box::new(kept.account.clone());
                self.settle_on(kept);
                tracing::warn!(account_id = %id, reason = off.word(), "account switched off");
                self.look_at(id, ctx);
                self.tell(KeeperNews::SwitchedOff(account));
            }
            Ok(None) => self.reload(id, ctx),
            Err(refused) => {
                tracing::error!(account_id = %id, %refused, "an account could not be switched off");
                self.rest(id, Some(self.now() + SHORT_WAIT));
                self.set_alarm(ctx);
            }
        }
    }
}

impl Actor for CredentialKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look_at_all(ctx);
    }
}
