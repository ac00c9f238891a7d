//! A keeper with its store, its vault and a vendor: what tests of credentials need, and nothing else of the gateway.

use super::{ENGINE, ManualClock, Vendor, copy_tree};
use atelier_actors::{
    Refused, Units,
    account_book::{AccountBook, AccountDraft},
    credential_keeper::{AfterRefusal, Keeper, KeeperConfig, KeeperNews, KeeperParts},
    vault::Vault,
};
use atelier_domain::{
    account::{Account, AccountSecrets, Credential},
    fault::Fault,
    ids::AccountId,
    renewal::Renewer,
    secret::Secret,
    time::Millis,
};
use atelier_store::{OpenOptions, Store};
use std::{collections::HashMap, path::Path, sync::Arc};
use tempfile::TempDir;
use tokio::sync::watch;

/// When these tests begin.
pub const START: Millis = Millis(1_800_000_000_000);

/// The installation's secret.
pub const KEY: [u8; 32] = [7; 32];

/// The proxy of accounts without one.
pub const GLOBAL_PROXY: &str = "http://global-proxy:3128";

/// The keeper and what it works with.
pub struct Cabinet {
    pub dir: TempDir,
    pub store: Store,
    pub vault: Vault,
    pub units: Units,
    pub clock: Arc<ManualClock>,
    pub vendor: Arc<Vendor>,
    pub book: AccountBook,
    pub keeper: Keeper,
    pub news: watch::Receiver<Vec<KeeperNews>>,
}

impl Cabinet {
    pub fn new() -> Self {
        Self::with(KeeperConfig::default())
    }

    pub fn with(config: KeeperConfig) -> Self {
        let clock = Arc::new(ManualClock::at(START.0));
        let vendor = Arc::new(Vendor::new(clock.clone()));
        Self::over(TempDir::new().unwrap(), clock, vendor, config)
    }

    /// A start over this directory.
    pub fn over(dir: TempDir, clock: Arc<ManualClock>, vendor: Arc<Vendor>, config: KeeperConfig) -> Self {
        let store = Store::open(OpenOptions::new(dir.path())).unwrap();
        let vault = Vault::open(store.clone(), &KEY);
        let (tell, news) = watch::channel(Vec::new());
        let book = AccountBook::open(store.clone(), vault.clone(), clock.clone()).unwrap();
        let parts = KeeperParts {
            accounts: book.clone(),
            store: store.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            renewers: HashMap::from([(ENGINE.to_owned(), vendor.clone() as Arc<dyn Renewer>)]),
            proxies: Arc::new(|| Some(Secret::new(GLOBAL_PROXY))),
            on_change: Arc::new(move |told| tell.send_modify(|all: &mut Vec<_>| all.push(told))),
            config,
        };
        let units = Units::start(1);
        let keeper = Keeper::start(parts, units.core()).unwrap();
        let told = keeper.clone();
        book.tell_of_changes(Arc::new(move |id| told.changed(id)));
        Self { dir, store, vault, units, clock, vendor, book, keeper, news }
    }

    /// What a start after a `kill -9` would find in this copy. This keeper is dead from here on.
    pub fn after_a_kill(&self, copy: TempDir) -> Self {
        self.units.core().stop();
        Self::over(copy, self.clock.clone(), self.vendor.clone(), KeeperConfig::default())
    }

    /// Adds an account with these secrets, by name.
    pub async fn add(&self, secrets: &[(&'static str, &Secret)]) -> AccountId {
        let secrets = secrets.iter().map(|(name, secret)| (*name, (*secret).clone())).collect();
        let draft = AccountDraft { engine: ENGINE.into(), secrets, ..AccountDraft::default() };
        self.book.add(draft).await.unwrap().id
    }

    /// Gives an account other secrets, by name.
    pub async fn put(&self, id: AccountId, secrets: &[(&'static str, &Secret)]) {
        let secrets = secrets.iter().map(|(name, secret)| (*name, (*secret).clone())).collect();
        let draft = AccountDraft { secrets, ..AccountDraft::default() };
        self.book.change(self.account(id).number, draft).await.unwrap();
    }

    /// Switches it as the operator does.
    pub async fn switch(&self, id: AccountId, on: bool) {
        self.book.switch(self.account(id).number, on).await.unwrap();
    }

    pub async fn credential(&self, id: AccountId) -> Result<Credential, Fault> {
        self.keeper.credential(&self.account(id)).await
    }

    /// The upstream refuses what the account has now.
    pub async fn refuse(&self, id: AccountId) -> Result<AfterRefusal, Refused> {
        let used = self.credential(id).await.unwrap();
        self.keeper.refused(&used).await
    }

    pub fn account(&self, id: AccountId) -> Account {
        Account::clone(&*self.book.find(id).unwrap())
    }

    /// The secrets as they are on disk.
    pub fn kept(&self, id: AccountId) -> AccountSecrets {
        self.vault.account(id).unwrap().unwrap().secrets
    }

    /// Waits for the first news that is of this kind, after so many others.
    pub async fn told(&self, after: usize, wanted: impl Fn(&KeeperNews) -> bool) -> KeeperNews {
        let mut news = self.news.clone();
        let all = news.wait_for(|all| all.iter().skip(after).any(&wanted)).await.unwrap();
        all.iter().skip(after).find(|news| wanted(news)).cloned().unwrap()
    }

    /// How much was told so far.
    pub fn heard(&self) -> usize {
        self.news.borrow().len()
    }

    /// Lets time pass to the next try of an account, and waits for what comes of it.
    pub async fn next_try(&self, id: AccountId) -> KeeperNews {
        let heard = self.heard();
        let at = self.keeper.state(id).unwrap().next_try.expect("a next try");
        self.clock.somebody_sleeps_until(at).await;
        self.clock.advance_to(at);
        self.told(heard, |news| !matches!(news, KeeperNews::Renewing(_))).await
    }
}

/// A copy of a data directory, taken while nothing is being written.
pub fn copy_of(dir: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_tree(dir, copy.path());
    copy
}

/// Files below that hold these bytes.
pub fn files_holding(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_holding(&path, bytes));
        } else if std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}
