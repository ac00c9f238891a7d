//! How much a key may keep: what is on disk is one sum per key, changed in the transaction that changes the files' rows; what is
//! still arriving is counted in memory.

use crate::refused::Refused;
use atelier_domain::{code::Code, ids::KeyId};
use atelier_store::{Batch, Store, Table};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What a key may send and keep, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The longest single file.
    pub file: u64,
    /// All files of one key that it sent and that are still kept; each counts 4 KiB at least.
    pub key: u64,
}

impl Budget {
    /// The refusal of what does not fit.
    pub(crate) fn exhausted(self) -> Refused {
        let message = format!(
            "this API key may keep {} MiB of uploads, and this would be more: delete files, characters or posts, or wait until its jobs are past their retention",
            self.key >> 20
        );
        Refused::new(Code::StorageLimitExceeded, message)
    }

    /// Counts files of these lengths that are about to be named by rows. Refused by the committer when they do not fit.
    pub(crate) fn take(self, batch: &mut Batch, key: KeyId, lengths: impl Iterator<Item = u64>) {
        let taken = signed(lengths.map(footprint).sum());
        batch.add(Table::Disk, disk_place(key), -taken, Some(-signed(self.key)));
    }
}

/// What the shortest file counts: its place on the disk and its rows. Without it, a key could keep files without end that have no
/// bytes.
const LEAST: u64 = 4 << 10;

/// What a file of this length counts.
fn footprint(length: u64) -> u64 {
    length.max(LEAST)
}

/// Where the sum of a key is: below zero, so that the budget is a floor.
fn disk_place(key: KeyId) -> [u8; 16] {
    *key.uuid().as_bytes()
}

/// Gives back what files of these lengths took that are about to go.
pub(crate) fn returned(batch: &mut Batch, key: KeyId, lengths: impl Iterator<Item = u64>) {
    batch.add(Table::Disk, disk_place(key), signed(lengths.map(footprint).sum()), None);
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What is arriving, per key.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashMap<KeyId, u64>>>);

impl InFlight {
    /// Room for a file of this key; it grows as the file does.
    pub fn reserve(&self, store: &Store, key: KeyId, budget: Budget) -> Result<Reserved, Refused> {
        let kept = store.sum(Table::Disk, &disk_place(key))?;
        let left = budget.key.saturating_sub(kept.unsigned_abs());
        let mut reserved = Reserved { all: self.clone(), key, budget, left, bytes: 0, counted: 0 };
        reserved.grow(0)?;
        Ok(reserved)
    }

    fn change(&self, key: KeyId, change: impl FnOnce(&mut u64)) -> u64 {
        // Plain numbers: a panic elsewhere does not spoil them.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let arriving = all.entry(key).or_default();
        change(arriving);
        let now = *arriving;
        if now == 0 {
            all.remove(&key);
        }
        now
    }
}

/// Room that a file takes while no row names it. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    all: InFlight,
    key: KeyId,
    budget: Budget,
    /// What the key could still keep when this began.
    left: u64,
    bytes: u64,
    /// What it counts, which is more for a short file.
    counted: u64,
}

impl Reserved {
    /// Makes room for more, or says that there is none.
    pub fn grow(&mut self, more: u64) -> Result<(), Refused> {
        if self.bytes + more > self.budget.file {
            let message = format!("a file may have {} MiB at most", self.budget.file >> 20);
            return Err(Refused::new(Code::BodyTooLarge, message));
        }
        self.bytes += more;
        let counted = footprint(self.bytes);
        let arriving = self.all.change(self.key, |bytes| *bytes += counted - self.counted);
        self.counted = counted;
        if arriving > self.left { Err(self.budget.exhausted()) } else { Ok(()) }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.all.change(self.key, |bytes| *bytes = bytes.saturating_sub(self.counted));
    }
}
