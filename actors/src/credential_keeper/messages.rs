//! What the keeper is told, and what it does with each.

use super::{no_such_account, tending::CredentialKeeper};
use crate::refused::Refused;
use actix::{ActorFutureExt, AsyncContext, Handler, Message, MessageResult, WrapFuture};
use atelier_domain::{
    code::Code,
    fault::{Fault, FaultClass},
    ids::AccountId,
    renewal::{Grant, Renewal, RenewalOrder},
    secret::Secret,
};
use tokio::sync::oneshot;

/// Conversions at the same time.
const CONVERSIONS: usize = 16;

/// Callers that may wait for renewals.
const MOST_WAITING: usize = 16_384;

/// Why an account is looked at out of its turn.
pub(super) enum Why {
    /// Its credential is wanted, and not good.
    Wanted,
    /// An upstream refused this token.
    Refused(Option<Secret>),
    /// The operator wants it renewed.
    Asked,
}

/// Answers once nothing is under way for the account.
#[derive(Message)]
#[rtype(result = "Result<oneshot::Receiver<()>, Refused>")]
pub(super) struct Settle {
    pub id: AccountId,
    pub why: Why,
}

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Reload(pub AccountId);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SwitchRenewals(pub bool);

#[derive(Message)]
#[rtype(result = "Result<oneshot::Receiver<Result<Renewal, Fault>>, Refused>")]
pub(super) struct Convert {
    pub engine: String,
    pub grant: Grant,
}

impl Handler<Settle> for CredentialKeeper {
    type Result = MessageResult<Settle>;

    fn handle(&mut self, Settle { id, why }: Settle, ctx: &mut Self::Context) -> Self::Result {
        if self.waiting >= MOST_WAITING {
            return MessageResult(Err(Refused::busy()));
        }
        if !self.tended.contains_key(&id)
            && let Err(error) = self.take_up(id)
        {
            return MessageResult(Err(error.into()));
        }
        let (now, rules) = (self.now(), self.rules);
        let Some(tended) = self.tended.get_mut(&id) else { return MessageResult(Err(no_such_account())) };
        match why {
            Why::Refused(token) if tended.secrets.token == token && tended.case.renews(rules) => {
                tended.case.spurn(rules, now);
            }
            Why::Asked => tended.case.asked = true,
            Why::Refused(_) | Why::Wanted => {}
        }
        self.look_at(id, ctx);
        let (settled, answer) = oneshot::channel();
        match self.tended.get_mut(&id).filter(|tended| tended.is_under_way()) {
            Some(tended) => {
                tended.waiters.push(settled);
                self.waiting += 1;
            }
            None => {
                let _ = settled.send(());
            }
        }
        MessageResult(Ok(answer))
    }
}

impl Handler<Reload> for CredentialKeeper {
    type Result = ();

    fn handle(&mut self, Reload(id): Reload, ctx: &mut Self::Context) {
        self.reload(id, ctx);
    }
}

impl Handler<SwitchRenewals> for CredentialKeeper {
    type Result = ();

    fn handle(&mut self, SwitchRenewals(enabled): SwitchRenewals, ctx: &mut Self::Context) {
        self.rules.enabled = enabled;
        self.look_at_all(ctx);
    }
}

impl Handler<Convert> for CredentialKeeper {
    type Result = MessageResult<Convert>;

    fn handle(&mut self, Convert { engine, grant }: Convert, ctx: &mut Self::Context) -> Self::Result {
        let Some(renewer) = self.desk.renewers.get(&engine).cloned() else {
            let message = format!("the engine {engine:?} renews no access tokens");
            return MessageResult(Err(Refused::new(Code::BadField, message)));
        };
        if self.converting >= CONVERSIONS {
            return MessageResult(Err(Refused::busy()));
        }
        self.converting += 1;
        let (desk, (given, answer)) = (self.desk.clone(), oneshot::channel());
        let converted = async move {
            let order = RenewalOrder { grant, proxy: (desk.proxies)() };
            // Nobody to give it to: the caller left.
            let _ = given.send(desk.ask(renewer, order).await);
        };
        ctx.spawn(converted.into_actor(self).map(|(), act, _| act.converting -= 1));
        MessageResult(Ok(answer))
    }
}

/// What a caller is told of a conversion that failed.
pub(super) fn refusal(fault: Fault) -> Refused {
    let code = match fault.class {
        FaultClass::Auth => Code::TokenRefused,
        class => class.code(),
    };
    tracing::warn!(class = fault.class.name(), context = %fault.context, "a grant gave no token");
    Refused::new(code, fault.message)
}
