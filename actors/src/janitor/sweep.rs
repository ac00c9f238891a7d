//! What is past its time, and how it goes: rows first, then files, so that no row ever names a file that is gone.

use crate::{
    admin_desk::Session,
    job_supervisor::{Idempotency, prompt_file, prompt_owner},
    refused::Refused,
};
use atelier_domain::{
    ids::{JobId, MediaId},
    job::Job,
    media::Media,
    time::Millis,
};
use atelier_store::{Batch, CommitError, Row, Store};
use std::time::{Duration, UNIX_EPOCH};
use uuid::Uuid;

/// Rows deleted in one transaction.
const AT_ONCE: usize = 256;

/// A file that no row names is left alone this long: its row may be on its way.
const ORPHAN_AGE: Duration = Duration::from_secs(3600);

pub(super) fn walk(store: &Store, now: Millis) -> Result<usize, Refused> {
    let jobs = expired::<Job>(store, |job| job.state.is_terminal() && job.keep_until.is_some_and(|until| until <= now))?;
    let prompts: Vec<String> = jobs.iter().filter_map(|place| Some(prompt_file(job_id(place)?))).collect();
    let media = expired::<Media>(store, |file| file.expires_at <= now)?;
    let files: Vec<String> = media.iter().filter_map(|place| Some(media_file(place)?.to_string())).collect();
    let sessions = expired::<Session>(store, |session| session.expires_at <= now)?;
    let idempotency = expired::<Idempotency>(store, |row| row.expires_at <= now)?;
    let rows = jobs.len() + media.len() + sessions.len() + idempotency.len();
    delete::<Job>(store, jobs)?;
    delete::<Media>(store, media)?;
    delete::<Session>(store, sessions)?;
    delete::<Idempotency>(store, idempotency)?;
    for file in prompts.iter().chain(&files) {
        // Missing is fine: most prompts never had a file.
        let _ = store.media().delete(file);
    }
    sweep_orphans(store, now)?;
    Ok(rows)
}

fn job_id(place: &[u8]) -> Option<JobId> {
    Uuid::from_slice(place).ok().map(JobId::from_uuid)
}

fn media_file(place: &[u8]) -> Option<MediaId> {
    Uuid::from_slice(place).ok().map(MediaId::from_uuid)
}

fn expired<R: Row>(store: &Store, is_over: impl Fn(&R) -> bool) -> Result<Vec<Vec<u8>>, Refused> {
    let mut places = Vec::new();
    store.for_each_row::<R>(|place, row| {
        if is_over(&row) {
            places.push(place.to_vec());
        }
        Ok(())
    })?;
    Ok(places)
}

fn delete<R: Row>(store: &Store, places: Vec<Vec<u8>>) -> Result<(), Refused> {
    for some in places.chunks(AT_ONCE) {
        let mut batch = Batch::new();
        for place in some {
            batch.delete(R::TABLE, place.clone());
        }
        // Nobody waits for the janitor: a queue that is full of clients' work goes first.
        match store.submit_blocking(batch) {
            Ok(_) | Err(CommitError::Full) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

fn sweep_orphans(store: &Store, now: Millis) -> Result<(), Refused> {
    let before = UNIX_EPOCH + Duration::from_millis(u64::try_from((now - ORPHAN_AGE).0).unwrap_or(0));
    let is_named = |file: &str| {
        let media = file.parse::<MediaId>().ok().map(|id| store.get(Media::TABLE, id.uuid().as_bytes()));
        let prompt = prompt_owner(file).map(|id| store.get(Job::TABLE, id.uuid().as_bytes()));
        // What cannot be read is not proven to be an orphan.
        media.or(prompt).is_some_and(|row| !matches!(row, Ok(None)))
    };
    let swept = store.media().sweep(before, is_named).map_err(Refused::internal)?;
    if swept.files > 0 {
        tracing::info!(files = swept.files, bytes = swept.bytes, "files that no row names removed");
    }
    Ok(())
}
