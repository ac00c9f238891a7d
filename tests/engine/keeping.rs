//! The credential keeper with the engines' own renewers and simulated vendors, under a clock that the tests move: renewal in time,
//! rotation, revival, and a crash between a renewal and its being kept.

#[allow(dead_code, reason = "these tests need a part of it")]
#[path = "../../actors/tests/support/clock.rs"]
mod clock;
mod courses;
mod crashes;
#[path = "../../actors/tests/support/tree.rs"]
mod tree;

use crate::firefly;
use atelier_actors::{
    SystemClock, Units,
    account_book::{AccountBook, AccountDraft},
    credential_keeper::{CredentialState, Keeper, KeeperConfig, KeeperNews, KeeperParts},
    vault::Vault,
};
use atelier_domain::{
    account::{Account, AccountSecrets, Credential},
    engine::Engine,
    fault::Fault,
    ids::AccountId,
    renewal::Renewer,
    secret::Secret,
    time::Clock,
};
use atelier_providers::{
    firefly::{Firefly, FireflyTokens},
    oauth::{OAuth, OAuthConfig},
    outbound::{Outbound, OutboundConfig},
    sora::{Sora, SoraConfig},
};
use atelier_sim::upstream::{AccountHandle, AccountSetup, Behaviour, Op, Setup, Upstream};
use atelier_store::{OpenOptions, Store};
use clock::ManualClock;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::sync::watch;
use tree::copy_tree;

/// The account's name at its vendor. As a key it opens nothing that the tests use.
const NAME: &str = "the-one-account";
const CLIENT: &str = "client-of-the-account";

/// What the operator has given, and what later: all that he has is counted.
fn given(what: &str, number: u32) -> String {
    format!("{what}-{number}")
}

/// What an account has its tokens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    SoraRefresh,
    SoraSession,
    FireflyClient,
    FireflyCookie,
}

impl Way {
    const ALL: [Self; 4] = [Self::SoraRefresh, Self::SoraSession, Self::FireflyClient, Self::FireflyCookie];

    const fn engine(self) -> &'static str {
        match self {
            Self::SoraRefresh | Self::SoraSession => "sora",
            Self::FireflyClient | Self::FireflyCookie => "firefly",
        }
    }

    /// What the vendor calls a renewal.
    const fn op(self) -> Op {
        match self {
            Self::SoraRefresh | Self::FireflyClient => Op::Token,
            Self::SoraSession | Self::FireflyCookie => Op::Session,
        }
    }

    /// What the operator gives.
    fn secrets(self, number: u32) -> Vec<(&'static str, Secret)> {
        let secrets = match self {
            Self::SoraRefresh => vec![("refresh_token", given("refresh", number))],
            Self::SoraSession => vec![("session_token", given("session", number))],
            Self::FireflyClient => {
                vec![("client_id", CLIENT.to_owned()), ("client_secret", given("secret", number))]
            }
            Self::FireflyCookie => vec![("cookie", format!("fg=x; ims_sid={}", given("session", number)))],
        };
        secrets.into_iter().map(|(name, secret)| (name, Secret::new(secret))).collect()
    }

    /// What the vendor knows of it.
    fn known(self, number: u32) -> AccountSetup {
        let known = |what| Some(given(what, number));
        let none = AccountSetup::default();
        match self {
            Self::SoraRefresh => AccountSetup { refresh_token: known("refresh"), ..none },
            Self::SoraSession | Self::FireflyCookie => {
                AccountSetup { session_token: known("session"), ..none }
            }
            Self::FireflyClient => {
                AccountSetup { client_id: Some(CLIENT.into()), client_secret: known("secret"), ..none }
            }
        }
    }

    fn draft(self, origin: &str) -> AccountDraft {
        AccountDraft {
            engine: self.engine().to_owned(),
            base_url: Some((self.engine() == "sora").then(|| format!("{origin}/backend"))),
            dialect: Some((self == Self::FireflyCookie).then(|| "web".to_owned())),
            secrets: self.secrets(1),
            ..AccountDraft::default()
        }
    }
}

/// An account, its keeper, and its vendor.
struct Ward {
    way: Way,
    dir: TempDir,
    upstream: Arc<Upstream>,
    clock: Arc<ManualClock>,
    vault: Vault,
    units: Units,
    book: AccountBook,
    keeper: Keeper,
    news: watch::Receiver<Vec<KeeperNews>>,
    engine: Arc<dyn Engine>,
}

