//! Opening: lock, version, database, migrations, change log, committer; and the proof that what opened is what was committed.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use crate::chain::Head;
use crate::change_log::{self, ChangeLog, Walk};
use crate::committer::{self, Shared};
use crate::error::OpenError;
use crate::export;
use crate::group::CommitState;
use crate::layout::{Layout, LockError, create_dir_durably};
use crate::media::MediaFiles;
use crate::migrations;
use crate::store::Inner;
use crate::table::Table;
use crate::trees::Trees;

/// What to do when memory and disk may differ. The default logs and aborts the process; if the function returns, as in tests,
/// the store answers [`crate::CommitError::Closed`] from then on.
#[derive(Clone)]
pub struct OnFatal(Arc<dyn Fn(&str) + Send + Sync>);

impl OnFatal {
    /// Calls `act` with what failed.
    pub fn new(act: impl Fn(&str) + Send + Sync + 'static) -> OnFatal {
        OnFatal(Arc::new(act))
    }

    /// Logs and aborts.
    pub fn abort() -> OnFatal {
        OnFatal::new(|detail| {
            tracing::error!(
                detail,
                "store failed, ending the process: a restart from disk is safer than going on"
            );
            std::process::abort();
        })
    }
}

impl std::ops::Deref for OnFatal {
    type Target = dyn Fn(&str) + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for OnFatal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnFatal")
    }
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The data directory; created if it is not there.
    pub path: PathBuf,
    /// Memory for the database's pages, in bytes.
    pub cache_bytes: u64,
    /// Batches that may wait for the committer.
    pub queue_capacity: usize,
    /// Exports to keep, at least 1, with the change logs that continue the oldest of them.
    pub exports_kept: usize,
    /// What to do when memory and disk may differ.
    pub on_fatal: OnFatal,
}

impl OpenOptions {
    /// The defaults for a data directory: 64 MiB of cache, 16384 waiting batches, 5 exports.
    pub fn new(path: impl Into<PathBuf>) -> OpenOptions {
        OpenOptions {
            path: path.into(),
            cache_bytes: 64 * 1024 * 1024,
            queue_capacity: 16_384,
            exports_kept: 5,
            on_fatal: OnFatal::abort(),
        }
    }
}

pub(crate) fn open(options: OpenOptions) -> Result<Inner, OpenError> {
    let layout = Layout::new(&options.path);
    create_dir_durably(layout.root()).map_err(io_error("create", layout.root()))?;
    let lock = layout.lock().map_err(|error| match error {
        LockError::Taken => OpenError::Locked(layout.root().to_owned()),
        LockError::Io(error) => io_error("lock", layout.root())(error),
    })?;
    let version = migrations::version(&layout)?;
    for dir in [layout.media(), layout.exports(), layout.changes()] {
        create_dir_durably(&dir).map_err(io_error("create", &dir))?;
    }
    // Before the database is opened, which needs space.
    export::clean(&layout.exports()).map_err(io_error("clean", &layout.exports()))?;
    if version == 0 {
        discard_unfinished_database(&layout).map_err(io_error("clear", &layout.sled()))?;
    }
    unpanicked(|| migrations::prepare(&layout, options.cache_bytes, version))?;
    let trees = guarded(&layout.sled(), || Trees::open(&layout.sled(), options.cache_bytes))?;
    migrations::run(&layout, &trees, version)?;
    let state = prove(&layout, &trees)?;
    let head = last_entry(&layout, &trees)?;
    let log = continue_change_log(&layout, &trees, &state, options.exports_kept)?;
    let media = MediaFiles::open(layout.media()).map_err(io_error("open", &layout.media()))?;

    let (queue, commands) = mpsc::channel(options.queue_capacity.max(1));
    let shared = Arc::new(Shared {
        trees,
        controls: Mutex::new(VecDeque::new()),
        head: Mutex::new(head),
        groups: AtomicU64::new(state.seq),
        log_bytes: AtomicU64::new(0),
        on_fatal: options.on_fatal,
    });
    let thread = committer::spawn(shared.clone(), commands, log, state, head)
        .map_err(io_error("start the committer for", layout.root()))?;
    Ok(Inner {
        shared,
        media,
        queue,
        queue_capacity: options.queue_capacity.max(1),
        exports_kept: options.exports_kept.max(1),
        exporting: Mutex::new(()),
        thread: Mutex::new(Some(thread)),
        layout,
        _lock: lock,
    })
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}

fn broken(detail: impl Into<String>) -> OpenError {
    OpenError::Broken { detail: detail.into() }
}

