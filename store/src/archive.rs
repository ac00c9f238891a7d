//! The format of an export: one file that stands for a whole state of the database by itself.
//!
//! Frames in this order: a header (`H`, JSON), rows of all tables (`R`), the groups committed while the rows were read (`G`),
//! and an end mark (`E`) with the number of frames and the state they amount to. Rows may be seen before or after such a group;
//! applying the groups makes them right, because after-images can be applied twice.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::frame::{self, Cursor, Next, Reader};
use crate::group::{CommitState, Group, Image, decode_images, encode_image};
use crate::layout::timestamp;
use crate::table::Table;

const FORMAT: &str = "atelier-export";
const VERSION: u32 = 1;
/// Rows are gathered into frames of about this size.
const FRAME_BYTES: usize = 256 * 1024;
/// The file is synced in portions of this size: one big sync at the end would hold up those of the commits beside it.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    v: u32,
    created: String,
    program: String,
}

/// Writes an export.
pub(crate) struct ArchiveWriter {
    out: BufWriter<File>,
    frame: Vec<u8>,
    rows: Vec<u8>,
    frames: u64,
    bytes: u64,
    synced: u64,
}

impl ArchiveWriter {
    pub(crate) fn create(path: &Path) -> io::Result<ArchiveWriter> {
        let out = BufWriter::with_capacity(FRAME_BYTES, File::create(path)?);
        let mut writer =
            ArchiveWriter { out, frame: Vec::new(), rows: Vec::new(), frames: 0, bytes: 0, synced: 0 };
        let header = serde_json::to_vec(&Header {
            format: FORMAT.into(),
            v: VERSION,
            created: timestamp(),
            program: env!("CARGO_PKG_VERSION").into(),
        })?;
        writer.write(b'H', &header)?;
        Ok(writer)
    }

    pub(crate) fn row(&mut self, table: Table, key: &[u8], value: &[u8]) -> io::Result<()> {
        encode_image(table, key, Some(value), &mut self.rows);
        if self.rows.len() >= FRAME_BYTES { self.flush_rows() } else { Ok(()) }
    }

    fn flush_rows(&mut self) -> io::Result<()> {
        let mut rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            self.write(b'R', &rows)?;
            rows.clear();
        }
        self.rows = rows;
        Ok(())
    }

    /// Takes a group as it stands in the change log. After the last row.
    pub(crate) fn group(&mut self, payload: &[u8]) -> io::Result<()> {
        self.flush_rows()?;
        self.write(b'G', payload)
    }

    /// Marks the end and makes the file last. Returns its length in bytes.
    pub(crate) fn finish(mut self, state: &CommitState) -> io::Result<u64> {
        self.flush_rows()?;
        let mut end = self.frames.to_be_bytes().to_vec();
        state.encode(&mut end);
        self.write(b'E', &end)?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        Ok(self.bytes)
    }

    fn write(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        self.frame.clear();
        frame::append(&mut self.frame, |out| {
            out.push(kind);
            out.extend_from_slice(payload);
        });
        self.frames += 1;
        self.bytes += self.frame.len() as u64;
        self.out.write_all(&self.frame)?;
        if self.bytes - self.synced >= SYNC_BYTES {
            self.out.flush()?;
            self.out.get_ref().sync_data()?;
            self.synced = self.bytes;
        }
        Ok(())
    }
}

/// A part of an export, in order.
pub(crate) enum Part {
    Rows(Vec<Image>),
    Group(Group),
    /// Everything before was whole; this is the state it amounts to.
    End(CommitState),
}

/// Reads an export part by part. An error says what is wrong with the file.
pub(crate) struct ArchiveReader {
    frames: Reader<BufReader<File>>,
    count: u64,
}

impl ArchiveReader {
    pub(crate) fn open(path: &Path) -> Result<ArchiveReader, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut reader =
            ArchiveReader { frames: Reader::new(BufReader::with_capacity(FRAME_BYTES, file)), count: 0 };
        let (kind, payload) = reader.frame()?;
        let header: Header =
            serde_json::from_slice(&payload).map_err(|error| format!("header is unreadable: {error}"))?;
        if kind != b'H' || header.format != FORMAT {
            return Err("not an export".into());
        }
        if header.v > VERSION {
            return Err(format!("format version {} is newer than {VERSION}", header.v));
        }
        Ok(reader)
    }

    pub(crate) fn next(&mut self) -> Result<Part, String> {
        let before = self.count;
        let (kind, payload) = self.frame()?;
        let unreadable = || format!("frame {before} is unreadable");
        match kind {
            b'R' => decode_images(Cursor::new(&payload)).map(Part::Rows).ok_or_else(unreadable),
            b'G' => Group::decode(&payload).map(Part::Group).ok_or_else(unreadable),
            b'E' => {
                let mut cursor = Cursor::new(&payload);
                let count = cursor.u64().ok_or_else(unreadable)?;
                if count != before {
                    return Err(format!("{before} frames of {count}"));
                }
                CommitState::decode(&mut cursor).map(Part::End).ok_or_else(unreadable)
            }
            _ => Err(unreadable()),
        }
    }

    fn frame(&mut self) -> Result<(u8, Vec<u8>), String> {
        match self.frames.next().map_err(|error| error.to_string())? {
            Next::Frame(mut payload) if !payload.is_empty() => {
                self.count += 1;
                let kind = payload.remove(0);
                Ok((kind, payload))
            }
            Next::End => Err("the end is missing".into()),
            Next::Frame(_) | Next::Damaged => Err(format!("damaged at byte {}", self.frames.offset())),
        }
    }
}
