//! A committed group as it stands in the change log: its number, the tallies after it, and the rows as they are after it.
//!
//! After-images can be applied twice, or onto a state that already has some of them, with the same result.

use crate::frame::Cursor;
use crate::table::Table;
use crate::tally::Tallies;

/// What a row is after a group; no value means that it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) table: Table,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// The state that a group leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CommitState {
    /// The number of the last committed group.
    pub(crate) seq: u64,
    pub(crate) tallies: Tallies,
}

impl CommitState {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_be_bytes());
        self.tallies.encode(out);
    }

    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Option<CommitState> {
        Some(CommitState { seq: cursor.u64()?, tallies: Tallies::decode(cursor)? })
    }
}

/// One group, read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) state: CommitState,
    pub(crate) images: Vec<Image>,
}

impl Group {
    pub(crate) fn encode(state: &CommitState, images: &[Image], out: &mut Vec<u8>) {
        state.encode(out);
        encode_images(images, out);
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Group> {
        let mut cursor = Cursor::new(payload);
        Some(Group { state: CommitState::decode(&mut cursor)?, images: decode_images(cursor)? })
    }
}

pub(crate) fn encode_images(images: &[Image], out: &mut Vec<u8>) {
    for image in images {
        encode_image(image.table, &image.key, image.value.as_deref(), out);
    }
}

pub(crate) fn encode_image(table: Table, key: &[u8], value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.push(table.id());
    out.extend_from_slice(&(key.len() as u32).to_be_bytes());
    out.extend_from_slice(key);
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            out.extend_from_slice(&(value.len() as u32).to_be_bytes());
            out.extend_from_slice(value);
        }
    }
}

/// Reads images up to the end of the payload.
pub(crate) fn decode_images(mut cursor: Cursor<'_>) -> Option<Vec<Image>> {
    let mut images = Vec::new();
    while !cursor.is_empty() {
        let table = Table::from_id(cursor.u8()?)?;
        let length = cursor.u32()? as usize;
        let key = cursor.bytes(length)?.to_vec();
        let value = match cursor.u8()? {
            0 => None,
            1 => {
                let length = cursor.u32()? as usize;
                Some(cursor.bytes(length)?.to_vec())
            }
            _ => return None,
        };
        images.push(Image { table, key, value });
    }
    Some(images)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_group_reads_back_as_written_and_a_short_one_not_at_all() {
        let mut state = CommitState { seq: 7, tallies: Tallies::default() };
        state.tallies.of_mut(Table::Jobs).add(b"k", b"v");
        let images = vec![
            Image { table: Table::Jobs, key: b"k".to_vec(), value: Some(b"v".to_vec()) },
            Image { table: Table::Holds, key: b"gone".to_vec(), value: None },
            Image { table: Table::Meta, key: b"empty".to_vec(), value: Some(Vec::new()) },
        ];
        let mut payload = Vec::new();
        Group::encode(&state, &images, &mut payload);
        assert_eq!(Group::decode(&payload).unwrap(), Group { state, images });
        assert_eq!(Group::decode(&payload[..payload.len() - 1]), None);
    }
}
