//! The account book: numbers, secrets, twins, what a look at an account changes, and what the configuration asks for.

use crate::support::{ENGINE, ManualClock, Puppet, Verdict};
use atelier_actors::{
    Units,
    account_book::{
        AccountBook, AccountDraft, Checkups, Entry, LaneDraft, PlainSteward, Revive, Switched, Wanted,
    },
    account_pool::{Pool, PoolConfig, PoolParts},
    vault::Vault,
};
use atelier_domain::{
    account::{Account, Off},
    code::Code,
    engine::{Checkup, Engine},
    fault::FaultClass,
    secret::Secret,
    time::{Clock, Millis},
};
use atelier_store::{OpenOptions, Store};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tempfile::TempDir;

struct Office {
    dir: TempDir,
    clock: Arc<ManualClock>,
    engine: Arc<Puppet>,
    book: AccountBook,
    pool: Pool,
    checkups: Checkups,
}

impl Office {
    fn open(dir: TempDir) -> Self {
        let store = Store::open(OpenOptions::new(dir.path())).unwrap();
        let (clock, engine) = (Arc::new(ManualClock::at(1_000_000)), Arc::new(Puppet::default()));
        let book = AccountBook::open(store.clone(), Vault::open(store, &[7; 32]), clock.clone()).unwrap();
        let engines = HashMap::from([(ENGINE.to_owned(), engine.clone() as Arc<dyn Engine>)]);
        let units = Units::start(1);
        let parts = PoolParts {
            accounts: book.list().iter().map(|account| Account::clone(account)).collect(),
            config: PoolConfig {
                error_ban_threshold: 3,
                rate_limited_cooldown: Duration::from_secs(60),
                overloaded_cooldown: Duration::from_secs(5),
                quota_cooldown: Duration::from_secs(3600),
            },
            engines: engines.clone(),
            steward: Arc::new(PlainSteward(book.clone())),
            clock: clock.clone(),
        };
        let pool = Pool::start(parts, units.core());
        book.tell(pool.clone());
        let checkups =
            Checkups::new(book.clone(), pool.clone(), engines, clock.clone(), units.runner().clone());
        Self { dir, clock, engine, book, pool, checkups }
    }

    fn fresh() -> Self {
        Self::open(TempDir::new().unwrap())
    }

    /// The same after an orderly end.
    fn again(self) -> Self {
        let Self { dir, book, pool, checkups, .. } = self;
        drop((book, pool, checkups));
        let copy = TempDir::new().unwrap();
        crate::support::copy_tree(dir.path(), copy.path());
        Self::open(copy)
    }

    fn pooled(&self) -> Vec<(u64, bool)> {
        let accounts = self.pool.accounts();
        let mut seen: Vec<_> =
            accounts.iter().map(|(account, _)| (account.number, account.enabled)).collect();
        seen.sort_unstable();
        seen
    }
}

fn draft(token: &str) -> AccountDraft {
    AccountDraft {
        engine: ENGINE.into(),
        secrets: vec![("token", Secret::new(token))],
        ..AccountDraft::default()
    }
}

fn with_email(token: &str, email: &str) -> AccountDraft {
    AccountDraft { email: Some(Some(email.into())), ..draft(token) }
}

#[actix::test]
async fn numbers_are_given_once_however_accounts_come_and_go() {
    let office = Office::fresh();
    for number in 1..=3 {
        let added = office.book.add(draft(&format!("sk-{number}"))).await.unwrap();
        assert_eq!((added.number, added.name.as_str()), (number, format!("{ENGINE}-{number}").as_str()));
    }
    office.book.remove(3).await.unwrap();
    assert_eq!(office.book.remove(3).await.unwrap_err().code, Code::AccountNotFound);
    assert_eq!(office.pooled(), [(1, true), (2, true)]);
    let office = office.again();
    assert_eq!(office.book.add(draft("sk-4")).await.unwrap().number, 4);
    assert_eq!(office.pooled(), [(1, true), (2, true), (4, true)]);
}