impl Ward {
    /// A keeper without an account, at a vendor that will do this with the first renewals.
    fn new(way: Way, known: AccountSetup, script: impl IntoIterator<Item = Behaviour>) -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        upstream.put(NAME, known).script(way.op(), script);
        let clock = Arc::new(ManualClock::at(SystemClock.now().0));
        Self::over(way, TempDir::new().unwrap(), Arc::new(upstream), clock)
    }

    /// A start over this directory.
    fn over(way: Way, dir: TempDir, upstream: Arc<Upstream>, clock: Arc<ManualClock>) -> Self {
        let store = Store::open(OpenOptions::new(dir.path())).unwrap();
        let vault = Vault::open(store.clone(), &[7; 32]);
        let (tell, news) = watch::channel(Vec::new());
        let book = AccountBook::open(store.clone(), vault.clone(), clock.clone()).unwrap();
        let origin = upstream.origin();
        let parts = KeeperParts {
            accounts: book.clone(),
            store,
            vault: vault.clone(),
            clock: clock.clone(),
            renewers: HashMap::from([(way.engine().to_owned(), renewer(way, &origin, &clock))]),
            proxies: Arc::new(|| None),
            on_change: Arc::new(move |told| tell.send_modify(|all: &mut Vec<_>| all.push(told))),
            config: KeeperConfig::default(),
        };
        let units = Units::start(1);
        let keeper = Keeper::start(parts, units.core()).unwrap();
        let told = keeper.clone();
        book.tell_of_changes(Arc::new(move |id| told.changed(id)));
        let engine = engine(way, &origin);
        Self { way, dir, upstream, clock, vault, units, book, keeper, news, engine }
    }

    /// What a start after a `kill -9` at this moment finds. This keeper is dead from here on.
    fn after_a_kill(self) -> Self {
        let copy = TempDir::new().unwrap();
        copy_tree(self.dir.path(), copy.path());
        self.units.core().stop();
        Self::over(self.way, copy, self.upstream, self.clock)
    }

    /// Adds the account as the operator does.
    async fn add(&self) -> AccountId {
        self.book.add(self.way.draft(&self.upstream.origin())).await.unwrap().id
    }

    /// Gives it other secrets.
    async fn put(&self, id: AccountId, secrets: Vec<(&'static str, Secret)>) {
        let draft = AccountDraft { secrets, ..AccountDraft::default() };
        self.book.change(self.account(id).number, draft).await.unwrap();
    }

    fn account(&self, id: AccountId) -> Account {
        Account::clone(&*self.book.find(id).unwrap())
    }

    fn state(&self, id: AccountId) -> CredentialState {
        self.keeper.state(id).unwrap()
    }

    /// The secrets as they are on disk.
    fn kept(&self, id: AccountId) -> AccountSecrets {
        self.vault.account(id).unwrap().unwrap().secrets
    }

    async fn credential(&self, id: AccountId) -> Result<Credential, Fault> {
        self.keeper.credential(&self.account(id)).await
    }

    /// Whether the upstream takes what the keeper hands out, which is what is on disk.
    async fn opens(&self, id: AccountId) -> Result<(), Fault> {
        let credential = self.credential(id).await?;
        assert_eq!(*credential.secrets, self.kept(id), "what is handed out is on disk");
        Arc::clone(&self.engine).check(credential).await.map(|_| ())
    }

    fn at_the_vendor(&self) -> AccountHandle {
        self.upstream.account(NAME)
    }

    /// Renewals that took effect at the vendor, and those that it was asked for by somebody it knows.
    fn renewals(&self) -> (u64, u64) {
        let book = self.at_the_vendor().book();
        let count = |of: &std::collections::BTreeMap<Op, u64>| of.get(&self.way.op()).copied().unwrap_or(0);
        (count(&book.accepted), count(&book.arrived))
    }

    /// Lets time pass, here and there.
    fn advance(&self, by: Duration) {
        self.upstream.advance(by);
        self.clock.advance(by);
    }

    fn heard(&self) -> usize {
        self.news.borrow().len()
    }

    /// The first end of a try that is told after so much else.
    async fn told(&self, after: usize) -> KeeperNews {
        self.told_of(after, |news| !matches!(news, KeeperNews::Renewing(_))).await
    }

    /// The first news of this kind after so much else.
    async fn told_of(&self, after: usize, wanted: impl Fn(&KeeperNews) -> bool) -> KeeperNews {
        let mut news = self.news.clone();
        let all = news.wait_for(|all| all.iter().skip(after).any(&wanted)).await.unwrap();
        all.iter().skip(after).find(|news| wanted(news)).cloned().unwrap()
    }

    /// Lets time pass to the next try, and waits for what comes of it.
    async fn next_try(&self, id: AccountId) -> KeeperNews {
        let (heard, at) = (self.heard(), self.state(id).next_try.unwrap());
        self.clock.somebody_sleeps_until(at).await;
        self.advance(at.since(self.clock.now()));
        self.told(heard).await
    }
}

fn renewer(way: Way, origin: &str, clock: &Arc<ManualClock>) -> Arc<dyn Renewer> {
    let outbound = Arc::new(Outbound::new(OutboundConfig::default(), clock.clone()).unwrap());
    if way.engine() == "firefly" {
        return Arc::new(FireflyTokens::new(firefly::config(origin), outbound, clock.clone()));
    }
    let config = OAuthConfig {
        session_url: format!("{origin}/api/auth/session"),
        token_url: format!("{origin}/oauth/token"),
        ..OAuthConfig::default()
    };
    Arc::new(OAuth::new(config, outbound, clock.clone()))
}

/// The engine, on the system's time: its calls are to end by themselves.
fn engine(way: Way, origin: &str) -> Arc<dyn Engine> {
    let clock = Arc::new(SystemClock);
    let outbound = Arc::new(Outbound::new(OutboundConfig::default(), clock.clone()).unwrap());
    match way.engine() {
        "firefly" => Arc::new(Firefly::new(firefly::config(origin), outbound, clock)),
        _ => Arc::new(Sora::new(SoraConfig::default(), outbound, clock, Arc::new(|| None))),
    }
}
