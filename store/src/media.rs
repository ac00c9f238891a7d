//! Media files: whole and on disk before a row names them, and never changed after that.
//!
//! `media/<2 hex digits>/<id>`; the digits come from a checksum of the id, because ids that begin with a time would all fall
//! into one directory.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::error::MediaError;
use crate::layout::sync_dir;

const MAX_ID_BYTES: usize = 128;
const SHARDS: u32 = 256;
const TEMPORARY: &str = "tmp";

/// The media files of one data directory. All methods block.
#[derive(Debug, Clone)]
pub struct MediaFiles {
    root: Arc<Path>,
    drafts: Arc<AtomicU64>,
}

/// A file that is there, whether or not a row names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMedia {
    /// Its id.
    pub id: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was written.
    pub written: SystemTime,
}

/// What the files amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// How many.
    pub files: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
}

impl MediaFiles {
    /// Takes the directory and removes what unfinished writes left.
    pub(crate) fn open(root: PathBuf) -> io::Result<MediaFiles> {
        let temporary = root.join(TEMPORARY);
        fs::create_dir_all(&temporary)?;
        for unfinished in fs::read_dir(&temporary)? {
            fs::remove_file(unfinished?.path())?;
        }
        // All shards now, so that no write has to wonder whether its directory would survive a power cut.
        for shard in 0..SHARDS {
            fs::create_dir_all(root.join(shard_name(shard)))?;
        }
        sync_dir(&root)?;
        Ok(MediaFiles { root: root.into(), drafts: Arc::default() })
    }

    fn shard(&self, number: u32) -> PathBuf {
        self.root.join(shard_name(number))
    }

