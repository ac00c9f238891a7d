//! Taking in a file piece by piece: hashed and written as it arrives, with one buffer that fills while another is written.

use super::{
    MediaLibrary,
    budget::Reserved,
    inspect::{self, Look},
};
use crate::refused::Refused;
use atelier_domain::{
    code::Code,
    ids::{JobId, KeyId, MediaId},
    media::{Media, MediaRole},
    reference::Reference,
    size::Size,
    time::Millis,
};
use atelier_store::{MediaDraft, MediaError, Store};
use bytes::Bytes;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};
use uuid::Uuid;

/// Bytes that are gathered before they are written, and pieces.
const GATHERED: usize = 256 << 10;
const PIECES: usize = 256;

/// Bytes that are written before the disk is asked to take them, so that the end of a long file waits for little.
const UNSYNCED: usize = 4 << 20;

/// How long a file waits for others to have arrived.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file that is arriving. Dropped before its end, it leaves nothing behind.
pub struct Receiving {
    store: Store,
    reserved: Reserved,
    pieces: Vec<Bytes>,
    gathered: usize,
    writing: JoinHandle<Result<Written, MediaError>>,
    _turn: OwnedSemaphorePermit,
}

struct Written {
    draft: MediaDraft,
    hash: blake3::Hasher,
    unsynced: usize,
    syncing: Option<JoinHandle<Result<(), MediaError>>>,
}

impl Written {
    fn add(&mut self, pieces: &[Bytes]) -> Result<(), MediaError> {
        for piece in pieces {
            self.draft.write(piece)?;
            self.hash.update(piece);
            self.unsynced += piece.len();
        }
        if self.unsynced >= UNSYNCED && self.syncing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.unsynced = 0;
            self.syncing = Some(tokio::task::spawn_blocking(self.draft.flusher()?));
        }
        Ok(())
    }
}

impl Receiving {
    pub(super) async fn begin(library: &MediaLibrary, key: KeyId) -> Result<Self, Refused> {
        let turn = library.turns.clone().acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn).await.map_err(|_| Refused::busy())?;
        let turn = turn.map_err(Refused::internal)?;
        let reserved = library.in_flight.reserve(&library.store, key, library.budget)?;
        let store = library.store.clone();
        let begun = store.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let (draft, hash) = (begun.media().begin()?, blake3::Hasher::new());
            Ok(Written { draft, hash, unsynced: 0, syncing: None })
        });
        Ok(Self { store, reserved, pieces: Vec::new(), gathered: 0, writing, _turn: turn })
    }

    /// Adds a piece. Refused when the file is too long, or the key has no room for it.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), Refused> {
        self.reserved.grow(piece.len() as u64)?;
        self.gathered += piece.len();
        self.pieces.push(piece);
        if self.gathered < GATHERED && self.pieces.len() < PIECES {
            return Ok(());
        }
        let mut written = self.written().await?;
        self.gathered = 0;
        let pieces = std::mem::take(&mut self.pieces);
        self.writing = tokio::task::spawn_blocking(move || written.add(&pieces).map(|()| written));
        Ok(())
    }

    async fn written(&mut self) -> Result<Written, Refused> {
        (&mut self.writing).await.map_err(Refused::internal)?.map_err(not_kept)
    }

    /// The whole file, on disk.
    pub async fn finish(mut self) -> Result<Upload, Refused> {
        let mut written = self.written().await?;
        let Self { store, reserved, pieces, .. } = self;
        if let Some(syncing) = written.syncing.take() {
            syncing.await.map_err(Refused::internal)?.map_err(not_kept)?;
        }
        let id = MediaId::from_uuid(Uuid::now_v7());
        let (bytes, keeper) = (reserved.bytes(), Keeper::new(store, id, reserved));
        // The keeper goes along: whoever leaves now must not leave the file behind.
        let kept = tokio::task::spawn_blocking(move || {
            written.add(&pieces)?;
            let look = inspect::look(written.draft.read()?);
            written.draft.keep(&id.to_string())?;
            let digest = written.hash.finalize().to_hex().to_string();
            Ok(Upload { id, bytes, digest, look, keeper })
        });
        kept.await.map_err(Refused::internal)?.map_err(not_kept)
    }
}