/// A directory without version has never answered anyone, and was not restored: a restore writes the version first. If its first open was cut short, the half-made database may not open,
/// so it is made anew; but never when a copy or a log says that there was more.
fn discard_unfinished_database(layout: &Layout) -> io::Result<()> {
    let logged = change_log::files(&layout.changes())?;
    let exported = export::files(&layout.exports())?;
    if layout.sled().exists() && logged.is_empty() && exported.is_empty() {
        let aside = layout.aside("sled.unfinished");
        fs::rename(layout.sled(), &aside)?;
        tracing::warn!(path = %aside.display(), "a database whose first open was cut short is made anew");
    }
    Ok(())
}

/// sled reports damage as an error or by panicking; both mean the same here.
fn guarded<T>(path: &Path, attempt: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, OpenError> {
    unpanicked(|| attempt().map_err(|error| failed("open", path, error)))
}

/// What an error of sled's says about the database: damage, unless the system would not let anybody write or read.
pub(crate) fn failed(action: &'static str, path: &Path, error: sled::Error) -> OpenError {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error {
        sled::Error::Io(source)
            if matches!(
                source.kind(),
                PermissionDenied | QuotaExceeded | ReadOnlyFilesystem | StorageFull
            ) =>
        {
            io_error(action, path)(source)
        }
        error => broken(error.to_string()),
    }
}

fn unpanicked<T>(attempt: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(broken(text.unwrap_or_else(|| "sled panicked".into())))
    })
}

/// Every row is there, as the last commit left it.
fn prove(layout: &Layout, trees: &Trees) -> Result<CommitState, OpenError> {
    let sled = layout.sled();
    let state = guarded(&sled, || trees.state())?;
    let state = state.ok_or_else(|| broken("the database is empty, but was in use"))?;
    let found = guarded(&sled, || trees.tally())?;
    match found.difference(&state.tallies) {
        None => Ok(state),
        Some(table) => Err(broken(format!(
            "table {} has {} rows that are not the {} rows of group {}",
            table.name(),
            found.of(table).rows,
            state.tallies.of(table).rows,
            state.seq
        ))),
    }
}

fn last_entry(layout: &Layout, trees: &Trees) -> Result<Head, OpenError> {
    match guarded(&layout.sled(), || trees.last(Table::Entries))? {
        None => Ok(Head::default()),
        Some((_, entry)) => Head::of(&entry).map_err(|error| broken(error.to_string())),
    }
}

/// Decides how the change log goes on. See the module of the change log for why it can be ahead by one group at most.
fn continue_change_log(
    layout: &Layout,
    trees: &Trees,
    state: &CommitState,
    exports_kept: usize,
) -> Result<ChangeLog, OpenError> {
    let dir = layout.changes();
    let newest_export = export::files(&layout.exports())
        .map_err(io_error("list", &layout.exports()))?
        .last()
        .map_or(0, |export| export.seq);
    let files = change_log::files(&dir).map_err(io_error("list", &dir))?;
    let walk = change_log::walk(&files, newest_export, |_, _| Ok::<(), io::Error>(()))
        .map_err(io_error("read the change logs in", &dir))?;
    match decide(state.seq, newest_export, &walk) {
        Continue::Broken(detail) => Err(broken(detail)),
        Continue::Resume { path, keep } => {
            ChangeLog::resume(&dir, &path, keep).map_err(io_error("open", &path))
        }
        Continue::Fresh { export_first } => {
            let log = ChangeLog::create(&dir, state.seq + 1).map_err(io_error("create a log in", &dir))?;
            if export_first {
                tracing::warn!(
                    group = state.seq,
                    logged = walk.contiguous,
                    "change log does not reach the database, exporting"
                );
                export::write_at_rest(trees, &layout.exports())?;
                export::prune(layout, exports_kept).map_err(io_error("prune", &layout.exports()))?;
            }
            Ok(log)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Continue {
    /// The database has lost groups.
    Broken(String),
    /// Go on in this file after its first `keep` bytes.
    Resume { path: PathBuf, keep: u64 },
    /// Begin a new file, after an export if the log could not rebuild the database as it is.
    Fresh { export_first: bool },
}

fn decide(committed: u64, newest_export: u64, walk: &Walk) -> Continue {
    let known = newest_export.max(walk.highest.saturating_sub(1));
    if known > committed {
        return Continue::Broken(format!(
            "the database ends at group {committed}, but group {known} was committed"
        ));
    }
    if walk.contiguous < committed {
        return Continue::Fresh { export_first: true };
    }
    match &walk.tail {
        None => Continue::Fresh { export_first: false },
        Some(tail) if tail.last <= committed && walk.highest <= committed => {
            Continue::Resume { path: tail.file.path.clone(), keep: tail.end }
        }
        // One group that was never answered for: the database does not have it.
        Some(tail) if tail.last == committed + 1 => {
            Continue::Resume { path: tail.file.path.clone(), keep: tail.end_before }
        }
        Some(_) => Continue::Fresh { export_first: true },
    }
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
