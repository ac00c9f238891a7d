//! What the pool is told, and what it does with each.

use super::{
    AccountPool, Candidate, Lease, Need, Outcome, PoolState,
    policy::{Pick, Verdict},
};
use crate::refused::Refused;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture};
use atelier_domain::{
    account::Account,
    code::Code,
    ids::AccountId,
    job::{JobKind, Route},
    time::Millis,
};
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

#[derive(Message)]
#[rtype(result = "Result<oneshot::Receiver<Lease>, Refused>")]
pub(super) struct Acquire {
    pub need: Need,
}

#[derive(Message)]
#[rtype(result = "Option<Lease>")]
pub(super) struct Adopt {
    pub account: AccountId,
    pub kind: JobKind,
    pub model: String,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Upsert(pub Account);

#[derive(Message)]
#[rtype(result = "PoolState")]
pub(super) struct Inspect;

#[derive(Message)]
#[rtype(result = "Vec<Candidate>")]
pub(super) struct Explain {
    pub kind: JobKind,
    pub routes: Vec<Route>,
}

/// A lease coming home.
pub(super) struct Returned {
    pub account: AccountId,
    pub model: String,
    pub kind: JobKind,
    pub since: Millis,
    pub outcome: Outcome,
}

impl AccountPool {
    fn lend(&mut self, pick: &Pick, need: &Need) -> Lease {
        let now = self.clock.now();
        self.book.borrow(pick.account, need.kind, now);
        metrics::counter!("atelier_leases_total").increment(1);
        let model = need.routes.get(pick.route).map(|route| route.model.clone()).unwrap_or_default();
        Lease {
            account: pick.account,
            route: pick.route,
            model,
            kind: need.kind,
            since: now,
            outcome: Outcome::Neutral,
            back: self.back.clone(),
        }
    }

    pub(super) fn take_back(&mut self, returned: &Returned) {
        let now = self.clock.now();
        if let Outcome::Fault(fault) = &returned.outcome {
            tracing::info!(account = %returned.account, class = fault.class.name(), context = %fault.context, "attempt failed");
        }
        self.book.give_back(returned.account, returned.kind, &returned.model, &returned.outcome, now);
        if returned.outcome == Outcome::Success {
            self.book.learn(now.since(returned.since));
        }
    }

    /// Lends to those who wait, for as long as there is anything to lend.
    pub(super) fn serve_line(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let mut wake: Option<Millis> = None;
        for class in self.lines.classes() {
            loop {
                let Some(need) = self.lines.head(&class) else { break };
                match self.book.choose(need.kind, &need.routes, now) {
                    Verdict::Pick(pick) => {
                        let Some((need, since, waiter)) = self.lines.pop(&class) else { break };
                        if waiter.is_closed() {
                            continue;
                        }
                        metrics::histogram!("atelier_lease_wait_seconds").record(now.since(since).as_secs_f64());
                        let lease = self.lend(&pick, &need);
                        // A waiter that left in between drops the lease, which brings it home.
                        let _ = waiter.send(lease);
                    }
                    Verdict::Wait { until } => {
                        wake = wake.into_iter().chain(until).min();
                        break;
                    }
                    // Nobody will ever come: those who wait are told by the closed channel.
                    Verdict::Never => self.lines.disband(&class),
                }
            }
        }
        if let Some(at) = wake {
            self.set_alarm(at, ctx);
        }
        self.show();
    }

    fn set_alarm(&mut self, at: Millis, ctx: &mut Context<Self>) {
        if self.alarm.is_some_and(|set| set <= at) {
            return;
        }
        self.alarm = Some(at);
        let sleep = self.clock.sleep_until(at).into_actor(self).map(move |(), act, ctx| {
            if act.alarm == Some(at) {
                act.alarm = None;
                act.serve_line(ctx);
            }
        });
        ctx.spawn(sleep);
    }

    pub(super) fn show(&self) {
        self.gauges.waiting.store(self.lines.len() as u64, Ordering::Relaxed);
        self.gauges.slots.store(self.book.slots(), Ordering::Relaxed);
        self.gauges.mean_ms.store(self.book.mean_ms(), Ordering::Relaxed);
        metrics::gauge!("atelier_queue_depth").set(self.lines.len() as f64);
    }
}

impl Handler<Acquire> for AccountPool {
    type Result = MessageResult<Acquire>;

    fn handle(&mut self, Acquire { need }: Acquire, ctx: &mut Self::Context) -> Self::Result {
        let (answer, lease) = oneshot::channel();
        let now = self.clock.now();
        // Those who came before go first, so a free account is only taken past an empty line.
        let verdict = self.book.choose(need.kind, &need.routes, now);
        match verdict {
            Verdict::Never => {
                let why = "no enabled account here can serve this model";
                return MessageResult(Err(Refused::new(Code::NoAccountAvailable, why)));
            }
            Verdict::Pick(pick) if self.lines.is_clear(&need) => {
                metrics::histogram!("atelier_lease_wait_seconds").record(0.0);
                let lease = self.lend(&pick, &need);
                let _ = answer.send(lease);
            }
            _ => {
                self.lines.push(need, now, answer);
                self.serve_line(ctx);
            }
        }
        MessageResult(Ok(lease))
    }
}

impl Handler<Adopt> for AccountPool {
    type Result = MessageResult<Adopt>;

    fn handle(&mut self, Adopt { account, kind, model }: Adopt, _: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        let known = self.book.borrow(account, kind, now);
        MessageResult(known.then(|| Lease {
            account,
            route: 0,
            model,
            kind,
            since: now,
            outcome: Outcome::Neutral,
            back: self.back.clone(),
        }))
    }
}

impl Handler<Upsert> for AccountPool {
    type Result = ();

    fn handle(&mut self, Upsert(account): Upsert, ctx: &mut Self::Context) {
        self.book.upsert(account);
        self.serve_line(ctx);
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

    fn handle(&mut self, Explain { kind, routes }: Explain, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.book.explain(kind, &routes, self.clock.now()))
    }
}
