//! Events: written with the end of their job and only then, delivered at least once, retried in time, and given up in the end.

use crate::support::{Letter, Look, Postman, Reply, Setup, World, new_job};
use atelier_actors::{Units, janitor, key_ring::KeySettings, webhook_courier::Webhooks};
use atelier_domain::{
    code::Code, fault::FaultClass, ids::EventId, key::ApiKey, time::Clock, webhook::WebhookEvent,
};
use atelier_store::{Batch, Expect, ReadError, Row as _, Scan};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const URL: &str = "https://a.example/hook";

/// The waits that ARCHITECTURE.md promises, in seconds.
const WAITS: [u64; 7] = [5, 30, 120, 600, 3_600, 21_600, 57_600];

async fn key_with(world: &World, url: &str) -> Arc<ApiKey> {
    let settings = KeySettings { webhook_url: Some(Some(url.to_owned())), ..KeySettings::default() };
    world.keys.create(settings, 1_000).await.unwrap().0
}

fn courier(world: &World) -> (Webhooks, Arc<Postman>) {
    let postman = Arc::new(Postman::default());
    (courier_with(world, postman.clone()), postman)
}

fn courier_with(world: &World, postman: Arc<Postman>) -> Webhooks {
    let units = Units::start(1);
    let webhooks = Webhooks::open(world.store.clone(), &world.ledger, &[7; 32], world.clock.clone());
    webhooks.start(postman, units.runner());
    webhooks
}

fn outbox(world: &World) -> Vec<WebhookEvent> {
    let rows = world.store.rows::<WebhookEvent>(Scan::all()).unwrap();
    rows.into_iter().map(|(_, event)| event).collect()
}

