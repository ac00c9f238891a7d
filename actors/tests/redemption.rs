//! Redeem codes: used once, whoever comes at the same time; their texts kept nowhere; guessing throttled.

use crate::support::{Setup, World};
use atelier_actors::redemption::{NewCodes, Redemption};
use atelier_domain::{
    code::Code,
    time::{Clock, Millis},
};
use atelier_store::{Scan, Table};
use std::time::Duration;

fn codes(world: &World) -> Redemption {
    Redemption::new(world.store.clone(), world.ledger.clone(), world.clock.clone())
}

fn new(count: usize) -> NewCodes {
    NewCodes { amount: 50, count, name: "spring".into(), expires_at: None }
}

#[actix::test]
async fn a_code_that_fifty_keys_use_at_once_gives_one_of_them_its_credit_once() {
    let world = World::start(Setup::default()).await;
    let codes = codes(&world);
    let (_, text) = codes.create(&new(1)).await.unwrap().remove(0);
    let mut keys = Vec::new();
    for _ in 0..50 {
        keys.push(world.metered_key(0).await);
    }
    let tries = keys.iter().map(|key| codes.redeem(key.id, text.expose()));
    let outcomes = futures_util::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes.iter().flat_map(|o| o.as_ref().err()).all(|refused| refused.code == Code::RedeemCodeUsed)
    );
    let balances: Vec<_> = keys.iter().map(|key| world.ledger.balance(key.id).unwrap().available).collect();
    assert_eq!(balances.iter().sum::<i64>(), 50);
    assert_eq!(balances.iter().filter(|balance| **balance == 50).count(), 1);
    let listed = codes.list(None, 10).unwrap();
    let winner = keys[balances.iter().position(|balance| *balance == 50).unwrap()].id;
    assert_eq!(listed[0].redeemed.as_ref().map(|used| used.key), Some(winner));
    assert!(world.ledger.verify().await.unwrap().is_ok());
    // The same key again, and after a crash.
    assert_eq!(codes.redeem(winner, text.expose()).await.unwrap_err().code, Code::RedeemCodeUsed);
    let after = world.killed(Setup::default());
    let again = self::codes(&after);
    assert_eq!(again.redeem(winner, text.expose()).await.unwrap_err().code, Code::RedeemCodeUsed);
    assert_eq!(after.ledger.balance(winner).unwrap().available, 50);
}

#[actix::test]
async fn texts_are_kept_nowhere_and_unused_codes_can_be_taken_back() {
    let world = World::start(Setup::default()).await;
    let codes = codes(&world);
    let made = codes.create(&new(3)).await.unwrap();
    let rows = world.store.scan(Table::RedeemCodes, Scan::all()).unwrap();
    let kept: String = rows
        .iter()
        .flat_map(|(key, row)| [key, row])
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    for (_, text) in &made {
        let parts: Vec<_> = text.expose().split('-').collect();
        assert!(parts[1..].iter().all(|part| !kept.contains(part)), "{kept}");
    }
    let key = world.metered_key(0).await;
    codes.redeem(key.id, &made[0].1.expose().to_lowercase()).await.unwrap();
    assert_eq!(codes.delete(&made[0].0.id).await.unwrap_err().code, Code::RedeemCodeUsed);
    codes.delete(&made[1].0.id).await.unwrap();
    assert_eq!(codes.delete(&made[1].0.id).await.unwrap_err().code, Code::RedeemCodeNotFound);
    assert_eq!(codes.delete("").await.unwrap_err().code, Code::RedeemCodeNotFound);
    assert_eq!(codes.redeem(key.id, made[1].1.expose()).await.unwrap_err().code, Code::RedeemCodeNotFound);
    let pages =
        [codes.list(None, 1).unwrap(), codes.list(Some(&codes.list(None, 1).unwrap()[0].id), 5).unwrap()];
    assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), 2);
}

#[actix::test]
async fn a_code_past_its_time_gives_nothing_and_guessing_is_throttled_for_one_key() {
    let world = World::start(Setup::default()).await;
    let codes = codes(&world);
    let until = world.clock.now() + Duration::from_secs(60);
    let brief = NewCodes { expires_at: Some(until), ..new(1) };
    let (_, text) = codes.create(&brief).await.unwrap().remove(0);
    world.clock.advance_to(Millis(until.0));
    let (guesser, other) = (world.metered_key(0).await, world.metered_key(0).await);
    assert_eq!(codes.redeem(other.id, text.expose()).await.unwrap_err().code, Code::RedeemCodeExpired);
    for _ in 0..10 {
        assert_eq!(codes.redeem(guesser.id, "nothing").await.unwrap_err().code, Code::RedeemCodeNotFound);
    }
    let (_, good) = codes.create(&new(1)).await.unwrap().remove(0);
    let refused = codes.redeem(guesser.id, good.expose()).await.unwrap_err();
    assert_eq!(refused.code, Code::RedeemThrottled);
    assert!(refused.retry_after.is_some());
    codes.redeem(other.id, good.expose()).await.unwrap();
    world.clock.advance(Duration::from_secs(300));
    assert_eq!(codes.redeem(guesser.id, good.expose()).await.unwrap_err().code, Code::RedeemCodeUsed);
}
