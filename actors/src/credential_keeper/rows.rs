//! What is kept of credentials: the account's row, its sealed secrets, and a note on its renewals. The account book writes them, in turn
//! with everything else that changes accounts.

use super::board::means;
use crate::{
    account_book::AccountBook,
    refused::Refused,
    vault::{Vault, VaultError},
};
use atelier_domain::{
    account::{Account, AccountSecrets},
    code::Code,
    ids::AccountId,
    renewal::Grant,
    time::{Clock, Millis},
};
use atelier_store::{Batch, Expect, Row, Store, Table};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Tries to get what a vendor gave past a full commit queue, a second apart: it must not be lost.
const PATIENCE: usize = 600;

/// What is known of an account's renewals beyond a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// When the token was had by a renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<Millis>,
    /// Since when a refresh token is handed in whose answer is not kept: it may be used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Millis>,
    /// The grants are worth nothing: they are not tried again before the operator does something.
    #[serde(default)]
    pub hopeless: bool,
    /// What went wrong last, for the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Row for Note {
    const TABLE: Table = Table::Renewals;
    const VERSION: u32 = 1;
}

/// An account with all that belongs to its credential.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    pub account: Account,
    pub secrets: AccountSecrets,
    pub note: Note,
}

/// The rows.
#[derive(Clone)]
pub(super) struct Rows {
    pub accounts: AccountBook,
    pub store: Store,
    pub vault: Vault,
    pub clock: Arc<dyn Clock>,
}

impl Rows {
    /// One account; none when there is no such.
    pub(super) fn load(&self, id: AccountId) -> Result<Option<Kept>, VaultError> {
        self.accounts.find(id).map(|account| self.of(&account)).transpose()
    }

    /// This account with all that belongs to its credential.
    pub(super) fn of(&self, account: &Account) -> Result<Kept, VaultError> {
        let secrets = self.vault.account(account.id)?.map(|kept| kept.secrets).unwrap_or_default();
        let note = self.store.load::<Note>(account.id.uuid().as_bytes())?.unwrap_or_default();
        Ok(Kept { account: account.clone(), secrets, note })
    }

    /// Changes an account and its credential as they are now, all at once. None when there is no such account, or `change` declines by
    /// answering false.
    pub(super) async fn change(
        &self,
        id: AccountId,
        change: impl FnOnce(&mut Kept) -> bool + Clone + Send + 'static,
    ) -> Result<Option<Kept>, Refused> {
        for _ in 0..PATIENCE {
            let (rows, change) = (self.clone(), change.clone());
            let changed = self.accounts.amend(id, move |account, batch| {
                let before = rows.of(account)?;
                let mut after = before.clone();
                if !change(&mut after) {
                    return Ok(None);
                }
                account.clone_from(&after.account);
                rows.difference(batch, &before, &after)?;
                Ok(Some(after))
            });
            match changed.await {
                Err(refused) if refused.code == Code::QueueFull => {
                    self.clock.sleep_until(self.clock.now() + Duration::from_secs(1)).await;
                }
                other => return other,
            }
        }
        Err(Refused::busy())
    }

    /// What is different of it besides the account's own row.
    fn difference(&self, batch: &mut Batch, before: &Kept, after: &Kept) -> Result<(), VaultError> {
        let id = after.account.id;
        if after.secrets != before.secrets {
            self.vault.write_account(batch, id, &after.secrets, Expect::Any)?;
        }
        if after.note != before.note {
            batch.put_row(id.uuid().as_bytes(), &after.note, Expect::Any)?;
        }
        Ok(())
    }
}

/// Adds to a batch that what is noted of an account's renewals is forgotten: it is gone, or has another credential.
pub(crate) fn forget(batch: &mut Batch, id: AccountId) {
    batch.delete(Note::TABLE, id.uuid().as_bytes());
}

/// Whether an account is authenticated by something else than before.
pub(crate) fn is_another(old: &AccountSecrets, new: &AccountSecrets) -> bool {
    means(old) != means(new)
}

/// What new tokens are had for, best first: a session token stays as it is, a refresh token is used up.
pub(super) fn grants(secrets: &AccountSecrets) -> Vec<Grant> {
    let session = secrets.session_token.clone().map(Grant::Session);
    let refresh = secrets
        .refresh_token
        .clone()
        .map(|token| Grant::Refresh { token, client_id: secrets.client_id.clone() });
    let client = secrets.client_id.clone().zip(secrets.client_secret.clone());
    session
        .into_iter()
        .chain(refresh)
        .chain(client.map(|(id, secret)| Grant::Client { id, secret }))
        .chain(secrets.cookie.clone().map(Grant::Cookie))
        .collect()
}

/// Whether an account still has what this grant is.
pub(super) fn holds(secrets: &AccountSecrets, grant: &Grant) -> bool {
    match grant {
        Grant::Session(token) => secrets.session_token.as_ref() == Some(token),
        Grant::Refresh { token, .. } => secrets.refresh_token.as_ref() == Some(token),
        Grant::Cookie(cookie) => secrets.cookie.as_ref() == Some(cookie),
        Grant::Client { secret, .. } => secrets.client_secret.as_ref() == Some(secret),
    }
}
