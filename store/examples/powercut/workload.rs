//! What is done to the store while it is recorded, and what the store must therefore hold.
//!
//! Every transaction leaves an entry in the log that says all about it, so the entries alone tell what every other table must
//! hold: a transaction that is there in part is found out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use atelier_store::{Batch, Expect, OpenOptions, Store, Table};
use serde::{Deserialize, Serialize};

/// A workload: how often the store is opened, and what happens each time.
pub struct Scenario {
    pub name: &'static str,
    sessions: usize,
    writers: usize,
    /// Jobs per session.
    jobs: u64,
}

pub const SCENARIOS: [Scenario; 3] = [
    Scenario { name: "one writer", sessions: 1, writers: 1, jobs: 150 },
    Scenario { name: "16 writers", sessions: 1, writers: 16, jobs: 1200 },
    Scenario { name: "4 sessions", sessions: 4, writers: 8, jobs: 250 },
];

/// One transaction, as it stands in the log.
#[derive(Debug, Serialize, Deserialize)]
pub struct Transaction {
    pub id: u64,
    pub kind: Kind,
    pub job: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    TopUp,
    Accept,
    Settle,
    /// A row so large that its page would get a file of its own in smaller segments.
    Large,
    Media,
}

/// The rows that the transactions of a log amount to, but for the log itself.
pub type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

pub fn run(scenario: &Scenario, root: &Path, acks: &Path) {
    let acks = File::create(acks).unwrap();
    let (jobs, ids) = (AtomicU64::new(0), AtomicU64::new(0));
    for session in 0..scenario.sessions {
        let store =
            Store::open(OpenOptions { cache_bytes: 4 << 20, exports_kept: 2, ..OpenOptions::new(root) })
                .unwrap();
        let last_job = (session as u64 + 1) * scenario.jobs;
        let commit = |kind, job| {
            let transaction = Transaction { id: ids.fetch_add(1, Ordering::Relaxed), kind, job };
            transaction.commit(&store);
            // One write, so that the record has it as one acknowledgement.
            (&acks).write_all(&transaction.id.to_le_bytes()).unwrap();
        };
        commit(Kind::TopUp, 0);
        std::thread::scope(|scope| {
            for _ in 0..scenario.writers {
                scope.spawn(|| {
                    loop {
                        let job = jobs.fetch_add(1, Ordering::Relaxed);
                        if job >= last_job {
                            break;
                        }
                        commit(Kind::Accept, job);
                        if job % 2 == 0 {
                            commit(Kind::Settle, job);
                        }
                        if job % 30 == 0 {
                            commit(Kind::Large, job);
                        }
                        if job % 40 == 0 {
                            commit(Kind::Media, job);
                        }
                    }
                });
            }
            for _ in 0..2 {
                store.export().unwrap();
            }
        });
        jobs.store(last_job, Ordering::Relaxed);
        // A process that is killed leaves without a word.
        if session % 2 == 0 { drop(store) } else { drop(store.close().unwrap()) }
    }
}

impl Transaction {
    fn commit(&self, store: &Store) {
        if self.kind == Kind::Media {
            store.media().write(&self.media_id(), &self.media_bytes()).unwrap();
        }
        store.submit_blocking(self.batch()).unwrap();
    }

    pub fn media_id(&self) -> String {
        format!("media_{}", self.job)
    }

    pub fn media_bytes(&self) -> Vec<u8> {
        self.job.to_be_bytes().repeat(1500)
    }

    fn batch(&self) -> Batch {
        let key = self.job.to_be_bytes();
        let mut batch = Batch::new();
        match self.kind {
            Kind::TopUp => batch.add(Table::Balances, "available", 1_000_000, None),
            Kind::Accept => batch
                .put_new(Table::Jobs, key, self.row(550))
                .put_new(Table::Holds, key, self.row(100))
                .add(Table::Balances, "available", -3, Some(0))
                .add(Table::Balances, "held", 3, Some(0)),
            Kind::Settle => batch
                .delete_present(Table::Holds, key)
                .put_if(Table::Jobs, key, self.row(580), Expect::Present)
                .add(Table::Balances, "held", -3, Some(0))
                .add(Table::Balances, "spent", 3, Some(0)),
            Kind::Large => batch.put(Table::Settings, self.large_key(), self.row(50_000)),
            Kind::Media => batch.put_new(Table::Media, self.media_id(), self.row(150)),
        };
        batch.append_indexed(Table::Entries, serde_json::to_vec(self).unwrap(), "owner");
        batch
    }

    /// Does to the rows what the batch does to the store.
    pub fn apply(&self, rows: &mut Rows, sums: &mut BTreeMap<&'static str, i64>) {
        let key = self.job.to_be_bytes().to_vec();
        let mut add = |name, delta| *sums.entry(name).or_default() += delta;
        match self.kind {
            Kind::TopUp => add("available", 1_000_000),
            Kind::Accept => {
                rows.insert((Table::Jobs, key.clone()), self.row(550));
                rows.insert((Table::Holds, key), self.row(100));
                add("available", -3);
                add("held", 3);
            }
            Kind::Settle => {
                rows.remove(&(Table::Holds, key.clone()));
                rows.insert((Table::Jobs, key), self.row(580));
                add("held", -3);
                add("spent", 3);
            }
            Kind::Large => {
                rows.insert((Table::Settings, self.large_key()), self.row(50_000));
            }
            Kind::Media => {
                rows.insert((Table::Media, self.media_id().into_bytes()), self.row(150));
            }
        }
    }

    fn large_key(&self) -> Vec<u8> {
        (self.job / 30 % 20).to_be_bytes().to_vec()
    }

    /// A row that no other transaction would write.
    fn row(&self, length: usize) -> Vec<u8> {
        let mut row = format!(r#"{{"v":1,"row":{{"id":{},"pad":""#, self.id).into_bytes();
        row.resize(length, b'a' + (self.id % 26) as u8);
        row.extend_from_slice(br#""}}"#);
        row
    }
}
