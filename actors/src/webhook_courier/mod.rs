//! The webhook courier: brings the events of the outbox to the servers of their keys, at least once each. An event is written
//! with the end of its job (`credit_ledger`); here it is tried until a server takes it, or until it is a dead letter.

mod delivery;
mod inbox;
mod policy;
mod signer;

pub(crate) use inbox::Inbox;
pub(crate) use policy::Waiting;

use crate::{credit_ledger::Ledger, refused::Refused};
use actix::{Actor, ArbiterHandle, AsyncContext, Context, WrapFuture};
use atelier_domain::{
    code::Code,
    ids::EventId,
    key::ApiKey,
    time::Clock,
    webhook::{Notifier, WebhookEvent, WebhookSecret},
};
use atelier_store::{Batch, Expect, ReadError, Row, Scan, Store};
use delivery::{Delivery, Ended};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use policy::Schedule;
use signer::Signer;
use std::{sync::Arc, time::Duration};

/// Rows read at once.
const PAGE: usize = 1_000;

/// How long the courier waits before it reads an outbox again that could not be read, or writes an outcome again.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// How long it sleeps when nothing is due.
const LONG_WAIT: Duration = Duration::from_secs(3_600);

/// How the rest of Atelier speaks to the courier.
#[derive(Clone)]
pub struct Webhooks {
    store: Store,
    clock: Arc<dyn Clock>,
    inbox: Arc<Inbox>,
    signer: Signer,
}

impl Webhooks {
    /// The outbox that `ledger` writes to. The keys' signing secrets follow from `installation`, the secret of this installation.
    pub fn open(store: Store, ledger: &Ledger, installation: &[u8; 32], clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, inbox: ledger.inbox(), signer: Signer::new(installation) }
    }

    /// Starts the courier; what lies in the outbox from before is taken up.
    pub fn start(&self, notifier: Arc<dyn Notifier>, on: &ArbiterHandle) {
        let own = self.clone();
        WebhookCourier::start_in_arbiter(on, move |_| WebhookCourier { own, notifier });
    }

    /// What the events of a key are signed with; none before it first had a URL.
    pub fn secret(&self, key: &ApiKey) -> Option<WebhookSecret> {
        self.signer.secret(key)
    }

    /// Events that were given up and are still kept, latest job first, at most `limit`.
    pub async fn dead(&self, limit: usize) -> Result<Vec<WebhookEvent>, Refused> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || {
            let (mut dead, mut next) = (Vec::new(), Scan::all().reverse().limit(PAGE));
            while dead.len() < limit {
                let page = store.rows::<WebhookEvent>(next)?;
                let Some((last, _)) = page.last() else { break };
                next = Scan::all().reverse().limit(PAGE).after(last.clone());
                dead.extend(page.into_iter().map(|(_, event)| event).filter(|event| event.dead_at.is_some()));
            }
            dead.truncate(limit);
            Ok::<_, ReadError>(dead)
        });
        Ok(read.await.map_err(Refused::internal)??)
    }

    /// Tries a dead letter again, from the first wait on.
    pub async fn retry(&self, id: EventId) -> Result<WebhookEvent, Refused> {
        let unknown = || Refused::new(Code::WebhookNotFound, "no dead letter has this id");
        let place = id.uuid();
        let kept = self.store.get(WebhookEvent::TABLE, place.as_bytes())?.ok_or_else(unknown)?;
        let event = WebhookEvent::decode(&kept).map_err(Refused::internal)?;
        if event.dead_at.is_none() {
            return Err(unknown());
        }
        let event = WebhookEvent { tries: 0, due: self.clock.now(), dead_at: None, ..event };
        let mut batch = Batch::new();
        batch.put_row(place.as_bytes(), &event, Expect::Equals(kept)).map_err(Refused::internal)?;
        self.store.submit(batch).await.map_err(|error| match error {
            // Somebody else retried it, or the janitor took it.
            atelier_store::CommitError::Refused { .. } => unknown(),
            other => other.into(),
        })?;
        self.inbox.put(Waiting::of(&event));
        Ok(event)
    }

    /// All events that are not dead.
    async fn waiting(&self) -> Result<Vec<Waiting>, Refused> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut waiting = Vec::new();
            store.for_each(WebhookEvent::TABLE, |_, bytes| -> Result<(), ReadError> {
                match WebhookEvent::decode(bytes) {
                    Ok(event) if event.dead_at.is_none() => waiting.push(Waiting::of(&event)),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "a webhook's row that cannot be read is left alone"),
                }
                Ok(())
            })?;
            Ok::<_, ReadError>(waiting)
        });
        Ok(read.await.map_err(Refused::internal)??)
    }
}

struct WebhookCourier {
    own: Webhooks,
    notifier: Arc<dyn Notifier>,
}

impl Actor for WebhookCourier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(rounds(self.own.clone(), self.notifier.clone()).into_actor(self));
    }
}

async fn rounds(own: Webhooks, notifier: Arc<dyn Notifier>) {
    let (mut schedule, mut running) = (Schedule::default(), FuturesUnordered::new());
    let mut unread = true;
    loop {
        let news = own.inbox.take();
        unread |= news.missed;
        news.events.into_iter().for_each(|waiting| schedule.add(waiting));
        if unread {
            match own.waiting().await {
                Ok(waiting) => {
                    waiting.into_iter().for_each(|waiting| schedule.add(waiting));
                    unread = false;
                }
                Err(refused) => tracing::warn!(%refused, "the outbox cannot be read; it is read again soon"),
            }
        }
        let now = own.clock.now();
        while let Some((key, event)) = schedule.start(now) {
            let (store, clock, signer) = (own.store.clone(), own.clock.clone(), own.signer.clone());
            let delivery = Delivery { store, clock, signer, key, event };
            running.push(delivery.run(notifier.clone()));
        }
        metrics::gauge!("atelier_webhooks_pending").set(schedule.len() as f64);
        let pause = now + if unread { SHORT_WAIT } else { LONG_WAIT };
        let wake = schedule.next_due().map_or(pause, |due| due.min(pause));
        tokio::select! {
            Some(ended) = running.next(), if !running.is_empty() => match ended {
                Ended::Settled { key, event, again } => schedule.finish(key, event, again),
                // The process ends; what is still there is taken up at the next start.
                Ended::Closed => return,
            },
            () = own.inbox.rung() => {}
            () = own.clock.sleep_until(wake) => {}
        }
    }
}
