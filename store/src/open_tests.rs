//! How the change log goes on after every way in which it and the database can differ.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::change_log::{LogFile, Tail};

fn tail(last: u64) -> Option<Tail> {
    let file = LogFile { first: 1, path: "log".into() };
    Some(Tail { file, last, end: last * 10, end_before: last.saturating_sub(1) * 10 })
}

fn walk(contiguous: u64, highest: u64) -> Walk {
    Walk { contiguous, highest, tail: tail(highest), broken: None }
}

fn resume(keep: u64) -> Continue {
    Continue::Resume { path: "log".into(), keep }
}

#[test]
fn a_log_that_ends_with_the_database_goes_on() {
    assert_eq!(decide(7, 0, &walk(7, 7)), resume(70));
    assert_eq!(decide(7, 5, &walk(7, 7)), resume(70));
}

#[test]
fn the_one_group_that_the_database_never_had_is_dropped() {
    assert_eq!(decide(7, 0, &walk(8, 8)), resume(70));
}

#[test]
fn a_database_that_lost_more_than_one_group_is_refused() {
    assert!(matches!(decide(7, 0, &walk(9, 9)), Continue::Broken(_)));
    assert!(matches!(decide(7, 0, &walk(2, 9)), Continue::Broken(_)));
    assert!(matches!(decide(7, 8, &walk(8, 8)), Continue::Broken(_)));
    assert!(matches!(decide(0, 0, &walk(2, 2)), Continue::Broken(_)));
}

#[test]
fn a_log_that_lost_its_end_or_has_a_gap_is_replaced_by_an_export() {
    assert_eq!(decide(7, 0, &walk(6, 6)), Continue::Fresh { export_first: true });
    assert_eq!(decide(7, 0, &walk(3, 7)), Continue::Fresh { export_first: true });
    let none = Walk { contiguous: 0, highest: 0, tail: None, broken: None };
    assert_eq!(decide(7, 0, &none), Continue::Fresh { export_first: true });
}

#[test]
fn a_database_that_an_export_covers_needs_no_other() {
    let none = Walk { contiguous: 7, highest: 7, tail: None, broken: None };
    assert_eq!(decide(7, 7, &none), Continue::Fresh { export_first: false });
    let new = Walk { contiguous: 0, highest: 0, tail: None, broken: None };
    assert_eq!(decide(0, 0, &new), Continue::Fresh { export_first: false });
}

#[test]
fn a_first_open_that_was_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let sled = dir.path().join("sled");
    fs::create_dir(&sled).unwrap();
    fs::write(sled.join("conf"), [0xff; 64]).unwrap();
    let store = crate::Store::open(OpenOptions::new(dir.path())).unwrap();
    assert_eq!(store.stats().groups, 0);
}

#[test]
fn a_directory_of_a_newer_program_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["3\n", "one", ""] {
        fs::write(dir.path().join("VERSION"), text).unwrap();
        let error = crate::Store::open(OpenOptions::new(dir.path())).unwrap_err();
        assert!(matches!(error, OpenError::WrongVersion { .. }), "{error}");
        assert!(!dir.path().join("sled").exists());
    }
}

#[test]
fn a_full_disk_is_not_called_damage() {
    let path = Path::new("data/sled");
    let said = |kind: io::ErrorKind| failed("open", path, sled::Error::Io(kind.into())).to_string();
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied] {
        assert!(
            said(kind).starts_with("open data/sled") && !said(kind).contains("damaged"),
            "{}",
            said(kind)
        );
    }
    assert!(said(io::ErrorKind::NotFound).contains("atelier restore"), "a file of the database is gone");
}
