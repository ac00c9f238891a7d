//! The key ring: who gets in, and from when on not any more.

use crate::support::{Setup, World};
use atelier_actors::key_ring::{KeyRing, KeySettings};
use atelier_domain::{code::Code, time::Clock};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

fn reopened(world: &World) -> KeyRing {
    KeyRing::open(world.store.clone(), world.ledger.clone(), world.clock.clone()).unwrap()
}

#[actix::test]
async fn the_first_key_is_made_once_and_not_again_after_it_was_deleted() {
    let world = World::start(Setup::default()).await;
    let secret = world.keys.bootstrap(None).await.unwrap().unwrap();
    let key = world.keys.authenticate(secret.expose()).unwrap();
    assert!(!key.metered && key.bootstrap);
    assert!(world.keys.bootstrap(None).await.unwrap().is_none());
    let ring = reopened(&world);
    assert!(ring.bootstrap(None).await.unwrap().is_none());
    assert_eq!(ring.authenticate(secret.expose()).unwrap().id, key.id);
    ring.delete(key.id).await.unwrap();
    let ring = reopened(&world);
    assert!(ring.bootstrap(None).await.unwrap().is_none());
    assert!(ring.authenticate(secret.expose()).is_none() && ring.list().is_empty());
}

#[actix::test]
async fn a_configured_key_follows_the_configuration_and_takes_no_other_keys_secret() {
    let world = World::start(Setup::default()).await;
    assert!(world.keys.bootstrap(Some("sk-one")).await.unwrap().is_none());
    let id = world.keys.authenticate("sk-one").unwrap().id;
    world.keys.bootstrap(Some("sk-two")).await.unwrap();
    assert!(world.keys.authenticate("sk-one").is_none());
    assert_eq!(world.keys.authenticate("sk-two").unwrap().id, id);
    let (other, secret) = world.keys.create(KeySettings::default(), 3).await.unwrap();
    world.keys.bootstrap(Some(secret.expose())).await.unwrap();
    assert_eq!(world.keys.authenticate(secret.expose()).unwrap().id, other.id);
    assert_eq!(world.keys.list().len(), 2);
}

#[actix::test]
async fn a_rotated_a_deleted_a_disabled_and_an_expired_key_open_nothing_at_once_and_after_a_restart() {
    let world = World::start(Setup::default()).await;
    let (key, old) = world.keys.create(KeySettings::default(), 0).await.unwrap();
    let (_, new) = world.keys.rotate(key.id).await.unwrap();
    for ring in [world.keys.clone(), reopened(&world)] {
        assert!(ring.authenticate(old.expose()).is_none());
        assert!(ring.authenticate(new.expose()).is_some());
    }
    let end = world.clock.now() + Duration::from_secs(10);
    let until = KeySettings { expires_at: Some(Some(end)), ..KeySettings::default() };
    world.keys.update(key.id, until).await.unwrap();
    assert!(world.keys.authenticate(new.expose()).is_some());
    world.clock.advance_to(end);
    assert!(world.keys.authenticate(new.expose()).is_none());
    let again = KeySettings { expires_at: Some(None), disabled: Some(true), ..KeySettings::default() };
    world.keys.update(key.id, again).await.unwrap();
    assert!(world.keys.authenticate(new.expose()).is_none());
    let enabled = KeySettings { disabled: Some(false), ..KeySettings::default() };
    world.keys.update(key.id, enabled).await.unwrap();
    assert!(world.keys.authenticate(new.expose()).is_some());
    world.keys.delete(key.id).await.unwrap();
    for ring in [world.keys.clone(), reopened(&world)] {
        assert!(ring.authenticate(new.expose()).is_none() && ring.get(key.id).is_none());
        assert_eq!(ring.rotate(key.id).await.err().unwrap().code, Code::KeyNotFound);
    }
}

#[actix::test]
async fn a_change_is_seen_even_when_whoever_asked_for_it_left() {
    let world = World::start(Setup::default()).await;
    let (key, secret) = world.keys.create(KeySettings::default(), 0).await.unwrap();
    {
        // Begun, and dropped before it is answered.
        let mut delete = pin!(world.keys.delete(key.id));
        assert!(poll_fn(|context| Poll::Ready(delete.as_mut().poll(context).is_pending())).await);
    }
    // Changes take turns, so the next answer comes after it.
    world.keys.create(KeySettings::default(), 0).await.unwrap();
    assert!(world.keys.authenticate(secret.expose()).is_none());
}

#[actix::test]
async fn changes_at_once_lose_none_and_a_bad_opening_credit_makes_no_key() {
    let world = World::start(Setup::default()).await;
    let (key, _) = world.keys.create(KeySettings::default(), 7).await.unwrap();
    let rpm = KeySettings { rpm: Some(Some(5)), ..KeySettings::default() };
    let name = KeySettings { name: Some("new".into()), ..KeySettings::default() };
    let (one, two) = tokio::join!(world.keys.update(key.id, rpm), world.keys.update(key.id, name));
    one.and(two).unwrap();
    let kept = reopened(&world).get(key.id).unwrap();
    assert_eq!((kept.rpm, kept.name.as_str()), (Some(5), "new"));
    assert_eq!(world.keys.create(KeySettings::default(), -1).await.err().unwrap().code, Code::BelowZero);
    assert_eq!(world.keys.list().len(), 1);
    let refused = world.keys.grant(key.id, -8, None).await.err().unwrap();
    assert_eq!(refused.code, Code::BelowZero);
    assert_eq!(world.keys.grant(key.id, -7, None).await.unwrap().available, 0);
    world.assert_books(&key, 0).await;
}

#[actix::test]
async fn a_first_key_replaced_by_the_admin_survives_a_start_with_the_old_configuration() {
    let world = World::start(Setup::default()).await;
    let secret = atelier_actors::key_ring::KeySecret::given;
    world.keys.bootstrap(Some("sk-configured")).await.unwrap();
    let first = world.keys.first().unwrap();
    let (other, others) = world.keys.create(KeySettings::default(), 0).await.unwrap();
    let refused = world.keys.replace_first(&others).await.unwrap_err();
    assert_eq!(refused.code, Code::BadField, "two keys cannot have one secret");
    let replaced = world.keys.replace_first(&secret("sk-replaced")).await.unwrap();
    assert_eq!(replaced.id, first.id);
    assert!(world.keys.is_first_replaced().unwrap());
    world.keys.bootstrap(Some("sk-configured")).await.unwrap();
    assert!(world.keys.authenticate("sk-configured").is_none());
    assert_eq!(world.keys.authenticate("sk-replaced").unwrap().id, first.id);
    world.keys.bootstrap(Some("sk-configured-anew")).await.unwrap();
    assert_eq!(world.keys.authenticate("sk-configured-anew").unwrap().id, first.id);
    assert_eq!(world.keys.authenticate(others.expose()).unwrap().id, other.id);
}
