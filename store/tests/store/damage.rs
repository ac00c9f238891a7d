//! A damaged database either opens with every row or says that it is broken, and the latest state comes back whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use atelier_store::{Batch, OpenError, OpenOptions, Source, Store, Table, restore};

use crate::support::{Content, accept_jobs, content, copy, files, open, top_up};

/// A directory as a killed process leaves it: never closed, one export in the middle.
fn killed(dir: &Path) -> Content {
    let store = open(dir);
    top_up(&store, 100_000);
    accept_jobs(&store, 0..150);
    for n in 0..40u32 {
        let big = Batch::new().put(Table::Settings, n.to_be_bytes(), vec![b'x'; 40_000]).clone();
        store.submit_blocking(big).unwrap();
    }
    store.export().unwrap();
    accept_jobs(&store, 150..300);
    let before = content(&store);
    let broken = files(dir).into_iter().filter(|path| path.ends_with("sled")).count();
    assert_eq!(broken, 1);
    before
}

fn flip(path: &Path, at: u64, count: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(at).unwrap();
    let end = (at + count).min(bytes.len());
    bytes[at..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(path, bytes).unwrap();
}

type Damage = (String, Box<dyn Fn(&Path)>);

fn damages(length: u64) -> Vec<Damage> {
    let mut damages: Vec<Damage> = Vec::new();
    let mut add = |name: String, act: Box<dyn Fn(&Path)>| damages.push((name, act));
    for part in 0..16 {
        let at = length * part / 16 + 37;
        add(format!("db: 16 bytes flipped at {at}"), Box::new(move |sled| flip(&sled.join("db"), at, 16)));
    }
    add("db: a megabyte flipped".into(), Box::new(|sled| flip(&sled.join("db"), 0, 1 << 20)));
    for part in [0, 1, 4, 7] {
        let keep = length * part / 8;
        let cut = move |sled: &Path| {
            File::options().write(true).open(sled.join("db")).unwrap().set_len(keep).unwrap();
        };
        add(format!("db: cut to {keep} bytes"), Box::new(cut));
    }
    add("db: gone".into(), Box::new(|sled| fs::remove_file(sled.join("db")).unwrap()));
    add("conf: gone".into(), Box::new(|sled| fs::remove_file(sled.join("conf")).unwrap()));
    add("conf: garbage".into(), Box::new(|sled| fs::write(sled.join("conf"), [0xff; 40]).unwrap()));
    add("sled: gone".into(), Box::new(|sled| fs::remove_dir_all(sled).unwrap()));
    damages
}

#[test]
fn damage_is_noticed_at_open_and_latest_brings_everything_back() {
    let original = tempfile::tempdir().unwrap();
    let before = killed(original.path());
    let length = fs::metadata(original.path().join("sled/db")).unwrap().len();
    let mut noticed = 0;
    for (name, damage) in damages(length) {
        let dir = tempfile::tempdir().unwrap();
        copy(original.path(), dir.path());
        damage(&dir.path().join("sled"));
        match Store::open(OpenOptions::new(dir.path())) {
            Ok(store) => assert_eq!(content(&store), before, "{name}: opened with other rows"),
            Err(error @ OpenError::Broken { .. }) => {
                assert!(error.to_string().contains("atelier restore --latest"), "{name}: {error}");
                noticed += 1;
            }
            Err(error) => panic!("{name}: {error}"),
        }
        let report = restore(dir.path(), Source::Latest).unwrap();
        assert_eq!(report.warnings, [""; 0], "{name}");
        let store = open(dir.path());
        assert_eq!(content(&store), before, "{name}: restored other rows");
        accept_jobs(&store, 1000..1003);
    }
    assert!(noticed >= 10, "the damage was too mild to tell: {noticed}");
}

#[test]
fn a_damaged_export_is_passed_over_for_an_older_one_and_more_of_the_change_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    accept_jobs(&store, 0..20);
    store.export().unwrap();
    accept_jobs(&store, 20..40);
    let newest = store.export().unwrap().path;
    accept_jobs(&store, 40..50);
    let before = content(&store);
    drop(store);
    let length = fs::metadata(&newest).unwrap().len();
    let spoil: [fn(&PathBuf, u64); 3] = [
        |path, length| flip(path, length / 2, 1),
        |path, length| File::options().write(true).open(path).unwrap().set_len(length - 1).unwrap(),
        |path, _| fs::write(path, "").unwrap(),
    ];
    for spoil in spoil {
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        spoil(&copied.path().join("exports").join(newest.file_name().unwrap()), length);
        fs::remove_dir_all(copied.path().join("sled")).unwrap();
        let report = restore(copied.path(), Source::Latest).unwrap();
        assert!(report.warnings[0].contains("cannot be used"), "{:?}", report.warnings);
        assert_eq!((report.group, report.replayed), (51, 30));
        assert_eq!(content(&open(copied.path())), before);
    }
}

