//! The handle: submit batches, read rows, export, close.

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use crate::batch::{Batch, Receipt};
use crate::chain::{Head, LogEntry};
use crate::committer::{Command, Control, Mark, Shared};
use crate::error::{CommitError, ExportError, OpenError, ReadError, RowError};
use crate::export::{self, ExportReport};
use crate::layout::Layout;
use crate::media::MediaFiles;
use crate::open::{self, OpenOptions};
use crate::overlay::decode_sum;
use crate::scan::Scan;
use crate::table::Table;

/// The open store. Cheap to clone; the data directory is free again when the last clone is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) layout: Layout,
    pub(crate) media: MediaFiles,
    pub(crate) queue: mpsc::Sender<Command>,
    pub(crate) queue_capacity: usize,
    pub(crate) exports_kept: usize,
    /// One export at a time.
    pub(crate) exporting: Mutex<()>,
    pub(crate) thread: Mutex<Option<JoinHandle<()>>>,
    /// Held for as long as the store is open; dropped last.
    pub(crate) _lock: File,
}

/// A row's key and its bytes.
pub type KeyedRow = (Vec<u8>, Vec<u8>);

/// A glance at the store, for the console and for alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Batches waiting for the committer.
    pub queue_depth: usize,
    /// Batches that may wait before [`CommitError::Full`].
    pub queue_capacity: usize,
    /// The number of the last group on disk.
    pub groups: u64,
    /// Entries in the ledger's log.
    pub entries: u64,
    /// Bytes in the change log since the last export.
    pub change_log_bytes: u64,
    /// Bytes of the database's files.
    pub database_bytes: u64,
}

impl Store {
    /// Opens or creates the data directory. Blocking: reads every row once to prove that nothing is missing.
    ///
    /// # Errors
    /// See [`OpenError`]; in each case nothing was changed that a later attempt could miss.
    pub fn open(options: OpenOptions) -> Result<Store, OpenError> {
        open::open(options).map(|inner| Store { inner: Arc::new(inner) })
    }

