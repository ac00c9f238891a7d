//! The vault: secrets of accounts and of settings, sealed at rest. A row that is read without the installation's secret, or is moved to another
//! place, tells nothing. Blocking reads of one row each; writes become part of the caller's batch.

mod rekey;
mod seal;

pub use seal::Fingerprint;

use crate::refused::Refused;
use atelier_domain::{account::AccountSecrets, code::Code, ids::AccountId, secret::Secret};
use atelier_store::{Batch, CommitError, Expect, ReadError, Row, RowError, Store, Table};
use seal::{SealKey, Sealed};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest secret text of one place, in bytes. Sealed twice, as during a rekey, and written as text it stays below the bound of rows.
pub const LONGEST: usize = 20 * 1024;

/// One sealed row: the same text under one key, or under two while a rekey lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct SealedRow(Vec<Sealed>);

impl Row for SealedRow {
    const TABLE: Table = Table::Secrets;
    const VERSION: u32 = 1;
}

/// What a secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Account(AccountId),
    Setting(&'a str),
}

impl Place<'_> {
    /// The row's key, which the seal binds.
    fn key(self) -> Vec<u8> {
        match self {
            Self::Account(id) => [b"a", id.uuid().as_bytes().as_slice()].concat(),
            Self::Setting(name) => [b"s", name.as_bytes()].concat(),
        }
    }
}

/// Why a secret was not had or not kept. Displayed, it is for the log: it names no secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Sealed under another secret of the installation.
    #[error(
        "secrets are sealed with the secret key of fingerprint {sealed}, and the one that is given has {given}: start with that one; \
         `atelier rekey` changes it"
    )]
    OtherKey {
        /// The one that opens them.
        sealed: Fingerprint,
        /// The one in force.
        given: Fingerprint,
    },
    /// Altered, cut, or copied from another place.
    #[error("a sealed row was altered or stands in the wrong place")]
    Damaged,
    /// More than [`LONGEST`].
    #[error("a secret has more than {LONGEST} bytes")]
    TooLong,
    /// The store failed, or the row cannot be understood.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The row cannot be written.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The store did not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<VaultError> for Refused {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::TooLong => {
                Self::new(Code::BadField, format!("the secrets of an account have more than {LONGEST} bytes"))
            }
            VaultError::Commit(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

/// Secrets as they are kept: with the row they were read from, so that a write can insist that nobody changed them meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSecrets {
    /// The secrets.
    pub secrets: AccountSecrets,
    /// Holds while the row is still the one that was read.
    pub unchanged: Expect,
}

struct Opened {
    text: Vec<u8>,
    row: Vec<u8>,
}

/// How the rest of Atelier keeps secrets. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    key: Arc<SealKey>,
}

impl Vault {
    /// The vault of this store under the installation's secret.
    pub fn open(store: Store, installation: &[u8; 32]) -> Self {
        Self { store, key: Arc::new(SealKey::new(installation)) }
    }

    /// Which secret it seals with.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.key.fingerprint
    }

    /// The secrets of an account; none when it has none.
    ///
    /// # Errors
    /// They cannot be read or opened.
    pub fn account(&self, id: AccountId) -> Result<Option<KeptSecrets>, VaultError> {
        let Some(Opened { text, row }) = self.read(Place::Account(id))? else { return Ok(None) };
        let secrets = AccountSecrets::read(&text).ok_or(VaultError::Damaged)?;
        Ok(Some(KeptSecrets { secrets, unchanged: Expect::Equals(row) }))
    }

    /// Adds the secrets of an account to a batch, so that they are kept with the account's row or not at all.
    ///
    /// # Errors
    /// They are too long; the batch is unchanged.
    pub fn write_account(
        &self,
        batch: &mut Batch,
        id: AccountId,
        secrets: &AccountSecrets,
        expect: Expect,
    ) -> Result<(), VaultError> {
        self.write(batch, Place::Account(id), &secrets.expose(), expect)
    }

    /// Takes away the secrets of an account with a batch.
    pub fn erase_account(&self, batch: &mut Batch, id: AccountId) {
        batch.delete(SealedRow::TABLE, Place::Account(id).key());
    }

    /// The secret value of a setting, such as `proxy.url`; none when it has none.
    ///
    /// # Errors
    /// It cannot be read or opened.
    pub fn setting(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        let Some(Opened { text, .. }) = self.read(Place::Setting(name))? else { return Ok(None) };
        String::from_utf8(text).map(|text| Some(Secret::new(text))).map_err(|_| VaultError::Damaged)
    }

    /// Adds the secret value of a setting to a batch; an empty one takes it away.
    ///
    /// # Errors
    /// It is too long; the batch is unchanged.
    pub fn write_setting(&self, batch: &mut Batch, name: &str, value: &Secret) -> Result<(), VaultError> {
        let place = Place::Setting(name);
        if value.is_empty() {
            batch.delete(SealedRow::TABLE, place.key());
            return Ok(());
        }
        self.write(batch, place, value.expose().as_bytes(), Expect::Any)
    }

    fn read(&self, place: Place<'_>) -> Result<Option<Opened>, VaultError> {
        let key = place.key();
        let Some(row) = self.store.get(SealedRow::TABLE, &key)? else { return Ok(None) };
        let text = self.opened(&key, &SealedRow::decode(&row)?)?;
        Ok(Some(Opened { text, row }))
    }

    fn opened(&self, place: &[u8], row: &SealedRow) -> Result<Vec<u8>, VaultError> {
        self.key.open(place, self.own(row)?).ok_or(VaultError::Damaged)
    }

    /// The seal of a row that is under the key in force.
    fn own<'a>(&self, SealedRow(seals): &'a SealedRow) -> Result<&'a Sealed, VaultError> {
        let own = seals.iter().find(|sealed| sealed.key == self.key.fingerprint);
        own.ok_or_else(|| match seals.first() {
            Some(other) => {
                VaultError::OtherKey { sealed: other.key.clone(), given: self.key.fingerprint.clone() }
            }
            None => VaultError::Damaged,
        })
    }

    fn write(
        &self,
        batch: &mut Batch,
        place: Place<'_>,
        text: &[u8],
        expect: Expect,
    ) -> Result<(), VaultError> {
        if text.len() > LONGEST {
            return Err(VaultError::TooLong);
        }
        let key = place.key();
        let sealed = self.key.seal(&key, rand::random(), text).ok_or(VaultError::TooLong)?;
        batch.put_row(key, &SealedRow(vec![sealed]), expect)?;
        Ok(())
    }
}
