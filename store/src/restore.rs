//! The way back: a new database from an export and the change log, without sled's help.
//!
//! [`Source::Latest`] takes the newest export that is whole, or an older one, and every group after it that the change log has
//! in an unbroken line. [`Source::File`] takes the state in that file and nothing else: the change log of this directory may
//! belong to another history. Either way the old database is put aside, never deleted, and group numbers go on above every
//! number this directory has seen, so that older exports and logs can never pass for newer ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::{ArchiveReader, Part};
use crate::chain::Head;
use crate::change_log;
use crate::error::RestoreError;
use crate::export;
use crate::group::CommitState;
use crate::layout::{Layout, LockError, create_dir_durably, sync_dir};
use crate::migrations;
use crate::table::Table;
use crate::trees::Trees;

const CACHE_BYTES: u64 = 64 * 1024 * 1024;
const NEW_DATABASE: &str = "sled.new";

/// What to rebuild the database from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// This export, and nothing else.
    File(PathBuf),
    /// The newest whole export of the directory and the change log after it.
    Latest,
}

/// What was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// The export it started from; none if the change log reached back to the first group.
    pub export: Option<PathBuf>,
    /// The last group in the rebuilt state, by its number when it was committed.
    pub group: u64,
    /// Groups taken from the change log.
    pub replayed: u64,
    /// Rows per table.
    pub rows: Vec<(Table, u64)>,
    /// Entries of the ledger's log whose hash chain holds.
    pub entries_proved: u64,
    /// Where the old database is now, if there was one, and a copy of the change log, if it could not be used to its end.
    pub set_aside: Vec<PathBuf>,
    /// Whether the change log could be read to its end. False also after a crash in the middle of a write to it.
    pub changes_whole: bool,
    /// What was not as it should be.
    pub warnings: Vec<String>,
}

/// Rebuilds the database of a data directory. Blocking. The directory may be new, which makes an export a backup.
///
/// # Errors
/// See [`RestoreError`]. Until the new database is in place what was there before is untouched; after that it lies beside it, and the same
/// can be restored again.
pub fn restore(data_dir: &Path, source: Source) -> Result<RestoreReport, RestoreError> {
    let layout = Layout::new(data_dir);
    create_dir_durably(layout.root())?;
    let _lock = layout.lock().map_err(|error| match error {
        LockError::Taken => RestoreError::Locked(data_dir.to_owned()),
        LockError::Io(error) => error.into(),
    })?;
    refuse_newer_version(&layout)?;
    for dir in [layout.media(), layout.exports(), layout.changes()] {
        create_dir_durably(&dir)?;
    }
    let seen = highest_group_seen(&layout)?;
    let mut report = match source {
        Source::File(path) => match rebuild(&layout, Some(&path), false, seen) {
            Err(Attempt::Unusable(detail)) => return Err(RestoreError::Damaged { path, detail }),
            Err(Attempt::Failed(error)) => return Err(error),
            Ok(report) => report,
        },
        Source::Latest => rebuild_latest(&layout, seen)?,
    };
    if !report.changes_whole {
        keep_changes_aside(&layout, &mut report)?;
    }
    // First, so that a start never takes what was restored for a directory that was not served from yet. One of an older version keeps it:
    // its migrations find nothing to do.
    if layout.version()?.is_none() {
        layout.set_version(migrations::CURRENT)?;
    }
    swap_in(&layout, &mut report)?;
    Ok(report)
}

fn refuse_newer_version(layout: &Layout) -> Result<(), RestoreError> {
    match layout.version()? {
        Some(found) if found.parse::<u32>().is_ok_and(|version| version > migrations::CURRENT) => {
            Err(RestoreError::WrongVersion { found, known: migrations::CURRENT })
        }
        _ => Ok(()),
    }
}

fn highest_group_seen(layout: &Layout) -> io::Result<u64> {
    let exported = export::files(&layout.exports())?.last().map_or(0, |export| export.seq);
    let logs = change_log::files(&layout.changes())?;
    let logged = change_log::walk(&logs, 0, |_, _| Ok::<(), io::Error>(()))?.highest;
    Ok(exported.max(logged))
}

fn rebuild_latest(layout: &Layout, seen: u64) -> Result<RestoreReport, RestoreError> {
    let mut warnings = Vec::new();
    let exports = export::files(&layout.exports())?;
    let candidates = exports.iter().rev().map(|export| Some(export.path.as_path())).chain([None]);
    for candidate in candidates {
        match rebuild(layout, candidate, true, seen) {
            Ok(mut report) => {
                warnings.append(&mut report.warnings);
                return Ok(RestoreReport { warnings, ..report });
            }
            Err(Attempt::Unusable(detail)) => warnings.push(match candidate {
                Some(path) => format!("export {} cannot be used: {detail}", path.display()),
                None => detail,
            }),
            Err(Attempt::Failed(error)) => return Err(error),
        }
    }
    Err(RestoreError::NothingToRestore { warnings })
}

