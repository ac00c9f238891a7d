//! When the keeper looks at whom: each account has one time, and the first of them is the alarm.

use super::tending::CredentialKeeper;
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use atelier_domain::{ids::AccountId, time::Millis};

impl CredentialKeeper {
    /// Looks at the account then; none: only when something happens.
    pub(super) fn set_wake(&mut self, id: AccountId, wake: Option<Millis>) {
        let Some(tended) = self.tended.get_mut(&id) else { return };
        if let Some(old) = std::mem::replace(&mut tended.wake, wake) {
            self.schedule.remove(&(old, id));
        }
        self.schedule.extend(wake.map(|at| (at, id)));
    }

    pub(super) fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let first = self.schedule.first().map(|(at, _)| *at);
        if self.alarm.map(|(at, _)| at) == first {
            return;
        }
        if let Some((_, handle)) = self.alarm.take() {
            ctx.cancel_future(handle);
        }
        let Some(at) = first else { return };
        let sleep = self.desk.rows.clock.sleep_until(at).into_actor(self).map(|(), act, ctx| {
            act.alarm = None;
            act.look_at_those_due(ctx);
        });
        self.alarm = Some((at, ctx.spawn(sleep)));
    }

    fn look_at_those_due(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        while let Some((at, id)) = self.schedule.first().copied()
            && at <= now
        {
            self.set_wake(id, None);
            self.look_at(id, ctx);
        }
        self.set_alarm(ctx);
    }
}
