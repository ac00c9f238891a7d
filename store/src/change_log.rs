//! The change log: every committed group once more, in plain frames, beside the database.
//!
//! It is written before the group goes to the database, and no commit waits for it to be synced: against a damaged database it is complete (the
//! operating system has it even if the process dies), and after a power cut, when its end may be missing, the database is
//! whole. One file per export, named after its first group. A group goes in only when the one before is durable, so the log is
//! ahead of the database by one group at most; more means that the database has lost some.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::frame::{self, Next, Reader};
use crate::group::{CommitState, Group, Image};
use crate::layout::sync_dir;

const EXTENSION: &str = "log";

/// The file being written.
pub(crate) struct ChangeLog {
    dir: PathBuf,
    path: PathBuf,
    file: File,
    bytes: u64,
    buffer: Vec<u8>,
}

impl ChangeLog {
    /// Begins a new file whose first group will be `first`.
    pub(crate) fn create(dir: &Path, first: u64) -> io::Result<ChangeLog> {
        let path = dir.join(format!("{first:020}.{EXTENSION}"));
        let file = File::create(&path)?;
        sync_dir(dir)?;
        Ok(ChangeLog { dir: dir.to_owned(), path, file, bytes: 0, buffer: Vec::new() })
    }

    /// Goes on with a file after its first `keep` bytes; what follows them is dropped.
    pub(crate) fn resume(dir: &Path, path: &Path, keep: u64) -> io::Result<ChangeLog> {
        let file = File::options().append(true).open(path)?;
        file.set_len(keep)?;
        // Otherwise dropped frames could come back behind new ones after a power cut.
        file.sync_all()?;
        Ok(ChangeLog { dir: dir.to_owned(), path: path.to_owned(), file, bytes: keep, buffer: Vec::new() })
    }

    /// Hands a group to the operating system.
    pub(crate) fn append(&mut self, state: &CommitState, images: &[Image]) -> io::Result<()> {
        self.buffer.clear();
        frame::append(&mut self.buffer, |payload| Group::encode(state, images, payload));
        self.file.write_all(&self.buffer)?;
        self.bytes += self.buffer.len() as u64;
        // One huge group must not keep its memory for ever.
        self.buffer.shrink_to(1 << 20);
        Ok(())
    }

    /// Goes on in a new file from group `first`. A file that has no group yet is kept.
    pub(crate) fn rotate(&mut self, first: u64) -> io::Result<()> {
        if self.bytes > 0 {
            *self = ChangeLog::create(&self.dir, first)?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in the current file: what has been committed since the last export began.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A change log file, by the number of the first group it can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) first: u64,
    pub(crate) path: PathBuf,
}

/// The change log files of a directory, oldest first.
pub(crate) fn files(dir: &Path) -> io::Result<Vec<LogFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let first = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let (Some(first), true) = (first, path.extension().is_some_and(|extension| extension == EXTENSION))
        {
            files.push(LogFile { first, path });
        }
    }
    files.sort_by_key(|file| file.first);
    Ok(files)
}

/// The files that can hold groups after `seq`: all from the last one that begins at or before the next group.
pub(crate) fn files_after(files: &[LogFile], seq: u64) -> &[LogFile] {
    let start = files.iter().rposition(|file| file.first <= seq.saturating_add(1)).unwrap_or(0);
    &files[start..]
}

/// How a walk over the log ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The last group in an unbroken line from the start of the walk.
    pub(crate) contiguous: u64,
    /// The highest group seen at all, also behind a gap.
    pub(crate) highest: u64,
    /// Where whole frames end in the last file, and up to which group.
    pub(crate) tail: Option<Tail>,
    /// What broke the line, if anything did.
    pub(crate) broken: Option<String>,
}

/// The last file, and where in it each of its last groups ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) file: LogFile,
    /// The number of its last group, or 0.
    pub(crate) last: u64,
    /// The end of the last group.
    pub(crate) end: u64,
    /// The end of the group before, or 0.
    pub(crate) end_before: u64,
}

/// Walks the groups after `seq` and hands those in an unbroken line to `visit`, with their frame's payload.
pub(crate) fn walk<E: From<io::Error>>(
    files: &[LogFile],
    seq: u64,
    mut visit: impl FnMut(Group, &[u8]) -> Result<(), E>,
) -> Result<Walk, E> {
    let mut walk = Walk { contiguous: seq, highest: seq, tail: None, broken: None };
    for file in files_after(files, seq) {
        let mut reader =
            Reader::new(BufReader::with_capacity(1 << 20, File::open(&file.path).map_err(E::from)?));
        let mut tail = Tail { file: file.clone(), last: 0, end: 0, end_before: 0 };
        loop {
            let payload = match reader.next().map_err(E::from)? {
                Next::Frame(payload) => payload,
                Next::End => break,
                Next::Damaged => {
                    walk.note(format!("{} is torn at byte {}", file.path.display(), reader.offset()));
                    break;
                }
            };
            let Some(group) = Group::decode(&payload) else {
                walk.note(format!("{} is unreadable at byte {}", file.path.display(), tail.end));
                break;
            };
            (tail.end_before, tail.end) = (tail.end, reader.offset());
            let seq = group.state.seq;
            tail.last = seq;
            walk.highest = walk.highest.max(seq);
            if seq == walk.contiguous + 1 {
                walk.contiguous = seq;
                visit(group, &payload)?;
            } else if seq > walk.contiguous {
                walk.note(format!("groups {} to {} are missing", walk.contiguous + 1, seq - 1));
            }
        }
        walk.tail = Some(tail);
    }
    Ok(walk)
}

impl Walk {
    fn note(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}

/// Removes the files whose groups are all at or before `seq`. The newest file always stays.
pub(crate) fn prune(dir: &Path, seq: u64) -> io::Result<()> {
    let files = files(dir)?;
    let needed = files_after(&files, seq).len();
    for file in &files[..files.len() - needed] {
        fs::remove_file(&file.path)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "change_log_tests.rs"]
mod tests;
