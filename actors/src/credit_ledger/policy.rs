//! What a movement of credit writes: pure batches, and what their refusals mean.

use super::{Balance, Numbered, messages::Settle};
use crate::refused::Refused;
use atelier_domain::{
    code::Code,
    credit::{Entry, Hold, LedgerAccount},
    ids::KeyId,
    job::Job,
    time::Millis,
};
use atelier_store::{Batch, CommitError, Expect, LogEntry, Refusal, Scan, Store, Table};
use std::ops::Range;

/// Why a hold was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Another request wrote the rider first: the same Idempotency-Key came twice at once.
    Rider,
    /// The files of the job are more than its key may keep.
    Disk,
    /// A plain refusal.
    Refused(Refused),
}

/// How an ending went.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// The job ended now, as this row says.
    Settled(Box<Job>),
    /// It had ended before: nothing was written.
    AlreadySettled,
}

/// An acceptance, and which of its changes are the rider's.
pub(super) struct Acceptance {
    pub batch: Batch,
    pub rider: Range<usize>,
}

pub(super) fn hold_of(job: &Job) -> Hold {
    let amount = if job.metered { job.price.total } else { 0 };
    Hold { job: job.id, number: 1, key: job.key, amount, at: job.created_at }
}

pub(super) fn acceptance(job: &Job, hold: &Hold, rider: Option<Batch>) -> Result<Acceptance, Refused> {
    let mut batch = Batch::new();
    batch.put_row(job.id.uuid().as_bytes(), job, Expect::Absent).map_err(Refused::internal)?;
    batch.put_row(hold.job.uuid().as_bytes(), hold, Expect::Absent).map_err(Refused::internal)?;
    let from = batch.ops().len();
    extend(&mut batch, rider);
    let rider = from..batch.ops().len();
    if hold.amount > 0 {
        post(&mut batch, &Entry::hold(hold))?;
    }
    Ok(Acceptance { batch, rider })
}

/// The ending of a job. The hold's row must still be there, so that an ending written twice is refused as a whole.
pub(super) fn ending(settle: &Settle, now: Millis) -> Result<Batch, Refused> {
    let Settle { job, hold, media, event, rider } = settle;
    let mut batch = Batch::new();
    batch.delete_present(Table::Holds, hold.job.uuid().as_bytes());
    batch.put_row(job.id.uuid().as_bytes(), job, Expect::Present).map_err(Refused::internal)?;
    for file in media {
        batch.put_row(file.id.uuid().as_bytes(), file, Expect::Absent).map_err(Refused::internal)?;
    }
    if let Some(event) = event {
        batch.put_row(event.id.uuid().as_bytes(), event, Expect::Absent).map_err(Refused::internal)?;
    }
    if hold.amount > 0 {
        post(&mut batch, &Entry::settle(hold, job.charged, now))?;
    }
    extend(&mut batch, rider.clone());
    Ok(batch)
}

pub(super) fn grant(entry: &Entry, rider: Option<Batch>) -> Result<Batch, Refused> {
    let mut batch = Batch::new();
    extend(&mut batch, rider);
    if entry.postings.iter().any(|p| p.amount != 0) {
        post(&mut batch, entry)?;
    }
    Ok(batch)
}

fn extend(batch: &mut Batch, rider: Option<Batch>) {
    if let Some(rider) = rider {
        batch.extend(rider);
    }
}

fn post(batch: &mut Batch, entry: &Entry) -> Result<(), Refused> {
    if !entry.balances() {
        return Err(Refused::internal("an entry whose postings do not sum to zero"));
    }
    for posting in &entry.postings {
        batch.add(Table::Balances, posting.account.to_string(), posting.amount, posting.account.floor());
    }
    let row = serde_json::to_vec(entry).map_err(Refused::internal)?;
    batch.append_indexed(Table::Entries, row, entry.key.uuid().as_bytes());
    Ok(())
}

pub(super) fn why_not_held(error: CommitError, rider: &Range<usize>, job: &Job) -> Taken {
    match error {
        CommitError::Refused { op, reason: Refusal::Exists | Refusal::Changed | Refusal::Missing }
            if rider.contains(&op) =>
        {
            Taken::Rider
        }
        CommitError::Refused { op, reason: Refusal::BelowFloor { .. } } if rider.contains(&op) => Taken::Disk,
        CommitError::Refused { reason: Refusal::BelowFloor { balance }, .. } => Taken::Refused(Refused::new(
            Code::InsufficientCredits,
            format!("this costs {} credits and the balance is {balance}", job.price.total),
        )),
        other => Taken::Refused(other.into()),
    }
}

pub(super) fn settled_before(error: CommitError) -> Result<Settlement, Refused> {
    match error {
        CommitError::Refused { op: 0, reason: Refusal::Missing } => Ok(Settlement::AlreadySettled),
        other => Err(other.into()),
    }
}

/// Why credit was not given; none when something that was to be written with it did not hold.
pub(super) fn why_not_granted(error: CommitError) -> Option<Refused> {
    Some(match error {
        CommitError::Refused { reason: Refusal::Changed | Refusal::Missing | Refusal::Exists, .. } => {
            return None;
        }
        CommitError::Refused { reason: Refusal::BelowFloor { balance }, .. } => Refused::new(
            Code::BelowZero,
            format!("the balance is {balance}: a deduction cannot take it below zero"),
        ),
        other => other.into(),
    })
}

pub(super) fn balance(store: &Store, key: KeyId) -> Result<Balance, Refused> {
    let sum = |account: LedgerAccount| store.sum(Table::Balances, account.to_string().as_bytes());
    Ok(Balance { available: sum(LedgerAccount::Available(key))?, held: sum(LedgerAccount::Held(key))? })
}

pub(super) fn journal(store: &Store, before: Option<u64>, limit: usize) -> Result<Vec<Numbered>, Refused> {
    let mut scan = Scan::all().reverse().limit(limit);
    if let Some(before) = before {
        scan = scan.after(before.to_be_bytes());
    }
    let rows = store.scan(Table::Entries, scan)?;
    rows.iter().map(|(_, bytes)| numbered(bytes)).collect()
}

fn numbered(bytes: &[u8]) -> Result<Numbered, Refused> {
    let kept = LogEntry::decode(bytes).map_err(Refused::internal)?;
    let entry = serde_json::from_slice(&kept.row).map_err(Refused::internal)?;
    Ok(Numbered { seq: kept.seq, entry })
}

pub(super) fn statement(
    store: &Store,
    key: KeyId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Numbered>, Refused> {
    let owner = key.uuid().as_bytes().to_vec();
    let mut scan = Scan::prefix(owner.clone()).reverse().limit(limit);
    if let Some(before) = before {
        scan = scan.after([owner.as_slice(), &before.to_be_bytes()].concat());
    }
    let mut entries = Vec::new();
    for (place, _) in store.scan(Table::EntryIndex, scan)? {
        let Some(seq) = place.last_chunk::<8>() else { continue };
        let Some(bytes) = store.get(Table::Entries, seq)? else {
            return Err(Refused::internal("the index of entries names one that is not there"));
        };
        entries.push(numbered(&bytes)?);
    }
    Ok(entries)
}
