//! Hash-chained logs: every entry carries the hash of the one before, so that none can be changed or removed unseen.
//!
//! An entry is `{"v":1,"seq":<n>,"prev":"<hex>","hash":"<hex>","row":<JSON>}` under its number as a big-endian key, where
//! hash = SHA-256(prev ‖ seq as 8 big-endian bytes ‖ row). The first entry is number 1 and follows 32 zero bytes.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The end of a log: the number and the hash of its last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) hash: [u8; 32],
}

/// One entry of a log, as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number, from 1.
    pub seq: u64,
    /// The hash of the entry before.
    pub prev: [u8; 32],
    /// Its own hash.
    pub hash: [u8; 32],
    /// The JSON value that was appended, byte for byte.
    pub row: Vec<u8>,
}

/// Where a log stops being what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log is broken at entry {seq}: {reason}")]
pub struct ChainError {
    /// The entry that was expected there.
    pub seq: u64,
    /// What is wrong.
    pub reason: &'static str,
}

impl LogEntry {
    /// Reads an entry without looking at its neighbours.
    ///
    /// # Errors
    /// [`ChainError`] with `seq` 0 if the bytes are not an entry.
    pub fn decode(bytes: &[u8]) -> Result<LogEntry, ChainError> {
        #[derive(Deserialize)]
        struct Stored<'a> {
            v: u32,
            seq: u64,
            prev: &'a str,
            hash: &'a str,
            #[serde(borrow)]
            row: &'a RawValue,
        }
        let unreadable = ChainError { seq: 0, reason: "entry is unreadable" };
        let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(|_| unreadable.clone())?;
        let (Some(prev), Some(hash), 1) = (from_hex(stored.prev), from_hex(stored.hash), stored.v) else {
            return Err(unreadable);
        };
        Ok(LogEntry { seq: stored.seq, prev, hash, row: stored.row.get().as_bytes().to_vec() })
    }
}

impl Head {
    /// The head that a stored last entry stands for.
    pub(crate) fn of(entry: &[u8]) -> Result<Head, ChainError> {
        LogEntry::decode(entry).map(|entry| Head { seq: entry.seq, hash: entry.hash })
    }

    /// The entry that follows with this row, and the head after it.
    pub(crate) fn append(self, row: &[u8]) -> (Head, Vec<u8>) {
        let seq = self.seq + 1;
        let next = Head { seq, hash: digest(&self.hash, seq, row) };
        let mut text = String::with_capacity(190);
        // Writing to a string cannot fail.
        let _ = write!(text, r#"{{"v":1,"seq":{seq},"prev":""#);
        push_hex(&mut text, &self.hash);
        text.push_str(r#"","hash":""#);
        push_hex(&mut text, &next.hash);
        text.push_str(r#"","row":"#);
        let mut bytes = text.into_bytes();
        bytes.reserve_exact(row.len() + 1);
        bytes.extend_from_slice(row);
        bytes.push(b'}');
        (next, bytes)
    }

    /// Checks that the stored bytes are the entry that follows, and returns it.
    pub(crate) fn follow(&mut self, key: &[u8], bytes: &[u8]) -> Result<LogEntry, ChainError> {
        let expected = self.seq + 1;
        let broken = |reason| ChainError { seq: expected, reason };
        let entry = LogEntry::decode(bytes).map_err(|error| broken(error.reason))?;
        if key != expected.to_be_bytes() || entry.seq != expected {
            return Err(broken("number is not the next one"));
        }
        if entry.prev != self.hash {
            return Err(broken("does not follow the entry before"));
        }
        if entry.hash != digest(&entry.prev, entry.seq, &entry.row) {
            return Err(broken("content does not match its hash"));
        }
        *self = Head { seq: expected, hash: entry.hash };
        Ok(entry)
    }
}

fn digest(prev: &[u8; 32], seq: u64, row: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(prev).chain_update(seq.to_be_bytes()).chain_update(row).finalize().into()
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn log(rows: &[&str]) -> Vec<Vec<u8>> {
        let mut head = Head::default();
        rows.iter()
            .map(|row| {
                let (next, bytes) = head.append(row.as_bytes());
                head = next;
                bytes
            })
            .collect()
    }

    fn verify(entries: &[Vec<u8>]) -> Result<Head, ChainError> {
        let mut head = Head::default();
        for (index, entry) in entries.iter().enumerate() {
            head.follow(&(index as u64 + 1).to_be_bytes(), entry)?;
        }
        Ok(head)
    }

    #[test]
    fn the_hash_is_the_documented_one_and_the_row_is_kept_byte_for_byte() {
        let entries = log(&[r#"{"b":1, "a":2.50}"#]);
        let entry = LogEntry::decode(&entries[0]).unwrap();
        assert_eq!(entry.row, br#"{"b":1, "a":2.50}"#);
        let mut hasher = Sha256::new();
        hasher.update([0u8; 32]);
        hasher.update([0, 0, 0, 0, 0, 0, 0, 1]);
        hasher.update(br#"{"b":1, "a":2.50}"#);
        assert_eq!(entry.hash.as_slice(), hasher.finalize().as_slice());
    }

    #[test]
    fn a_changed_row_a_removed_entry_and_a_swap_are_found() {
        let entries = log(&["1", "2", "3"]);
        assert_eq!(verify(&entries).unwrap().seq, 3);

        let mut changed = entries.clone();
        let text = String::from_utf8(changed[1].clone()).unwrap().replace(r#""row":2"#, r#""row":9"#);
        changed[1] = text.into_bytes();
        assert_eq!(verify(&changed).unwrap_err().reason, "content does not match its hash");

        let mut removed = entries.clone();
        removed.remove(1);
        assert_eq!(verify(&removed).unwrap_err().seq, 2);

        let mut swapped = entries;
        swapped.swap(0, 1);
        assert_eq!(verify(&swapped).unwrap_err().seq, 1);
    }
}
