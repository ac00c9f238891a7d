//! One group in the making: the batches accepted so far, over the committed rows.
//!
//! Guards are checked against this view, so that a batch sees every batch accepted before it, written or not. A refused batch
//! leaves no trace. What comes out is one after-image per touched row, however often the group touched it.

use std::collections::HashMap;

use serde::Deserialize;

use crate::batch::{Batch, Expect, Op, Receipt};
use crate::chain::Head;
use crate::error::Refusal;
use crate::group::Image;
use crate::table::Table;
use crate::tally::Tallies;

/// The committed rows under the group.
pub(crate) trait Committed {
    /// A row's bytes, shared or owned.
    type Bytes: AsRef<[u8]>;
    /// How reading fails.
    type Error;

    fn read(&self, table: Table, key: &[u8]) -> Result<Option<Self::Bytes>, Self::Error>;
}

/// Why a batch did not get into the group.
pub(crate) enum Rejected<E> {
    Refused {
        op: usize,
        reason: Refusal,
    },
    /// The committed rows could not be read: the group cannot go on.
    Failed(E),
}

/// A row as the group leaves it. A sum stays a number until the group is complete.
enum Pending {
    Row(Vec<u8>),
    Sum(i64),
    Gone,
}

struct Slot<B> {
    committed: Option<B>,
    pending: Option<Pending>,
}

impl<B: AsRef<[u8]>> Slot<B> {
    fn exists(&self) -> bool {
        match &self.pending {
            Some(Pending::Gone) => false,
            Some(Pending::Row(_) | Pending::Sum(_)) => true,
            None => self.committed.is_some(),
        }
    }

    fn equals(&self, bytes: &[u8]) -> bool {
        match &self.pending {
            Some(Pending::Gone) => false,
            Some(Pending::Row(row)) => row == bytes,
            Some(Pending::Sum(sum)) => encode_sum(*sum) == bytes,
            None => self.committed.as_ref().is_some_and(|row| row.as_ref() == bytes),
        }
    }

    fn sum(&self) -> Result<i64, Refusal> {
        let row = match &self.pending {
            Some(Pending::Gone) => return Ok(0),
            Some(Pending::Sum(sum)) => return Ok(*sum),
            Some(Pending::Row(row)) => row.as_slice(),
            None => match &self.committed {
                None => return Ok(0),
                Some(row) => row.as_ref(),
            },
        };
        decode_sum(row).ok_or(Refusal::Malformed("row is not an integer"))
    }

    fn check(&self, expect: &Expect) -> Result<(), Refusal> {
        match expect {
            Expect::Any => Ok(()),
            Expect::Absent if self.exists() => Err(Refusal::Exists),
            Expect::Absent => Ok(()),
            Expect::Present | Expect::Equals(_) if !self.exists() => Err(Refusal::Missing),
            Expect::Equals(bytes) if !self.equals(bytes) => Err(Refusal::Changed),
            Expect::Present | Expect::Equals(_) => Ok(()),
        }
    }
}

/// The group so far.
pub(crate) struct Overlay<'a, C: Committed> {
    committed: &'a C,
    slots: [HashMap<Vec<u8>, Slot<C::Bytes>>; Table::COUNT],
    head: Head,
}

/// What to put back if the batch is refused: a touched row and what was pending for it before.
type Undo = Vec<(Table, Vec<u8>, Option<Pending>)>;

