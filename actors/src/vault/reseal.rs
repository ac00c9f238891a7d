//! Re-sealing: every row under the key in force, whichever known key sealed it. It can be cut short between any two commits and
//! begun anew: rows name their key.

use super::{SealedRow, Vault, VaultError};
use atelier_store::{Batch, Expect, Row, Scan};

/// Rows that are re-sealed by one commit: as many of the longest as a batch takes.
const PAGE: usize = 32;

impl Vault {
    /// Proves that every sealed row can be opened, and counts them. Blocking: reads them all.
    ///
    /// # Errors
    /// The first row that cannot.
    pub fn prove(&self) -> Result<u64, VaultError> {
        let mut rows = 0;
        self.store.for_each(SealedRow::TABLE, |place, row| -> Result<(), VaultError> {
            let SealedRow(sealed) = SealedRow::decode(row)?;
            self.opened(place, &sealed)?;
            rows += 1;
            Ok(())
        })?;
        Ok(rows)
    }

    /// Proves that every sealed row names a key that is known here. Blocking: reads them all.
    ///
    /// # Errors
    /// The first row that does not, or that cannot be read.
    pub fn prove_keys(&self) -> Result<(), VaultError> {
        self.store.for_each(SealedRow::TABLE, |_, row| -> Result<(), VaultError> {
            self.key_of(&SealedRow::decode(row)?.0).map(|_| ())
        })
    }

    /// Seals all rows with the key in force, and counts those that were sealed with another. Blocking, for a server that does not
    /// serve. `before` is called ahead of each commit and may end it there.
    ///
    /// # Errors
    /// A row cannot be opened, the store does not take one, or `before` says so; what was re-sealed until then stays.
    pub fn reseal<E: From<VaultError>>(&self, mut before: impl FnMut() -> Result<(), E>) -> Result<u64, E> {
        let (mut resealed, mut next) = (0, Scan::all().limit(PAGE));
        loop {
            let page = self.store.rows::<SealedRow>(next).map_err(VaultError::from)?;
            let Some((last, _)) = page.last() else { return Ok(resealed) };
            next = Scan::all().limit(PAGE).after(last.clone());
            let mut batch = Batch::new();
            for (place, SealedRow(sealed)) in page {
                if sealed.key == self.key.fingerprint {
                    continue;
                }
                let text = self.opened(&place, &sealed)?;
                let anew = self.key.seal(&place, rand::random(), &text).ok_or(VaultError::TooLong)?;
                batch.put_row(place, &SealedRow(anew), Expect::Present).map_err(VaultError::from)?;
                resealed += 1;
            }
            if !batch.is_empty() {
                before()?;
                self.store.submit_blocking(batch).map_err(VaultError::from)?;
            }
        }
    }
}
