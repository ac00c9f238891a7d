//! Exporting while writing goes on, and restoring from files and from the latest.

use std::fs;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use atelier_store::{ExportError, OpenOptions, RestoreError, Source, Store, Table, restore};

use crate::support::{accept_jobs, acceptance, content, files, open, top_up};

/// Exports under load, each restored by itself, must each be a state that once was: money and jobs add up.
#[test]
fn an_export_taken_under_load_is_one_consistent_state() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1_000_000);
    let (stop, next) = (AtomicBool::new(false), AtomicU64::new(0));
    let reports = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    store.submit_blocking(acceptance(next.fetch_add(1, Ordering::Relaxed))).unwrap();
                }
            });
        }
        let reports: Vec<_> = (0..4).map(|_| store.export().unwrap()).collect();
        stop.store(true, Ordering::Relaxed);
        reports
    });
    for report in reports {
        let target = tempfile::tempdir().unwrap();
        let restored = restore(target.path(), Source::File(report.path.clone())).unwrap();
        assert_eq!(restored.warnings, [""; 0]);
        assert_eq!(restored.group, report.group);
        assert_eq!(restored.rows.iter().map(|(_, rows)| rows).sum::<u64>(), report.rows);
        assert_adds_up(&open(target.path()));
    }
}

fn assert_adds_up(store: &Store) {
    let content = content(store);
    let rows = |table| content.keys().filter(|(found, _)| *found == table).count() as i64;
    let jobs = rows(Table::Jobs);
    assert_eq!(rows(Table::Holds), jobs);
    assert_eq!(rows(Table::Entries), jobs + 1);
    assert_eq!(store.sum(Table::Balances, b"held").unwrap(), 3 * jobs);
    assert_eq!(store.sum(Table::Balances, b"available").unwrap(), 1_000_000 - 3 * jobs);
}

#[test]
fn a_file_restores_its_own_state_and_later_work_counts_as_newer() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 100);
    accept_jobs(&store, 0..5);
    let old = store.export().unwrap();
    let old_content = content(&store);
    accept_jobs(&store, 5..9);
    let newer = store.export().unwrap();
    accept_jobs(&store, 9..12);
    drop(store);

    let report = restore(dir.path(), Source::File(old.path)).unwrap();
    assert_eq!((report.group, report.replayed), (6, 0));
    assert!(report.set_aside[0].join("db").exists());
    let store = open(dir.path());
    assert_eq!(content(&store), old_content);
    assert!(
        store.stats().groups > newer.group,
        "or an export of the abandoned history would pass for the newest"
    );
    accept_jobs(&store, 20..22);
    let expected = content(&store);
    drop(store);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    restore(dir.path(), Source::Latest).unwrap();
    assert_eq!(content(&open(dir.path())), expected);
}

#[test]
fn exports_beyond_the_number_kept_go_with_the_change_logs_that_only_they_needed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    for round in 0..8 {
        accept_jobs(&store, round * 2..round * 2 + 2);
        store.export().unwrap();
    }
    assert_eq!(files(&dir.path().join("exports")).len(), 5);
    assert_eq!(files(&dir.path().join("changes")).len(), 5);
}

#[test]
fn nothing_is_restored_into_a_directory_in_use_or_from_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(matches!(restore(dir.path(), Source::Latest), Err(RestoreError::Locked(_))));
    drop(store);
    let error = restore(dir.path(), Source::Latest).unwrap_err();
    assert!(matches!(error, RestoreError::NothingToRestore { .. }), "{error}");
    let no_export = dir.path().join("VERSION");
    let error = restore(dir.path(), Source::File(no_export)).unwrap_err();
    assert!(matches!(error, RestoreError::Damaged { .. }), "{error}");
    assert_eq!(open(dir.path()).stats().groups, 0, "the failed attempts changed nothing");
}

#[test]
fn a_restored_file_of_another_history_is_not_continued_by_the_change_log_that_was_there() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(theirs.path());
    top_up(&store, 7);
    let (export, expected) = (store.export().unwrap(), content(&store));
    let store = open(ours.path());
    top_up(&store, 1000);
    assert_eq!(store.stats().groups, export.group);
    drop(store);
    restore(ours.path(), Source::File(export.path)).unwrap();
    assert_eq!(content(&open(ours.path())), expected);
    let report = restore(ours.path(), Source::Latest).unwrap();
    assert_eq!(report.warnings, [""; 0]);
    assert_eq!(content(&open(ours.path())), expected);
}

#[cfg(target_os = "linux")]
#[test]
fn an_export_that_fills_the_disk_is_removed_and_one_that_a_kill_left_is_gone_before_space_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    let temporary = dir.path().join("exports/export.tmp");
    std::os::unix::fs::symlink("/dev/full", &temporary).unwrap();
    let error = store.export().unwrap_err();
    assert!(matches!(&error, ExportError::Io(io) if io.kind() == ErrorKind::StorageFull), "{error}");
    assert!(fs::symlink_metadata(&temporary).is_err());
    drop(store);
    fs::write(&temporary, "half").unwrap();
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    // This start fails before anything is served, and has made room all the same.
    assert!(Store::open(OpenOptions::new(dir.path())).is_err());
    assert!(!temporary.exists());
}
