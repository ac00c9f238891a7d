//! The account book: every account as it is kept, and the only room that writes their rows. A change is committed, secrets with it,
//! before it is seen, and the pool is told of each.
//!
//! Reading order: `draft` (what may be set), `twins` (who is there already), `write` (how it is kept), then `checkup` (whether an account
//! works) and `provision` (accounts that the configuration asks for).

mod activation;
mod checkup;
mod claims;
mod draft;
mod provision;
mod steward;
mod twins;
mod write;

pub use activation::Accepted;
pub use checkup::{Checkups, Report, Revive, Switched};
pub(crate) use claims::Claims;
pub use draft::{AccountDraft, LaneDraft};
pub use provision::Wanted;
pub use steward::PlainSteward;
pub use write::{Entry, Written};

use crate::{account_pool::Pool, bulletin::Bulletin, refused::Refused, system::to_the_end, vault::Vault};
use atelier_domain::{
    account::{Account, AccountSecrets, Off},
    code::Code,
    ids::AccountId,
    time::{Clock, Millis},
};
use atelier_store::{ReadError, Store};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard},
};
use tokio::sync::Mutex;

/// Who else must know that an account or its secrets were changed or went away, such as whoever holds them ready. It must not wait.
pub type AccountChanged = Arc<dyn Fn(AccountId) + Send + Sync>;

/// How the rest of Atelier speaks to the book. Cheap to clone.
#[derive(Clone)]
pub struct AccountBook {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    vault: Vault,
    clock: Arc<dyn Clock>,
    /// By number, oldest first.
    shelf: RwLock<BTreeMap<u64, Arc<Account>>>,
    /// One change at a time: each starts from the row that the one before left.
    writing: Mutex<()>,
    pool: OnceLock<Pool>,
    changed: OnceLock<AccountChanged>,
    bulletin: OnceLock<Bulletin>,
}

