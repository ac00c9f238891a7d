//! The data directory: what lies where, whose it is, and how changes to it are made to last.
//!
//! ```text
//! VERSION    the layout's version, one number
//! LOCK       locked by the process that has the directory open
//! sled/      the database
//! media/     media files
//! exports/   logical copies of the database
//! changes/   groups committed since, one file per export
//! ```
//!
//! Beside these, for a while: `sled.new` and `sled.version-2`, databases that are being built; for as long as somebody wants them, with a time in
//! their names: `sled.broken`, `sled.unfinished`, `sled.version-1` and `changes.broken`, what was put aside.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The paths of one data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// Why the directory could not be taken.
pub(crate) enum LockError {
    Taken,
    Io(io::Error),
}

impl Layout {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Layout {
        Layout { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn sled(&self) -> PathBuf {
        self.root.join("sled")
    }

    pub(crate) fn media(&self) -> PathBuf {
        self.root.join("media")
    }

    pub(crate) fn exports(&self) -> PathBuf {
        self.root.join("exports")
    }

    pub(crate) fn changes(&self) -> PathBuf {
        self.root.join("changes")
    }

    pub(crate) fn version_file(&self) -> PathBuf {
        self.root.join("VERSION")
    }

    /// Takes the directory for this process, until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, LockError> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.root.join("LOCK"))
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }

    /// The text of `VERSION`; none in a directory that was never fully set up.
    pub(crate) fn version(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(self.version_file()) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn set_version(&self, version: u32) -> io::Result<()> {
        write_durably(&self.version_file(), format!("{version}\n").as_bytes())
    }

    /// A path beside `name` that is free, for what is put aside and never deleted.
    pub(crate) fn aside(&self, name: &str) -> PathBuf {
        let stamp = timestamp();
        let mut path = self.root.join(format!("{name}-{stamp}"));
        let mut count = 1;
        while path.exists() {
            count += 1;
            path = self.root.join(format!("{name}-{stamp}-{count}"));
        }
        path
    }
}

/// The time in a form that sorts and is valid in a file name.
#[expect(clippy::disallowed_methods, reason = "names a file for people to read; nothing is decided by it")]
pub(crate) fn timestamp() -> String {
    chrono::Utc::now().format("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Makes the creation, renaming or removal of entries of a directory last.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a directory and the way to it last.
pub(crate) fn create_dir_durably(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    sync_dir(path)?;
    sync_parent(path)
}

/// Makes the names in the directory above last.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        None => Ok(()),
        // A relative path of one part lies in the working directory.
        Some(parent) if parent.as_os_str().is_empty() => sync_dir(Path::new(".")),
        Some(parent) => sync_dir(parent),
    }
}

/// Writes a whole file: after a crash it has its old content or its new one.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}
