//! The only module that speaks to sled, and the guards that make what it wrote last.
//!
//! sled 0.34.7 does not sync its file at a flush (it asks for `sync_file_range`, which promises neither the file's size nor the
//! disk's cache), nor its `conf` file, nor the files of their own that it gives to large pages ("blobs"). The guards (if any one of
//! the first four is left out, simulated power cuts lose data or leave a database that does not open):
//! 1. After every flush, `db` is synced. An answer is given only after that.
//! 2. After open, `conf` and the directories are synced.
//! 3. Before open, whatever a killed process left is synced: recovery makes a synced snapshot of what it reads, which would be
//!    worthless if something it counts on were then lost.
//! 4. Segments are so large that no page needs a file of its own: see [`SEGMENT_BYTES`].
//! 5. Before open, an unfinished snapshot is removed: sled would take it for a snapshot, and for a damaged one.

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::frame::Cursor;
use crate::group::{CommitState, Image};
use crate::layout::{sync_dir, sync_parent};
use crate::overlay::Committed;
use crate::scan::Bounds;
use crate::table::Table;
use crate::tally::Tallies;

/// sled's unit of space. A page of more than a quarter of it gets a file of its own, and the record that names the file can be on the
/// disk, by sled's own doing, before the file is: a power cut in between leaves a page that no start can read. A leaf holds up to 20 rows
/// (it is split beyond 16, and merged with a neighbour below 4), so a quarter must hold 20 times [`crate::MAX_ROW_BYTES`].
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
const _: () = assert!(20 * (crate::MAX_ROW_BYTES + crate::MAX_KEY_BYTES) < SEGMENT_BYTES / 4);
/// What it was up to version 1 of the data directory.
const OLD_SEGMENT_BYTES: usize = 512 * 1024;
/// Where the commit state is: under the number of no table.
const STATE_KEY: &[u8] = &[u8::MAX];
/// sled's file lock may outlive the handle by a moment while its threads wind down.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// An open database.
pub(crate) struct Trees {
    /// One tree for all tables, each under its number: sled applies a batch to one tree atomically and blindly, while a
    /// transaction over several trees reads every row that it writes.
    db: sled::Db,
    file: File,
}

impl Trees {
    /// Opens or creates the database. sled may also panic here: see [`crate::open`].
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Trees, sled::Error> {
        Trees::open_with(dir, cache_bytes, SEGMENT_BYTES)
    }

    /// Opens or creates a database as version 1 of the data directory has it.
    pub(crate) fn open_old(dir: &Path, cache_bytes: u64) -> Result<Trees, sled::Error> {
        Trees::open_with(dir, cache_bytes, OLD_SEGMENT_BYTES)
    }

