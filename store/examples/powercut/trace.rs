//! Reads what the recorder wrote; the format is described there (`sim/powercut`).

use std::ffi::OsStr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Everything that was recorded, in order.
pub struct Trace {
    root: PathBuf,
    bytes: Vec<u8>,
    records: Vec<Record>,
}

struct Record {
    kind: u8,
    descriptor: u64,
    number: u64,
    payload: Range<usize>,
}

/// One change, sync or acknowledgement.
#[derive(Debug)]
pub enum Event<'a> {
    Opened { descriptor: u64, path: &'a Path, flags: u64 },
    Closed { descriptor: u64 },
    Wrote { descriptor: u64, offset: u64, data: &'a [u8] },
    Truncated { descriptor: u64, length: u64 },
    Synced { descriptor: u64 },
    DataSynced { descriptor: u64 },
    RangeSynced,
    Renamed { from: &'a Path, to: &'a Path },
    Removed { path: &'a Path },
    DirectoryMade { path: &'a Path },
    Acknowledged { data: &'a [u8] },
}

impl Trace {
    pub fn load(path: &Path, root: &Path) -> Trace {
        let bytes = std::fs::read(path).unwrap();
        let mut records = Vec::new();
        let mut at = 0;
        let field = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        while at < bytes.len() {
            let start = at + 25;
            let end = start + usize::try_from(field(at + 17)).unwrap();
            let record = Record {
                kind: bytes[at],
                descriptor: field(at + 1),
                number: field(at + 9),
                payload: start..end,
            };
            assert!(record.kind != b'X', "not recorded: {}", String::from_utf8_lossy(&bytes[start..end]));
            records.push(record);
            at = end;
        }
        Trace { root: root.to_owned(), bytes, records }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The events before a cut, for whoever has to find out what went wrong there.
    pub fn before(&self, cut: usize) -> String {
        let events = (cut.saturating_sub(8)..cut).map(|index| {
            let mut text = format!("{:?}", self.event(index));
            text.truncate(160);
            format!("    {index} {text}\n")
        });
        events.collect()
    }

    /// Whether sled ever gave a page a file of its own, which it may name before it lasts.
    pub fn has_blobs(&self) -> bool {
        let is_blob = |path: &Path| path.parent().is_some_and(|dir| dir.ends_with("blobs"));
        (0..self.len()).any(|index| matches!(self.event(index), Event::Opened { path, .. } if is_blob(path)))
    }

    pub fn event(&self, index: usize) -> Event<'_> {
        let Record { kind, descriptor, number, payload } = &self.records[index];
        let (descriptor, number, data) = (*descriptor, *number, &self.bytes[payload.clone()]);
        let path = || Path::new(OsStr::from_bytes(data));
        match kind {
            b'O' => Event::Opened { descriptor, path: path(), flags: number },
            b'C' => Event::Closed { descriptor },
            b'W' => Event::Wrote { descriptor, offset: number, data },
            b'T' => Event::Truncated { descriptor, length: number },
            b'S' => Event::Synced { descriptor },
            b'D' => Event::DataSynced { descriptor },
            b'F' => Event::RangeSynced,
            b'R' => {
                let zero = data.iter().position(|byte| *byte == 0).unwrap();
                let path = |bytes| Path::new(OsStr::from_bytes(bytes));
                Event::Renamed { from: path(&data[..zero]), to: path(&data[zero + 1..]) }
            }
            b'U' => Event::Removed { path: path() },
            b'M' => Event::DirectoryMade { path: path() },
            b'A' => Event::Acknowledged { data },
            kind => panic!("unknown record {kind}"),
        }
    }
}
