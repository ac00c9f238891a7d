//! The files that sled keeps large pages in, one each, and which of their bytes are known to last.
//!
//! Any thread that reads may make sled write a page anew, so a file can be met while it is still being written. A file only
//! grows, hence one that is longer than when it was synced is synced again: its name alone says nothing.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use crate::layout::sync_dir;

/// The directory of these files.
pub(crate) struct Blobs {
    dir: PathBuf,
    /// How long each file was when it was last synced.
    synced: HashMap<OsString, u64>,
}

impl Blobs {
    /// Nothing in the directory is known to last.
    pub(crate) fn new(dir: PathBuf) -> Blobs {
        Blobs { dir, synced: HashMap::new() }
    }

    /// Returns when everything that was in the files before the call survives a power cut; tells how many were synced for it.
    pub(crate) fn sync_changed(&mut self) -> io::Result<usize> {
        let mut present = HashMap::with_capacity(self.synced.len());
        let (mut synced, mut named) = (0, false);
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let before = self.synced.get(&name);
            // The length is read first: what is written after it must look new next time.
            let length = match entry.metadata() {
                Ok(metadata) => metadata.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if before != Some(&length) {
                match File::open(entry.path()) {
                    Ok(file) => file.sync_all()?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                synced += 1;
                named |= before.is_none();
            }
            present.insert(name, length);
        }
        if named {
            sync_dir(&self.dir)?;
        }
        self.synced = present;
        Ok(synced)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_met_half_written_is_synced_again_once_there_is_more_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut blobs = Blobs::new(dir.path().to_owned());
        let mut file = File::create(dir.path().join("5590414")).unwrap();
        file.write_all(b"crc!").unwrap();
        assert_eq!(blobs.sync_changed().unwrap(), 1);
        file.write_all(b"the page itself").unwrap();
        assert_eq!(blobs.sync_changed().unwrap(), 1, "the rest of the page was never synced");
        assert_eq!(blobs.sync_changed().unwrap(), 0, "nothing was written in between");
        fs::remove_file(dir.path().join("5590414")).unwrap();
        assert_eq!(blobs.sync_changed().unwrap(), 0);
        fs::write(dir.path().join("5590414"), b"crc!the page itself").unwrap();
        assert_eq!(blobs.sync_changed().unwrap(), 1, "another file of the same name");
    }
}
