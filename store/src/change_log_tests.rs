//! Walking, resuming and pruning change logs.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::table::Table;
use crate::tally::Tallies;

fn append(log: &mut ChangeLog, seq: u64) {
    let image = Image { table: Table::Jobs, key: seq.to_be_bytes().to_vec(), value: Some(b"row".to_vec()) };
    log.append(&CommitState { seq, tallies: Tallies::default() }, &[image]).unwrap();
}

fn walked(dir: &Path, seq: u64) -> (Walk, Vec<u64>) {
    let mut seen = Vec::new();
    let walk = walk(&files(dir).unwrap(), seq, |group, _| -> io::Result<()> {
        seen.push(group.state.seq);
        Ok(())
    });
    (walk.unwrap(), seen)
}

/// Groups 1 to 3 in one file, 4 and 5 in the next.
fn two_files(dir: &Path) -> ChangeLog {
    let mut log = ChangeLog::create(dir, 1).unwrap();
    (1..=3).for_each(|seq| append(&mut log, seq));
    log.rotate(4).unwrap();
    (4..=5).for_each(|seq| append(&mut log, seq));
    log
}

#[test]
fn a_walk_crosses_files_and_begins_where_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    two_files(dir.path());
    assert_eq!(walked(dir.path(), 0).1, [1, 2, 3, 4, 5]);
    let (walk, seen) = walked(dir.path(), 3);
    assert_eq!(seen, [4, 5]);
    assert_eq!((walk.contiguous, walk.highest, walk.broken), (5, 5, None));
    assert_eq!(walked(dir.path(), 5).1, [0u64; 0]);
}

#[test]
fn a_file_without_groups_is_not_rotated_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = two_files(dir.path());
    log.rotate(6).unwrap();
    log.rotate(6).unwrap();
    append(&mut log, 6);
    assert_eq!(files(dir.path()).unwrap().len(), 3);
    assert_eq!(walked(dir.path(), 5).1, [6]);
}

#[test]
fn a_missing_file_ends_the_line_but_what_lies_behind_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = two_files(dir.path());
    log.rotate(6).unwrap();
    append(&mut log, 6);
    fs::remove_file(&files(dir.path()).unwrap()[1].path).unwrap();
    let (walk, seen) = walked(dir.path(), 0);
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!((walk.contiguous, walk.highest), (3, 6));
    assert_eq!(walk.broken.as_deref(), Some("groups 4 to 5 are missing"));
}

#[test]
fn a_torn_tail_is_cut_off_and_writing_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    drop(two_files(dir.path()));
    let last = files(dir.path()).unwrap().pop().unwrap();
    let length = fs::metadata(&last.path).unwrap().len();
    File::options().write(true).open(&last.path).unwrap().set_len(length - 1).unwrap();
    let tail = walked(dir.path(), 0).0.tail.unwrap();
    assert_eq!((tail.last, tail.end_before, tail.end), (4, 0, length / 2));
    let mut log = ChangeLog::resume(dir.path(), &last.path, tail.end).unwrap();
    append(&mut log, 5);
    append(&mut log, 6);
    assert_eq!(walked(dir.path(), 0).1, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn pruning_keeps_every_file_that_can_hold_a_later_group() {
    for (seq, kept) in [(0, 3), (2, 3), (3, 2), (4, 2), (5, 1), (9, 1)] {
        let dir = tempfile::tempdir().unwrap();
        two_files(dir.path()).rotate(6).unwrap();
        prune(dir.path(), seq).unwrap();
        assert_eq!(files(dir.path()).unwrap().len(), kept, "after group {seq}");
    }
}

#[test]
fn other_files_in_the_directory_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["notes.txt", "x.log", "12.log.old"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    assert_eq!(files(dir.path()).unwrap(), []);
}
