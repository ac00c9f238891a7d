//! The library of kept files: takes in what callers send, finds the row and the place of one for whoever serves it, and knows
//! how much each key may keep.

mod budget;
mod files;
mod inspect;
mod receive;

pub use budget::Budget;
pub(crate) use budget::returned;
pub(crate) use files::removal;
pub use files::{NewFile, StoredFile};
pub use inspect::Look;
pub use receive::{Receiving, Upload};

use crate::refused::Refused;
use atelier_domain::{
    code::Code,
    ids::{KeyId, MediaId},
    media::{Media, MediaRole, SHORT},
    reference::Reference,
    time::Clock,
};
use atelier_store::{Batch, CommitError, Receipt, Store};
use budget::InFlight;
use std::{io::Read, path::PathBuf, sync::Arc};
use tokio::sync::Semaphore;

/// Files that arrive at once; others wait for their turn, so that their buffers stay few.
const ARRIVING: usize = 64;

/// How the façade finds and keeps files.
#[derive(Clone)]
pub struct MediaLibrary {
    store: Store,
    clock: Arc<dyn Clock>,
    budget: Budget,
    in_flight: InFlight,
    turns: Arc<Semaphore>,
}

impl MediaLibrary {
    /// The library of this store.
    pub fn open(store: Store, clock: Arc<dyn Clock>, budget: Budget) -> Self {
        Self {
            store,
            clock,
            budget,
            in_flight: InFlight::default(),
            turns: Arc::new(Semaphore::new(ARRIVING)),
        }
    }

    /// A job's result, or what others are shown, that is not past its time, and where it lies.
    pub fn find(&self, id: MediaId) -> Result<Option<(Media, PathBuf)>, Refused> {
        let row = self.store.load::<Media>(id.uuid().as_bytes())?;
        let shown = |row: &Media| {
            matches!(row.role, MediaRole::Output | MediaRole::Shown)
                && row.expires_at.is_none_or(|end| self.clock.now() < end)
        };
        let Some(row) = row.filter(shown) else { return Ok(None) };
        let path = self.path(id)?;
        Ok(Some((row, path)))
    }

    /// A file's bytes, whoever asks: ownership is the caller's to check.
    pub async fn read(&self, id: MediaId) -> Result<Vec<u8>, Refused> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.media().read(&id.to_string())).await;
        read.map_err(Refused::internal)?.map_err(Refused::internal)
    }

    /// What `made` makes of the bytes of a file of this length, whoever asks: ownership is the caller's to check. One that
    /// is [`SHORT`] is read where it is asked for: it was most often written a moment ago.
    pub async fn read_as<T: Send + 'static>(
        &self,
        (id, length): (MediaId, u64),
        made: impl FnOnce(Vec<u8>) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let store = self.store.clone();
        let read = move || store.media().read(&id.to_string()).map(made);
        let read = if length <= SHORT {
            read()
        } else {
            tokio::task::spawn_blocking(read).await.map_err(Refused::internal)?
        };
        read.map_err(Refused::internal)
    }

    /// The first bytes of a file, as many as there are up to `length`.
    pub async fn beginning(&self, id: MediaId, length: u64) -> Result<Vec<u8>, Refused> {
        let path = self.path(id)?;
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            std::fs::File::open(path)?.take(length).read_to_end(&mut bytes).map(|_| bytes)
        });
        read.await.map_err(Refused::internal)?.map_err(Refused::internal)
    }

    /// The longest file that is taken in, in bytes.
    pub fn longest(&self) -> u64 {
        self.budget.file
    }

    /// Takes in a file that a key sends, piece by piece. Refused when the key keeps as much as it may.
    pub async fn receive(&self, key: KeyId) -> Result<Receiving, Refused> {
        Receiving::begin(self, key).await
    }

    /// A result of a key's own job as a picture for another: its bytes are shared, so either may go first.
    pub async fn reuse(&self, key: KeyId, id: MediaId) -> Result<Upload, Refused> {
        let gone = || Refused::new(Code::MediaNotFound, "there is no such file, or it is past its time");
        let (media, _) = self.find(id)?.filter(|(media, _)| media.owner == key).ok_or_else(gone)?;
        self.share(key, media.id, media.bytes).await
    }

    /// What others are shown as a file of this key's: whoever calls has seen that the key may see it.
    pub(crate) async fn reuse_shown(&self, key: KeyId, id: MediaId) -> Result<Upload, Refused> {
        let gone = || Refused::new(Code::MediaNotFound, "the file is gone: what showed it was taken back");
        let (media, _) =
            self.find(id)?.filter(|(media, _)| media.role == MediaRole::Shown).ok_or_else(gone)?;
        self.share(key, media.id, media.bytes).await
    }

    /// A file that a job of this key worked from, for another job of it.
    pub(crate) async fn reuse_reference(&self, key: KeyId, reference: &Reference) -> Result<Upload, Refused> {
        self.share(key, reference.media, reference.bytes).await
    }

    /// Commits rows that name uploads, which count against their owner's budget from then on. A refusal leaves the uploads as they
    /// were.
    pub(crate) async fn commit_naming(
        &self,
        owner: KeyId,
        mut batch: Batch,
        uploads: &[&Upload],
    ) -> Result<Receipt, CommitError> {
        if !uploads.is_empty() {
            self.budget.take(&mut batch, owner, uploads.iter().map(|upload| upload.bytes));
        }
        // The caller may leave while the rows are being written.
        uploads.iter().for_each(|upload| upload.keep());
        let outcome = self.store.submit(batch).await;
        if outcome.as_ref().is_err_and(|error| !matches!(error, CommitError::Closed)) {
            uploads.iter().for_each(|upload| upload.let_go());
        }
        outcome
    }

    /// The refusal of what does not fit into a key's budget.
    pub(crate) fn exhausted(&self) -> Refused {
        self.budget.exhausted()
    }

    /// Removes files whose rows are gone.
    pub(crate) async fn remove(&self, files: Vec<MediaId>) {
        let store = self.store.clone();
        let removed = tokio::task::spawn_blocking(move || {
            for file in files {
                if let Err(error) = store.media().delete(&file.to_string()) {
                    // No row names it, so it is found again as an orphan.
                    tracing::warn!(%error, media = %file, "a file that nothing names any more cannot be removed yet");
                }
            }
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "files that nothing names any more were not removed yet");
        }
    }

    async fn share(&self, key: KeyId, from: MediaId, bytes: u64) -> Result<Upload, Refused> {
        let mut reserved = self.in_flight.reserve(&self.store, key, self.budget)?;
        reserved.grow(bytes)?;
        receive::share(self.store.clone(), from, reserved).await
    }

    /// Where an upload lies, to look at it before it is anything.
    pub fn upload_path(&self, upload: &Upload) -> Result<PathBuf, Refused> {
        self.path(upload.id)
    }

    fn path(&self, id: MediaId) -> Result<PathBuf, Refused> {
        self.store.media().path(&id.to_string()).map_err(Refused::internal)
    }
}
