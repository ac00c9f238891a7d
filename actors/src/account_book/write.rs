//! How accounts are kept: row and secrets in one batch, then shown, then told to the pool. Everything here runs in turn.

use super::{AccountBook, AccountDraft, twins::Twins, unknown};
use crate::{bulletin::Change, credential_keeper, refused::Refused, request_log, system::to_the_end};
use atelier_domain::{
    account::{Account, AccountSecrets},
    code::Code,
    ids::AccountId,
    time::Millis,
};
use atelier_store::{Batch, CommitError, Expect, Refusal, Row, Table};
use std::sync::{Arc, PoisonError};
use uuid::Uuid;

/// Where the last number is that an account was given.
const NUMBERS: &[u8] = b"account_numbers";

/// How often a change is begun anew because a renewal wrote the same secrets meanwhile.
const TRIES: u32 = 5;

/// An account to write.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is to be.
    pub draft: AccountDraft,
    /// Whether an account with the same address at the same engine is changed, rather than in the way.
    pub updates: bool,
}

/// What became of an entry.
#[derive(Debug, Clone)]
pub struct Written {
    /// The account.
    pub account: Arc<Account>,
    /// Whether it is new.
    pub added: bool,
}

impl AccountBook {
    /// Who is there already. Reads every account's secrets, apart.
    pub(super) async fn twins(&self) -> Result<Twins, Refused> {
        let (vault, accounts) = (self.inner.vault.clone(), self.list());
        let read = tokio::task::spawn_blocking(move || Twins::read(&vault, &accounts));
        Ok(read.await.map_err(Refused::internal)??)
    }

    pub(super) async fn write_in_turn(
        &self,
        entries: Vec<Entry>,
    ) -> Result<Vec<Result<Written, Refused>>, Refused> {
        let mut twins = self.twins().await?;
        let mut written = Vec::with_capacity(entries.len());
        for entry in entries {
            let known = if entry.updates { self.of_address(&entry.draft) } else { None };
            let outcome = match known {
                Some(number) => {
                    let account = self.rewrite(number, &entry.draft, Some(&mut twins)).await;
                    account.map(|account| Written { account, added: false })
                }
                None => self.insert(&entry.draft, &mut twins).await,
            };
            written.push(outcome);
        }
        Ok(written)
    }

    /// The account with the draft's address at the draft's engine.
    fn of_address(&self, draft: &AccountDraft) -> Option<u64> {
        let email = draft.email.as_ref()?.as_ref()?.trim().to_lowercase();
        let same = |account: &&Arc<Account>| {
            let own = account.identity.email.as_ref().map(|own| own.trim().to_lowercase());
            account.engine == draft.engine && own.as_ref() == Some(&email)
        };
        self.read().values().find(same).map(|account| account.number)
    }

    async fn insert(&self, draft: &AccountDraft, twins: &mut Twins) -> Result<Written, Refused> {
        let (now, id) = (self.inner.clock.now(), AccountId::from_uuid(Uuid::now_v7()));
        let mut batch = Batch::new();
        let number = self.next_number(&mut batch)?;
        let mut account = Account::new(id, number, &draft.engine, "", now);
        let mut secrets = AccountSecrets::default();
        draft.apply(&mut account);
        if draft.apply_secrets(&mut secrets) {
            draft.read_secrets(&mut account, &secrets);
            self.inner.vault.write_account(&mut batch, id, &secrets, Expect::Absent)?;
        }
        if account.name.is_empty() {
            account.name = format!("{}-{number}", account.engine);
        }
        refuse_twin(twins, &account, &secrets)?;
        batch.put_row(id.uuid().as_bytes(), &account, Expect::Absent).map_err(Refused::internal)?;
        self.inner.store.submit(batch).await?;
        twins.note(&account, &secrets);
        tracing::info!(account = %id, number, engine = account.engine, "account added");
        Ok(Written { account: self.show(account).await, added: true })
    }

    /// The number of the next account, and the change that takes it.
    pub(super) fn next_number(&self, batch: &mut Batch) -> Result<u64, Refused> {
        let last = self.inner.store.sum(Table::Meta, NUMBERS)?;
        let shown = self.read().keys().next_back().map_or(0, |number| i64::try_from(*number).unwrap_or(0));
        let number = last.max(shown) + 1;
        batch.add(Table::Meta, NUMBERS, number - last, None);
        u64::try_from(number).map_err(Refused::internal)
    }

