//! The credit ledger: the only room that moves credit. Every movement is one entry whose postings sum to zero, written in
//! the same transaction as the rows it pays for.

mod messages;
mod policy;
mod verify;

pub use policy::{Settlement, Taken};
pub use verify::{Drift, Verdict};

use crate::{
    bulletin::{Bulletin, Change},
    refused::Refused,
    system::Vital,
    webhook_courier::{Inbox, Waiting},
};
use actix::{Actor, Addr, ArbiterHandle, Context};
use atelier_domain::{
    code::Code,
    credit::{Credits, Entry, Hold, LedgerAccount, MAX_AMOUNT},
    ids::KeyId,
    job::Job,
    key::ApiKey,
    media::Media,
    time::Clock,
    webhook::WebhookEvent,
};
use atelier_store::{Batch, Store, Table};
use messages::{Conclude, Grant, Settle, TakeHold};
use std::sync::{Arc, OnceLock};

/// How the rest of Atelier speaks to the ledger.
#[derive(Clone)]
pub struct Ledger {
    addr: Addr<CreditLedger>,
    store: Store,
    inbox: Arc<Inbox>,
    rider: Arc<OnceLock<EndingRider>>,
    bulletin: Arc<OnceLock<Bulletin>>,
}

/// What else is written when a job ends, such as its row in a log.
pub type EndingRider = Arc<dyn Fn(&Job) -> Result<Batch, Refused> + Send + Sync>;

/// What a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What can be spent.
    pub available: Credits,
    /// What is set aside for open jobs.
    pub held: Credits,
}

/// An entry with its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// Counted from 1 over all keys.
    pub seq: u64,
    /// The entry.
    pub entry: Entry,
}

impl Ledger {
    /// Starts the ledger on its arbiter.
    pub fn start(store: Store, clock: Arc<dyn Clock>, on: &ArbiterHandle) -> Self {
        let kept = store.clone();
        let addr = CreditLedger::start_in_arbiter(on, move |ctx| {
            ctx.set_mailbox_capacity(16_384);
            CreditLedger { store: kept, clock, _vital: Vital("credit ledger") }
        });
        Self { addr, store, inbox: Arc::default(), rider: Arc::default(), bulletin: Arc::default() }
    }

    /// Accepts a job: its row, its hold and the hold's postings are one transaction. `rider` is what else belongs to the
    /// acceptance, such as the idempotency row; a rider that another request was faster with is [`Taken::Rider`].
    pub async fn hold(&self, job: Arc<Job>, rider: Option<Batch>) -> Result<Hold, Taken> {
        let key = job.metered.then_some(job.key);
        let held = self.addr.send(TakeHold { job, rider }).await.map_err(|e| Taken::Refused(e.into()))?;
        self.moved(key.filter(|_| held.is_ok()));
        held
    }

    /// Ends a job: its final row, its media rows, the capture or release, and the event that its key's server is to be told
    /// are one transaction. Twice is once.
    pub async fn settle(&self, job: Job, hold: Hold, media: Vec<Media>) -> Result<Settlement, Refused> {
        let event = self.event_of(&job)?;
        let waiting = event.as_ref().map(Waiting::of);
        // Without it the job ends all the same; what failed is in the log.
        let rider = self.rider.get().and_then(|rider| rider(&job).ok());
        let key = job.metered.then_some(job.key);
        let settled = self.addr.send(Settle { job, hold, media, event, rider }).await?;
        self.moved(key.filter(|_| settled.is_ok()));
        if let (Ok(Settlement::Settled(_)), Some(waiting)) = (&settled, waiting) {
            self.inbox.put(waiting);
        }
        settled
    }

    /// From now on this is told of every balance that changed. Only the first one is.
    pub fn tell(&self, bulletin: Bulletin) {
        let _ = self.bulletin.set(bulletin);
    }

