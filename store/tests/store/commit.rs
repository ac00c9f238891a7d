//! Committing, reading and reopening.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use atelier_store::{
    Batch, CommitError, MAX_ROW_BYTES, OnFatal, OpenError, OpenOptions, ReadError, Refusal, Scan, Store,
    Table,
};

use crate::support::{accept_jobs, acceptance, content, files, open, top_up};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_batches_are_all_there_or_refused_and_the_money_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let funded = store.clone();
    tokio::task::spawn_blocking(move || top_up(&funded, 3 * 150)).await.unwrap();
    let tasks: Vec<_> = (0..200).map(|job| tokio::spawn(store.submit(acceptance(job)))).collect();
    let mut accepted = 0;
    let mut numbers = BTreeSet::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(receipt) => {
                accepted += 1;
                numbers.extend(receipt.appended);
            }
            Err(error) => assert!(
                matches!(error, CommitError::Refused { op: 2, reason: Refusal::BelowFloor { .. } }),
                "{error}"
            ),
        }
    }
    assert_eq!(accepted, 150);
    assert_eq!(numbers, (2..=151).collect());
    let rows = |table| store.scan(table, Scan::all().limit(1000)).unwrap().len();
    assert_eq!((rows(Table::Jobs), rows(Table::Holds), rows(Table::EntryIndex)), (150, 150, 150));
    assert_eq!(store.sum(Table::Balances, b"available").unwrap(), 0);
    assert_eq!(store.sum(Table::Balances, b"held").unwrap(), 450);
    assert_eq!(store.head().0, 151);
}

#[test]
fn what_was_answered_is_there_after_reopening_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 100);
    accept_jobs(&store, 0..20);
    let (before, head) = (content(&store), store.head());
    drop(store);
    let store = open(dir.path());
    assert_eq!(content(&store), before);
    assert_eq!(store.head(), head);
    accept_jobs(&store, 20..25);
    let mut numbers = Vec::new();
    store
        .walk_log(Table::Entries, |entry| -> Result<(), ReadError> {
            numbers.push(entry.seq);
            Ok(())
        })
        .unwrap();
    assert_eq!(numbers, (1..=26).collect::<Vec<_>>());
    assert_eq!(store.close().unwrap().unwrap().group, 26);
    assert_eq!(open(dir.path()).close().unwrap(), None, "nothing new, nothing exported");
}

#[test]
fn a_refused_batch_changes_nothing_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    top_up(&store, 10);
    let before = (content(&store), store.stats().groups);
    let mut batch = acceptance(1);
    batch.delete_present(Table::Keys, "none");
    let error = store.submit_blocking(batch).unwrap_err();
    assert_eq!(error, CommitError::Refused { op: 5, reason: Refusal::Missing });
    assert_eq!((content(&store), store.stats().groups), before);
}

#[test]
fn a_second_process_is_refused_in_clear_words() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = Store::open(OpenOptions::new(dir.path())).unwrap_err();
    assert!(matches!(&error, OpenError::Locked(path) if path == dir.path()), "{error}");
    assert!(error.to_string().contains("in use by another process"));
    drop(store);
    open(dir.path());
}

#[test]
fn a_full_queue_answers_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(OpenOptions { queue_capacity: 4, ..OpenOptions::new(dir.path()) }).unwrap();
    // Far more than four batches fit between two flushes.
    let waiting: Vec<_> = (0..20_000u32)
        .map(|n| store.submit(Batch::new().put(Table::Settings, "k", n.to_be_bytes()).clone()))
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answers = runtime.block_on(async {
        let mut answers = Vec::new();
        for answer in waiting {
            answers.push(answer.await);
        }
        answers
    });
    assert!(answers.contains(&Err(CommitError::Full)));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(CommitError::Full))));
    assert_eq!(store.stats().queue_depth, 0);
}

#[test]
fn after_close_other_clones_can_read_but_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let clone = store.clone();
    let queued = store.submit(Batch::new().put(Table::Settings, "k", "v").clone());
    store.close().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(queued).is_ok(), "what was queued is committed first");
    assert_eq!(clone.get(Table::Settings, b"k").unwrap().as_deref(), Some(b"v".as_slice()));
    assert_eq!(
        clone.submit_blocking(Batch::new().delete(Table::Settings, "k").clone()),
        Err(CommitError::Closed)
    );
    assert!(clone.export().is_err());
}

/// The next change log file leads to a device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn a_failing_disk_ends_the_store_instead_of_going_on() {
    let dir = tempfile::tempdir().unwrap();
    let (report, reported) = sync_channel(1);
    let on_fatal = OnFatal::new(move |detail: &str| report.send(detail.to_owned()).unwrap());
    let store = Store::open(OpenOptions { on_fatal, ..OpenOptions::new(dir.path()) }).unwrap();
    top_up(&store, 10);
    let next = dir.path().join("changes").join(format!("{:020}.log", 2));
    std::os::unix::fs::symlink("/dev/full", next).unwrap();
    // The device cannot be synced, which only the export minds.
    let _ = store.export();
    let before = content(&store);
    let error = store.submit_blocking(acceptance(1)).unwrap_err();
    assert!(matches!(error, CommitError::Io(_)), "{error}");
    assert!(reported.recv().unwrap().contains("change log"));
    assert_eq!(store.submit_blocking(acceptance(2)), Err(CommitError::Closed));
    assert_eq!(content(&store), before);
}

#[test]
fn scans_page_in_both_directions_without_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut batch = Batch::new();
    for n in 0..10 {
        batch.put(Table::Jobs, format!("a/{n}"), "x").put(Table::Jobs, format!("b/{n}"), "x");
    }
    store.submit_blocking(batch).unwrap();
    let page = |scan| -> Vec<String> {
        let rows = store.scan(Table::Jobs, scan).unwrap();
        rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    };
    assert_eq!(page(Scan::prefix("a/").limit(3)), ["a/0", "a/1", "a/2"]);
    assert_eq!(page(Scan::prefix("a/").after("a/7")), ["a/8", "a/9"]);
    assert_eq!(page(Scan::prefix("b/").after("b/2").reverse()), ["b/1", "b/0"]);
    assert_eq!(page(Scan::range("a/8", "b/1")), ["a/8", "a/9", "b/0"]);
    assert_eq!(page(Scan::all().limit(usize::MAX)).len(), 20);
    assert!(page(Scan::prefix("c/")).is_empty());
}

#[test]
fn handles_can_be_shared_between_threads_and_futures_moved() {
    fn sendable<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn movable<T: Send + 'static>(_: T) {}
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    sendable(&store);
    sendable(&Arc::new(store.media().clone()));
    movable(store.submit(Batch::new()));
}

#[test]
fn pages_full_of_the_largest_rows_never_get_files_of_their_own_which_could_be_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let place = |n: u32| (n * 7919 % 300).to_be_bytes();
    let row = vec![b'x'; MAX_ROW_BYTES];
    for numbers in [0..300, 100..200] {
        for n in numbers {
            store.submit_blocking(Batch::new().put(Table::Settings, place(n), row.clone()).clone()).unwrap();
        }
    }
    // Leaves with few rows are merged with their neighbours.
    for n in (0..300).filter(|n| n % 8 > 2) {
        store.submit_blocking(Batch::new().delete(Table::Settings, place(n)).clone()).unwrap();
    }
    store.export().unwrap();
    let blobs = dir.path().join("sled/blobs");
    assert!(blobs.is_dir());
    assert_eq!(files(&blobs), Vec::<PathBuf>::new());
}
