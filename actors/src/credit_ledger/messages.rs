//! What the ledger is told, and what it does with each.

use super::{
    Balance, CreditLedger, Verdict,
    policy::{self, Settlement, Taken},
    verify::{self, Books},
};
use crate::refused::Refused;
use actix::{AtomicResponse, Handler, Message, ResponseFuture, WrapFuture};
use atelier_domain::{
    credit::{Credits, Entry, Hold},
    ids::KeyId,
    job::Job,
    media::Media,
    webhook::WebhookEvent,
};
use atelier_store::Batch;
use std::sync::Arc;

#[derive(Message)]
#[rtype(result = "Result<Hold, Taken>")]
pub(super) struct TakeHold {
    pub job: Arc<Job>,
    pub rider: Option<Batch>,
}

#[derive(Message)]
#[rtype(result = "Result<Settlement, Refused>")]
pub(super) struct Settle {
    pub job: Job,
    pub hold: Hold,
    pub media: Vec<Media>,
    pub event: Option<WebhookEvent>,
    pub rider: Option<Batch>,
}

#[derive(Message)]
#[rtype(result = "Result<Option<Balance>, Refused>")]
pub(super) struct Grant {
    pub key: KeyId,
    pub amount: Credits,
    pub reason: Option<String>,
    pub rider: Option<Batch>,
}

impl Handler<TakeHold> for CreditLedger {
    type Result = ResponseFuture<Result<Hold, Taken>>;

    fn handle(&mut self, TakeHold { job, rider }: TakeHold, _: &mut Self::Context) -> Self::Result {
        let hold = policy::hold_of(&job);
        let plan = policy::acceptance(&job, &hold, rider);
        let commit = plan.map(|plan| (self.store.submit(plan.batch), plan.rider));
        Box::pin(async move {
            let (commit, rider) = commit.map_err(Taken::Refused)?;
            match commit.await {
                Ok(_) => Ok(hold),
                Err(error) => Err(policy::why_not_held(error, &rider, &job)),
            }
        })
    }
}

impl Handler<Settle> for CreditLedger {
    type Result = ResponseFuture<Result<Settlement, Refused>>;

    fn handle(&mut self, settle: Settle, _: &mut Self::Context) -> Self::Result {
        let commit = policy::ending(&settle, self.clock.now()).map(|batch| self.store.submit(batch));
        Box::pin(async move {
            match commit?.await {
                Ok(_) => Ok(Settlement::Settled(Box::new(settle.job))),
                Err(error) => policy::settled_before(error),
            }
        })
    }
}

impl Handler<Grant> for CreditLedger {
    type Result = ResponseFuture<Result<Option<Balance>, Refused>>;

    fn handle(&mut self, Grant { key, amount, reason, rider }: Grant, _: &mut Self::Context) -> Self::Result {
        let entry = Entry::grant(key, amount, reason, self.clock.now());
        let batch = policy::grant(&entry, rider);
        let store = self.store.clone();
        Box::pin(async move {
            match store.submit(batch?).await {
                Ok(_) => policy::balance(&store, key).map(Some),
                Err(error) => policy::why_not_granted(error).map_or(Ok(None), Err),
            }
        })
    }
}

/// The end of a verification, for which no credit may move.
#[derive(Message)]
#[rtype(result = "Result<Verdict, Refused>")]
pub(super) struct Conclude(pub Box<Books>);

impl Handler<Conclude> for CreditLedger {
    type Result = AtomicResponse<Self, Result<Verdict, Refused>>;

    fn handle(&mut self, Conclude(books): Conclude, _: &mut Self::Context) -> Self::Result {
        let store = self.store.clone();
        let concluded = async move {
            // Answered after every movement that was handed in before.
            store.submit(Batch::new()).await?;
            let concluded = tokio::task::spawn_blocking(move || verify::conclude(&store, *books));
            Ok(concluded.await.map_err(Refused::internal)??)
        };
        AtomicResponse::new(Box::pin(concluded.into_actor(self)))
    }
}
