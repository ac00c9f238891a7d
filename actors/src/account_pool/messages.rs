//! What the pool is told, and what it does with each.

use super::{
    AccountPool, Candidate, Lease, Need, Outcome, PoolConfig, PoolState, Waiter, Wants,
    book::{Ask, Pick, Verdict},
    line::Class,
    need::Over,
};
use crate::refused::Refused;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture};
use atelier_domain::{
    account::{Account, Credential, Off},
    code::Code,
    fault::FaultClass,
    ids::AccountId,
    job::{JobKind, Route},
    time::Millis,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::oneshot;

#[derive(Message)]
#[rtype(result = "oneshot::Receiver<Result<Lease, Refused>>")]
pub(super) struct Acquire {
    pub need: Need,
}

#[derive(Message)]
#[rtype(result = "Option<Lease>")]
pub(super) struct AcquireNow {
    pub need: Need,
}

#[derive(Message)]
#[rtype(result = "Option<Lease>")]
pub(super) struct Adopt {
    pub account: AccountId,
    pub kind: Option<JobKind>,
    pub over: Route,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Upsert(pub Arc<Account>);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Remove(pub AccountId);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Configure(pub PoolConfig);

#[derive(Message)]
#[rtype(result = "PoolState")]
pub(super) struct Inspect;

#[derive(Message)]
#[rtype(result = "Vec<Candidate>")]
pub(super) struct Explain {
    pub kind: Option<JobKind>,
    pub routes: Vec<Route>,
    pub wants: Wants,
}

/// A lease coming home.
pub(super) struct Returned {
    pub account: AccountId,
    pub kind: Option<JobKind>,
    pub over: Box<Route>,
    pub opened_with: Option<Credential>,
    pub since: Millis,
    pub outcome: Outcome,
}

impl Need {
    fn ask(&self) -> Ask<'_> {
        Ask { kind: self.kind, routes: &self.routes, wants: &self.wants, avoid: &self.avoid }
    }
}

impl AccountPool {
    /// The loan of an account that is in the book.
    fn lease(&self, pick: Pick, kind: Option<JobKind>, over: Route) -> Option<Lease> {
        metrics::counter!("atelier_leases_total").increment(1);
        Some(Lease {
            account: self.book.account(pick.account)?.clone(),
            route: pick.route,
            opened_with: None,
            kind,
            over: Box::new(over),
            since: self.clock.now(),
            outcome: Outcome::Neutral,
            back: self.back.clone()?,
        })
    }

    fn lend(&mut self, pick: Pick, need: &Need, waited: Duration) -> Option<Lease> {
        metrics::histogram!("atelier_lease_wait_seconds").record(waited.as_secs_f64());
        let route = need.routes.get(pick.route)?;
        let outputs = Some(need.wants.outputs);
        self.book.borrow(pick.account, Over { kind: need.kind, route }, outputs, self.clock.now());
        self.lease(pick, need.kind, route.clone())
    }

    pub(super) fn take_back(&mut self, returned: &Returned, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let Returned { account, kind, over, opened_with, since, outcome } = returned;
        let off = self.book.give_back(*account, Over { kind: *kind, route: over }, outcome, now);
        if *outcome == Outcome::Success {
            self.book.learn(now.since(*since));
        }
        let Some(off) = off else { return };
        let class = if let Outcome::Fault(fault) = outcome { fault.class } else { FaultClass::Internal };
        let used = opened_with.clone().filter(|_| off == Off::TokenInvalid);
        if let Some(used) = used.filter(|_| self.book.renew(*account)) {
            // Whoever waits for it goes on waiting: a new credential may be there in a moment.
            let (steward, account) = (self.steward.clone(), *account);
            let renewal = async move { steward.refused(used).await };
            ctx.spawn(renewal.into_actor(self).map(move |well, act, ctx| {
                if act.book.renewed(account, well) {
                    act.steward.switched_off(account, Off::TokenInvalid, FaultClass::Auth);
                }
                act.serve_line(ctx);
            }));
        } else {
            self.steward.switched_off(*account, off, class);
        }
    }

    /// Lends to those who wait, for as long as there is anything to lend.
    pub(super) fn serve_line(&mut self, ctx: &mut Context<Self>) {
        loop {
            let (next, wake) = self.whose_turn();
            let Some((class, pick)) = next else {
                if let Some(at) = wake {
                    self.set_alarm(at, ctx);
                }
                break;
            };
            if let Some((need, since, waiter)) = self.lines.pop(&class) {
                let Some(lease) = self.lend(pick, &need, self.clock.now().since(since)) else { continue };
                // A waiter that left in between drops the lease, which brings it home.
                let _ = waiter.send(Ok(lease));
            }
        }
        self.show();
    }

    /// Of those who can be served now, the one whose key's turn is first; if nobody can, when a rest ends. Those whom nobody
    /// will ever serve are told so.
    fn whose_turn(&mut self) -> (Option<(Class, Pick)>, Option<Millis>) {
        let now = self.clock.now();
        let (mut next, mut wake) = (None::<(u64, Class, Pick)>, None);
        for class in self.lines.classes() {
            self.lines.drop_gone_heads(&class, Waiter::is_closed);
            let Some((turn, need)) = self.lines.head(&class) else { continue };
            match self.book.choose(need.ask(), now) {
                Verdict::Pick(pick) => {
                    if next.as_ref().is_none_or(|(first, ..)| turn < *first) {
                        next = Some((turn, class, pick));
                    }
                }
                Verdict::Wait { until } => wake = wake.into_iter().chain(until).min(),
                Verdict::Never { plan } => {
                    for waiter in self.lines.disband(&class) {
                        let _ = waiter.send(Err(nobody(plan)));
                    }
                }
            }
        }
        (next.map(|(_, class, pick)| (class, pick)), wake)
    }

    fn set_alarm(&mut self, at: Millis, ctx: &mut Context<Self>) {
        if let Some((set, handle)) = self.alarm {
            if set <= at {
                return;
            }
            ctx.cancel_future(handle);
        }
        let sleep = self.clock.sleep_until(at).into_actor(self).map(|(), act, ctx| {
            act.alarm = None;
            act.serve_line(ctx);
        });
        self.alarm = Some((at, ctx.spawn(sleep)));
    }

    pub(super) fn show(&self) {
        self.gauges.waiting.store(self.lines.len() as u64, Ordering::Relaxed);
        self.gauges.slots.store(self.book.slots(), Ordering::Relaxed);
        self.gauges.mean_ms.store(self.book.mean_ms(), Ordering::Relaxed);
        metrics::gauge!("atelier_queue_depth").set(self.lines.len() as f64);
    }
}

fn nobody(plan: bool) -> Refused {
    if plan {
        return Refused::new(
            Code::PlanRequired,
            "no enabled account here has the plan that this model needs",
        );
    }
    Refused::new(Code::NoAccountAvailable, "no enabled account here can serve this model")
}

fn hopeless() -> Refused {
    let message = "every account that could serve this model rests until after the job's deadline: its rate limit or quota is used up";
    Refused::new(Code::UpstreamSaturated, message).retry_after(Duration::from_secs(60))
}

impl Handler<Acquire> for AccountPool {
    type Result = MessageResult<Acquire>;

    fn handle(&mut self, Acquire { need }: Acquire, ctx: &mut Self::Context) -> Self::Result {
        let (answer, lease) = oneshot::channel();
        let now = self.clock.now();
        match self.book.choose(need.ask(), now) {
            Verdict::Never { plan } => {
                let _ = answer.send(Err(nobody(plan)));
            }
            Verdict::Wait { .. } if self.book.is_hopeless(need.ask(), need.deadline, now) => {
                let _ = answer.send(Err(hopeless()));
            }
            // Past an empty line only: those who came before go first.
            Verdict::Pick(pick) if self.lines.len() == 0 => {
                // Without a lease the answer is dropped, which says that the pool is gone.
                if let Some(lease) = self.lend(pick, &need, Duration::ZERO) {
                    let _ = answer.send(Ok(lease));
                }
            }
            _ => {
                self.lines.push(need, now, answer);
                self.lines.sweep(Waiter::is_closed);
                self.serve_line(ctx);
            }
        }
        MessageResult(lease)
    }
}

impl Handler<AcquireNow> for AccountPool {
    type Result = MessageResult<AcquireNow>;

    fn handle(&mut self, AcquireNow { need }: AcquireNow, _: &mut Self::Context) -> Self::Result {
        let free = match self.book.choose(need.ask(), self.clock.now()) {
            Verdict::Pick(pick) if self.lines.len() == 0 => Some(pick),
            _ => None,
        };
        MessageResult(free.and_then(|pick| self.lend(pick, &need, Duration::ZERO)))
    }
}

impl Handler<Adopt> for AccountPool {
    type Result = MessageResult<Adopt>;

    fn handle(&mut self, Adopt { account, kind, over }: Adopt, _: &mut Self::Context) -> Self::Result {
        let known = self.book.borrow(account, Over { kind, route: &over }, None, self.clock.now());
        MessageResult(known.then(|| self.lease(Pick { account, route: 0 }, kind, over)).flatten())
    }
}

impl Handler<Upsert> for AccountPool {
    type Result = ();

    fn handle(&mut self, Upsert(account): Upsert, ctx: &mut Self::Context) {
        self.enter(account);
        self.publish();
        self.serve_line(ctx);
    }
}

impl Handler<Remove> for AccountPool {
    type Result = ();

    fn handle(&mut self, Remove(account): Remove, ctx: &mut Self::Context) {
        self.book.remove(account);
        self.publish();
        self.serve_line(ctx);
    }
}

impl Handler<Configure> for AccountPool {
    type Result = ();

    fn handle(&mut self, Configure(config): Configure, _: &mut Self::Context) {
        self.book.configure(config);
    }
}

impl Handler<Inspect> for AccountPool {
    type Result = MessageResult<Inspect>;

    fn handle(&mut self, _: Inspect, _: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        MessageResult(PoolState {
            accounts: self.book.standings(now),
            waiting: self.lines.len(),
            mean_ms: self.book.mean_ms(),
        })
    }
}

impl Handler<Explain> for AccountPool {
    type Result = MessageResult<Explain>;

    fn handle(&mut self, explain: Explain, _: &mut Self::Context) -> Self::Result {
        let Explain { kind, routes, wants } = &explain;
        let ask = Ask { kind: *kind, routes, wants, avoid: &[] };
        MessageResult(self.book.explain(ask, self.clock.now()))
    }
}
