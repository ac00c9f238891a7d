//! `data/secret.key`: the random secret of this installation, made once, readable by its owner only.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The secret of this installation: 32 random bytes.
pub(crate) type MasterKey = [u8; 32];

/// Reads the secret of a data directory, or makes one. Durable before it is returned, since links are signed with it.
pub(crate) fn load_or_create(data_dir: &Path) -> io::Result<MasterKey> {
    let path = data_dir.join("secret.key");
    let mut key = MasterKey::default();
    match File::open(&path) {
        Ok(mut file) => {
            let wrong = || io::Error::other(format!("{} is not a secret of 32 bytes", path.display()));
            file.read_exact(&mut key).map_err(|_| wrong())?;
            return if file.read(&mut [0])? == 0 { Ok(key) } else { Err(wrong()) };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    key = rand::random();
    let fresh = data_dir.join("secret.key.tmp");
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    File::open(data_dir)?.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_secret_stays_the_same_is_private_and_a_damaged_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = load_or_create(dir.path()).unwrap();
        assert_eq!(load_or_create(dir.path()).unwrap(), key);
        let path = dir.path().join("secret.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, b"short").unwrap();
        assert!(load_or_create(dir.path()).is_err());
    }
}