#[actix::test]
async fn secrets_come_back_after_a_restart_and_a_change_keeps_what_it_does_not_name() {
    let office = Office::fresh();
    let mut given = draft("sk-1");
    given.secrets.push(("proxy_url", Secret::new("http://u:p@proxy:1")));
    office.book.add(given).await.unwrap();
    let office = office.again();
    let change = AccountDraft {
        remark: Some(Some("lent".into())),
        secrets: vec![("proxy_url", Secret::default())],
        videos: LaneDraft { enabled: Some(false), slots: None },
        ..AccountDraft::default()
    };
    let changed = office.book.change(1, change).await.unwrap();
    let secrets = office.book.secrets(&changed).unwrap();
    assert_eq!((secrets.token, secrets.proxy_url), (Some(Secret::new("sk-1")), None));
    assert_eq!((changed.remark.as_deref(), changed.videos.enabled), (Some("lent"), false));
    let (seen, _) = &office.pool.accounts()[0];
    assert_eq!(**seen, *changed, "the pool knows");
    office.book.remove(1).await.unwrap();
    assert_eq!(office.book.secrets(&changed).unwrap(), Default::default(), "secrets go with their account");
}

#[actix::test]
async fn one_credential_makes_one_account_even_when_it_comes_twenty_times_at_once() {
    let office = Office::fresh();
    let adds = (0..20).map(|_| office.book.add(draft("sk-same")));
    let outcomes = futures_util::future::join_all(adds).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes.iter().flat_map(|o| o.as_ref().err()).all(|refused| refused.code == Code::AccountExists)
    );
    office.book.add(draft("sk-other")).await.unwrap();
    let same = AccountDraft { secrets: vec![("token", Secret::new("sk-same"))], ..AccountDraft::default() };
    assert_eq!(office.book.change(2, same).await.unwrap_err().code, Code::AccountExists);
    office.book.add(with_email("sk-3", "a@b.example")).await.unwrap();
    let refused = office.book.add(with_email("sk-4", "A@b.example")).await.unwrap_err();
    assert_eq!(refused.code, Code::AccountExists);
    assert!(!refused.message.contains("sk-"), "{}", refused.message);
}

#[actix::test]
async fn an_import_changes_the_account_with_the_same_address_and_rows_fail_alone() {
    let office = Office::fresh();
    office.book.add(with_email("sk-1", "a@b.example")).await.unwrap();
    office.book.add(draft("sk-taken")).await.unwrap();
    let row = |draft| Entry { draft, updates: true };
    let rows = vec![
        row(with_email("sk-1-new", "a@b.example")),
        row(with_email("sk-taken", "c@b.example")),
        row(with_email("sk-3", "d@b.example")),
        row(with_email("sk-3-new", "D@b.example")),
    ];
    let written = office.book.write_all(rows).await.unwrap();
    let told: Vec<_> = written
        .iter()
        .map(|row| row.as_ref().map(|row| (row.account.number, row.added)).map_err(|refused| refused.code))
        .collect();
    assert_eq!(told, [Ok((1, false)), Err(Code::AccountExists), Ok((3, true)), Ok((3, false))]);
    let token = |number| office.book.secrets(&office.book.get(number).unwrap()).unwrap().token.unwrap();
    assert_eq!((token(1).expose(), token(3).expose()), ("sk-1-new", "sk-3-new"));
    office.book.add(draft("sk-1")).await.expect("the credential that was replaced is nobody's any more");
}

#[actix::test]
async fn a_look_uses_the_accounts_own_credential_and_what_it_finds_is_kept() {
    let office = Office::fresh();
    office.book.add(draft("sk-look")).await.unwrap();
    let mut found = Checkup::default();
    found.identity.email = Some("me@up.example".into());
    office.engine.on_check(Verdict::Fine(Box::new(found)));
    let report = office.checkups.check(1, Revive::ByFaults).await.unwrap();
    assert_eq!((report.problem, report.switched), (None, None));
    assert_eq!(office.engine.checked.lock().unwrap()[0].secrets.token, Some(Secret::new("sk-look")));
    let office = office.again();
    let kept = office.book.get(1).unwrap();
    assert_eq!(kept.identity.email.as_deref(), Some("me@up.example"));
    assert_eq!(kept.checked.at, Some(Millis(1_000_000)));
    assert_eq!(office.checkups.check(9, Revive::All).await.unwrap_err().code, Code::AccountNotFound);
}

