//! What is past its time, and how it goes: rows first, then files, so that no row ever names a file that is gone.

use super::social;
use crate::{
    admin_desk::Session,
    audit_trail::Deed,
    characters,
    job_supervisor::{Idempotency, places, prompt_file, prompt_owner},
    media_library::{StoredFile, removal, returned},
    profiles,
    redemption::RedeemCode,
    refused::Refused,
    request_log::{LogRow, forget_days},
};
use atelier_domain::{
    character::Character,
    ids::{KeyId, MediaId},
    job::Job,
    key::ApiKey,
    media::Media,
    time::Millis,
    username::Bearer,
    webhook::WebhookEvent,
};
use atelier_store::{Batch, CommitError, Expect, Op, Row, Scan, Store, Table};
use std::time::{Duration, UNIX_EPOCH};

/// Rows read at once and deleted in one transaction.
const AT_ONCE: usize = 256;

/// A file that no row names is left alone this long: its row may be on its way.
const ORPHAN_AGE: Duration = Duration::from_secs(3600);

/// How long events that could not be delivered are kept for the operator to see.
const DEAD_LETTERS: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long what is kept to look back is kept: figures of single days, deeds of administrators, codes that are over.
const LOOKING_BACK: Duration = Duration::from_secs(400 * 86_400);

/// Takes away what is past its time and returns how many rows went. Blocking.
pub(super) fn walk(store: &Store, now: Millis, log_kept: Duration) -> Result<usize, Refused> {
    let is_over = |job: &Job| job.state.is_terminal() && job.keep_until.is_some_and(|until| until <= now);
    let mut rows = sweep_rows::<Job>(store, is_over, leavings)?;
    let has_expired = |file: &Media| file.expires_at.is_some_and(|end| end <= now);
    rows += sweep_rows::<Media>(store, has_expired, |file| Leavings::file(file.id.to_string()))?;
    let is_unwanted = |file: &StoredFile| {
        file.expires_at.is_some_and(|end| end <= now) || !owner_is_there(store, file.owner)
    };
    rows += sweep_rows::<StoredFile>(store, is_unwanted, |file| Leavings {
        batch: removal(file),
        files: vec![file.media.to_string()],
    })?;
    let is_ownerless = |character: &Character| !owner_is_there(store, character.owner);
    rows += sweep_rows::<Character>(store, is_ownerless, |character| Leavings {
        batch: characters::removal(character),
        files: character.files().map(|(media, _)| media.to_string()).collect(),
    })?;
    rows += social::sweep_posts(store)? + social::sweep_marks(store)?;
    let is_nobody = |bearer: &Bearer| matches!(bearer, Bearer::Key(key) if !owner_is_there(store, *key));
    rows += sweep_rows::<Bearer>(store, is_nobody, |bearer| Leavings {
        batch: profiles::removal(*bearer),
        ..Leavings::default()
    })?;
    rows += sweep_rows::<Session>(store, |session| session.expires_at <= now, |_| Leavings::default())?;
    rows += sweep_rows::<Idempotency>(store, |row| row.expires_at <= now, |_| Leavings::default())?;
    let is_given_up = |event: &WebhookEvent| event.dead_at.is_some_and(|at| at + DEAD_LETTERS <= now);
    rows += sweep_rows::<WebhookEvent>(store, is_given_up, |_| Leavings::default())?;
    let is_old = |row: &LogRow| row.ended_at.unwrap_or(row.created_at) + log_kept <= now;
    rows += sweep_rows::<LogRow>(store, is_old, |_| Leavings::default())?;
    rows += sweep_rows::<Deed>(store, |deed| deed.at + LOOKING_BACK <= now, |_| Leavings::default())?;
    let is_past = |code: &RedeemCode| {
        let used = code.redeemed.as_ref().is_some_and(|used| used.at + LOOKING_BACK <= now);
        used || code.expires_at.is_some_and(|end| end + LOOKING_BACK <= now)
    };
    rows += sweep_rows::<RedeemCode>(store, is_past, |_| Leavings::default())?;
    rows += forget_days(store, now - LOOKING_BACK)?;
    sweep_orphans(store, now)?;
    Ok(rows)
}

/// What goes with a row: other rows in the same transaction, then files.
#[derive(Default)]
struct Leavings {
    batch: Batch,
    files: Vec<String>,
}

impl Leavings {
    fn file(id: String) -> Self {
        Self { files: vec![id], ..Self::default() }
    }
}

