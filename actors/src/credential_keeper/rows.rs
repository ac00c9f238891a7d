//! What is kept of credentials: the account's row, its sealed secrets, and a note on its renewals. Every write is guarded by what was
//! read, so that the keeper and the operator never undo each other.

use super::board::means;
use crate::vault::{Vault, VaultError};
use atelier_domain::{
    account::{Account, AccountSecrets},
    ids::AccountId,
    renewal::Grant,
    time::{Clock, Millis},
};
use atelier_store::{Batch, CommitError, Expect, ReadError, Row, Store, Table};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// Writes that are begun anew because somebody else wrote meanwhile.
const TRIES: usize = 8;

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
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub account: Account,
    pub secrets: AccountSecrets,
    pub note: Note,
    unchanged: [Expect; 2],
}

/// What became of a write that depends on what is there.
pub(super) enum Written {
    Done(Box<Kept>),
    /// The account is gone, or is not as the write needs it.
    Declined,
}

/// The rows.
#[derive(Clone)]
pub(super) struct Rows {
    pub store: Store,
    pub vault: Vault,
    pub clock: Arc<dyn Clock>,
}

impl Rows {
    /// All accounts that there are.
    pub(super) fn accounts(&self) -> Result<Vec<AccountId>, ReadError> {
        let mut ids = Vec::new();
        self.store.for_each(Account::TABLE, |_, row| -> Result<(), ReadError> {
            match Account::decode(row) {
                Ok(account) => ids.push(account.id),
                Err(error) => tracing::error!(%error, "an account's row that cannot be read is left alone"),
            }
            Ok(())
        })?;
        Ok(ids)
    }

    /// One account; none when there is no such.
    pub(super) fn load(&self, id: AccountId) -> Result<Option<Kept>, VaultError> {
        let key = id.uuid();
        let Some(row) = self.store.get(Account::TABLE, key.as_bytes())? else { return Ok(None) };
        let (secrets, sealed) = match self.vault.account(id)? {
            Some(kept) => (kept.secrets, kept.unchanged),
            None => (AccountSecrets::default(), Expect::Absent),
        };
        let note = self.store.load::<Note>(key.as_bytes())?.unwrap_or_default();
        let account = Account::decode(&row)?;
        Ok(Some(Kept { account, secrets, note, unchanged: [Expect::Equals(row), sealed] }))
    }

    /// Changes an account and its credential as they are now. `change` may be asked again when somebody else wrote meanwhile, and
    /// declines by answering false.
    pub(super) async fn change(
        &self,
        id: AccountId,
        mut change: impl FnMut(&mut Kept) -> bool,
    ) -> Result<Written, VaultError> {
        for _ in 0..TRIES {
            let Some(before) = self.load(id)? else { return Ok(Written::Declined) };
            let mut after = before.clone();
            if !change(&mut after) {
                return Ok(Written::Declined);
            }
            match self.commit(self.difference(&before, &after)?).await {
                Ok(()) => return Ok(Written::Done(Box::new(after))),
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommitError::Full.into())
    }

    fn difference(&self, before: &Kept, after: &Kept) -> Result<Batch, VaultError> {
        let mut batch = Batch::new();
        let key = after.account.id.uuid();
        let [account, sealed] = before.unchanged.clone();
        if (&after.account, &after.secrets, &after.note) == (&before.account, &before.secrets, &before.note) {
            return Ok(batch);
        }
        // Also when it stays the same: nothing is noted of an account that was deleted meanwhile.
        batch.put_row(key.as_bytes(), &after.account, account)?;
        if after.secrets != before.secrets {
            self.vault.write_account(&mut batch, after.account.id, &after.secrets, sealed)?;
        }
        if after.note != before.note {
            batch.put_row(key.as_bytes(), &after.note, Expect::Any)?;
        }
        Ok(batch)
    }

    async fn commit(&self, batch: Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        for _ in 0..PATIENCE {
            match self.store.submit(batch.clone()).await {
                Err(CommitError::Full) => {
                    self.clock.sleep_until(self.clock.now() + Duration::from_secs(1)).await;
                }
                other => return other.map(|_| ()),
            }
        }
        Err(CommitError::Full)
    }

    /// Adds to a batch that an account has these secrets from now on. What is noted of its renewals goes with what
    /// it was authenticated by.
    pub(super) fn replace(
        &self,
        batch: &mut Batch,
        id: AccountId,
        (old, new): (&AccountSecrets, &AccountSecrets),
        unchanged: Expect,
    ) -> Result<(), VaultError> {
        self.vault.write_account(batch, id, new, unchanged)?;
        if means(old) != means(new) {
            batch.delete(Note::TABLE, id.uuid().as_bytes());
        }
        Ok(())
    }

    /// Adds to a batch that nothing is kept of an account's credential any more.
    pub(super) fn erase(&self, batch: &mut Batch, id: AccountId) {
        self.vault.erase_account(batch, id);
        batch.delete(Note::TABLE, id.uuid().as_bytes());
    }
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
        .collect()
}

/// Whether an account still has what this grant is.
pub(super) fn holds(secrets: &AccountSecrets, grant: &Grant) -> bool {
    match grant {
        Grant::Session(token) => secrets.session_token.as_ref() == Some(token),
        Grant::Refresh { token, .. } => secrets.refresh_token.as_ref() == Some(token),
        Grant::Client { secret, .. } => secrets.client_secret.as_ref() == Some(secret),
    }
}
