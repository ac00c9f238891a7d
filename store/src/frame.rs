//! The framing of change logs and exports: magic, length, CRC-32, payload.
//!
//! A file is a sequence of frames. Whatever does not read as a whole frame is damage from there on; at the end of a change log
//! that is the normal trace of a crash.

use std::io::{self, Read};

const MAGIC: [u8; 4] = *b"ATXF";
const HEADER_BYTES: usize = 12;
/// No frame is longer; a length above it is damage, not an order to allocate.
const MAX_PAYLOAD_BYTES: usize = 256 * 1024 * 1024;

/// Appends one frame whose payload is written by `fill`.
pub(crate) fn append(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; HEADER_BYTES - MAGIC.len()]);
    fill(out);
    let payload = &out[start + HEADER_BYTES..];
    let length = payload.len() as u32;
    let crc = crc32fast::hash(payload);
    out[start + 4..start + 8].copy_from_slice(&length.to_be_bytes());
    out[start + 8..start + 12].copy_from_slice(&crc.to_be_bytes());
}

/// What comes next in a file of frames.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The payload of a whole frame.
    Frame(Vec<u8>),
    /// The file ends after a whole frame.
    End,
    /// The bytes from here on are not a whole frame.
    Damaged,
}

/// Reads frames one after another.
pub(crate) struct Reader<R> {
    inner: R,
    offset: u64,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(inner: R) -> Reader<R> {
        Reader { inner, offset: 0 }
    }

    /// Where the last whole frame ended, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn next(&mut self) -> io::Result<Next> {
        let mut header = [0; HEADER_BYTES];
        match read_full(&mut self.inner, &mut header)? {
            0 => return Ok(Next::End),
            HEADER_BYTES if header[..4] == MAGIC => {}
            _ => return Ok(Next::Damaged),
        }
        let mut fields = Cursor::new(&header[4..]);
        let (Some(length), Some(crc)) = (fields.u32(), fields.u32()) else { return Ok(Next::Damaged) };
        let length = length as usize;
        if length > MAX_PAYLOAD_BYTES {
            return Ok(Next::Damaged);
        }
        let mut payload = Vec::new();
        (&mut self.inner).take(length as u64).read_to_end(&mut payload)?;
        if payload.len() != length || crc32fast::hash(&payload) != crc {
            return Ok(Next::Damaged);
        }
        self.offset += (HEADER_BYTES + length) as u64;
        Ok(Next::Frame(payload))
    }
}

fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Takes big-endian fields off the front of a payload; `None` means it is too short.
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor(bytes)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file() -> Vec<u8> {
        let mut out = Vec::new();
        append(&mut out, |payload| payload.extend_from_slice(b"first"));
        append(&mut out, |payload| payload.extend_from_slice(b"second"));
        out
    }

    fn whole_frames(bytes: &[u8]) -> (Vec<Vec<u8>>, Next, u64) {
        let mut reader = Reader::new(bytes);
        let mut frames = Vec::new();
        loop {
            match reader.next().unwrap() {
                Next::Frame(payload) => frames.push(payload),
                end => return (frames, end, reader.offset()),
            }
        }
    }

    #[test]
    fn frames_come_back_in_order() {
        let bytes = file();
        let (frames, end, offset) = whole_frames(&bytes);
        assert_eq!(frames, [b"first".to_vec(), b"second".to_vec()]);
        assert_eq!((end, offset), (Next::End, bytes.len() as u64));
    }

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_frames_and_says_where_they_end() {
        let bytes = file();
        let first = HEADER_BYTES + 5;
        for cut in 0..bytes.len() {
            let (frames, end, offset) = whole_frames(&bytes[..cut]);
            let whole = usize::from(cut >= first);
            assert_eq!(frames.len(), whole, "cut at {cut}");
            assert_eq!(offset, (whole * first) as u64, "cut at {cut}");
            assert_eq!(end == Next::End, cut == 0 || cut == first, "cut at {cut}");
        }
    }

    #[test]
    fn one_flipped_bit_anywhere_is_noticed() {
        let bytes = file();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let (frames, end, _) = whole_frames(&flipped);
            assert!(end == Next::Damaged && frames.len() < 2, "flip at {at}");
        }
    }
}