    /// Changes an account and its secrets. Those may be renewed at the same moment: then the change begins anew.
    pub(super) async fn rewrite(
        &self,
        number: u64,
        draft: &AccountDraft,
        mut twins: Option<&mut Twins>,
    ) -> Result<Arc<Account>, Refused> {
        for _ in 0..TRIES {
            let mut account = Account::clone(&*self.get(number)?);
            let mut batch = Batch::new();
            draft.apply(&mut account);
            let has_secrets = twins.is_some() || !draft.secrets.is_empty();
            let kept = if has_secrets { self.inner.vault.account(account.id)? } else { None };
            let had = kept.as_ref().map(|kept| kept.secrets.clone()).unwrap_or_default();
            let (mut secrets, unchanged) = kept.map_or_else(
                || (AccountSecrets::default(), Expect::Absent),
                |kept| (kept.secrets, kept.unchanged),
            );
            let renewed = draft.apply_secrets(&mut secrets);
            if renewed {
                draft.read_secrets(&mut account, &secrets);
                self.inner.vault.write_account(&mut batch, account.id, &secrets, unchanged)?;
                if credential_keeper::is_another(&had, &secrets) {
                    credential_keeper::forget(&mut batch, account.id);
                }
            }
            if let Some(twins) = &twins {
                refuse_twin(twins, &account, &secrets)?;
            }
            account.updated_at = self.inner.clock.now();
            batch
                .put_row(account.id.uuid().as_bytes(), &account, Expect::Present)
                .map_err(Refused::internal)?;
            match self.inner.store.submit(batch).await {
                Ok(_) => {
                    if let Some(twins) = &mut twins {
                        twins.forget(account.id);
                        twins.note(&account, &secrets);
                    }
                    return Ok(self.show(account).await);
                }
                Err(CommitError::Refused { op: 0, reason: Refusal::Changed | Refusal::Exists })
                    if renewed => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    /// Changes an account's row alone.
    pub(super) async fn alter(
        &self,
        number: u64,
        change: impl FnOnce(&mut Account, Millis) + Send + 'static,
    ) -> Result<Arc<Account>, Refused> {
        let book = self.clone();
        to_the_end(async move {
            let _turn = book.inner.writing.lock().await;
            let before = book.get(number)?;
            let (mut account, now) = (Account::clone(&before), book.inner.clock.now());
            change(&mut account, now);
            if account == *before {
                // The pool is told all the same: it may have had reasons of its own to leave the account alone.
                return Ok(book.show(account).await);
            }
            account.updated_at = now;
            let mut batch = Batch::new();
            batch
                .put_row(account.id.uuid().as_bytes(), &account, Expect::Present)
                .map_err(Refused::internal)?;
            book.inner.store.submit(batch).await?;
            Ok(book.show(account).await)
        })
        .await
    }

    /// Changes an account's row together with whatever else the change adds to the batch, in one transaction: for the keeper of
    /// credentials, who is not told of it. None when there is no such account, or the change declines.
    pub(crate) async fn amend<T: Send + 'static>(
        &self,
        id: AccountId,
        change: impl FnOnce(&mut Account, &mut Batch) -> Result<Option<T>, Refused> + Send + 'static,
    ) -> Result<Option<T>, Refused> {
        let book = self.clone();
        to_the_end(async move {
            let _turn = book.inner.writing.lock().await;
            let Some(before) = book.find(id) else { return Ok(None) };
            let (mut account, mut batch) = (Account::clone(&before), Batch::new());
            let Some(changed) = change(&mut account, &mut batch)? else { return Ok(None) };
            let is_other = account != *before;
            if is_other {
                let key = id.uuid();
                batch.put_row(key.as_bytes(), &account, Expect::Present).map_err(Refused::internal)?;
            }
            if !batch.is_empty() {
                book.inner.store.submit(batch).await?;
            }
            if is_other {
                book.show_quietly(account).await;
            }
            Ok(Some(changed))
        })
        .await
    }

    pub(super) async fn erase(&self, number: u64) -> Result<Arc<Account>, Refused> {
        let account = self.get(number)?;
        let mut batch = Batch::new();
        batch.delete_present(Account::TABLE, account.id.uuid().as_bytes());
        self.inner.vault.erase_account(&mut batch, account.id);
        request_log::erase(&mut batch, account.id);
        credential_keeper::forget(&mut batch, account.id);
        // The number stays taken even when no counter had been kept yet.
        let last = self.inner.store.sum(Table::Meta, NUMBERS)?;
        let short = i64::try_from(number).unwrap_or(0) - last;
        if short > 0 {
            batch.add(Table::Meta, NUMBERS, short, None);
        }
        match self.inner.store.submit(batch).await {
            Err(CommitError::Refused { reason: Refusal::Missing, .. }) => return Err(unknown(number)),
            other => other?,
        };
        self.inner.shelf.write().unwrap_or_else(PoisonError::into_inner).remove(&number);
        self.changed(account.id);
        self.announce(Change::AccountGone(account.id));
        if let Some(pool) = self.inner.pool.get()
            && let Err(refused) = pool.remove(account.id).await
        {
            tracing::warn!(%refused, account = %account.id, "the pool was not told of a removed account");
        }
        tracing::info!(account = %account.id, number, "account removed");
        Ok(account)
    }

    /// Shows a committed account and tells everybody.
    pub(super) async fn show(&self, account: Account) -> Arc<Account> {
        let account = Arc::new(account);
        self.place(account.clone());
        // Before the pool lends it: an old secret must not go to a new address.
        self.changed(account.id);
        self.pass_on(&account).await;
        account
    }

    /// Shows a committed account whose secrets and address are as they were.
    async fn show_quietly(&self, account: Account) {
        let account = Arc::new(account);
        self.place(account.clone());
        self.pass_on(&account).await;
    }

    async fn pass_on(&self, account: &Arc<Account>) {
        self.announce(Change::Account(account.id));
        if let Some(pool) = self.inner.pool.get()
            && let Err(refused) = pool.upsert(Account::clone(account)).await
        {
            // It reads the rows again at the next start.
            tracing::warn!(%refused, account = %account.id, "the pool was not told of a changed account");
        }
    }

    fn announce(&self, change: Change) {
        if let Some(bulletin) = self.inner.bulletin.get() {
            bulletin.tell(change);
        }
    }

    fn place(&self, account: Arc<Account>) {
        let mut shelf = self.inner.shelf.write().unwrap_or_else(PoisonError::into_inner);
        shelf.insert(account.number, account);
    }

    fn changed(&self, id: AccountId) {
        if let Some(changed) = self.inner.changed.get() {
            changed(id);
        }
    }
}

fn refuse_twin(twins: &Twins, account: &Account, secrets: &AccountSecrets) -> Result<(), Refused> {
    let Some(other) = twins.of(account, secrets) else { return Ok(()) };
    let message = format!("account {other} has the same credential, or the same address at the same engine");
    Err(Refused::new(Code::AccountExists, message))
}
