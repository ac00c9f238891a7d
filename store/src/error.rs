//! What can go wrong, per operation.

use std::io;
use std::path::PathBuf;

/// Why one change of a batch was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The row must not exist, and does.
    #[error("row exists")]
    Exists,
    /// The row must exist, and does not.
    #[error("row is missing")]
    Missing,
    /// The row is not the expected one.
    #[error("row has changed")]
    Changed,
    /// The sum would fall below its floor.
    #[error("balance {balance} does not suffice")]
    BelowFloor {
        /// The sum before the change.
        balance: i64,
    },
    /// The change itself makes no sense: a defect of the caller.
    #[error("malformed change: {0}")]
    Malformed(&'static str),
}

/// Why a batch was not committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A guard did not hold; nothing of the batch was written.
    #[error("change {op} refused: {reason}")]
    Refused {
        /// Which change of the batch, from 0.
        op: usize,
        /// Why.
        reason: Refusal,
    },
    /// The queue is full; nothing was written. The caller may try again later (503).
    #[error("commit queue is full")]
    Full,
    /// The committer has stopped. A batch handed in now is not written; of one that was waiting only a restart tells.
    #[error("store is closed")]
    Closed,
    /// The disk failed under the group. It is unknown whether the batch is on disk, and the process is ending.
    #[error("commit failed: {0}")]
    Io(String),
}

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database failed.
    #[error("read from the database failed: {0}")]
    Storage(String),
    /// A row is there but cannot be understood.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The log's hash chain does not hold.
    #[error(transparent)]
    Chain(#[from] crate::chain::ChainError),
}

impl From<sled::Error> for ReadError {
    fn from(error: sled::Error) -> ReadError {
        ReadError::Storage(error.to_string())
    }
}

/// Why a row could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// Written by a newer version of the program.
    #[error("row of {table} has version {found}, this program knows up to {known}")]
    Newer {
        /// The row's table.
        table: &'static str,
        /// The row's version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Older, and there is no way up.
    #[error("row of {table} has version {found}, which cannot be upgraded: {detail}")]
    Upgrade {
        /// The row's table.
        table: &'static str,
        /// The row's version.
        found: u32,
        /// Why not.
        detail: String,
    },
    /// Not the JSON that was expected.
    #[error("row of {table} is malformed: {detail}")]
    Malformed {
        /// The row's table.
        table: &'static str,
        /// What the decoder said.
        detail: String,
    },
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory open.
    #[error("data directory {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The database cannot be opened, or is not what was committed last.
    #[error(
        "database is damaged: {detail}; `atelier restore --latest` rebuilds it from exports and change logs"
    )]
    Broken {
        /// What was found.
        detail: String,
    },
    /// The directory was written by another version of the program.
    #[error("data directory has version {found}, this program knows up to {known}")]
    WrongVersion {
        /// What the `VERSION` file says.
        found: String,
        /// The newest version known here.
        known: u32,
    },
    /// A file could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The first export, which a gap in the change log makes necessary, failed.
    #[error("export at start failed: {0}")]
    Export(#[from] ExportError),
}

/// Why an export failed. The database is not affected, and what was written of the file is removed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The committer has stopped.
    #[error("store is closed")]
    Closed,
    /// The rows could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The change log does not hold the groups that were committed during the export.
    #[error("change log ends at group {found}, expected {expected}")]
    ChangesMissing {
        /// The last group found.
        found: u64,
        /// The last group needed.
        expected: u64,
    },
    /// A file could not be read or written.
    #[error("export file: {0}")]
    Io(#[from] io::Error),
}

/// Why the state could not be rebuilt. What was there before is there still, in its place or beside it.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Another process has the directory open.
    #[error("data directory {} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// There is neither a readable export nor a change log from the beginning.
    #[error("nothing to restore from: {}", .warnings.join("; "))]
    NothingToRestore {
        /// What was tried and why it did not serve.
        warnings: Vec<String>,
    },
    /// The given export cannot be used.
    #[error("export {} cannot be used: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The new database could not be built.
    #[error("rebuilding the database failed: {0}")]
    Storage(String),
    /// The directory was written by another version of the program.
    #[error("data directory has version {found}, this program knows up to {known}")]
    WrongVersion {
        /// What the `VERSION` file says.
        found: String,
        /// The newest version known here.
        known: u32,
    },
    /// A file could not be read or written.
    #[error("restore: {0}")]
    Io(#[from] io::Error),
}

/// Why a media file could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Not a valid id: 1 to 128 of `A-Z a-z 0-9 _ -`.
    #[error("invalid media id")]
    InvalidId,
    /// No such file.
    #[error("no such media file")]
    Missing,
    /// The file system failed.
    #[error("media file: {0}")]
    Io(#[source] io::Error),
}