fn not_kept(error: MediaError) -> Refused {
    tracing::error!(%error, "an upload cannot be written");
    Refused::new(
        Code::InternalError,
        "the gateway cannot write to its disk; the request id finds it in the log",
    )
}

/// Another name for the bytes of a kept file.
pub(super) async fn share(store: Store, from: MediaId, reserved: Reserved) -> Result<Upload, Refused> {
    let id = MediaId::from_uuid(Uuid::now_v7());
    let (bytes, keeper) = (reserved.bytes(), Keeper::new(store.clone(), id, reserved));
    let shared = tokio::task::spawn_blocking(move || {
        let path = store.media().share(&from.to_string(), &id.to_string())?;
        let mut file = std::fs::File::open(path).map_err(MediaError::Io)?;
        let look = inspect::look(&mut file);
        Ok(Upload { id, bytes, digest: String::new(), look, keeper })
    });
    shared.await.map_err(Refused::internal)?.map_err(|error| match error {
        MediaError::Missing => Refused::new(Code::MediaNotFound, "the file is gone: it was past its time"),
        other => not_kept(other),
    })
}

/// A file that is on disk and that no row names yet. Dropped before one does, it goes away.
#[derive(Debug)]
pub struct Upload {
    /// Its name in the media store.
    pub id: MediaId,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hex: the same file is known again by it. Empty for a file that was shared.
    pub digest: String,
    /// What it shows, or why it is no picture.
    pub look: Result<Look, String>,
    keeper: Keeper,
}

impl Upload {
    /// The picture as the row of a job names it; the text says why it is none.
    pub fn reference(&self) -> Result<Reference, &str> {
        let look = self.look.as_ref().map_err(String::as_str)?;
        Ok(Reference { media: self.id, mime: look.mime.to_owned(), bytes: self.bytes, size: look.size })
    }

    /// The same file as a video of this size.
    pub fn video(&self, size: Size) -> Reference {
        Reference { media: self.id, mime: "video/mp4".to_owned(), bytes: self.bytes, size }
    }

    /// Its row, as a file that a job works from or that its owner keeps.
    pub(crate) fn row(&self, owner: KeyId, job: Option<JobId>, now: Millis) -> Media {
        let look = self.look.as_ref().ok();
        Media {
            id: self.id,
            role: if job.is_some() { MediaRole::Reference } else { MediaRole::Upload },
            owner,
            job,
            mime: look.map_or("application/octet-stream", |look| look.mime).to_owned(),
            bytes: self.bytes,
            width: look.map_or(0, |look| look.size.width),
            height: look.map_or(0, |look| look.size.height),
            created_at: now,
            expires_at: None,
        }
    }

    /// A row is about to name it: it stays, though nobody may be there any more to see the row written. If none was, the file is
    /// found again as an orphan.
    pub(crate) fn keep(&self) {
        self.keeper.kept.store(true, Ordering::Release);
    }

    /// The row was refused: it goes as before.
    pub(crate) fn let_go(&self) {
        self.keeper.kept.store(false, Ordering::Release);
    }
}

/// Removes a file that nobody came to name.
#[derive(Debug)]
struct Keeper {
    store: Store,
    id: MediaId,
    kept: Arc<AtomicBool>,
    _reserved: Reserved,
}

impl Keeper {
    fn new(store: Store, id: MediaId, reserved: Reserved) -> Self {
        Self { store, id, kept: Arc::default(), _reserved: reserved }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Acquire) {
            return;
        }
        let (store, id) = (self.store.clone(), self.id);
        let remove = move || {
            if let Err(error) = store.media().delete(&id.to_string()) {
                // No row names it, so it is found again as an orphan.
                tracing::warn!(%error, media = %id, "an upload that nobody wants cannot be removed");
            }
        };
        // A long file takes its time to go, and this may be an actor's thread.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}
