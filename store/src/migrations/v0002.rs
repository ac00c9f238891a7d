//! Version 2: the database has segments so large that no page of it needs a file of its own (see the guards of [`crate::trees`]).
//! sled cannot change that in place, so the rows are copied into a new database, and the old one is put aside.

use std::fs;
use std::path::Path;

use crate::group::Image;
use crate::layout::{Layout, sync_dir};
use crate::table::Table;
use crate::trees::{Trees, is_old};

/// Where the new database is built. When nothing is at the old one's place any more, this one is whole.
const NEW_DATABASE: &str = "sled.version-2";
/// What the old one is called then.
const OLD_DATABASE: &str = "sled.version-1";
/// Rows that are copied at once.
const CHUNK_ROWS: usize = 256;

/// Rebuilds a database of version 1, and does nothing to any other. Can be cut short anywhere and run again.
pub(super) fn run(layout: &Layout, cache_bytes: u64) -> Result<(), sled::Error> {
    let (sled, new) = (layout.sled(), layout.root().join(NEW_DATABASE));
    if sled.exists() && is_old(&sled)? {
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        tracing::info!("the database is being rebuilt in larger segments, this once");
        if let Err(error) = copy(&sled, &new, cache_bytes) {
            // It may be what fills the disk; what cannot be removed now is at the next try.
            let _ = fs::remove_dir_all(&new);
            return Err(error);
        }
        fs::rename(&sled, layout.aside(OLD_DATABASE))?;
    }
    // It was built just now, or by a process that was killed between the two renames.
    if !sled.exists() && new.exists() {
        fs::rename(&new, &sled)?;
        sync_dir(layout.root())?;
        tracing::info!("the database is rebuilt; the old one lies beside it as {OLD_DATABASE}-<time>");
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, cache_bytes: u64) -> Result<(), sled::Error> {
    let (old, new) = (Trees::open_old(from, cache_bytes)?, Trees::open(to, cache_bytes)?);
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    for table in Table::ALL {
        for row in old.rows(table) {
            let (key, value) = row?;
            chunk.push(Image { table, key: key.to_vec(), value: Some(value.to_vec()) });
            if chunk.len() == CHUNK_ROWS {
                new.load(&std::mem::take(&mut chunk))?;
            }
        }
    }
    new.load(&chunk)?;
    if let Some(state) = old.state()? {
        if let Some(table) = new.tally()?.difference(&state.tallies) {
            let detail = format!("table {} is not as it was committed last", table.name());
            return Err(sled::Error::Unsupported(detail));
        }
        new.apply(&state, &[])?;
    }
    new.make_durable()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::group::CommitState;
    use crate::{OpenOptions, Store};

    const CACHE_BYTES: u64 = 1 << 20;

    fn row(number: u64) -> (Vec<u8>, Vec<u8>) {
        (number.to_be_bytes().to_vec(), format!("row {number} {}", "x".repeat(2_000)).into_bytes())
    }

    /// A data directory as version 1 left it.
    fn of_version_1(root: &Path) -> Layout {
        let layout = Layout::new(root);
        let old = Trees::open_old(&layout.sled(), CACHE_BYTES).unwrap();
        let images = (0..1_000).map(|number| {
            let (key, value) = row(number);
            Image { table: Table::Jobs, key, value: Some(value) }
        });
        old.load(&images.collect::<Vec<_>>()).unwrap();
        let state = CommitState { seq: 7, tallies: old.tally().unwrap() };
        old.apply(&state, &[]).unwrap();
        old.make_durable().unwrap();
        layout.set_version(1).unwrap();
        layout
    }

    fn opens_whole(layout: &Layout) {
        let store = Store::open(OpenOptions::new(layout.root())).unwrap();
        assert_eq!(store.stats().groups, 7);
        for number in 0..1_000 {
            let (key, value) = row(number);
            assert_eq!(store.get(Table::Jobs, &key).unwrap(), Some(value));
        }
        drop(store);
        assert!(!is_old(&layout.sled()).unwrap());
        assert_eq!(layout.version().unwrap().unwrap(), "2");
    }

    #[test]
    fn the_rows_of_a_database_of_version_1_are_all_there_and_the_old_one_is_kept_aside() {
        let dir = tempfile::tempdir().unwrap();
        let layout = of_version_1(dir.path());
        opens_whole(&layout);
        let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("sled.version-1")).count(), 1);
        opens_whole(&layout);
    }

    #[test]
    fn what_a_kill_left_half_copied_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let layout = of_version_1(dir.path());
        let half = Trees::open(&dir.path().join(NEW_DATABASE), CACHE_BYTES).unwrap();
        half.load(&[Image { table: Table::Jobs, key: b"other".to_vec(), value: Some(b"row".to_vec()) }])
            .unwrap();
        half.make_durable().unwrap();
        drop(half);
        opens_whole(&layout);
    }

    #[test]
    fn a_kill_between_the_two_renames_or_before_the_version_was_written_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let layout = of_version_1(dir.path());
        let new = dir.path().join(NEW_DATABASE);
        copy(&layout.sled(), &new, CACHE_BYTES).unwrap();
        fs::rename(layout.sled(), layout.aside("sled.version-1")).unwrap();
        run(&layout, CACHE_BYTES).unwrap();
        assert_eq!(layout.version().unwrap().unwrap(), "1");
        opens_whole(&layout);
    }
}