#[actix::test]
async fn a_refused_credential_switches_off_an_unreachable_upstream_does_not_and_a_panic_is_only_a_failed_look()
 {
    let office = Office::fresh();
    for number in 1..=3 {
        office.book.add(draft(&format!("sk-{number}"))).await.unwrap();
    }
    for (number, verdict, switched) in [
        (1, Verdict::Fail(FaultClass::Auth), Some(Switched::Off)),
        (2, Verdict::Fail(FaultClass::Network), None),
        (3, Verdict::Panic, None),
    ] {
        office.engine.on_check(verdict);
        let report = office.checkups.check(number, Revive::ByFaults).await.unwrap();
        assert!(report.problem.is_some());
        assert_eq!(report.switched, switched, "{number}");
    }
    assert_eq!(office.pooled(), [(1, false), (2, true), (3, true)]);
    assert_eq!(office.book.get(1).unwrap().off, Some(Off::TokenInvalid));
    assert_eq!(office.book.get(2).unwrap().checked.at, None, "nobody saw whether it works");
    let report = office.checkups.check(1, Revive::ByFaults).await.unwrap();
    assert_eq!(report.switched, Some(Switched::On));
    assert_eq!(office.pooled()[0], (1, true));
}

#[actix::test]
async fn an_upstream_that_never_answers_is_given_up() {
    let office = Office::fresh();
    office.book.add(draft("sk-1")).await.unwrap();
    office.engine.on_check(Verdict::Hang);
    let until = office.clock.now() + Duration::from_secs(20);
    let look = office.checkups.check(1, Revive::ByFaults);
    let wait = async {
        office.clock.somebody_sleeps_until(until).await;
        office.clock.advance_to(until);
    };
    let (report, ()) = tokio::join!(look, wait);
    assert!(report.unwrap().problem.unwrap().contains("in time"));
}

#[actix::test]
async fn many_looks_are_told_apart_and_revive_what_the_operator_asks_to_be_tried() {
    let office = Office::fresh();
    for number in 1..=12 {
        office.book.add(draft(&format!("sk-{number}"))).await.unwrap();
    }
    assert_eq!(office.book.switch_all(false).await.unwrap(), 12);
    let looks = office.checkups.check_all((1..=12).collect(), Revive::All).await;
    assert!(looks.iter().all(|(_, report)| report.as_ref().unwrap().switched == Some(Switched::On)));
    assert_eq!(looks.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    office.book.switch(7, false).await.unwrap();
    assert_eq!(office.book.remove_disabled().await.unwrap(), 1);
    assert_eq!(office.pooled().len(), 11);
}

#[actix::test]
async fn what_the_pool_switches_off_stays_off_after_a_restart() {
    let office = Office::fresh();
    let account = office.book.add(draft("sk-1")).await.unwrap();
    office.book.switch_off(account.id, Off::ErrorLimit).await.unwrap();
    let office = office.again();
    assert_eq!(office.book.get(1).unwrap().off, Some(Off::ErrorLimit));
}

#[actix::test]
async fn accounts_of_the_configuration_are_made_once_and_the_operators_changes_stay() {
    let wanted = |accounts| Wanted { engine: ENGINE, accounts, slots: 4 };
    let office = Office::fresh();
    office.book.provision(&wanted(2)).await.unwrap();
    office.book.switch(1, false).await.unwrap();
    office.book.remove(2).await.unwrap();
    let office = office.again();
    office.book.provision(&wanted(2)).await.unwrap();
    assert_eq!(office.pooled(), [(1, false)], "nothing is undone by a restart");
    office.book.provision(&wanted(3)).await.unwrap();
    assert_eq!(office.pooled(), [(1, false), (3, true)]);
    assert_eq!(office.book.get(3).unwrap().name, format!("{ENGINE}-3"));
}
