//! Exports: written beside the database while commits go on, named by time and last group, the newest few kept.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::ArchiveWriter;
use crate::change_log::{self, LogFile};
use crate::committer::Mark;
use crate::error::{ExportError, ReadError};
use crate::layout::{Layout, sync_dir, timestamp};
use crate::table::Table;
use crate::trees::Trees;

const EXTENSION: &str = "atx";
const TEMPORARY: &str = "export.tmp";

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// The file.
    pub path: PathBuf,
    /// The last group in it.
    pub group: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Groups that were committed while the rows were read, and are in the file too.
    pub concurrent_groups: u64,
    /// The length of the file.
    pub bytes: u64,
}

/// Writes the state at a point after `begin`: the rows as they are found, then the groups up to where `end` says that the
/// committer was when all rows had been found.
pub(crate) fn write(
    trees: &Trees,
    dir: &Path,
    begin: &Mark,
    end: impl FnOnce() -> Result<Mark, ExportError>,
) -> Result<ExportReport, ExportError> {
    write_between(trees, dir, begin, end).inspect_err(|_| clean_up(dir))
}

fn write_between(
    trees: &Trees,
    dir: &Path,
    begin: &Mark,
    end: impl FnOnce() -> Result<Mark, ExportError>,
) -> Result<ExportReport, ExportError> {
    let mut archive = ArchiveWriter::create(&dir.join(TEMPORARY))?;
    write_rows(trees, &mut archive)?;
    let end = end()?.state;
    let files = [LogFile { first: begin.state.seq + 1, path: begin.log.clone() }];
    let walk = change_log::walk(&files, begin.state.seq, |group, payload| {
        if group.state.seq <= end.seq { archive.group(payload) } else { Ok(()) }
    })?;
    if walk.contiguous < end.seq {
        return Err(ExportError::ChangesMissing { found: walk.contiguous, expected: end.seq });
    }
    let rows = Table::ALL.into_iter().map(|table| end.tallies.of(table).rows).sum();
    let bytes = archive.finish(&end)?;
    let path = publish(dir, end.seq)?;
    Ok(ExportReport { path, group: end.seq, rows, concurrent_groups: end.seq - begin.state.seq, bytes })
}

/// Writes the state of a database that nobody writes to.
pub(crate) fn write_at_rest(trees: &Trees, dir: &Path) -> Result<ExportReport, ExportError> {
    write_state(trees, dir).inspect_err(|_| clean_up(dir))
}

fn write_state(trees: &Trees, dir: &Path) -> Result<ExportReport, ExportError> {
    let state = trees.state().map_err(ReadError::from)?.unwrap_or_default();
    let mut archive = ArchiveWriter::create(&dir.join(TEMPORARY))?;
    write_rows(trees, &mut archive)?;
    let rows = Table::ALL.into_iter().map(|table| state.tallies.of(table).rows).sum();
    let bytes = archive.finish(&state)?;
    let path = publish(dir, state.seq)?;
    Ok(ExportReport { path, group: state.seq, rows, concurrent_groups: 0, bytes })
}

fn write_rows(trees: &Trees, archive: &mut ArchiveWriter) -> Result<(), ExportError> {
    for table in Table::ALL {
        for row in trees.rows(table) {
            let (key, value) = row.map_err(ReadError::from)?;
            archive.row(table, &key, &value)?;
        }
    }
    Ok(())
}

fn publish(dir: &Path, seq: u64) -> io::Result<PathBuf> {
    let path = dir.join(format!("{}-{seq:020}.{EXTENSION}", timestamp()));
    fs::rename(dir.join(TEMPORARY), &path)?;
    sync_dir(dir)?;
    Ok(path)
}

/// An export, by the last group in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExportFile {
    pub(crate) seq: u64,
    pub(crate) path: PathBuf,
}

/// The exports of a directory, oldest state first.
pub(crate) fn files(dir: &Path) -> io::Result<Vec<ExportFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let seq = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.rsplit_once('-'))
            .and_then(|(_, seq)| seq.parse().ok());
        if let (Some(seq), true) = (seq, path.extension().is_some_and(|extension| extension == EXTENSION)) {
            files.push(ExportFile { seq, path });
        }
    }
    files.sort();
    Ok(files)
}

/// Keeps the newest exports, and the change logs that lead on from the oldest of these.
pub(crate) fn prune(layout: &Layout, kept: usize) -> io::Result<()> {
    let files = files(&layout.exports())?;
    let surplus = files.len().saturating_sub(kept.max(1));
    for file in &files[..surplus] {
        fs::remove_file(&file.path)?;
    }
    let Some(oldest) = files.get(surplus) else { return Ok(()) };
    change_log::prune(&layout.changes(), oldest.seq)?;
    // Closed files may be needed if the newest export turns out damaged; nobody waits for this sync.
    for file in change_log::files(&layout.changes())? {
        File::open(&file.path)?.sync_data()?;
    }
    Ok(())
}

/// Half an export may be what fills the disk, which commits need.
fn clean_up(dir: &Path) {
    if let Err(error) = clean(dir) {
        tracing::warn!(%error, "what was written of an export cannot be removed");
    }
}

/// Removes what an unfinished export left.
pub(crate) fn clean(dir: &Path) -> io::Result<()> {
    match fs::remove_file(dir.join(TEMPORARY)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