/// Waits until the outbox is like this; each look is paced by a commit.
async fn until(world: &World, mut is_so: impl FnMut(&[WebhookEvent]) -> bool) -> Vec<WebhookEvent> {
    let began = Instant::now();
    loop {
        let events = outbox(world);
        if is_so(&events) {
            return events;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the outbox stays {events:?}");
        world.store.submit(Batch::new()).await.unwrap();
    }
}

fn header(notice: &atelier_domain::webhook::Notice, name: &str) -> String {
    notice.headers.iter().find(|(found, _)| *found == name).unwrap().1.clone()
}

#[actix::test]
async fn an_event_is_written_with_the_end_of_its_job_and_not_before() {
    let world = World::start(Setup::default()).await;
    let key = key_with(&world, URL).await;
    world.engine.on_poll([Look::Gate]);
    let mut running = world.submit(new_job(&key, 1)).await;
    world.engine.until(|calls| calls.polls == 1).await;
    assert_eq!(outbox(&world), []);
    world.engine.gate.add_permits(1);
    let job = world.end(&mut running.watch).await;
    let events = outbox(&world);
    let id = EventId::from_uuid(job.id.uuid());
    assert_eq!((events.len(), events[0].id, events[0].key), (1, id, key.id));
    assert_eq!(
        serde_json::from_str::<Value>(&events[0].body).unwrap(),
        json!({
            "id": id.to_string(), "object": "event", "created_at": job.updated_at.seconds(), "type": "image.completed",
            "data": { "id": job.id.to_string() },
        })
    );
    assert_eq!(outbox(&world.killed(Setup::default())), events, "a crash lost the event");
    world.assert_books(&key, 999).await;
}

#[actix::test]
async fn a_failure_is_told_and_a_cancel_or_a_key_without_url_is_not() {
    let world = World::start(Setup::default()).await;
    let (told, silent) = (key_with(&world, URL).await, world.metered_key(10).await);
    world.engine.on_submit([Reply::Reject(FaultClass::Content)]);
    world.run(new_job(&told, 1)).await;
    assert_eq!(outbox(&world)[0].kind.word(), "image.failed");
    world.run(new_job(&silent, 1)).await;
    world.engine.on_poll([Look::Hang]);
    let polls = world.engine.calls().polls;
    let mut running = world.submit(new_job(&told, 1)).await;
    world.engine.until(|calls| calls.polls > polls).await;
    world.jobs.cancel(told.id, running.id).await.unwrap();
    world.end(&mut running.watch).await;
    let settings = KeySettings { webhook_url: Some(None), ..KeySettings::default() };
    let told = world.keys.update(told.id, settings).await.unwrap();
    world.run(new_job(&told, 1)).await;
    assert_eq!(outbox(&world).len(), 1);
}

#[actix::test]
async fn an_event_that_a_server_takes_is_signed_and_forgotten() {
    let world = World::start(Setup::default()).await;
    let (_, postman) = courier(&world);
    let key = key_with(&world, URL).await;
    let job = world.run(new_job(&key, 1)).await;
    postman.until(|posts| posts.len() == 1).await;
    until(&world, <[_]>::is_empty).await;
    let post = &postman.posts()[0];
    assert_eq!(post.url, URL);
    assert_eq!(header(post, "webhook-id"), EventId::from_uuid(job.id.uuid()).to_string());
    assert_eq!(header(post, "webhook-timestamp"), world.clock.now().seconds().to_string());
    assert!(header(post, "webhook-signature").starts_with("v1,"));
    assert_eq!(header(post, "content-type"), "application/json");
}

#[actix::test]
async fn a_signing_secret_is_a_keys_own_lasts_until_it_is_rotated_and_is_kept_nowhere() {
    let world = World::start(Setup::default()).await;
    let (webhooks, _) = courier(&world);
    let secret = |key: &ApiKey| webhooks.secret(key).map(|secret| secret.expose().to_owned());
    let (key, other) = (key_with(&world, URL).await, key_with(&world, URL).await);
    let first = secret(&key).unwrap();
    assert!(first.starts_with("whsec_") && first.len() == "whsec_".len() + 44, "{first}");
    assert_ne!(secret(&other).unwrap(), first);
    let same = world.keys.update(key.id, KeySettings::default()).await.unwrap();
    assert_eq!(secret(&same).unwrap(), first, "the secret changed by itself");
    let rotated = world.keys.rotate_webhook_secret(key.id).await.unwrap();
    assert_ne!(secret(&rotated).unwrap(), first);
    let silent = world.keys.create(KeySettings::default(), 0).await.unwrap().0;
    assert_eq!(secret(&silent), None);
    let old = ApiKey { webhook_secrets: 0, ..ApiKey::clone(&key) };
    assert!(secret(&old).is_some(), "a key whose URL is older than the secrets is told nothing");
    world
        .store
        .for_each(ApiKey::TABLE, |_, row| -> Result<(), ReadError> {
            assert!(!String::from_utf8_lossy(row).contains("whsec_"), "a secret is on the disk");
            Ok(())
        })
        .unwrap();
    let elsewhere = Webhooks::open(world.store.clone(), &world.ledger, &[8; 32], world.clock.clone());
    assert_ne!(elsewhere.secret(&key).unwrap().expose(), first, "two installations share a secret");
}

#[actix::test]
async fn a_crash_before_the_row_is_gone_delivers_again_under_the_same_id() {
    let world = World::start(Setup::default()).await;
    let key = key_with(&world, URL).await;
    world.run(new_job(&key, 1)).await;
    let postman = Arc::new(Postman::default());
    postman.at(URL, Letter::Hang);
    courier_with(&world, postman.clone());
    postman.until(|posts| posts.len() == 1).await;
    let after = world.killed(Setup::default());
    let (_, again) = courier(&after);
    again.until(|posts| posts.len() == 1).await;
    until(&after, <[_]>::is_empty).await;
    assert_eq!(header(&again.posts()[0], "webhook-id"), header(&postman.posts()[0], "webhook-id"));
    assert_eq!(again.posts()[0].body, postman.posts()[0].body);
}

#[actix::test]
async fn a_refused_event_is_tried_in_time_and_given_up_after_the_eighth_try() {
    let world = World::start(Setup::default()).await;
    let key = key_with(&world, URL).await;
    world.run(new_job(&key, 1)).await;
    let postman = Arc::new(Postman::default());
    let letters = [
        (Letter::Answer(500), "status 500"),
        (Letter::Panic, "defect"),
        (Letter::Unreachable, "refused"),
        (Letter::Answer(302), "status 302"),
        (Letter::Answer(404), "status 404"),
        (Letter::Answer(199), "status 199"),
        (Letter::Answer(300), "status 300"),
        (Letter::Answer(503), "status 503"),
    ];
    postman.at(URL, letters[0].0);
    courier_with(&world, postman.clone());
    for (tries, wait) in (1..).zip(WAITS) {
        let event = until(&world, |events| events[0].tries == tries).await.remove(0);
        let waits = event.due.since(world.clock.now()).as_secs_f64() / wait as f64;
        assert!((0.89..=1.11).contains(&waits) && event.dead_at.is_none(), "{event:?}");
        assert!(event.last_error.unwrap().contains(letters[tries as usize - 1].1));
        postman.at(URL, letters[tries as usize].0);
        world.clock.advance_to(event.due - Duration::from_millis(1));
        until(&world, |_| true).await;
        assert_eq!(postman.posts().len(), tries as usize, "tried too early");
        world.clock.advance_to(event.due);
    }
    let dead = until(&world, |events| events[0].tries == 8).await.remove(0);
    assert_eq!((dead.dead_at, postman.posts().len()), (Some(world.clock.now()), 8));
    world.clock.advance(Duration::from_secs(86_400));
    until(&world, |_| true).await;
    assert_eq!(postman.posts().len(), 8, "a dead letter was tried");
}

#[actix::test]
async fn a_dead_letter_is_listed_tried_again_when_asked_and_pruned_after_a_week() {
    let world = World::start(Setup::default()).await;
    let key = key_with(&world, URL).await;
    for _ in 0..2 {
        world.run(new_job(&key, 1)).await;
    }
    let died = world.clock.now();
    let mut batch = Batch::new();
    for event in outbox(&world) {
        let dead = WebhookEvent { tries: 8, dead_at: Some(died), ..event };
        batch.put_row(dead.id.uuid().as_bytes(), &dead, Expect::Present).unwrap();
    }
    world.store.submit(batch).await.unwrap();
    let (webhooks, postman) = courier(&world);
    let dead = webhooks.dead(10).await.unwrap();
    assert_eq!((dead.len(), webhooks.dead(1).await.unwrap()), (2, vec![dead[0].clone()]));
    assert!(dead[0].id > dead[1].id, "the latest is not first");
    webhooks.retry(dead[0].id).await.unwrap();
    until(&world, |events| events.len() == 1).await;
    assert_eq!(postman.posts().len(), 1);
    let gone = webhooks.retry(dead[0].id).await.err().unwrap();
    assert_eq!(gone.code, Code::WebhookNotFound);
    let week = Duration::from_secs(7 * 86_400);
    for (at, left) in [(died + week - Duration::from_millis(1), 1), (died + week, 0)] {
        world.clock.advance_to(at);
        let (store, clock) = (world.store.clone(), world.clock.clone());
        tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap();
        assert_eq!(outbox(&world).len(), left);
    }
}

#[actix::test]
async fn a_server_that_hangs_holds_up_no_other_key() {
    let world = World::start(Setup::default()).await;
    let (slow, quick) = (key_with(&world, "https://slow.example/").await, key_with(&world, URL).await);
    for _ in 0..20 {
        world.run(new_job(&slow, 1)).await;
    }
    let postman = Arc::new(Postman::default());
    postman.at("https://slow.example/", Letter::Hang);
    courier_with(&world, postman.clone());
    postman.until(|posts| posts.len() == 4).await;
    world.run(new_job(&quick, 1)).await;
    postman.until(|posts| posts.iter().any(|post| post.url == URL)).await;
    until(&world, |events| events.len() == 20).await;
    assert_eq!(postman.posts().len(), 5, "one key has more than its places");
}

#[actix::test]
async fn what_a_deleted_key_or_one_without_url_was_to_be_told_is_dropped() {
    let world = World::start(Setup::default()).await;
    let (deleted, cleared) = (key_with(&world, URL).await, key_with(&world, URL).await);
    for key in [&deleted, &cleared] {
        world.run(new_job(key, 1)).await;
    }
    assert_eq!(outbox(&world).len(), 2);
    world.keys.delete(deleted.id).await.unwrap();
    let settings = KeySettings { webhook_url: Some(None), ..KeySettings::default() };
    world.keys.update(cleared.id, settings).await.unwrap();
    let (_, postman) = courier(&world);
    until(&world, <[_]>::is_empty).await;
    assert!(postman.posts().is_empty());
}