impl<'a, C: Committed> Overlay<'a, C> {
    /// An empty group over the committed rows and the end of the log.
    pub(crate) fn new(committed: &'a C, head: Head) -> Overlay<'a, C> {
        Overlay { committed, slots: std::array::from_fn(|_| HashMap::new()), head }
    }

    /// Takes a whole batch into the group, or nothing of it. The receipt's group is for the caller to set.
    pub(crate) fn accept(&mut self, batch: Batch) -> Result<Receipt, Rejected<C::Error>> {
        let mut receipt = Receipt { group: 0, sums: Vec::new(), appended: Vec::new() };
        let mut undo = Undo::new();
        let head = self.head;
        for (index, op) in batch.into_ops().into_iter().enumerate() {
            let rejected = match self.step(op, &mut receipt, &mut undo) {
                Ok(Ok(())) => continue,
                Ok(Err(reason)) => Rejected::Refused { op: index, reason },
                Err(error) => Rejected::Failed(error),
            };
            self.head = head;
            self.roll_back(undo);
            return Err(rejected);
        }
        Ok(receipt)
    }

    fn step(
        &mut self,
        op: Op,
        receipt: &mut Receipt,
        undo: &mut Undo,
    ) -> Result<Result<(), Refusal>, C::Error> {
        let (table, key, decided) = match op {
            Op::Put { table, key, value, expect } => {
                let slot = self.slot(table, &key)?;
                (table, key, slot.check(&expect).map(|()| Pending::Row(value)))
            }
            Op::Delete { table, key, expect } => {
                let slot = self.slot(table, &key)?;
                (table, key, slot.check(&expect).map(|()| Pending::Gone))
            }
            Op::Add { table, key, delta, floor } => {
                let slot = self.slot(table, &key)?;
                let sum = slot.sum().and_then(|balance| add(balance, delta, floor));
                receipt.sums.extend(sum.as_ref().ok());
                (table, key, sum.map(Pending::Sum))
            }
            Op::Append { table, row, owner } => {
                let (head, entry) = self.head.append(&row);
                self.head = head;
                receipt.appended.push(head.seq);
                let key = head.seq.to_be_bytes().to_vec();
                self.slot(table, &key)?;
                if let Some(owner) = owner {
                    let place = [owner.as_slice(), &key].concat();
                    self.slot(Table::EntryIndex, &place)?;
                    self.set(Table::EntryIndex, place, Pending::Row(Vec::new()), undo);
                }
                (table, key, Ok(Pending::Row(entry)))
            }
        };
        Ok(decided.map(|pending| self.set(table, key, pending, undo)))
    }

    fn set(&mut self, table: Table, key: Vec<u8>, pending: Pending, undo: &mut Undo) {
        if let Some(slot) = self.slots[table.index()].get_mut(&key) {
            let before = slot.pending.replace(pending);
            undo.push((table, key, before));
        }
    }

    fn slot(&mut self, table: Table, key: &[u8]) -> Result<&Slot<C::Bytes>, C::Error> {
        let slots = &mut self.slots[table.index()];
        if !slots.contains_key(key) {
            let committed = self.committed.read(table, key)?;
            slots.insert(key.to_vec(), Slot { committed, pending: None });
        }
        Ok(&slots[key])
    }

    fn roll_back(&mut self, undo: Undo) {
        for (table, key, before) in undo.into_iter().rev() {
            if let Some(slot) = self.slots[table.index()].get_mut(&key) {
                slot.pending = before;
            }
        }
    }

    /// The end of the log after this group.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// The rows that the group changes, and the tallies after it.
    pub(crate) fn finish(self, mut tallies: Tallies) -> (Vec<Image>, Tallies) {
        let mut images = Vec::new();
        for (table, slots) in Table::ALL.into_iter().zip(self.slots) {
            let tally = tallies.of_mut(table);
            for (key, slot) in slots {
                let Some(pending) = slot.pending else { continue };
                let before = slot.committed.as_ref().map(AsRef::as_ref);
                let value = match pending {
                    Pending::Row(row) => Some(row),
                    Pending::Sum(sum) => Some(encode_sum(sum)),
                    Pending::Gone => None,
                };
                if value.as_deref() == before {
                    continue;
                }
                if let Some(row) = before {
                    tally.remove(&key, row);
                }
                if let Some(row) = &value {
                    tally.add(&key, row);
                }
                images.push(Image { table, key, value });
            }
        }
        (images, tallies)
    }
}

fn add(balance: i64, delta: i64, floor: Option<i64>) -> Result<i64, Refusal> {
    let sum = balance.checked_add(delta).ok_or(Refusal::Malformed("sum overflows"))?;
    match floor {
        Some(floor) if sum < floor => Err(Refusal::BelowFloor { balance }),
        _ => Ok(sum),
    }
}

fn encode_sum(sum: i64) -> Vec<u8> {
    format!(r#"{{"v":1,"n":{sum}}}"#).into_bytes()
}

/// The number in an integer row, if it is one of a version known here.
pub(crate) fn decode_sum(row: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Sum {
        v: u32,
        n: i64,
    }
    serde_json::from_slice::<Sum>(row).ok().filter(|sum| sum.v == 1).map(|sum| sum.n)
}

#[cfg(test)]
#[path = "overlay_tests.rs"]
mod tests;
