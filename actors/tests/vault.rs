//! Secrets at rest: they come back to whoever has the key, and no file says them.

use crate::support::{account_id, files_holding};
use atelier_actors::vault::{Fingerprint, LONGEST, Vault, VaultError};
use atelier_domain::{account::AccountSecrets, secret::Secret};
use atelier_store::{Batch, Expect, OpenOptions, Source, Store, Table, restore};
use std::{ops::ControlFlow, path::Path};
use tempfile::TempDir;

const KEY: [u8; 32] = [1; 32];
const OTHER: [u8; 32] = [2; 32];

fn store(dir: &Path) -> Store {
    Store::open(OpenOptions::new(dir)).unwrap()
}

/// Every field set, each to a text that is found nowhere else.
fn planted(number: u128) -> AccountSecrets {
    let mut secrets = AccountSecrets::default();
    for name in AccountSecrets::FIELDS {
        assert!(secrets.set(name, Secret::new(format!("planted-{name}-{number}-eyJhbGciOi"))));
    }
    secrets
}

fn keep(vault: &Vault, store: &Store, number: u128) {
    let mut batch = Batch::new();
    vault.write_account(&mut batch, account_id(number), &planted(number), Expect::Absent).unwrap();
    store.submit_blocking(batch).unwrap();
}

#[test]
fn no_file_of_the_data_directory_says_a_secret() {
    let dir = TempDir::new().unwrap();
    let open = store(dir.path());
    let vault = Vault::open(open.clone(), &KEY);
    for number in 0..40 {
        keep(&vault, &open, number);
    }
    let write = |place: &str| {
        let mut batch = Batch::new();
        batch.put(Table::Meta, place, "a text that the search must find");
        let password = Secret::new("http://user:planted-password@proxy");
        vault.write_setting(&mut batch, place, &password).unwrap();
        open.submit_blocking(batch).unwrap();
    };
    write("before");
    open.export().unwrap();
    write("after");
    keep(&vault, &open, 40);
    drop((vault, open));
    let found = files_holding(dir.path(), b"a text that the search must find");
    for place in ["sled", "exports", "changes"] {
        assert!(found.iter().any(|file| file.contains(place)), "the search does not see {place}: {found:?}");
    }
    assert_eq!(files_holding(dir.path(), b"planted-"), Vec::<String>::new());
}

#[test]
fn secrets_come_back_after_a_restart_and_after_a_restore() {
    let dir = TempDir::new().unwrap();
    let first = store(dir.path());
    let vault = Vault::open(first.clone(), &KEY);
    keep(&vault, &first, 1);
    let mut batch = Batch::new();
    vault.write_setting(&mut batch, "proxy.url", &Secret::new("socks5://u:p@proxy")).unwrap();
    first.submit_blocking(batch).unwrap();
    drop((vault, first));
    for restored in [false, true] {
        if restored {
            restore(dir.path(), Source::Latest).unwrap();
        }
        let again = store(dir.path());
        let vault = Vault::open(again.clone(), &KEY);
        assert_eq!(vault.account(account_id(1)).unwrap().unwrap().secrets, planted(1));
        assert_eq!(vault.account(account_id(2)).unwrap(), None);
        assert_eq!(vault.setting("proxy.url").unwrap(), Some(Secret::new("socks5://u:p@proxy")));
        assert_eq!(vault.prove().unwrap(), 2);
    }
}

#[test]
fn a_row_under_another_key_is_named_and_one_that_was_moved_is_found_out() {
    let dir = TempDir::new().unwrap();
    let open = store(dir.path());
    keep(&Vault::open(open.clone(), &KEY), &open, 1);
    let stranger = Vault::open(open.clone(), &OTHER);
    let error = stranger.account(account_id(1)).unwrap_err();
    assert!(matches!(&error, VaultError::OtherKey(key) if *key == Fingerprint::of(&KEY)), "{error}");
    assert!(error.to_string().contains("atelier rekey") && stranger.prove().is_err(), "{error}");

    let place = [b"a", account_id(1).uuid().as_bytes().as_slice()].concat();
    let row = open.get(Table::Secrets, &place).unwrap().unwrap();
    let elsewhere = [b"a", account_id(2).uuid().as_bytes().as_slice()].concat();
    let mut batch = Batch::new();
    batch.put(Table::Secrets, elsewhere, row);
    open.submit_blocking(batch).unwrap();
    let vault = Vault::open(open, &KEY);
    assert!(matches!(vault.account(account_id(2)), Err(VaultError::Damaged)));
    assert!(vault.account(account_id(1)).is_ok());
}

#[test]
fn the_longest_secrets_fit_their_row_and_longer_ones_are_refused() {
    let dir = TempDir::new().unwrap();
    let open = store(dir.path());
    let vault = Vault::open(open.clone(), &KEY);
    let mut batch = Batch::new();
    let longest = Secret::new("x".repeat(LONGEST));
    vault.write_setting(&mut batch, "a", &longest).unwrap();
    open.submit_blocking(batch).unwrap();
    assert_eq!(vault.setting("a").unwrap(), Some(longest));
    let longer = Secret::new("x".repeat(LONGEST + 1));
    let mut batch = Batch::new();
    assert!(matches!(vault.write_setting(&mut batch, "a", &longer), Err(VaultError::TooLong)));
    vault.write_setting(&mut batch, "a", &Secret::default()).unwrap();
    open.submit_blocking(batch).unwrap();
    assert_eq!(vault.setting("a").unwrap(), None);
}

/// Whatever ends a re-sealing.
#[derive(Debug)]
enum Ended {
    Cut,
    Vault(VaultError),
}

impl From<VaultError> for Ended {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

#[test]
fn re_sealing_that_is_cut_short_anywhere_is_finished_by_the_next_one() {
    const ROWS: u128 = 70;
    let mut cut_after = 0;
    loop {
        let dir = TempDir::new().unwrap();
        let open = store(dir.path());
        let vault = Vault::open(open.clone(), &KEY);
        (0..ROWS).for_each(|number| keep(&vault, &open, number));
        let both = Vault::open(open.clone(), &OTHER).with_former(&[KEY]);
        let mut left = cut_after;
        let cut = both.reseal(|| match left {
            0 => Err(Ended::Cut),
            _ => {
                left -= 1;
                Ok(())
            }
        });
        assert_eq!(both.prove().unwrap(), ROWS as u64, "cut after {cut_after}");
        let whole = match cut {
            Ok(rows) => ControlFlow::Break(rows),
            Err(Ended::Cut) => ControlFlow::Continue(()),
            Err(Ended::Vault(error)) => panic!("{error}"),
        };
        both.reseal::<Ended>(|| Ok(())).unwrap();
        let after = Vault::open(open, &OTHER);
        for number in 0..ROWS {
            assert_eq!(after.account(account_id(number)).unwrap().unwrap().secrets, planted(number));
        }
        if let ControlFlow::Break(rows) = whole {
            assert_eq!((rows, cut_after), (ROWS as u64, 3), "the cuts fell between all commits");
            return;
        }
        cut_after += 1;
    }
}
