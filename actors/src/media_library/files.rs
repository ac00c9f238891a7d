//! Files that a key uploads once and uses by id: `/v1/files`.

use super::{MediaLibrary, Upload, budget::returned};
use crate::refused::Refused;
use atelier_domain::{
    code::Code,
    ids::{FileId, KeyId, MediaId},
    time::Millis,
};
use atelier_store::{Batch, CommitError, Expect, Refusal, Row, Scan, Table};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use uuid::Uuid;

/// One file as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Which file.
    pub id: FileId,
    /// Whose it is.
    pub owner: KeyId,
    /// Its bytes in the media store.
    pub media: MediaId,
    /// The name that its owner gave it.
    pub filename: String,
    /// What its owner says it is for.
    pub purpose: String,
    /// Its media type, as its bytes say.
    pub mime: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Since when.
    pub created_at: Millis,
    /// When it goes away by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
}

impl Row for StoredFile {
    const TABLE: Table = Table::Files;
    const VERSION: u32 = 1;
}

/// What its owner says about a new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its name.
    pub filename: String,
    /// What it is for.
    pub purpose: String,
    /// When it is to go away by itself.
    pub expires_at: Option<Millis>,
}

impl StoredFile {
    /// Where its row is: under its owner, so that nobody else's lookup can find it.
    pub(crate) fn place(owner: KeyId, id: FileId) -> Vec<u8> {
        [owner.uuid().as_bytes().as_slice(), id.uuid().as_bytes()].concat()
    }
}

/// What goes when the row of a file goes: the row of its bytes, and what they took of its owner's budget.
pub(crate) fn removal(file: &StoredFile) -> Batch {
    let mut batch = Batch::new();
    batch.delete(Table::Media, file.media.uuid().as_bytes());
    returned(&mut batch, file.owner, std::iter::once(file.bytes));
    batch
}

impl MediaLibrary {
    /// Keeps an upload as a file.
    pub async fn keep_file(
        &self,
        owner: KeyId,
        upload: Upload,
        said: NewFile,
    ) -> Result<StoredFile, Refused> {
        let now = self.clock.now();
        let media = upload.row(owner, None, now);
        let file = StoredFile {
            id: FileId::from_uuid(Uuid::now_v7()),
            owner,
            media: upload.id,
            filename: said.filename,
            purpose: said.purpose,
            mime: media.mime.clone(),
            bytes: upload.bytes,
            created_at: now,
            expires_at: said.expires_at,
        };
        let mut batch = Batch::new();
        self.budget.take(&mut batch, owner, std::iter::once(upload.bytes));
        let place = StoredFile::place(owner, file.id);
        batch.put_row(place, &file, Expect::Absent).map_err(Refused::internal)?;
        batch.put_row(media.id.uuid().as_bytes(), &media, Expect::Absent).map_err(Refused::internal)?;
        // The caller may leave while the rows are being written.
        upload.keep();
        let Err(error) = self.store.submit(batch).await else { return Ok(file) };
        if !matches!(error, CommitError::Closed) {
            upload.let_go();
        }
        Err(match error {
            CommitError::Refused { reason: Refusal::BelowFloor { .. }, .. } => self.budget.exhausted(),
            other => other.into(),
        })
    }

    /// A key's own file that is not past its time.
    pub fn file(&self, owner: KeyId, id: FileId) -> Result<Option<StoredFile>, Refused> {
        let file = self.store.load::<StoredFile>(StoredFile::place(owner, id))?;
        Ok(file.filter(|file| file.expires_at.is_none_or(|end| self.clock.now() < end)))
    }

    /// Where the bytes of a file lie.
    pub fn file_path(&self, file: &StoredFile) -> Result<PathBuf, Refused> {
        self.path(file.media)
    }

    /// A key's files from the newest or the oldest on, after one of them.
    pub fn files(
        &self,
        owner: KeyId,
        after: Option<FileId>,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<StoredFile>, Refused> {
        let mut scan = Scan::prefix(owner.uuid().as_bytes().to_vec()).limit(limit);
        if newest_first {
            scan = scan.reverse();
        }
        if let Some(after) = after {
            scan = scan.after(StoredFile::place(owner, after));
        }
        Ok(self.store.rows::<StoredFile>(scan)?.into_iter().map(|(_, file)| file).collect())
    }

    /// Removes a key's own file; false when there is none. Jobs that were given it keep what they were given.
    pub async fn delete_file(&self, owner: KeyId, id: FileId) -> Result<bool, Refused> {
        let Some(file) = self.file(owner, id)? else { return Ok(false) };
        let mut batch = Batch::new();
        batch.delete_present(Table::Files, StoredFile::place(owner, id)).extend(removal(&file));
        match self.store.submit(batch).await {
            Ok(_) => {}
            // Somebody else was faster.
            Err(CommitError::Refused { .. }) => return Ok(false),
            Err(other) => return Err(other.into()),
        }
        let store = self.store.clone();
        let removed = tokio::task::spawn_blocking(move || store.media().delete(&file.media.to_string()));
        if let Err(error) = removed.await.map_err(Refused::internal)? {
            tracing::warn!(%error, media = %file.media, "a deleted file cannot be removed yet");
        }
        Ok(true)
    }

    /// A key's own file as a picture for a job: its bytes are shared, so that it may be deleted meanwhile.
    pub async fn reuse_file(&self, owner: KeyId, id: FileId) -> Result<Upload, Refused> {
        let gone = || Refused::new(Code::FileNotFound, format!("this API key has no file {id}"));
        let file = self.file(owner, id)?.ok_or_else(gone)?;
        self.share(owner, file.media, file.bytes).await
    }
}