impl AccountBook {
    /// Reads all accounts.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn open(store: Store, vault: Vault, clock: Arc<dyn Clock>) -> Result<Self, ReadError> {
        let mut shelf = BTreeMap::new();
        store.for_each_row::<Account>(|_, account| {
            shelf.insert(account.number, Arc::new(account));
            Ok(())
        })?;
        let inner = Inner {
            store,
            vault,
            clock,
            shelf: RwLock::new(shelf),
            writing: Mutex::default(),
            pool: OnceLock::new(),
            changed: OnceLock::new(),
            bulletin: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// From now on this pool is told of every change. It starts with [`AccountBook::list`], since the two need each other.
    pub fn tell(&self, pool: Pool) {
        // A second pool would be a defect of the start-up, and changes nothing.
        let _ = self.inner.pool.set(pool);
    }

    /// From now on this is told of every change, too.
    pub fn announce_in(&self, bulletin: Bulletin) {
        let _ = self.inner.bulletin.set(bulletin);
    }

    /// From now on whoever holds credentials ready is told of every change but its own.
    pub fn tell_of_changes(&self, changed: AccountChanged) {
        let _ = self.inner.changed.set(changed);
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Arc<Account>>> {
        // Writers only insert or remove whole accounts, so the map is sound even after a panic elsewhere.
        self.inner.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every account, by number.
    pub fn list(&self) -> Vec<Arc<Account>> {
        self.read().values().cloned().collect()
    }

    /// The account with this number.
    ///
    /// # Errors
    /// `account_not_found`.
    pub fn get(&self, number: u64) -> Result<Arc<Account>, Refused> {
        self.read().get(&number).cloned().ok_or_else(|| unknown(number))
    }

    /// The account with this id, if it is still there.
    pub fn find(&self, id: AccountId) -> Option<Arc<Account>> {
        self.read().values().find(|account| account.id == id).cloned()
    }

    /// What an account authenticates with; nothing, if it needs nothing.
    ///
    /// # Errors
    /// The secrets cannot be read or opened.
    pub fn secrets(&self, account: &Account) -> Result<AccountSecrets, Refused> {
        let kept = self.inner.vault.account(account.id)?;
        Ok(kept.map(|kept| kept.secrets).unwrap_or_default())
    }

    /// Adds an account.
    ///
    /// # Errors
    /// `account_exists` when one with the same credential, or the same address at the same engine, is there.
    pub async fn add(&self, draft: AccountDraft) -> Result<Arc<Account>, Refused> {
        let mut written = self.write_all(vec![Entry { draft, updates: false }]).await?;
        let first =
            written.pop().ok_or_else(|| Refused::internal("an account was written and is not told"))?;
        first.map(|written| written.account)
    }

    /// Adds many accounts, or where an entry says so changes the one with the same address; each on its own, in their order.
    ///
    /// # Errors
    /// Only when none could be tried; what became of each is in the answer.
    pub async fn write_all(&self, entries: Vec<Entry>) -> Result<Vec<Result<Written, Refused>>, Refused> {
        let book = self.clone();
        to_the_end(async move {
            let _turn = book.inner.writing.lock().await;
            book.write_in_turn(entries).await
        })
        .await
    }

    /// Changes an account: what the draft leaves out stays as it is.
    ///
    /// # Errors
    /// `account_not_found`, or `account_exists` when it would be like another.
    pub async fn change(&self, number: u64, draft: AccountDraft) -> Result<Arc<Account>, Refused> {
        let book = self.clone();
        to_the_end(async move {
            let _turn = book.inner.writing.lock().await;
            let mut twins = if draft.tells_accounts_apart() { Some(book.twins().await?) } else { None };
            book.rewrite(number, &draft, twins.as_mut()).await
        })
        .await
    }

    /// Switches an account on, which forgives it its faults, or off.
    ///
    /// # Errors
    /// `account_not_found`.
    pub async fn switch(&self, number: u64, on: bool) -> Result<Arc<Account>, Refused> {
        self.alter(number, move |account, _| turn(account, if on { None } else { Some(Off::Manual) })).await
    }

    /// Switches all on that are off, or all off that are on; returns how many.
    ///
    /// # Errors
    /// The store takes no more; those before it are switched.
    pub async fn switch_all(&self, on: bool) -> Result<usize, Refused> {
        let others: Vec<_> = self.list().into_iter().filter(|account| account.enabled != on).collect();
        for account in &others {
            self.switch(account.number, on).await?;
        }
        Ok(others.len())
    }

    /// Something other than the operator switched the account off. Does nothing to one that is off or gone.
    ///
    /// # Errors
    /// The store takes no more.
    pub async fn switch_off(&self, id: AccountId, why: Off) -> Result<(), Refused> {
        let Some(account) = self.find(id).filter(|account| account.enabled) else { return Ok(()) };
        let off = move |account: &mut Account, _: Millis| {
            if account.enabled {
                turn(account, Some(why));
            }
        };
        self.alter(account.number, off).await.map(drop)
    }

    /// Takes an account away with its secrets. Its number is not given again.
    ///
    /// # Errors
    /// `account_not_found`.
    pub async fn remove(&self, number: u64) -> Result<Arc<Account>, Refused> {
        let book = self.clone();
        to_the_end(async move {
            let _turn = book.inner.writing.lock().await;
            book.erase(number).await
        })
        .await
    }

    /// Takes every account away that is switched off; returns how many.
    ///
    /// # Errors
    /// The store takes no more; those before it are gone.
    pub async fn remove_disabled(&self) -> Result<usize, Refused> {
        let off: Vec<_> = self.list().into_iter().filter(|account| !account.enabled).collect();
        for account in &off {
            self.remove(account.number).await?;
        }
        Ok(off.len())
    }
}

/// Switches an account on, or off for this reason.
fn turn(account: &mut Account, off: Option<Off>) {
    (account.enabled, account.off) = (off.is_none(), off);
}

fn unknown(number: u64) -> Refused {
    Refused::new(Code::AccountNotFound, format!("there is no account {number}"))
}
