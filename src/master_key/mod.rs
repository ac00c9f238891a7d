//! The secret of this installation, from which everything follows that is signed or sealed: given by the environment, or random and kept
//! in `data/secret.key`, readable by its owner only.

mod given;
mod rekey;

pub use given::{VARIABLE, VARIABLE_FILE, VARIABLE_NEW, VARIABLE_NEW_FILE};
pub(crate) use given::{Variables, given};
pub(crate) use rekey::rekey;
pub use rekey::{RekeyError, Rekeyed};

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    ops::Deref,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The secret of this installation: 32 random bytes. It shows in no format.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; 32]);

impl Deref for MasterKey {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where the secret of a data directory is kept, when nobody gives it.
pub(crate) fn place(data_dir: &Path) -> PathBuf {
    data_dir.join("secret.key")
}

/// The secret in force: the given one, or that of the data directory, which is made if there is none.
pub(crate) fn in_force(given: Option<&MasterKey>, data_dir: &Path) -> io::Result<MasterKey> {
    given.map_or_else(|| load_or_create(data_dir), |given| Ok(given.clone()))
}

/// Reads the secret of a data directory, or makes one. Durable before it is returned, since links are signed with it.
fn load_or_create(data_dir: &Path) -> io::Result<MasterKey> {
    let path = place(data_dir);
    let mut key = [0; 32];
    match File::open(&path) {
        Ok(mut file) => {
            let wrong = || io::Error::other(format!("{} is not a secret of 32 bytes", path.display()));
            file.read_exact(&mut key).map_err(|_| wrong())?;
            if file.read(&mut [0])? != 0 {
                return Err(wrong());
            }
            if file.metadata()?.permissions().mode() & 0o077 != 0 {
                tracing::warn!(path = %path.display(), "others can read the secret key: `chmod 600` it");
            }
            Ok(MasterKey(key))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = MasterKey(rand::random());
            replace(data_dir, &key)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Makes this the secret of a data directory: after a crash it is the old one or this one.
fn replace(data_dir: &Path, key: &MasterKey) -> io::Result<()> {
    let fresh = data_dir.join("secret.key.tmp");
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(&key.0)?;
    file.sync_all()?;
    fs::rename(&fresh, place(data_dir))?;
    File::open(data_dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_secret_stays_the_same_is_private_and_a_damaged_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = load_or_create(dir.path()).unwrap();
        assert_eq!(load_or_create(dir.path()).unwrap(), key);
        assert_eq!(format!("{key:?}"), "***");
        let path = place(dir.path());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for damaged in [&b"short"[..], &[7; 33]] {
            fs::write(&path, damaged).unwrap();
            assert!(load_or_create(dir.path()).is_err());
        }
    }

    #[test]
    fn a_given_secret_is_used_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let given = MasterKey([9; 32]);
        assert_eq!(in_force(Some(&given), dir.path()).unwrap(), given);
        assert!(!place(dir.path()).exists());
    }
}
