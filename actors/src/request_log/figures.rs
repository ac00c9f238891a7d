//! What was made and what went wrong, counted: altogether, by day, by account. Each count is added to in the transaction that ends a
//! job, so that none is ever lost or doubled.

use super::calendar::Calendar;
use crate::refused::Refused;
use atelier_domain::{
    fault::FaultClass,
    ids::AccountId,
    job::{Job, JobKind, JobState},
    time::Millis,
};
use atelier_store::{Batch, ReadError, Row, Scan, Store, Table};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Counts of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Images made.
    pub images: u64,
    /// Videos made.
    pub videos: u64,
    /// Jobs that failed, those apart whose own content or form was refused.
    pub errors: u64,
}

/// Counts of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountCounts {
    /// What it made.
    pub made: Counts,
    /// Jobs that it did last, however they ended.
    pub uses: u64,
    /// When the last of them ended.
    pub last_used: Option<Millis>,
}

const TOTAL: &[u8] = b"t";
const DAY: u8 = b'd';
const ACCOUNT: u8 = b'a';

/// Names of counts at the end of a key.
const IMAGES: u8 = b'i';
const VIDEOS: u8 = b'v';
const ERRORS: u8 = b'e';
const USES: u8 = b'u';
const LAST: u8 = b'l';

/// When an account was last used.
#[derive(Serialize, Deserialize)]
struct LastUse(Millis);

impl Row for LastUse {
    const TABLE: Table = Table::Figures;
    const VERSION: u32 = 1;
}

fn day_key(day: &str) -> Vec<u8> {
    [&[DAY], day.as_bytes()].concat()
}

fn account_key(account: AccountId) -> Vec<u8> {
    [&[ACCOUNT], account.uuid().as_bytes().as_slice()].concat()
}

fn at(place: &[u8], name: u8) -> Vec<u8> {
    [place, &[name]].concat()
}

/// What the end of a job counts for.
fn counts_of(job: &Job) -> Counts {
    let made = job.outputs.len() as u64;
    let class = job.error.as_ref().and_then(|error| error.class);
    // The request's own fault is nobody else's error.
    let is_own = matches!(class, Some(FaultClass::Content | FaultClass::Invalid));
    match (job.state, job.work.kind()) {
        (JobState::Completed, JobKind::Image) => Counts { images: made, ..Counts::default() },
        (JobState::Completed, JobKind::Video) => Counts { videos: made, ..Counts::default() },
        (JobState::Failed, _) if !is_own => Counts { errors: 1, ..Counts::default() },
        _ => Counts::default(),
    }
}

/// Adds the end of a job to a batch.
pub(super) fn count(batch: &mut Batch, job: &Job, calendar: &Calendar) -> Result<(), Refused> {
    let counts = counts_of(job);
    let account = job.account.map(account_key);
    let day = day_key(&calendar.day(job.ended_at.unwrap_or(job.updated_at)));
    for place in [Some(TOTAL), Some(&day), account.as_deref()].into_iter().flatten() {
        for (name, made) in [(IMAGES, counts.images), (VIDEOS, counts.videos), (ERRORS, counts.errors)] {
            if made > 0 {
                batch.add(Table::Figures, at(place, name), i64::try_from(made).unwrap_or(0), None);
            }
        }
    }
    if let Some(account) = account {
        batch.add(Table::Figures, at(&account, USES), 1, None);
        let last = LastUse(job.updated_at).encode().map_err(Refused::internal)?;
        batch.put(Table::Figures, at(&account, LAST), last);
    }
    Ok(())
}

/// Takes the counts of an account away with a batch.
pub(crate) fn erase(batch: &mut Batch, account: AccountId) {
    for name in [IMAGES, VIDEOS, ERRORS, USES, LAST] {
        batch.delete(Table::Figures, at(&account_key(account), name));
    }
}

fn read(store: &Store, place: &[u8]) -> Result<Counts, ReadError> {
    let sum = |name| store.sum(Table::Figures, &at(place, name)).map(|sum| u64::try_from(sum).unwrap_or(0));
    Ok(Counts { images: sum(IMAGES)?, videos: sum(VIDEOS)?, errors: sum(ERRORS)? })
}

/// Everything that was ever counted.
pub(super) fn total(store: &Store) -> Result<Counts, ReadError> {
    read(store, TOTAL)
}

/// What was counted on a day.
pub(super) fn of_day(store: &Store, day: &str) -> Result<Counts, ReadError> {
    read(store, &day_key(day))
}

/// What was counted for one account.
fn of_account(store: &Store, account: AccountId) -> Result<AccountCounts, ReadError> {
    let place = account_key(account);
    let uses = store.sum(Table::Figures, &at(&place, USES))?;
    let last_used = store.load::<LastUse>(at(&place, LAST))?.map(|last| last.0);
    Ok(AccountCounts { made: read(store, &place)?, uses: u64::try_from(uses).unwrap_or(0), last_used })
}

/// What was counted for these accounts.
pub(super) fn of_accounts(
    store: &Store,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, AccountCounts>, ReadError> {
    accounts.iter().map(|account| Ok((*account, of_account(store, *account)?))).collect()
}

/// Takes days before the one of this time away; returns how many counts went. Blocking. A day more or less does not matter here.
pub(crate) fn forget_days(store: &Store, before: Millis) -> Result<usize, Refused> {
    let before = day_key(&Calendar::default().day(before));
    let old = store.scan(Table::Figures, Scan::range([DAY], before).limit(Scan::MAX_LIMIT))?;
    for page in old.chunks(256) {
        let mut batch = Batch::new();
        for (place, _) in page {
            batch.delete(Table::Figures, place.clone());
        }
        store.submit_blocking(batch)?;
    }
    Ok(old.len())
}
