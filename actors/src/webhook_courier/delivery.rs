//! One try of one event: read, sign, post, and write down what came of it.

use super::{
    SHORT_WAIT, policy,
    signer::{Signer, signature},
};
use atelier_domain::{
    ids::{EventId, KeyId},
    key::ApiKey,
    time::{Clock, Millis},
    webhook::{Notice, Notifier, WebhookEvent, WebhookSecret},
};
use atelier_store::{Batch, CommitError, Expect, Row, Store};
use std::sync::Arc;

/// What a try needs.
pub(super) struct Delivery {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub signer: Signer,
    pub key: KeyId,
    pub event: EventId,
}

/// How a try ended.
pub(super) enum Ended {
    /// It is written down; with a time, the event is tried again then.
    Settled { key: KeyId, event: EventId, again: Option<Millis> },
    /// The store is closed.
    Closed,
}

impl Delivery {
    /// Tries. Whatever cannot be read or written is tried again: the event may then arrive twice, but it is never lost.
    pub(super) async fn run(self, notifier: Arc<dyn Notifier>) -> Ended {
        let (key, event) = (self.key, self.event);
        let again = match self.attempt(notifier).await {
            Ok(again) => again,
            Err(Trouble::Closed) => return Ended::Closed,
            Err(Trouble::Other(error)) => {
                tracing::warn!(event_id = %event, %error, "a webhook's try could not be kept");
                Some(self.clock.now() + SHORT_WAIT)
            }
        };
        Ended::Settled { key, event, again }
    }

    async fn attempt(&self, notifier: Arc<dyn Notifier>) -> Result<Option<Millis>, Trouble> {
        let event = self.store.load::<WebhookEvent>(self.event.uuid().as_bytes()).map_err(Trouble::other)?;
        let Some(event) = event.filter(|event| event.dead_at.is_none()) else { return Ok(None) };
        let key = self.store.load::<ApiKey>(self.key.uuid().as_bytes()).map_err(Trouble::other)?;
        let key = key.filter(|key| key.deleted_at.is_none());
        let told = key.and_then(|key| Some((self.signer.secret(&key)?, key.webhook_url?)));
        let Some((secret, url)) = told else {
            self.remove(&event, "dropped").await?;
            return Ok(None);
        };
        match post(notifier, self.notice(&event, url, &secret)).await {
            Ok(()) => {
                self.remove(&event, "delivered").await?;
                Ok(None)
            }
            Err(why) => self.keep(event, &why).await,
        }
    }

    fn notice(&self, event: &WebhookEvent, url: String, secret: &WebhookSecret) -> Option<Notice> {
        let timestamp = self.clock.now().seconds();
        let signature = signature(secret, &event.id.to_string(), timestamp, &event.body)?;
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", event.id.to_string()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        Some(Notice { url, headers, body: event.body.clone().into() })
    }

    async fn remove(&self, event: &WebhookEvent, outcome: &'static str) -> Result<(), Trouble> {
        let mut batch = Batch::new();
        batch.delete(WebhookEvent::TABLE, event.id.uuid().as_bytes());
        self.commit(batch).await?;
        counted(outcome);
        tracing::debug!(event_id = %event.id, key_id = %event.key, outcome, tries = event.tries, "webhook settled");
        Ok(())
    }

    async fn keep(&self, event: WebhookEvent, why: &str) -> Result<Option<Millis>, Trouble> {
        let event = policy::failed(event, why, self.clock.now(), rand::random());
        let mut batch = Batch::new();
        batch.put_row(event.id.uuid().as_bytes(), &event, Expect::Present).map_err(Trouble::other)?;
        self.commit(batch).await?;
        counted("failed");
        let (event_id, key_id, tries) = (event.id, event.key, event.tries);
        if event.dead_at.is_some() {
            counted("dead");
            tracing::warn!(%event_id, %key_id, tries, why, "webhook given up: GET /api/webhooks/dead lists it");
            return Ok(None);
        }
        tracing::info!(%event_id, %key_id, tries, why, "webhook not taken, tried again later");
        Ok(Some(event.due))
    }

    async fn commit(&self, batch: Batch) -> Result<(), Trouble> {
        match self.store.submit(batch).await {
            Ok(_) => Ok(()),
            Err(CommitError::Closed) => Err(Trouble::Closed),
            Err(other) => Err(Trouble::other(other)),
        }
    }
}

/// Posts in a task of its own, so that a panic there is a failed try. Else says what went wrong, for the operator.
async fn post(notifier: Arc<dyn Notifier>, notice: Option<Notice>) -> Result<(), String> {
    let notice = notice.ok_or("the signing secret of the key cannot be used: rotate it")?;
    match actix_rt::spawn(notifier.post(notice)).await {
        Ok(Ok(200..=299)) => Ok(()),
        Ok(Ok(status)) => Err(format!("the server answered with status {status}")),
        Ok(Err(error)) => Err(error.context),
        Err(_) => Err("the try was cut short by a defect of the gateway".to_owned()),
    }
}

fn counted(outcome: &'static str) {
    metrics::counter!("atelier_webhooks_total", "outcome" => outcome).increment(1);
}

/// Why a try is not written down.
enum Trouble {
    Closed,
    Other(String),
}

impl Trouble {
    fn other(error: impl ToString) -> Self {
        Self::Other(error.to_string())
    }
}
