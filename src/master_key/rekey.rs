//! `atelier rekey`: another secret for the installation, on a stopped server. What is sealed gets a second seal, then the secret is
//! switched, then the first seals go: cut short anywhere, everything opens with the secret that is in force.

use super::{MasterKey, in_force, place, replace};
use atelier_actors::vault::{Fingerprint, Vault, VaultError};
use atelier_store::Store;
use std::{io, path::PathBuf};

/// Why the secret was not changed, or not yet in all places.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    /// The next secret is the present one.
    #[error("the new secret is the present one: nothing was changed")]
    Same,
    /// The secret comes from the environment, and so must the next.
    #[error(
        "the secret is given by {}: give the next one as {}, since nobody else could keep it for the next start",
        super::VARIABLE,
        super::VARIABLE_NEW
    )]
    NotGiven,
    /// A secret that is sealed cannot be opened or kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The file of the secret.
    #[error("the secret key: {0}")]
    Io(#[from] io::Error),
    /// The program was ended there, in a test.
    #[cfg(test)]
    #[error("cut short")]
    Cut,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rekeyed {
    /// Rows that are sealed.
    pub rows: u64,
    /// The secret that nothing follows from any more.
    pub old: Fingerprint,
    /// The one in force.
    pub new: Fingerprint,
    /// Where the new one was written; none: it was given, and must be given at the next start.
    pub file: Option<PathBuf>,
}

/// Changes the secret from the present one (`given`, or of the data directory) to `next`, or to a random one. `before` is called ahead of
/// each step that changes anything on disk, and may end it there.
pub(crate) fn rekey(
    store: &Store,
    given: Option<&MasterKey>,
    next: Option<&MasterKey>,
    before: &mut dyn FnMut() -> Result<(), RekeyError>,
) -> Result<Rekeyed, RekeyError> {
    let data_dir = store.path();
    let old = in_force(given, data_dir)?;
    let new = match (next, given) {
        (Some(next), _) => next.clone(),
        (None, None) => MasterKey(rand::random()),
        (None, Some(_)) => return Err(RekeyError::NotGiven),
    };
    if new == old {
        return Err(RekeyError::Same);
    }
    let vault = Vault::open(store.clone(), &old);
    // What an earlier one left that did not come to its end.
    vault.keep_only_key(before)?;
    let rows = vault.add_key(&new, before)?;
    let file = match given {
        None => {
            before()?;
            replace(data_dir, &new)?;
            Some(place(data_dir))
        }
        // Whoever gives it switches it, with the next start.
        Some(_) => None,
    };
    Vault::open(store.clone(), &new).keep_only_key(before)?;
    Ok(Rekeyed { rows, old: Fingerprint::of(&old), new: Fingerprint::of(&new), file })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use atelier_domain::{account::AccountSecrets, ids::AccountId, secret::Secret};
    use atelier_store::{Batch, Expect, OpenOptions};
    use std::path::Path;
    use tempfile::TempDir;

    const ACCOUNTS: u128 = 40;

    fn id(number: u128) -> AccountId {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&number.to_be_bytes());
        format!("acc_{}", bytes.map(|byte| format!("{byte:02x}")).concat()).parse().unwrap()
    }

    fn secrets(number: u128) -> AccountSecrets {
        AccountSecrets { token: Some(Secret::new(format!("planted-{number}"))), ..Default::default() }
    }

    fn open(dir: &Path) -> Store {
        Store::open(OpenOptions::new(dir)).unwrap()
    }

    /// A data directory with sealed accounts, and the secret in force.
    fn filled(given: Option<&MasterKey>) -> (TempDir, MasterKey) {
        let dir = TempDir::new().unwrap();
        let store = open(dir.path());
        let key = in_force(given, dir.path()).unwrap();
        let vault = Vault::open(store.clone(), &key);
        for number in 0..ACCOUNTS {
            let mut batch = Batch::new();
            vault.write_account(&mut batch, id(number), &secrets(number), Expect::Absent).unwrap();
            store.submit_blocking(batch).unwrap();
        }
        (dir, key)
    }

    /// Ends the work before its step of this number.
    fn cut_before(step: usize) -> impl FnMut() -> Result<(), RekeyError> {
        let mut left = step;
        move || match left {
            0 => Err(RekeyError::Cut),
            _ => {
                left -= 1;
                Ok(())
            }
        }
    }

    /// A start with this secret: whether all is there.
    fn starts(dir: &Path, given: Option<&MasterKey>) -> bool {
        let store = open(dir);
        let vault = Vault::open(store.clone(), &in_force(given, dir).unwrap());
        if vault.keep_only_key::<VaultError>(&mut || Ok(())).is_err() {
            return false;
        }
        (0..ACCOUNTS).all(|number| vault.account(id(number)).unwrap().unwrap().secrets == secrets(number))
    }

    #[test]
    fn a_secret_of_the_directory_can_be_changed_and_the_change_cut_short_anywhere() {
        for step in 0.. {
            let (dir, old) = filled(None);
            let outcome = rekey(&open(dir.path()), None, None, &mut cut_before(step));
            assert!(starts(dir.path(), None), "cut before step {step}");
            let now = in_force(None, dir.path()).unwrap();
            match outcome {
                Ok(done) => {
                    assert_eq!(
                        (done.rows, done.new, done.file),
                        (40, Fingerprint::of(&now), Some(place(dir.path())))
                    );
                    assert_ne!(now, old);
                    assert!(!starts(dir.path(), Some(&old)), "the old secret still opens something");
                    assert_eq!(step, 7, "three commits, the file, three commits");
                    return;
                }
                Err(RekeyError::Cut) => assert_eq!(now == old, step <= 3, "step {step}"),
                Err(error) => panic!("{error}"),
            }
            // Begun anew, it comes to its end.
            rekey(&open(dir.path()), None, None, &mut || Ok(())).unwrap();
            assert!(starts(dir.path(), None));
        }
    }

    #[test]
    fn a_given_secret_can_be_changed_and_the_change_cut_short_anywhere() {
        let (old, new) = (MasterKey([1; 32]), MasterKey([2; 32]));
        for step in 0.. {
            let (dir, _) = filled(Some(&old));
            let outcome = rekey(&open(dir.path()), Some(&old), Some(&new), &mut cut_before(step));
            let whole = match outcome {
                Ok(done) => {
                    assert_eq!(done.file, None);
                    true
                }
                Err(RekeyError::Cut) => false,
                Err(error) => panic!("{error}"),
            };
            // Whichever of the two the next start gets, one of them opens everything.
            let with_new = starts(dir.path(), Some(&new));
            assert!(with_new || starts(dir.path(), Some(&old)), "cut before step {step}: neither opens");
            assert_eq!(with_new, step >= 3, "step {step}");
            assert!(!place(dir.path()).exists(), "a given secret is written nowhere");
            if whole {
                assert!(step == 6 && !starts(dir.path(), Some(&old)));
                return;
            }
        }
    }

    #[test]
    fn what_would_lock_everybody_out_is_refused() {
        let key = MasterKey([1; 32]);
        let (dir, _) = filled(Some(&key));
        let store = open(dir.path());
        let refused = |given: &MasterKey, next: Option<&MasterKey>| {
            rekey(&store, Some(given), next, &mut || Ok(())).unwrap_err()
        };
        assert!(matches!(refused(&key, None), RekeyError::NotGiven));
        assert!(matches!(refused(&key, Some(&key)), RekeyError::Same));
        let wrong = refused(&MasterKey([3; 32]), Some(&key));
        assert!(matches!(wrong, RekeyError::Vault(VaultError::OtherKey { .. })), "{wrong}");
        drop(store);
        assert!(starts(dir.path(), Some(&key)));
    }
}