/// A long prompt and the pictures that the job worked from; these are given back to their owner's budget.
fn leavings(job: &Job) -> Leavings {
    let mut left = Leavings::default();
    if job.work.prompt().text.is_none() {
        left.files.push(prompt_file(job.id));
    }
    for (table, place) in places(job) {
        left.batch.delete(table, place);
    }
    for reference in job.work.references() {
        left.batch.delete(Table::Media, reference.media.uuid().as_bytes());
        left.files.push(reference.media.to_string());
    }
    if job.work.references().next().is_some() {
        returned(&mut left.batch, job.key, job.work.references().map(|reference| reference.bytes));
    }
    left
}

/// False for the owner that is certainly gone.
pub(super) fn owner_is_there(store: &Store, owner: KeyId) -> bool {
    let row = store.load::<ApiKey>(owner.uuid().as_bytes());
    !matches!(row, Ok(None)) && !matches!(row, Ok(Some(key)) if key.deleted_at.is_some())
}

/// A row to delete as it was read, and what goes with it.
struct Expired {
    place: Vec<u8>,
    row: Vec<u8>,
    left: Leavings,
}

/// Deletes the rows of one table that are over, then their files. A row that cannot be read stays.
fn sweep_rows<R: Row>(
    store: &Store,
    is_over: impl Fn(&R) -> bool,
    leavings: impl Fn(&R) -> Leavings,
) -> Result<usize, Refused> {
    let (mut gone, mut next) = (0, Scan::all().limit(AT_ONCE));
    loop {
        let page = store.scan(R::TABLE, next)?;
        let Some((last, _)) = page.last() else { return Ok(gone) };
        next = Scan::all().limit(AT_ONCE).after(last.clone());
        let expired = page.into_iter().filter_map(|(place, row)| match R::decode(&row) {
            Ok(read) => is_over(&read).then(|| Expired { left: leavings(&read), place, row }),
            Err(error) => {
                tracing::warn!(%error, "a row that cannot be read is kept");
                None
            }
        });
        gone += sweep_page(store, R::TABLE, &expired.collect::<Vec<_>>())?;
    }
}

fn sweep_page(store: &Store, table: Table, expired: &[Expired]) -> Result<usize, Refused> {
    if expired.is_empty() {
        return Ok(0);
    }
    if delete(store, table, expired)? {
        delete_files(store, expired);
        return Ok(expired.len());
    }
    // One of them was written anew since it was read, or they are too long for one batch: one by one, the others go.
    let mut gone = 0;
    for one in expired.chunks(1) {
        if delete(store, table, one)? {
            delete_files(store, one);
            gone += 1;
        }
    }
    Ok(gone)
}

/// Deletes rows that still are what was read; false when one is not.
fn delete(store: &Store, table: Table, expired: &[Expired]) -> Result<bool, Refused> {
    let mut batch = Batch::new();
    for Expired { place, row, left } in expired {
        batch.push(Op::Delete { table, key: place.clone(), expect: Expect::Equals(row.clone()) });
        batch.extend(left.batch.clone());
    }
    match store.submit_blocking(batch) {
        Ok(_) => Ok(true),
        Err(CommitError::Refused { .. }) => Ok(false),
        // A queue that is full of clients' work goes first: the rest waits for the next walk.
        Err(other) => Err(other.into()),
    }
}

fn delete_files(store: &Store, expired: &[Expired]) {
    for file in expired.iter().flat_map(|one| &one.left.files) {
        if let Err(error) = store.media().delete(file) {
            // No row names it any more, so it is found again as an orphan.
            tracing::warn!(%error, file, "an expired file cannot be removed");
        }
    }
}

fn sweep_orphans(store: &Store, now: Millis) -> Result<(), Refused> {
    let before = Duration::from_millis(u64::try_from((now - ORPHAN_AGE).0).unwrap_or(0));
    // A shared file has the age of what it shares; the age of its name is in the name.
    let is_new = |id: MediaId| {
        id.uuid().get_timestamp().is_some_and(|made| {
            let (seconds, nanos) = made.to_unix();
            Duration::new(seconds, nanos) >= before
        })
    };
    let is_named = |file: &str| {
        let media = file.parse::<MediaId>().ok();
        if media.is_some_and(is_new) {
            return true;
        }
        let media = media.map(|id| store.get(Media::TABLE, id.uuid().as_bytes()));
        let prompt = prompt_owner(file).map(|id| store.get(Job::TABLE, id.uuid().as_bytes()));
        // What is not ours, or cannot be read, is not proven to be an orphan.
        !matches!(media.or(prompt), Some(Ok(None)))
    };
    let swept = store.media().sweep(UNIX_EPOCH + before, is_named).map_err(Refused::internal)?;
    if swept.files > 0 {
        tracing::info!(files = swept.files, bytes = swept.bytes, "files that no row names removed");
    }
    Ok(())
}
