//! A batch of guarded changes: written as a whole or not at all.

use serde_json::value::RawValue;

use crate::error::Refusal;
use crate::table::Table;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest row, in bytes. Long texts and media belong in files.
pub const MAX_ROW_BYTES: usize = 64 * 1024;
/// Most changes in one batch.
pub const MAX_BATCH_OPS: usize = 4096;
/// Most bytes of keys and rows in one batch.
pub const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

/// What must hold for a row before it is written. Checked by the committer, after every batch accepted earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Any,
    /// No such row.
    Absent,
    /// There is such a row.
    Present,
    /// The row has exactly these bytes.
    Equals(Vec<u8>),
}

/// One change. Later changes of a batch see the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a row.
    Put {
        /// Where.
        table: Table,
        /// The row's key, 1 to [`MAX_KEY_BYTES`] bytes.
        key: Vec<u8>,
        /// The row, up to [`MAX_ROW_BYTES`].
        value: Vec<u8>,
        /// What must hold before.
        expect: Expect,
    },
    /// Removes a row; removing an absent one is no change.
    Delete {
        /// Where.
        table: Table,
        /// The row's key.
        key: Vec<u8>,
        /// What must hold before.
        expect: Expect,
    },
    /// Adds to an integer row, `{"v":1,"n":<i64>}`; an absent row counts as 0.
    Add {
        /// Where.
        table: Table,
        /// The row's key.
        key: Vec<u8>,
        /// What to add, in the row's unit.
        delta: i64,
        /// The lowest sum allowed afterwards.
        floor: Option<i64>,
    },
    /// Appends to a log table. The committer gives the entry its number and chains it to the one before by hash.
    Append {
        /// Which log.
        table: Table,
        /// The entry: one JSON value without white space around it.
        row: Vec<u8>,
        /// Under which owner's key [`Table::EntryIndex`] lists the entry, if it does.
        owner: Option<Vec<u8>>,
    },
}

impl Op {
    fn bytes(&self) -> usize {
        match self {
            Op::Put { key, value, expect, .. } => key.len() + value.len() + expect.bytes(),
            Op::Delete { key, expect, .. } => key.len() + expect.bytes(),
            Op::Add { key, .. } => key.len(),
            Op::Append { row, owner, .. } => row.len() + owner.as_ref().map_or(0, Vec::len),
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let (table, key) = match self {
            Op::Append { table, row, owner } => return check_append(*table, row, owner.as_deref()),
            Op::Put { value, .. } if value.len() > MAX_ROW_BYTES => {
                return Err(Refusal::Malformed("row too large"));
            }
            Op::Put { table, key, .. } | Op::Delete { table, key, .. } | Op::Add { table, key, .. } => {
                (table, key)
            }
        };
        if table.is_log() || table.is_index() {
            return Err(Refusal::Malformed("a log can only be appended to"));
        }
        check_key(key)
    }
}

fn check_key(key: &[u8]) -> Result<(), Refusal> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(Refusal::Malformed("key is empty or too long"));
    }
    Ok(())
}

fn check_append(table: Table, row: &[u8], owner: Option<&[u8]>) -> Result<(), Refusal> {
    if !table.is_log() {
        return Err(Refusal::Malformed("append to a table that is no log"));
    }
    owner.map_or(Ok(()), check_key)?;
    if row.len() > MAX_ROW_BYTES {
        return Err(Refusal::Malformed("row too large"));
    }
    match serde_json::from_slice::<&RawValue>(row) {
        Ok(raw) if raw.get().len() == row.len() => Ok(()),
        _ => Err(Refusal::Malformed("a log entry must be one JSON value")),
    }
}

impl Expect {
    fn bytes(&self) -> usize {
        match self {
            Expect::Equals(value) => value.len(),
            Expect::Any | Expect::Absent | Expect::Present => 0,
        }
    }
}

