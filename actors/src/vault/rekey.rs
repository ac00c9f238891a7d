//! Changing the key, in two passes with the switch between them: in the first every row gets a second seal, under the new key; in the
//! second it loses the first. Cut short anywhere, the whole vault opens with the old key or with the new one, and no key is ever written down.

use super::{SealedRow, Vault, VaultError, seal::SealKey};
use atelier_store::{Batch, Expect, Row, Scan};

/// Rows that one commit writes: as many of the longest as a batch takes.
const PAGE: usize = 16;

impl Vault {
    /// Proves that every row was sealed with the key in force. Blocking: reads them all.
    ///
    /// # Errors
    /// The first row that was not, or that cannot be read.
    pub fn prove_key(&self) -> Result<(), VaultError> {
        self.store.for_each(SealedRow::TABLE, |_, row| -> Result<(), VaultError> {
            self.own(&SealedRow::decode(row)?).map(|_| ())
        })
    }

    /// The first pass: afterwards every row opens with the key in force and with `new`. Returns how many rows there are. Blocking, for
    /// a server that does not serve. `before` is called ahead of each commit and may end it there.
    ///
    /// # Errors
    /// A row cannot be opened, the store does not take one, or `before` says so; until then the key in force opens all.
    pub fn add_key<E: From<VaultError>>(
        &self,
        new: &[u8; 32],
        before: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<u64, E> {
        let new = SealKey::new(new);
        let mut rows = 0;
        self.rewrite(before, |place, row| {
            rows += 1;
            let own = self.own(row)?.clone();
            if new.fingerprint == self.key.fingerprint {
                return Ok(SealedRow(vec![own]));
            }
            if row.0.iter().any(|sealed| sealed.key == new.fingerprint) {
                return Ok(row.clone());
            }
            let text = self.key.open(place, &own).ok_or(VaultError::Damaged)?;
            let second = new.seal(place, rand::random(), &text).ok_or(VaultError::TooLong)?;
            Ok(SealedRow(vec![own, second]))
        })?;
        Ok(rows)
    }

    /// The second pass, and what cleans up after a rekey that was cut short: afterwards every row opens with the key in force and
    /// with no other. Returns how many rows did. Blocking, for a server that does not serve yet. `before` as in [`Vault::add_key`].
    ///
    /// # Errors
    /// A row does not open with the key in force, and then none was changed; the store does not take one, or `before` says so.
    pub fn keep_only_key<E: From<VaultError>>(
        &self,
        before: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<u64, E> {
        self.prove_key()?;
        self.rewrite(before, |_, row| Ok(SealedRow(vec![self.own(row)?.clone()])))
    }

    /// Writes anew what `change` changes, and counts it.
    fn rewrite<E: From<VaultError>>(
        &self,
        before: &mut dyn FnMut() -> Result<(), E>,
        mut change: impl FnMut(&[u8], &SealedRow) -> Result<SealedRow, VaultError>,
    ) -> Result<u64, E> {
        let (mut written, mut next) = (0, Scan::all().limit(PAGE));
        loop {
            let page = self.store.rows::<SealedRow>(next).map_err(VaultError::from)?;
            let Some((last, _)) = page.last() else { return Ok(written) };
            next = Scan::all().limit(PAGE).after(last.clone());
            let mut batch = Batch::new();
            for (place, row) in page {
                let changed = change(&place, &row)?;
                if changed != row {
                    batch.put_row(place, &changed, Expect::Present).map_err(VaultError::from)?;
                    written += 1;
                }
            }
            if !batch.is_empty() {
                before()?;
                self.store.submit_blocking(batch).map_err(VaultError::from)?;
            }
        }
    }
}
