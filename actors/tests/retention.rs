//! What the janitor takes away, when, and what it must leave.

use crate::support::{Setup, World, new_job};
use atelier_actors::{janitor, job_supervisor::NewJob};
use atelier_domain::{job::JobState, time::Clock};
use atelier_store::Table;
use std::{sync::Arc, time::Duration};

async fn walk(world: &World) -> usize {
    let (store, clock) = (world.store.clone(), world.clock.clone());
    tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap()
}

fn long(new: NewJob) -> NewJob {
    let mut new = new;
    new.work.prompt_mut().text = Some("long ".repeat(5_000));
    new
}

fn files(world: &World) -> u64 {
    world.store.media().usage().unwrap().files
}

#[actix::test]
async fn a_job_its_prompt_and_its_files_go_when_their_time_is_over_and_not_before() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let job = world.run(long(new_job(&key, 2))).await;
    let until = job.keep_until.unwrap();
    assert_eq!(until, job.ended_at.unwrap() + Duration::from_secs(3_600));
    assert_eq!(files(&world), 3);
    world.clock.advance_to(until - Duration::from_millis(1));
    assert_eq!((walk(&world).await, files(&world)), (0, 3));
    world.clock.advance_to(until);
    assert_eq!((walk(&world).await, files(&world)), (3, 0));
    assert!(world.jobs.get(key.id, job.id).unwrap().is_none());
    world.assert_books(&key, 8).await;
}

#[actix::test]
async fn what_an_idempotency_key_answers_with_is_kept_as_long_as_the_key() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let keyed = NewJob { idempotency_key: Some("k".into()), ..new_job(&key, 1) };
    let job = world.run(keyed.clone()).await;
    let until = job.created_at + Duration::from_secs(86_400);
    world.clock.advance_to(until - Duration::from_millis(1));
    assert_eq!((walk(&world).await, files(&world)), (0, 1));
    assert_eq!(world.submit(keyed).await.watch.job(), job);
    world.clock.advance_to(until);
    assert_eq!((walk(&world).await, files(&world)), (3, 0), "job, file and idempotency row");
}

#[actix::test]
async fn an_open_job_is_never_taken_away() {
    let world =
        World::start(Setup { accounts: vec![crate::support::account(1, 0)], ..Setup::default() }).await;
    let key = world.metered_key(1).await;
    let mut new = long(new_job(&key, 1));
    new.timeout = Duration::from_secs(1_000_000);
    let submitted = world.submit(new).await;
    world.clock.advance(Duration::from_secs(500_000));
    assert_eq!((walk(&world).await, files(&world)), (0, 1));
    assert_eq!(world.jobs.get(key.id, submitted.id).unwrap().unwrap().state, JobState::Queued);
}

#[actix::test]
async fn orphans_go_after_an_hour_but_never_a_file_that_is_named_or_not_ours() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let job = world.run(long(new_job(&key, 1))).await;
    let orphan = format!("media_{}", "0199abcd000070008000000000000001");
    world.store.media().write(&orphan, b"x").unwrap();
    world.store.media().write("somebody-elses", b"x").unwrap();
    // Files are as old as the machine's clock says, which is far ahead of the test's.
    let written = std::fs::metadata(world.store.media().path(&orphan).unwrap()).unwrap().modified().unwrap();
    let written = written.duration_since(std::time::UNIX_EPOCH).unwrap();
    world.clock.advance_to(atelier_domain::time::Millis(0) + written + Duration::from_secs(3_500));
    world.keep(&job, world.clock.now() + Duration::from_secs(1_000_000)).await;
    assert_eq!((walk(&world).await, files(&world)), (0, 4));
    world.clock.advance(Duration::from_secs(200));
    assert_eq!((walk(&world).await, files(&world)), (0, 3));
    assert!(world.store.media().read(&orphan).is_err());
    assert!(world.store.media().read(&job.outputs[0].media.to_string()).is_ok());
}

#[actix::test]
async fn a_row_that_cannot_be_read_stops_nobody_else_from_going() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let job = world.run(new_job(&key, 1)).await;
    let mut batch = atelier_store::Batch::new();
    batch.put(Table::Jobs, [0u8; 16], "nonsense");
    world.store.submit(batch).await.unwrap();
    world.clock.advance_to(job.keep_until.unwrap());
    assert_eq!(walk(&world).await, 2);
    assert!(world.store.get(Table::Jobs, &[0u8; 16]).unwrap().is_some());
}

#[actix::test]
async fn the_janitor_walks_by_itself() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let job = world.run(new_job(&key, 1)).await;
    let config =
        janitor::JanitorConfig { every: Duration::from_secs(60), export_every: Duration::from_secs(3_600) };
    let units = atelier_actors::Units::start(1);
    janitor::start(
        world.store.clone(),
        world.clock.clone() as Arc<dyn Clock>,
        config,
        Arc::new(|| Duration::from_secs(86_400)),
        units.core(),
    );
    let first = world.clock.now() + Duration::from_secs(60);
    world.clock.somebody_sleeps_until(first).await;
    world.clock.advance_to(job.keep_until.unwrap());
    let next = world.clock.now() + Duration::from_secs(60);
    world.clock.somebody_sleeps_until(next).await;
    assert_eq!(files(&world), 0);
    assert!(std::fs::read_dir(world.dir.path().join("exports")).unwrap().next().is_some());
}
