//! A count and a checksum per table, kept with every commit.
//!
//! The checksum is the sum of the checksums of the rows, so a commit updates it from the rows it touches, and a walk over the
//! table in any order finds it again. A database that opens but lost or went back to an older row is found out by it.

use crate::frame::Cursor;
use crate::table::Table;

/// How many rows a table has and what they add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) sum: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(checksum(key, value));
    }

    pub(crate) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(checksum(key, value));
    }
}

/// The key's length goes in, so that a byte cannot move between key and value unseen.
fn checksum(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    u64::from(hasher.finalize())
}

/// The tallies of all tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tallies([Tally; Table::COUNT]);

impl Tallies {
    pub(crate) fn of(&self, table: Table) -> Tally {
        self.0[table.index()]
    }

    pub(crate) fn of_mut(&mut self, table: Table) -> &mut Tally {
        &mut self.0[table.index()]
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(Table::COUNT as u8);
        for tally in &self.0 {
            out.extend_from_slice(&tally.rows.to_be_bytes());
            out.extend_from_slice(&tally.sum.to_be_bytes());
        }
    }

    /// Reads tallies, also of a version that had fewer tables.
    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Option<Tallies> {
        let count = usize::from(cursor.u8()?);
        let mut tallies = Tallies::default();
        for tally in tallies.0.get_mut(..count)? {
            *tally = Tally { rows: cursor.u64()?, sum: cursor.u64()? };
        }
        Some(tallies)
    }

    /// The first table in which the two differ.
    pub(crate) fn difference(&self, other: &Tallies) -> Option<Table> {
        Table::ALL.into_iter().find(|table| self.of(*table) != other.of(*table))
    }
}
