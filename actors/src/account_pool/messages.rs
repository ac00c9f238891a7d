//! What the pool is told, and what it does with each.

use super::{
    AccountPool, Candidate, Lease, Need, Outcome, PoolState, Waiter,
    line::Class,
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
use std::{sync::atomic::Ordering, time::Duration};
use tokio::sync::oneshot;

#[derive(Message)]
#[rtype(result = "oneshot::Receiver<Result<Lease, Refused>>")]
pub(super) struct Acquire {
    pub need: Need,
}

#[derive(Message)]
#[rtype(result = "Option<Lease>")]
pub(super) struct Adopt {
    pub account: AccountId,
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
    pub since: Millis,
    pub outcome: Outcome,
}

impl AccountPool {
    fn lease(&self, pick: Pick, model: String) -> Lease {
        metrics::counter!("atelier_leases_total").increment(1);
        Lease {
            account: pick.account,
            route: pick.route,
            model,
            since: self.clock.now(),
            outcome: Outcome::Neutral,
            back: self.back.clone(),
        }
    }

    fn lend(&mut self, pick: Pick, need: &Need, waited: Duration) -> Lease {
        metrics::histogram!("atelier_lease_wait_seconds").record(waited.as_secs_f64());
        self.book.borrow(pick.account, self.clock.now());
        let model = need.routes.get(pick.route).map(|route| route.model.clone()).unwrap_or_default();
        self.lease(pick, model)
    }

    pub(super) fn take_back(&mut self, returned: &Returned) {
        let now = self.clock.now();
        self.book.give_back(returned.account, &returned.model, &returned.outcome, now);
        if returned.outcome == Outcome::Success {
            self.book.learn(now.since(returned.since));
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
                let lease = self.lend(pick, &need, self.clock.now().since(since));
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
            match self.book.choose(need.kind, &need.routes, now) {
                Verdict::Pick(pick) => {
                    if next.as_ref().is_none_or(|(first, ..)| turn < *first) {
                        next = Some((turn, class, pick));
                    }
                }
                Verdict::Wait { until } => wake = wake.into_iter().chain(until).min(),
                Verdict::Never => {
                    for waiter in self.lines.disband(&class) {
                        let _ = waiter.send(Err(nobody()));
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

fn nobody() -> Refused {
    Refused::new(Code::NoAccountAvailable, "no enabled account here can serve this model")
}

impl Handler<Acquire> for AccountPool {
    type Result = MessageResult<Acquire>;

    fn handle(&mut self, Acquire { need }: Acquire, ctx: &mut Self::Context) -> Self::Result {
        let (answer, lease) = oneshot::channel();
        let now = self.clock.now();
        match self.book.choose(need.kind, &need.routes, now) {
            Verdict::Never => {
                let _ = answer.send(Err(nobody()));
            }
            // Past an empty line only: those who came before go first.
            Verdict::Pick(pick) if self.lines.len() == 0 => {
                let _ = answer.send(Ok(self.lend(pick, &need, Duration::ZERO)));
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

impl Handler<Adopt> for AccountPool {
    type Result = MessageResult<Adopt>;

    fn handle(&mut self, Adopt { account, model }: Adopt, _: &mut Self::Context) -> Self::Result {
        let known = self.book.borrow(account, self.clock.now());
        MessageResult(known.then(|| self.lease(Pick { account, route: 0 }, model)))
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