    /// Where the file of this id is, or would be.
    ///
    /// # Errors
    /// [`MediaError::InvalidId`] for an id that is not 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub fn path(&self, id: &str) -> Result<PathBuf, MediaError> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(valid) {
            return Err(MediaError::InvalidId);
        }
        Ok(self.shard(crc32fast::hash(id.as_bytes()) % SHARDS).join(id))
    }

    /// Writes a file of a new id; when this returns it survives a power cut. What a killed process leaves of it no row names: see
    /// [`MediaFiles::sweep`].
    ///
    /// # Errors
    /// [`MediaError::InvalidId`], or [`MediaError::Io`], also if there is such a file already; then nothing has changed.
    pub fn write(&self, id: &str, bytes: &[u8]) -> Result<PathBuf, MediaError> {
        let path = self.path(id)?;
        // In its place from the beginning: a name that changes after the file was synced costs the disk a second sync.
        let mut draft = self.draft_at(path.clone())?;
        draft.write(bytes)?;
        draft.keep_at(&path).map_err(MediaError::Io)?;
        Ok(path)
    }

    fn draft_at(&self, path: PathBuf) -> Result<MediaDraft, MediaError> {
        let file =
            File::options().read(true).write(true).create_new(true).open(&path).map_err(MediaError::Io)?;
        Ok(MediaDraft { file, path, files: self.clone(), kept: false })
    }

    /// Begins a file that arrives piece by piece. It has no id, and is nothing to anybody, before [`MediaDraft::keep`].
    ///
    /// # Errors
    /// [`MediaError::Io`].
    pub fn begin(&self) -> Result<MediaDraft, MediaError> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.draft_at(self.root.join(TEMPORARY).join(number.to_string()))
    }

    /// Gives the bytes of one file a second id; when this returns it survives a power cut. Either can be removed without the other.
    ///
    /// # Errors
    /// [`MediaError::Missing`] if there is no file `from`, [`MediaError::Io`], or as [`MediaFiles::path`].
    pub fn share(&self, from: &str, to: &str) -> Result<PathBuf, MediaError> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        fs::hard_link(from, &to).map_err(missing_or_io)?;
        sync_dir(to.parent().unwrap_or(&self.root)).map_err(MediaError::Io)?;
        Ok(to)
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// [`MediaError::Missing`] if there is none, or as [`MediaFiles::path`].
    pub fn read(&self, id: &str) -> Result<Vec<u8>, MediaError> {
        fs::read(self.path(id)?).map_err(missing_or_io)
    }

    /// Removes a file. False if there was none.
    ///
    /// # Errors
    /// [`MediaError::Io`], or as [`MediaFiles::path`].
    pub fn delete(&self, id: &str) -> Result<bool, MediaError> {
        match fs::remove_file(self.path(id)?).map_err(missing_or_io) {
            Ok(()) => Ok(true),
            Err(MediaError::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Visits every file, in no order.
    ///
    /// # Errors
    /// [`MediaError::Io`] if a directory cannot be read.
    pub fn for_each(&self, mut visit: impl FnMut(StoredMedia)) -> Result<(), MediaError> {
        // What else there may be, such as the `lost+found` of a volume, is not ours.
        for shard in 0..SHARDS {
            for file in fs::read_dir(self.shard(shard)).map_err(MediaError::Io)? {
                // A file may be removed under the walk.
                let Ok(stored) = file.and_then(describe) else { continue };
                visit(stored);
            }
        }
        Ok(())
    }

    /// How many files there are and how much they take.
    ///
    /// # Errors
    /// As [`MediaFiles::for_each`].
    pub fn usage(&self) -> Result<Usage, MediaError> {
        let mut usage = Usage::default();
        self.for_each(|file| usage = Usage { files: usage.files + 1, bytes: usage.bytes + file.bytes })?;
        Ok(usage)
    }

    /// Removes the files written before `before` that `is_named` does not know, and returns what was removed. Files are
    /// written before the row that names them, so `before` must leave a commit its time.
    ///
    /// # Errors
    /// As [`MediaFiles::for_each`], or the first file that could not be removed.
    pub fn sweep(
        &self,
        before: SystemTime,
        mut is_named: impl FnMut(&str) -> bool,
    ) -> Result<Usage, MediaError> {
        let mut orphans = Vec::new();
        self.for_each(|file| {
            if file.written < before && !is_named(&file.id) {
                orphans.push(file);
            }
        })?;
        let mut removed = Usage::default();
        for file in orphans {
            if self.delete(&file.id)? {
                removed = Usage { files: removed.files + 1, bytes: removed.bytes + file.bytes };
            }
        }
        Ok(removed)
    }
}

/// A file that is still arriving. Removed when it is dropped before it is kept.
#[derive(Debug)]
pub struct MediaDraft {
    file: File,
    /// Where it is now.
    path: PathBuf,
    files: MediaFiles,
    kept: bool,
}

impl MediaDraft {
    /// Adds bytes at its end.
    ///
    /// # Errors
    /// [`MediaError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        self.file.write_all(bytes).map_err(MediaError::Io)
    }

    /// Brings what was written so far to the disk, whatever is written meanwhile: called from another thread now and then, it leaves
    /// little to wait for at the end.
    ///
    /// # Errors
    /// [`MediaError::Io`].
    pub fn flusher(
        &self,
    ) -> Result<impl FnOnce() -> Result<(), MediaError> + Send + 'static + use<>, MediaError> {
        let file = self.file.try_clone().map_err(MediaError::Io)?;
        Ok(move || file.sync_data().map_err(MediaError::Io))
    }

    /// What was written so far, to be looked at from its beginning.
    ///
    /// # Errors
    /// [`MediaError::Io`].
    pub fn read(&mut self) -> Result<&mut File, MediaError> {
        self.file.seek(SeekFrom::Start(0)).map_err(MediaError::Io)?;
        Ok(&mut self.file)
    }

    /// Makes it the file of this id, which must be new; when this returns it survives a power cut.
    ///
    /// # Errors
    /// [`MediaError::Io`], or as [`MediaFiles::path`].
    pub fn keep(self, id: &str) -> Result<PathBuf, MediaError> {
        let path = self.files.path(id)?;
        self.keep_at(&path).map_err(MediaError::Io)?;
        Ok(path)
    }

    fn keep_at(mut self, path: &Path) -> io::Result<()> {
        if self.path != path {
            fs::rename(&self.path, path)?;
            path.clone_into(&mut self.path);
        }
        // Its new name with it, on most file systems, and for the others the directory.
        self.file.sync_all()?;
        sync_dir(path.parent().unwrap_or(&self.files.root))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for MediaDraft {
    fn drop(&mut self) {
        if !self.kept {
            // What stays is removed at the next open, or by a sweep.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn shard_name(number: u32) -> String {
    format!("{number:02x}")
}

fn describe(entry: fs::DirEntry) -> io::Result<StoredMedia> {
    let metadata = entry.metadata()?;
    Ok(StoredMedia {
        id: entry.file_name().to_string_lossy().into_owned(),
        bytes: metadata.len(),
        written: metadata.modified()?,
    })
}

fn missing_or_io(error: io::Error) -> MediaError {
    if error.kind() == io::ErrorKind::NotFound { MediaError::Missing } else { MediaError::Io(error) }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
