//! Which account is there already: the same credential at the same place, or the same address at the same engine.

use crate::vault::{Vault, VaultError};
use atelier_domain::{
    account::{Account, AccountSecrets},
    ids::AccountId,
};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};

/// The secrets that are an account's own. Others may be shared: a client, a proxy, an organisation.
const OWN: [&str; 5] = ["token", "session_token", "refresh_token", "client_secret", "cookie"];

/// What accounts are told apart by, as hashes: secrets are not held in memory for it.
type Mark = [u8; 32];

/// Everybody's marks.
#[derive(Debug, Default)]
pub(super) struct Twins {
    marks: HashMap<Mark, (AccountId, u64)>,
}

fn mark(parts: &[&str]) -> Mark {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn marks<'a>(account: &'a Account, secrets: &'a AccountSecrets) -> impl Iterator<Item = Mark> + 'a {
    let place = account.endpoint.base_url.as_deref().unwrap_or_default();
    let own = secrets.each().filter(|(name, _)| OWN.contains(name));
    let own = own.map(move |(name, secret)| mark(&[&account.engine, name, place, secret.expose()]));
    let email = account.identity.email.iter();
    own.chain(email.map(|email| mark(&[&account.engine, "email", &email.trim().to_lowercase()])))
}

impl Twins {
    /// The marks of these accounts. Blocking: opens every one's secrets.
    pub fn read(vault: &Vault, accounts: &[Arc<Account>]) -> Result<Self, VaultError> {
        let mut twins = Self::default();
        for account in accounts {
            let kept = vault.account(account.id)?;
            twins.note(account, &kept.map(|kept| kept.secrets).unwrap_or_default());
        }
        Ok(twins)
    }

    /// Remembers an account.
    pub fn note(&mut self, account: &Account, secrets: &AccountSecrets) {
        for mark in marks(account, secrets) {
            self.marks.entry(mark).or_insert((account.id, account.number));
        }
    }

    /// Forgets an account.
    pub fn forget(&mut self, id: AccountId) {
        self.marks.retain(|_, (owner, _)| *owner != id);
    }

    /// The number of another account that this one would be the same as.
    pub fn of(&self, account: &Account, secrets: &AccountSecrets) -> Option<u64> {
        let mut found = marks(account, secrets).filter_map(|mark| self.marks.get(&mark));
        found.find(|(id, _)| *id != account.id).map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use atelier_domain::{secret::Secret, time::Millis};
    use uuid::Uuid;

    fn account(number: u64) -> Account {
        let id = AccountId::from_uuid(Uuid::from_u128(u128::from(number)));
        Account::new(id, number, "openai", "a", Millis(0))
    }

    fn secrets(fields: &[(&str, &str)]) -> AccountSecrets {
        let mut secrets = AccountSecrets::default();
        for (name, text) in fields {
            assert!(secrets.set(name, Secret::new(*text)));
        }
        secrets
    }

    #[test]
    fn the_same_credential_is_found_at_the_same_place_only_and_shared_parts_are_no_likeness() {
        let mut twins = Twins::default();
        let mut first = account(1);
        first.identity.email = Some("One@Example.com".into());
        twins.note(&first, &secrets(&[("token", "sk-1"), ("proxy_url", "http://p:1"), ("client_id", "app")]));
        let other = account(2);
        assert_eq!(twins.of(&other, &secrets(&[("token", "sk-1")])), Some(1));
        assert_eq!(
            twins.of(
                &other,
                &secrets(&[("token", "sk-2"), ("proxy_url", "http://p:1"), ("client_id", "app")])
            ),
            None
        );
        assert_eq!(twins.of(&first, &secrets(&[("token", "sk-1")])), None, "nobody is their own twin");
        let mut elsewhere = account(2);
        elsewhere.endpoint.base_url = Some("http://box:8000/v1".into());
        assert_eq!(
            twins.of(&elsewhere, &secrets(&[("token", "sk-1")])),
            None,
            "keys of self-hosted engines repeat"
        );
        let mut same_mail = account(3);
        same_mail.identity.email = Some("one@example.com".into());
        assert_eq!(twins.of(&same_mail, &AccountSecrets::default()), Some(1));
        same_mail.engine = "sora".into();
        assert_eq!(twins.of(&same_mail, &AccountSecrets::default()), None);
    }
}