enum Attempt {
    /// The source does not serve; another one may.
    Unusable(String),
    Failed(RestoreError),
}

impl From<sled::Error> for Attempt {
    fn from(error: sled::Error) -> Attempt {
        Attempt::Failed(RestoreError::Storage(error.to_string()))
    }
}

impl From<io::Error> for Attempt {
    fn from(error: io::Error) -> Attempt {
        Attempt::Failed(error.into())
    }
}

/// Builds the new database beside the old one.
fn rebuild(
    layout: &Layout,
    export: Option<&Path>,
    replay: bool,
    seen: u64,
) -> Result<RestoreReport, Attempt> {
    let dir = layout.root().join(NEW_DATABASE);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let trees = Trees::open(&dir, CACHE_BYTES)?;
    let mut warnings = Vec::new();
    let mut expected = match export {
        Some(path) => load_export(path, &trees)?,
        None => CommitState::default(),
    };
    let base = expected.seq;
    let mut changes_whole = true;
    if replay {
        let logs = change_log::files(&layout.changes())?;
        let walk = change_log::walk(&logs, base, |group, _| -> Result<(), Attempt> {
            trees.load(&group.images)?;
            expected = group.state;
            Ok(())
        })?;
        if export.is_none() && expected.seq == 0 {
            return Err(Attempt::Unusable("there is no change log from the first group on".into()));
        }
        if let Some(broken) = walk.broken {
            changes_whole = false;
            warnings.push(format!("change log: {broken}; used up to group {}", walk.contiguous));
        }
    }
    let found = trees.tally()?;
    if let Some(table) = found.difference(&expected.tallies) {
        warnings.push(format!("rows of table {} are not those of group {}", table.name(), expected.seq));
    }
    let entries_proved = prove_entries(&trees, &mut warnings)?;
    // A file may be of another history that has come to the same number.
    let goes_on = expected.seq > seen || (replay && expected.seq == seen);
    let seq = if goes_on { expected.seq } else { seen + 1 };
    trees.apply(&CommitState { seq, tallies: found.clone() }, &[])?;
    trees.make_durable()?;
    Ok(RestoreReport {
        export: export.map(Path::to_owned),
        group: expected.seq,
        replayed: expected.seq - base,
        rows: Table::ALL.into_iter().map(|table| (table, found.of(table).rows)).collect(),
        entries_proved,
        set_aside: Vec::new(),
        changes_whole,
        warnings,
    })
}

/// Loads an export, and proves that what arrived is the state that it promises.
fn load_export(path: &Path, trees: &Trees) -> Result<CommitState, Attempt> {
    let mut archive = ArchiveReader::open(path).map_err(Attempt::Unusable)?;
    let state = loop {
        match archive.next().map_err(Attempt::Unusable)? {
            Part::Rows(rows) => trees.load(&rows)?,
            Part::Group(group) => trees.load(&group.images)?,
            Part::End(state) => break state,
        }
    };
    match trees.tally()?.difference(&state.tallies) {
        None => Ok(state),
        Some(table) => Err(Attempt::Unusable(format!("rows of table {} do not add up", table.name()))),
    }
}

fn prove_entries(trees: &Trees, warnings: &mut Vec<String>) -> Result<u64, Attempt> {
    let mut head = Head::default();
    for row in trees.rows(Table::Entries) {
        let (key, value) = row?;
        if let Err(error) = head.follow(&key, &value) {
            warnings.push(error.to_string());
            break;
        }
    }
    Ok(head.seq)
}

/// Puts the new database in the place of the old. If this is cut short between the two renames there is no database, which
/// open reports as damage, and restoring again works.
fn swap_in(layout: &Layout, report: &mut RestoreReport) -> io::Result<()> {
    let old = layout.sled();
    if old.exists() {
        let aside = layout.aside("sled.broken");
        fs::rename(&old, &aside)?;
        report.set_aside.push(aside);
    }
    fs::rename(layout.root().join(NEW_DATABASE), &old)?;
    sync_dir(layout.root())
}

/// The next open cuts the change log where it is damaged, or goes on beside it; what lies behind may still be of use to somebody. Copied, not
/// moved: restoring again needs what lies before.
fn keep_changes_aside(layout: &Layout, report: &mut RestoreReport) -> io::Result<()> {
    let aside = layout.aside("changes.broken");
    fs::create_dir(&aside)?;
    for file in change_log::files(&layout.changes())? {
        if let Some(name) = file.path.file_name() {
            fs::copy(&file.path, aside.join(name))?;
        }
    }
    sync_dir(&aside)?;
    report.set_aside.push(aside);
    Ok(())
}
