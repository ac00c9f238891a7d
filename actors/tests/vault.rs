//! Secrets at rest: they come back to whoever has the key, and no file says them.

use crate::support::{account_id, files_holding};
use atelier_actors::vault::{Fingerprint, LONGEST, Vault, VaultError};
use atelier_domain::{account::AccountSecrets, secret::Secret};
use atelier_store::{Batch, Expect, OpenOptions, Source, Store, Table, restore};
use std::path::Path;
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
        vault.prove_key().unwrap();
    }
}

#[test]
fn a_row_under_another_key_is_named_and_one_that_was_moved_is_found_out() {
    let dir = TempDir::new().unwrap();
    let open = store(dir.path());
    keep(&Vault::open(open.clone(), &KEY), &open, 1);
    let stranger = Vault::open(open.clone(), &OTHER);
    let error = stranger.account(account_id(1)).unwrap_err();
    let (sealed, given) = (Fingerprint::of(&KEY), Fingerprint::of(&OTHER));
    assert!(
        error.to_string().contains(&sealed.to_string()) && error.to_string().contains(&given.to_string())
    );
    assert!(matches!(stranger.prove_key(), Err(VaultError::OtherKey { .. })));
    let cleaned = stranger.keep_only_key::<VaultError>(&mut || Ok(()));
    assert!(matches!(cleaned, Err(VaultError::OtherKey { .. })), "a wrong key must not tidy up");

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
    assert_eq!(vault.add_key::<VaultError>(&OTHER, &mut || Ok(())).unwrap(), 1, "not even with two seals");
    assert_eq!(vault.setting("a").unwrap(), Some(longest));
    let longer = Secret::new("x".repeat(LONGEST + 1));
    let mut batch = Batch::new();
    assert!(matches!(vault.write_setting(&mut batch, "a", &longer), Err(VaultError::TooLong)));
    vault.write_setting(&mut batch, "a", &Secret::default()).unwrap();
    open.submit_blocking(batch).unwrap();
    assert_eq!(vault.setting("a").unwrap(), None);
}

/// Whatever ends a pass.
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

/// Both passes, cut short before the commit of this number; true when there is none.
fn passes(open: &Store, cut_before: usize) -> bool {
    let mut left = cut_before;
    let mut before = || match left {
        0 => Err(Ended::Cut),
        _ => {
            left -= 1;
            Ok(())
        }
    };
    let first = Vault::open(open.clone(), &KEY).add_key(&OTHER, &mut before);
    let both = first.and_then(|_| Vault::open(open.clone(), &OTHER).keep_only_key(&mut before));
    match both {
        Ok(_) => true,
        Err(Ended::Cut) => false,
        Err(Ended::Vault(error)) => panic!("{error}"),
    }
}

#[test]
fn a_change_of_the_key_that_is_cut_short_anywhere_opens_whole_with_one_of_them() {
    const ROWS: u128 = 40;
    let (mut with_old, mut with_new) = (0, 0);
    for cut_before in 0.. {
        let dir = TempDir::new().unwrap();
        let open = store(dir.path());
        let vault = Vault::open(open.clone(), &KEY);
        (0..ROWS).for_each(|number| keep(&vault, &open, number));
        let whole = passes(&open, cut_before);
        let (old, new) = (vault, Vault::open(open, &OTHER));
        let opens = [&old, &new].map(|vault| vault.prove_key().is_ok());
        assert!(opens[0] || opens[1], "cut before {cut_before}: neither key opens all");
        with_old += usize::from(opens[0]);
        with_new += usize::from(opens[1]);
        let (left, gone) = if opens[1] { (new, old) } else { (old, new) };
        left.keep_only_key::<VaultError>(&mut || Ok(())).unwrap();
        for number in 0..ROWS {
            assert_eq!(left.account(account_id(number)).unwrap().unwrap().secrets, planted(number));
            assert!(matches!(gone.account(account_id(number)), Err(VaultError::OtherKey { .. })));
        }
        if whole {
            assert_eq!((cut_before, opens), (6, [false, true]), "three commits for each pass");
            break;
        }
    }
    assert_eq!((with_old, with_new), (4, 4), "in the middle both do");
}