    /// Hands a batch to the committer, now; the future resolves when it is on disk or refused.
    ///
    /// Batches are applied in the order of the calls. Dropping the future does not take the batch back.
    ///
    /// # Errors
    /// See [`CommitError`]; after a refusal nothing of the batch is written.
    pub fn submit(
        &self,
        batch: Batch,
    ) -> impl Future<Output = Result<Receipt, CommitError>> + Send + 'static + use<> {
        let queued = self.enqueue(batch);
        async move { queued?.await.unwrap_or(Err(CommitError::Closed)) }
    }

    /// [`Store::submit`] for threads outside any async runtime, such as command line tools and tests.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub fn submit_blocking(&self, batch: Batch) -> Result<Receipt, CommitError> {
        self.enqueue(batch)?.blocking_recv().unwrap_or(Err(CommitError::Closed))
    }

    fn enqueue(&self, batch: Batch) -> Result<oneshot::Receiver<Result<Receipt, CommitError>>, CommitError> {
        batch.check().map_err(|(op, reason)| CommitError::Refused { op, reason })?;
        let (answer, answered) = oneshot::channel();
        self.inner.queue.try_send(Command::Commit(batch, answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommitError::Full,
            mpsc::error::TrySendError::Closed(_) => CommitError::Closed,
        })?;
        Ok(answered)
    }

    /// Reads one row. May wait for a transaction in progress, some milliseconds at most.
    ///
    /// Only committed rows are seen, possibly a moment before the committer has answered for them.
    ///
    /// # Errors
    /// [`ReadError::Storage`] if the database fails.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.inner.shared.trees.get(table, key)?.map(|value| value.to_vec()))
    }

    /// Reads rows with their keys, in the order and within the bounds of `scan`. Not a snapshot.
    ///
    /// # Errors
    /// [`ReadError::Storage`] if the database fails.
    pub fn scan(&self, table: Table, scan: Scan) -> Result<Vec<KeyedRow>, ReadError> {
        let (limit, reverse) = (scan.limit, scan.reverse);
        let Some(bounds) = scan.resolve() else { return Ok(Vec::new()) };
        let range = self.inner.shared.trees.range(table, bounds);
        let owned = |row: Result<(sled::IVec, sled::IVec), sled::Error>| {
            row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(ReadError::from)
        };
        if reverse {
            range.rev().take(limit).map(owned).collect()
        } else {
            range.take(limit).map(owned).collect()
        }
    }

    /// Walks a whole table in key order without holding it in memory. Not a snapshot. Blocking.
    ///
    /// # Errors
    /// The first error of `visit`, or [`ReadError::Storage`] if the database fails.
    pub fn for_each<E: From<ReadError>>(
        &self,
        table: Table,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for row in self.inner.shared.trees.rows(table) {
            let (key, value) = row.map_err(ReadError::from)?;
            visit(&key, &value)?;
        }
        Ok(())
    }

    /// Walks the log of a table from its first entry and proves its hash chain on the way. Blocking.
    ///
    /// # Errors
    /// [`ReadError::Chain`] at the first entry that does not follow, or the first error of `visit`.
    pub fn walk_log<E: From<ReadError>>(
        &self,
        table: Table,
        mut visit: impl FnMut(LogEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut head = Head::default();
        self.for_each(table, |key, value| visit(head.follow(key, value).map_err(ReadError::from)?))
    }

    /// The value of an integer row, in its own unit; 0 if it is absent.
    ///
    /// # Errors
    /// [`ReadError::Row`] if the row is not an integer row.
    pub fn sum(&self, table: Table, key: &[u8]) -> Result<i64, ReadError> {
        let Some(row) = self.get(table, key)? else { return Ok(0) };
        decode_sum(&row).ok_or_else(|| {
            ReadError::Row(RowError::Malformed { table: table.name(), detail: "not an integer row".into() })
        })
    }

    /// The number and the hash of the last entry of the ledger's log; 0 and zeros if it is empty.
    pub fn head(&self) -> (u64, [u8; 32]) {
        let head = *self.inner.shared.head.lock().unwrap_or_else(PoisonError::into_inner);
        (head.seq, head.hash)
    }

    /// Writes a logical copy of all tables beside the database, while commits go on, and removes what it makes unneeded.
    /// Blocking.
    ///
    /// # Errors
    /// See [`ExportError`]; the database is not affected.
    pub fn export(&self) -> Result<ExportReport, ExportError> {
        let _one_at_a_time = self.inner.exporting.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = self.inner.mark(true)?;
        let report = export::write(&self.inner.shared.trees, &self.inner.layout.exports(), &begin, || {
            self.inner.mark(false)
        })?;
        export::prune(&self.inner.layout, self.inner.exports_kept)?;
        Ok(report)
    }

    /// Commits what is queued, stops the committer and exports, unless nothing was committed since the last export. Later
    /// submits on other clones answer [`CommitError::Closed`]; reads still work. Blocking.
    ///
    /// # Errors
    /// See [`ExportError`]; everything answered is on disk all the same.
    pub fn close(self) -> Result<Option<ExportReport>, ExportError> {
        let _one_at_a_time = self.inner.exporting.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.mark(true)?;
        self.inner.stop();
        let exports = self.inner.layout.exports();
        let groups = self.inner.shared.groups.load(Ordering::Acquire);
        if export::files(&exports)?.last().is_some_and(|newest| newest.seq == groups) {
            return Ok(None);
        }
        let report = export::write_at_rest(&self.inner.shared.trees, &exports)?;
        export::prune(&self.inner.layout, self.inner.exports_kept)?;
        Ok(Some(report))
    }

    /// The media files.
    pub fn media(&self) -> &MediaFiles {
        &self.inner.media
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        self.inner.layout.root()
    }

    /// How the store is doing.
    pub fn stats(&self) -> Stats {
        let shared = &self.inner.shared;
        Stats {
            queue_depth: self.inner.queue.max_capacity() - self.inner.queue.capacity(),
            queue_capacity: self.inner.queue_capacity,
            groups: shared.groups.load(Ordering::Acquire),
            entries: self.head().0,
            change_log_bytes: shared.log_bytes.load(Ordering::Relaxed),
            database_bytes: shared.trees.size_on_disk().unwrap_or(0),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Asks the committer for a point between two groups.
    fn mark(&self, rotate: bool) -> Result<Mark, ExportError> {
        let (reply, replied) = std::sync::mpsc::sync_channel(1);
        self.control(Control::Mark { rotate, reply });
        // A committer that ended before the control was there will not answer it; one that ends later drops it.
        if self.queue.is_closed() {
            return Err(ExportError::Closed);
        }
        Ok(replied.recv().map_err(|_| ExportError::Closed)??)
    }

    fn control(&self, control: Control) {
        self.shared.controls.lock().unwrap_or_else(PoisonError::into_inner).push_back(control);
        // A full queue means that the committer is awake and will look.
        let _ = self.queue.try_send(Command::Wake);
    }

    /// Ends the committer after what is queued. Returns when it has ended.
    fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.control(Control::Stop);
            // A panic in the thread has been dealt with in the thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
