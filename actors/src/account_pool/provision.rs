//! Accounts that the configuration asks for: an embedded engine has no sign-up, so its accounts are made at start.

use crate::refused::Refused;
use atelier_domain::{account::Account, ids::AccountId, time::Clock};
use atelier_store::{Batch, Expect, Store};
use uuid::Uuid;

/// What the configuration asks for, for one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The engine.
    pub engine: &'static str,
    /// How many accounts.
    pub accounts: u32,
    /// How many image jobs each takes at once.
    pub slots: i32,
}

impl Wanted {
    fn name(&self, number: u32) -> String {
        format!("{}-{number}", self.engine)
    }

    /// The account as the configuration wants it; none when it is nobody of ours.
    fn corrected(&self, account: &Account) -> Option<Account> {
        let number: u32 = account.name.strip_prefix(self.engine)?.strip_prefix('-')?.parse().ok()?;
        let mut wanted = account.clone();
        wanted.images.slots = self.slots;
        wanted.videos.slots = self.slots;
        // More than are asked for are switched off, not deleted: jobs of theirs may still run.
        wanted.enabled = number <= self.accounts;
        (account.engine == self.engine).then_some(wanted)
    }
}

/// Makes the rows say what the configuration asks for, and returns every account of the store.
pub async fn provision(store: &Store, clock: &dyn Clock, wanted: &Wanted) -> Result<Vec<Account>, Refused> {
    let mut accounts = Vec::new();
    store.for_each_row::<Account>(|_, account| {
        accounts.push(account);
        Ok(())
    })?;
    let mut batch = Batch::new();
    for account in &mut accounts {
        if let Some(corrected) = wanted.corrected(account).filter(|corrected| corrected != account) {
            *account = corrected;
            batch.put_row(account.id.uuid().as_bytes(), account, Expect::Any).map_err(Refused::internal)?;
        }
    }
    for number in 1..=wanted.accounts {
        let name = wanted.name(number);
        if accounts.iter().any(|account| account.engine == wanted.engine && account.name == name) {
            continue;
        }
        let id = AccountId::from_uuid(Uuid::now_v7());
        let number = accounts.iter().map(|account| account.number).max().unwrap_or(0) + 1;
        let mut account = Account::new(id, number, wanted.engine, &name, clock.now());
        account.images.slots = wanted.slots;
        account.videos.slots = wanted.slots;
        batch.put_row(account.id.uuid().as_bytes(), &account, Expect::Absent).map_err(Refused::internal)?;
        accounts.push(account);
    }
    if !batch.is_empty() {
        store.submit(batch).await?;
    }
    Ok(accounts)
}