#[test]
fn without_any_export_the_change_log_from_the_first_group_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    accept_jobs(&store, 0..20);
    let before = content(&store);
    drop(store);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let report = restore(dir.path(), Source::Latest).unwrap();
    assert_eq!((report.export, report.group, report.entries_proved), (None, 21, 21));
    assert_eq!(content(&open(dir.path())), before);
}

#[test]
fn a_gap_in_the_change_log_ends_the_restore_and_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    accept_jobs(&store, 0..10);
    drop(store);
    let log = files(&dir.path().join("changes")).remove(0);
    flip(&log, fs::metadata(&log).unwrap().len() / 2, 1);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let report = restore(dir.path(), Source::Latest).unwrap();
    assert!(report.group < 11);
    assert_eq!(report.warnings.len(), 1);
    assert!(
        !files(&report.set_aside[0]).is_empty(),
        "the damaged log is not kept for whoever can still use it"
    );
    let store = open(dir.path());
    accept_jobs(&store, 100..103);
    let before = content(&store);
    drop(store);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let report = restore(dir.path(), Source::Latest).unwrap();
    assert_eq!(report.warnings, [""; 0], "the log goes on from where it was whole");
    assert_eq!(content(&open(dir.path())), before);
}

#[test]
fn a_lost_end_of_the_change_log_is_healed_by_an_export_at_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    accept_jobs(&store, 0..10);
    let before = content(&store);
    drop(store);
    let log = files(&dir.path().join("changes")).remove(0);
    File::options().write(true).open(&log).unwrap().set_len(1000).unwrap();
    drop(open(dir.path()));
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    restore(dir.path(), Source::Latest).unwrap();
    assert_eq!(content(&open(dir.path())), before);
}

#[test]
fn an_unfinished_snapshot_of_sled_does_not_keep_the_store_from_opening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    let before = content(&store);
    drop(store);
    fs::write(dir.path().join("sled/snap.7FFFFFFFFFFFFFFF.generating"), [0; 5000]).unwrap();
    assert_eq!(content(&open(dir.path())), before);
}

#[test]
fn restoring_again_loses_nothing_that_the_first_time_brought_back_from_a_torn_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 1000);
    accept_jobs(&store, 0..10);
    store.export().unwrap();
    accept_jobs(&store, 10..20);
    let before = content(&store);
    drop(store);
    let log = files(&dir.path().join("changes")).pop().unwrap();
    let mut torn = File::options().append(true).open(&log).unwrap();
    std::io::Write::write_all(&mut torn, b"half a frame").unwrap();
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    for time in ["first", "second", "third"] {
        let report = restore(dir.path(), Source::Latest).unwrap();
        assert_eq!((report.group, report.changes_whole), (21, false), "{time}");
    }
    let store = open(dir.path());
    assert_eq!(content(&store), before);
    accept_jobs(&store, 20..22);
}

#[test]
fn what_was_restored_is_never_taken_for_a_directory_that_was_not_served_from() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(from.path());
    top_up(&store, 1000);
    let export = store.export().unwrap().path;
    restore(to.path(), Source::File(export.clone())).unwrap();
    // As a kill before the last step leaves it.
    fs::rename(to.path().join("sled"), to.path().join("sled.new")).unwrap();
    let error = Store::open(OpenOptions::new(to.path())).unwrap_err();
    assert!(error.to_string().contains("atelier restore --latest"), "{error}");
    restore(to.path(), Source::File(export)).unwrap();
    assert_eq!(content(&open(to.path())), content(&store));
}
