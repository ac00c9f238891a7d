//! Accounts that the configuration asks for: an embedded engine has no sign-up, so its accounts are made at start. What the
//! operator does with them afterwards stays, until the configuration itself says something else.

use super::{AccountBook, turn};
use crate::refused::Refused;
use atelier_domain::{
    account::{Account, Checked, Off},
    ids::AccountId,
    time::Millis,
};
use atelier_store::{Batch, Expect, Row, Table};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the configuration asks for, for one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The engine.
    pub engine: &'static str,
    /// How many accounts.
    pub accounts: u32,
    /// How many jobs each takes at once.
    pub slots: i32,
}

/// What the configuration asked for when it was last heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Heard {
    accounts: u32,
    slots: i32,
}

impl Row for Heard {
    const TABLE: Table = Table::Meta;
    const VERSION: u32 = 1;
}

impl Wanted {
    fn place(&self) -> Vec<u8> {
        format!("provisioned/{}", self.engine).into_bytes()
    }

    fn name(&self, which: u32) -> String {
        format!("{}-{which}", self.engine)
    }

    /// The account as the configuration wants it now; none when it is nobody of ours.
    fn corrected(&self, before: Option<&Heard>, account: &Account) -> Option<Account> {
        let which: u32 = account.name.strip_prefix(self.engine)?.strip_prefix('-')?.parse().ok()?;
        if account.engine != self.engine || self.name(which) != account.name {
            return None;
        }
        let mut wanted = account.clone();
        if before.is_none_or(|before| before.slots != self.slots) {
            wanted.images.slots = self.slots;
            wanted.videos.slots = self.slots;
        }
        // More than are asked for are switched off, not deleted: jobs of theirs may still run.
        let was_asked_for = before.map(|before| which <= before.accounts);
        match (was_asked_for, which <= self.accounts) {
            (Some(true) | None, false) => turn(&mut wanted, Some(Off::Manual)),
            (Some(false) | None, true) => turn(&mut wanted, None),
            _ => {}
        }
        Some(wanted)
    }

    /// A new account of ours.
    fn account(&self, number: u64, which: u32, now: Millis) -> Account {
        let id = AccountId::from_uuid(Uuid::now_v7());
        let mut account = Account::new(id, number, self.engine, &self.name(which), now);
        account.images.slots = self.slots;
        account.videos.slots = self.slots;
        // There is nothing outside to look at.
        account.checked = Checked { at: Some(now), ..Checked::default() };
        account
    }
}

impl AccountBook {
    /// Makes the rows say what the configuration asks for, where it asks for something else than at the last start.
    ///
    /// # Errors
    /// Rows cannot be read or written.
    pub async fn provision(&self, wanted: &Wanted) -> Result<(), Refused> {
        let _turn = self.inner.writing.lock().await;
        let before = self.inner.store.load::<Heard>(wanted.place())?;
        let heard = Heard { accounts: wanted.accounts, slots: wanted.slots };
        if before.as_ref() == Some(&heard) {
            return Ok(());
        }
        let accounts = self.list();
        let corrected = accounts
            .iter()
            .filter_map(|account| wanted.corrected(before.as_ref(), account).filter(|new| *new != **account));
        for account in corrected {
            let mut batch = Batch::new();
            batch.put_row(account.id.uuid().as_bytes(), &account, Expect::Any).map_err(Refused::internal)?;
            self.inner.store.submit(batch).await?;
            self.show(account).await;
        }
        for which in before.map_or(0, |before| before.accounts) + 1..=wanted.accounts {
            let name = wanted.name(which);
            if accounts.iter().any(|account| account.engine == wanted.engine && account.name == name) {
                continue;
            }
            let mut batch = Batch::new();
            let account = wanted.account(self.next_number(&mut batch)?, which, self.inner.clock.now());
            batch
                .put_row(account.id.uuid().as_bytes(), &account, Expect::Absent)
                .map_err(Refused::internal)?;
            self.inner.store.submit(batch).await?;
            self.show(account).await;
        }
        let mut batch = Batch::new();
        batch.put_row(wanted.place(), &heard, Expect::Any).map_err(Refused::internal)?;
        self.inner.store.submit(batch).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_the_configuration_changed_is_changed() {
        let wanted = |accounts, slots| Wanted { engine: "studio", accounts, slots };
        let heard = |accounts, slots| Some(Heard { accounts, slots });
        let mut off = wanted(3, 4).account(2, 2, Millis(0));
        turn(&mut off, Some(Off::Manual));
        off.images.slots = 9;
        let after = |wanted: &Wanted, before: Option<Heard>| wanted.corrected(before.as_ref(), &off).unwrap();
        assert_eq!(after(&wanted(3, 4), heard(3, 4)), off, "what the operator did stays");
        assert_eq!(after(&wanted(5, 4), heard(3, 4)), off, "more accounts are no news for this one");
        assert_eq!(after(&wanted(3, 5), heard(3, 4)).images.slots, 5);
        assert!(!after(&wanted(3, 5), heard(3, 4)).enabled);
        assert!(after(&wanted(2, 4), heard(1, 4)).enabled, "asked for again");
        assert!(after(&wanted(2, 4), None).enabled, "rows from before this was remembered");
        let on = wanted(3, 4).account(3, 3, Millis(0));
        assert_eq!(wanted(2, 4).corrected(heard(3, 4).as_ref(), &on).unwrap().off, Some(Off::Manual));
        for (engine, name) in [("openai", "studio-1"), ("studio", "mine"), ("studio", "studio-01")] {
            let mut other = Account::new(on.id, 7, engine, name, Millis(0));
            other.images.slots = 1;
            assert_eq!(wanted(3, 4).corrected(None, &other), None, "{engine} {name}");
        }
    }
}