    fn moved(&self, key: Option<KeyId>) {
        if let Some((bulletin, key)) = self.bulletin.get().zip(key) {
            bulletin.tell(Change::Balance(key));
        }
    }

    /// From now on this rides along with the end of every job, in the same transaction. Only the first one does.
    pub fn accompany(&self, rider: EndingRider) {
        let _ = self.rider.set(rider);
    }

    /// What the key's server is told about this ending, if the key has one.
    fn event_of(&self, job: &Job) -> Result<Option<WebhookEvent>, Refused> {
        let Some(event) = WebhookEvent::of(job) else { return Ok(None) };
        let key = self.store.load::<ApiKey>(job.key.uuid().as_bytes())?;
        let is_told = key.is_some_and(|key| key.webhook_url.is_some() && key.deleted_at.is_none());
        Ok(is_told.then_some(event))
    }

    /// Where events are announced that were written.
    pub(crate) fn inbox(&self) -> Arc<Inbox> {
        self.inbox.clone()
    }

    /// Gives (or with a negative amount takes) credit, together with `rider`, such as the row of a new key.
    pub async fn grant(
        &self,
        key: KeyId,
        amount: Credits,
        reason: Option<String>,
        rider: Option<Batch>,
    ) -> Result<Balance, Refused> {
        if amount.unsigned_abs() > MAX_AMOUNT.unsigned_abs() {
            return Err(Refused::new(
                Code::BadField,
                format!("one entry moves {MAX_AMOUNT} credits at most"),
            ));
        }
        let granted = self.addr.send(Grant { key, amount, reason, rider }).await?;
        self.moved(granted.is_ok().then_some(key));
        granted?.ok_or_else(|| Refused::internal("a change beside a grant was refused"))
    }

    /// Gives credit if everything that `rider` expects holds; none when it does not, and then nothing was written.
    pub async fn grant_if(
        &self,
        key: KeyId,
        amount: Credits,
        reason: Option<String>,
        rider: Batch,
    ) -> Result<Option<Balance>, Refused> {
        let granted = self.addr.send(Grant { key, amount, reason, rider: Some(rider) }).await??;
        self.moved(granted.map(|_| key));
        Ok(granted)
    }

    /// What a key has now.
    pub fn balance(&self, key: KeyId) -> Result<Balance, Refused> {
        policy::balance(&self.store, key)
    }

    /// What all keys together can spend or have set aside.
    pub fn outstanding(&self) -> Result<Credits, Refused> {
        let sum = |account: LedgerAccount| self.store.sum(Table::Balances, account.to_string().as_bytes());
        Ok(-sum(LedgerAccount::Issued)? - sum(LedgerAccount::Earned)?)
    }

    /// The journal: everybody's entries, newest first, before the entry numbered `before`.
    pub fn journal(&self, before: Option<u64>, limit: usize) -> Result<Vec<Numbered>, Refused> {
        policy::journal(&self.store, before, limit)
    }

    /// A key's entries, newest first, before the entry numbered `before`.
    pub fn statement(&self, key: KeyId, before: Option<u64>, limit: usize) -> Result<Vec<Numbered>, Refused> {
        policy::statement(&self.store, key, before, limit)
    }

    /// Proves the books from the entries alone: chain unbroken, every entry balanced, every balance the sum of its postings.
    /// Credit moves on meanwhile, and only waits while the last entries and the balances are compared.
    pub async fn verify(&self) -> Result<Verdict, Refused> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || verify::read(&store));
        let books = read.await.map_err(Refused::internal)??;
        self.addr.send(Conclude(Box::new(books))).await?
    }
}

/// Proves the books of a store that no server has open.
pub fn verify_offline(store: &Store) -> Result<Verdict, Refused> {
    Ok(verify::conclude(store, verify::read(store)?)?)
}

struct CreditLedger {
    store: Store,
    clock: Arc<dyn Clock>,
    _vital: Vital,
}

impl Actor for CreditLedger {
    type Context = Context<Self>;
}