    fn open_with(dir: &Path, cache_bytes: u64, segment_bytes: usize) -> Result<Trees, sled::Error> {
        settle(dir)?;
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).segment_size(segment_bytes);
        let db = open_patiently(&config)?;
        File::open(dir.join("conf"))?.sync_all()?;
        sync_dir(&dir.join("blobs"))?;
        sync_dir(dir)?;
        sync_parent(dir)?;
        let file = File::options().read(true).write(true).open(dir.join("db"))?;
        let trees = Trees { db, file };
        trees.make_durable()?;
        Ok(trees)
    }

    /// One row.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<sled::IVec>, sled::Error> {
        self.db.get(place(table, key))
    }

    /// The rows of a table within bounds, in key order.
    pub(crate) fn range(&self, table: Table, (from, to): Bounds) -> Rows {
        let from = match from {
            Bound::Included(key) => Bound::Included(place(table, &key)),
            Bound::Excluded(key) => Bound::Excluded(place(table, &key)),
            Bound::Unbounded => Bound::Included(vec![table.id()]),
        };
        let to = match to {
            Bound::Included(key) => Bound::Included(place(table, &key)),
            Bound::Excluded(key) => Bound::Excluded(place(table, &key)),
            Bound::Unbounded => Bound::Excluded(vec![table.id() + 1]),
        };
        Rows(self.db.range((from, to)))
    }

    /// All rows of a table, in key order.
    pub(crate) fn rows(&self, table: Table) -> Rows {
        self.range(table, (Bound::Unbounded, Bound::Unbounded))
    }

    /// The row with the highest key.
    pub(crate) fn last(&self, table: Table) -> Result<Option<(sled::IVec, sled::IVec)>, sled::Error> {
        self.rows(table).next_back().transpose()
    }

    /// The state after the last commit; none in a database that was just created.
    pub(crate) fn state(&self) -> Result<Option<CommitState>, sled::Error> {
        let Some(bytes) = self.db.get(STATE_KEY)? else { return Ok(None) };
        CommitState::decode(&mut Cursor::new(&bytes))
            .map(Some)
            .ok_or_else(|| sled::Error::Unsupported("commit state is unreadable".into()))
    }

    /// Writes a group, whole or not at all. Not yet durable.
    pub(crate) fn apply(&self, state: &CommitState, images: &[Image]) -> Result<(), sled::Error> {
        let mut encoded = Vec::with_capacity(200);
        state.encode(&mut encoded);
        let mut batch = batch(images);
        batch.insert(STATE_KEY, encoded);
        self.db.apply_batch(batch)
    }

    /// Writes rows that nobody waits for, without a state. For building a new database.
    pub(crate) fn load(&self, images: &[Image]) -> Result<(), sled::Error> {
        self.db.apply_batch(batch(images))
    }

    /// Returns when everything written so far survives a power cut.
    pub(crate) fn make_durable(&self) -> Result<(), sled::Error> {
        self.db.flush()?;
        self.file.sync_data()?;
        Ok(())
    }

    /// Reads every row once and adds them up.
    pub(crate) fn tally(&self) -> Result<Tallies, sled::Error> {
        let mut tallies = Tallies::default();
        for table in Table::ALL {
            let tally = tallies.of_mut(table);
            for row in self.rows(table) {
                let (key, value) = row?;
                tally.add(&key, &value);
            }
        }
        Ok(tallies)
    }

    /// Bytes of the database's files.
    pub(crate) fn size_on_disk(&self) -> Result<u64, sled::Error> {
        self.db.size_on_disk()
    }
}

/// Where a row is in the one tree.
fn place(table: Table, key: &[u8]) -> Vec<u8> {
    [&[table.id()], key].concat()
}

fn batch(images: &[Image]) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for Image { table, key, value } in images {
        match value {
            Some(value) => batch.insert(place(*table, key), value.as_slice()),
            None => batch.remove(place(*table, key)),
        }
    }
    batch
}

/// Rows of one table, with the keys that callers know.
pub(crate) struct Rows(sled::Iter);

type Row = Result<(sled::IVec, sled::IVec), sled::Error>;

fn own(row: Row) -> Row {
    row.map(|(place, value)| (place.subslice(1, place.len() - 1), value))
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.0.next().map(own)
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Row> {
        self.0.next_back().map(own)
    }
}

/// Whether a database is of version 1 of the data directory: sled's `conf` has a line that says how large its segments are.
pub(crate) fn is_old(dir: &Path) -> io::Result<bool> {
    let conf = match fs::read(dir.join("conf")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    Ok(String::from_utf8_lossy(&conf)
        .lines()
        .any(|line| line == format!("segment_size: {OLD_SEGMENT_BYTES}")))
}

/// Makes what an earlier process left last, and removes what it did not finish. See guards 3 and 5.
fn settle(dir: &Path) -> io::Result<()> {
    for directory in [dir.to_owned(), dir.join("blobs")] {
        if !directory.exists() {
            continue;
        }
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "generating") {
                fs::remove_file(entry.path())?;
            } else if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        sync_dir(&directory)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "opening blocks anyway, and before any actor runs")]
fn open_patiently(config: &sled::Config) -> Result<sled::Db, sled::Error> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock") && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

impl Committed for Trees {
    type Bytes = sled::IVec;
    type Error = sled::Error;

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<sled::IVec>, sled::Error> {
        self.get(table, key)
    }
}