/// Changes that are written together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    ops: Vec<Op>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Adds any change.
    pub fn push(&mut self, op: Op) -> &mut Batch {
        self.ops.push(op);
        self
    }

    /// Writes a row, whatever was there.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Batch {
        self.push(Op::Put { table, key: key.into(), value: value.into(), expect: Expect::Any })
    }

    /// Writes a row that must not exist yet.
    pub fn put_new(
        &mut self,
        table: Table,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) -> &mut Batch {
        self.push(Op::Put { table, key: key.into(), value: value.into(), expect: Expect::Absent })
    }

    /// Writes a row if `expect` holds.
    pub fn put_if(
        &mut self,
        table: Table,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        expect: Expect,
    ) -> &mut Batch {
        self.push(Op::Put { table, key: key.into(), value: value.into(), expect })
    }

    /// Removes a row if it is there.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) -> &mut Batch {
        self.push(Op::Delete { table, key: key.into(), expect: Expect::Any })
    }

    /// Removes a row that must be there.
    pub fn delete_present(&mut self, table: Table, key: impl Into<Vec<u8>>) -> &mut Batch {
        self.push(Op::Delete { table, key: key.into(), expect: Expect::Present })
    }

    /// Removes a row if `expect` holds.
    pub fn delete_if(&mut self, table: Table, key: impl Into<Vec<u8>>, expect: Expect) -> &mut Batch {
        self.push(Op::Delete { table, key: key.into(), expect })
    }

    /// Adds `delta` to an integer row; refused if the sum would fall below `floor`.
    pub fn add(
        &mut self,
        table: Table,
        key: impl Into<Vec<u8>>,
        delta: i64,
        floor: Option<i64>,
    ) -> &mut Batch {
        self.push(Op::Add { table, key: key.into(), delta, floor })
    }

    /// Appends one JSON value to a log.
    pub fn append(&mut self, table: Table, row: impl Into<Vec<u8>>) -> &mut Batch {
        self.push(Op::Append { table, row: row.into(), owner: None })
    }

    /// Appends one JSON value to a log and lists it in [`Table::EntryIndex`] under `owner` and its number as 8 big-endian
    /// bytes.
    pub fn append_indexed(
        &mut self,
        table: Table,
        row: impl Into<Vec<u8>>,
        owner: impl Into<Vec<u8>>,
    ) -> &mut Batch {
        self.push(Op::Append { table, row: row.into(), owner: Some(owner.into()) })
    }

    /// Adds all changes of another batch after those of this one.
    pub fn extend(&mut self, other: Batch) -> &mut Batch {
        self.ops.extend(other.ops);
        self
    }

    /// The changes so far, in order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(crate) fn into_ops(self) -> Vec<Op> {
        self.ops
    }

    pub(crate) fn bytes(&self) -> usize {
        self.ops.iter().map(Op::bytes).sum()
    }

    /// What can be said against the batch without looking at any row: the place of the change and the reason.
    pub(crate) fn check(&self) -> Result<(), (usize, Refusal)> {
        if self.ops.len() > MAX_BATCH_OPS {
            return Err((MAX_BATCH_OPS, Refusal::Malformed("too many changes in one batch")));
        }
        if self.bytes() > MAX_BATCH_BYTES {
            return Err((0, Refusal::Malformed("batch too large")));
        }
        self.ops.iter().enumerate().try_for_each(|(index, op)| op.check().map_err(|reason| (index, reason)))
    }
}

/// Proof that a batch is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The group it was committed with; groups are numbered from 1.
    pub group: u64,
    /// The new sum per [`Op::Add`], in their order.
    pub sums: Vec<i64>,
    /// The number of the entry per [`Op::Append`], in their order.
    pub appended: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(batch: &Batch) -> Option<(usize, Refusal)> {
        batch.check().err()
    }

    #[test]
    fn a_log_can_neither_be_overwritten_nor_thinned_out() {
        for batch in [
            Batch::new().put(Table::Entries, "k", "{}"),
            Batch::new().delete(Table::Entries, "k"),
            Batch::new().add(Table::Entries, "k", 1, None),
            Batch::new().put(Table::EntryIndex, "k", "{}"),
        ] {
            assert_eq!(refusal(batch), Some((0, Refusal::Malformed("a log can only be appended to"))));
        }
        assert!(refusal(Batch::new().append(Table::Jobs, "{}")).is_some());
    }

    #[test]
    fn an_entry_that_is_not_one_json_value_is_refused() {
        for row in ["", "{", "{} ", " {}", "{}{}"] {
            assert!(refusal(Batch::new().append(Table::Entries, row)).is_some(), "{row:?}");
        }
        assert_eq!(refusal(Batch::new().append(Table::Entries, r#"{"a":1}"#)), None);
    }

    #[test]
    fn bounds_are_checked_and_the_offending_change_is_named() {
        let mut batch = Batch::new();
        batch.put(Table::Jobs, "fine", "x").put(Table::Jobs, "k", vec![0; MAX_ROW_BYTES + 1]);
        assert_eq!(refusal(&batch), Some((1, Refusal::Malformed("row too large"))));
        assert!(refusal(Batch::new().put(Table::Jobs, "", "x")).is_some());
        assert!(refusal(Batch::new().put(Table::Jobs, vec![b'k'; MAX_KEY_BYTES + 1], "x")).is_some());
        let mut many = Batch::new();
        for _ in 0..=MAX_BATCH_OPS {
            many.put(Table::Jobs, "k", "x");
        }
        assert!(refusal(&many).is_some());
    }
}
