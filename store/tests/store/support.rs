//! Stores in temporary directories, a business transaction to fill them with, and their whole content to compare.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use atelier_store::{Batch, OpenOptions, Receipt, Store, Table};

/// Everything in a store.
pub type Content = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

pub fn open(dir: &Path) -> Store {
    Store::open(OpenOptions { cache_bytes: 8 << 20, ..OpenOptions::new(dir) }).unwrap()
}

pub fn content(store: &Store) -> Content {
    let mut content = Content::new();
    for table in Table::ALL {
        store
            .for_each(table, |key, value| -> Result<(), atelier_store::ReadError> {
                content.insert((table, key.to_vec()), value.to_vec());
                Ok(())
            })
            .unwrap();
    }
    content
}

/// What a job's acceptance writes: job, hold, both balances, one entry.
pub fn acceptance(job: u64) -> Batch {
    let key = job.to_be_bytes();
    let mut batch = Batch::new();
    batch
        .put_new(Table::Jobs, key, format!(r#"{{"v":1,"row":{{"job":{job},"pad":"{}"}}}}"#, "x".repeat(500)))
        .put_new(Table::Holds, key, format!(r#"{{"v":1,"row":{{"job":{job},"credits":3}}}}"#))
        .add(Table::Balances, "available", -3, Some(0))
        .add(Table::Balances, "held", 3, Some(0))
        .append_indexed(Table::Entries, format!(r#"{{"job":{job},"kind":"hold","credits":3}}"#), "owner");
    batch
}

pub fn top_up(store: &Store, credits: i64) -> Receipt {
    let mut batch = Batch::new();
    batch.add(Table::Balances, "available", credits, None).append(Table::Entries, r#"{"kind":"top_up"}"#);
    store.submit_blocking(batch).unwrap()
}

/// Accepts jobs one by one, each in a group of its own.
pub fn accept_jobs(store: &Store, jobs: std::ops::Range<u64>) {
    for job in jobs {
        store.submit_blocking(acceptance(job)).unwrap();
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
