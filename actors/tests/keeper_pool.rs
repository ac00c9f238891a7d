//! The keeper as the pool's steward: what a refused credential means for its account.

use crate::support::{Answer, Cabinet, ENGINE, Puppet, SESSION, START, access_token, refresh_token};
use atelier_actors::{
    account_book::AccountDraft,
    account_pool::{Need, Outcome, Pool, PoolConfig, PoolParts, Wants},
    credential_keeper::KeeperNews,
};
use atelier_domain::{
    account::{Account, Off},
    engine::Engine,
    fault::{Fault, FaultClass},
    ids::{AccountId, KeyId},
    job::{JobKind, Route},
    secret::Secret,
    time::{Clock, Millis},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use uuid::Uuid;

/// A pool over this cabinet's accounts.
fn pool(cabinet: &Cabinet) -> Pool {
    let parts = PoolParts {
        accounts: cabinet.book.list().iter().map(|account| Account::clone(account)).collect(),
        config: PoolConfig {
            error_ban_threshold: 3,
            rate_limited_cooldown: Duration::from_secs(60),
            overloaded_cooldown: Duration::from_secs(5),
            quota_cooldown: Duration::from_secs(3600),
        },
        engines: HashMap::from([(ENGINE.to_owned(), Arc::new(Puppet::default()) as Arc<dyn Engine>)]),
        steward: Arc::new(cabinet.keeper.clone()),
        clock: cabinet.clock.clone(),
    };
    let pool = Pool::start(parts, cabinet.units.core());
    cabinet.book.tell(pool.clone());
    pool
}

fn need() -> Need {
    Need {
        key: KeyId::from_uuid(Uuid::from_u128(1)),
        kind: Some(JobKind::Image),
        routes: vec![Route::new(ENGINE, "model")],
        wants: Wants::default(),
        avoid: vec![],
        deadline: Millis(i64::MAX),
    }
}

fn refused() -> Outcome {
    Outcome::Fault(Fault::new(FaultClass::Auth, "401"))
}

/// What an attempt with the account goes out with.
async fn lent(pool: &Pool) -> (AccountId, Secret) {
    let mut lease = pool.acquire(need()).await.unwrap();
    let credential = pool.steward().credential(lease.account.clone()).await.unwrap();
    lease.opened_with = Some(credential.clone());
    lease.finish(refused());
    (credential.account, credential.secrets.token.clone().unwrap())
}

async fn until(reached: impl Fn() -> bool) {
    while !reached() {
        tokio::task::yield_now().await;
    }
}

#[actix_rt::test]
async fn an_account_whose_token_is_refused_goes_on_with_a_new_one() {
    let cabinet = Cabinet::new();
    let first = access_token(9, START, Duration::from_secs(3600));
    let id = cabinet.add(&[("token", &first), ("refresh_token", &refresh_token(0))]).await;
    let pool = pool(&cabinet);
    assert_eq!(lent(&pool).await, (id, first.clone()));
    cabinet.vendor.asked(1).await;
    // Whoever asks next waits for the renewal, and is not turned away.
    let (_, second) = lent(&pool).await;
    assert_ne!(second, first);
    assert_eq!(cabinet.vendor.orders().len(), 1);
    // Another one is not had within the minute: the account waits for it.
    until(|| cabinet.keeper.state(id).is_some_and(|state| state.next_try.is_some())).await;
    assert_eq!(cabinet.vendor.orders().len(), 1);
    cabinet.clock.advance(Duration::from_secs(60));
    cabinet.vendor.asked(2).await;
    let (_, third) = lent(&pool).await;
    assert_ne!(third, second);
    assert!(cabinet.account(id).enabled);
}

#[actix_rt::test]
async fn what_opens_an_accounts_new_address_never_goes_to_its_old_one() {
    let cabinet = Cabinet::new();
    let (old, new) = (Secret::new("sk-old"), Secret::new("sk-new"));
    let id = cabinet.add(&[("token", &old)]).await;
    let pool = pool(&cabinet);
    let lease = pool.acquire(need()).await.unwrap();
    let draft = AccountDraft {
        base_url: Some(Some("http://new.example/v1".to_owned())),
        secrets: vec![("token", new.clone())],
        ..AccountDraft::default()
    };
    cabinet.book.change(cabinet.account(id).number, draft).await.unwrap();
    // A job that is followed at the old address, with the account as it was lent.
    let fault = pool.steward().credential(lease.account.clone()).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Network, "nobody is switched off for it");
    lease.finish(Outcome::Neutral);
    let lease = pool.acquire(need()).await.unwrap();
    let credential = pool.steward().credential(lease.account.clone()).await.unwrap();
    assert_eq!(credential.endpoint.base_url.as_deref(), Some("http://new.example/v1"));
    assert_eq!(credential.secrets.token, Some(new));

    let dialect = AccountDraft { dialect: Some(Some("localai".to_owned())), ..AccountDraft::default() };
    cabinet.book.change(cabinet.account(id).number, dialect).await.unwrap();
    let followed = pool.steward().credential(lease.account.clone()).await.unwrap();
    assert_eq!(followed, credential, "a job goes on as it began at an address that has not changed");
    lease.finish(Outcome::Neutral);
}

#[actix_rt::test]
async fn an_account_that_waits_for_a_token_rests_in_the_pool_and_stays_on() {
    let cabinet = Cabinet::new();
    cabinet.vendor.will([Answer::Fail(FaultClass::Network)]);
    let first = access_token(9, START, Duration::from_secs(3600));
    let id = cabinet.add(&[("token", &first), ("session_token", &Secret::new(SESSION))]).await;
    let pool = pool(&cabinet);
    lent(&pool).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Failed { .. })).await;
    let lease = pool.acquire(need()).await.unwrap();
    let fault = pool.steward().credential(lease.account.clone()).await.unwrap_err();
    let next_try = cabinet.keeper.state(id).unwrap().next_try;
    assert_eq!((fault.class, fault.retry_at), (FaultClass::RateLimited, next_try));
    lease.finish(Outcome::Fault(fault));
    assert!(cabinet.account(id).enabled, "what passes switches nothing off");
    let at = next_try.unwrap();
    let (lease, ()) = futures_util::join!(pool.acquire(need()), async {
        cabinet.clock.somebody_sleeps_until(at).await;
        cabinet.clock.advance_to(at);
    });
    assert!(cabinet.clock.now() >= at);
    let credential = pool.steward().credential(lease.unwrap().account.clone()).await.unwrap();
    assert_ne!(credential.secrets.token, Some(first));
}

#[actix_rt::test]
async fn a_refused_key_that_cannot_be_renewed_switches_its_account_off() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("token", &Secret::new("sk-of-an-api"))]).await;
    let pool = pool(&cabinet);
    lent(&pool).await;
    until(|| !cabinet.account(id).enabled).await;
    assert_eq!(cabinet.account(id).off, Some(Off::TokenInvalid));
    assert!(pool.acquire(need()).await.is_err());
    cabinet.put(id, &[("token", &Secret::new("sk-another"))]).await;
    assert_eq!(lent(&pool).await, (id, Secret::new("sk-another")));
}
