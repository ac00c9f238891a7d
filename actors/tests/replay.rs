//! The same request twice: one job, one charge, one answer.

use crate::support::{Look, Setup, World, new_job};
use atelier_actors::job_supervisor::{NewJob, Submitted};
use atelier_domain::{code::Code, fault::FaultClass, job::JobState, key::ApiKey};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};

fn keyed(key: &Arc<ApiKey>, idempotency_key: &str, body_hash: &str) -> NewJob {
    NewJob { idempotency_key: Some(idempotency_key.into()), body_hash: body_hash.into(), ..new_job(key, 1) }
}

fn retry(key: &Arc<ApiKey>) -> NewJob {
    NewJob { is_retry: true, ..new_job(key, 1) }
}

#[actix::test]
async fn one_idempotency_key_is_one_job_however_many_ask_at_once() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(100).await;
    for round in 0..20 {
        let name = round.to_string();
        let all = join_all((0..10).map(|_| world.submit(keyed(&key, &name, "h")))).await;
        assert!(all.iter().all(|submitted| submitted.id == all[0].id));
        assert_eq!(all.iter().filter(|submitted| !submitted.replayed).count(), 1);
        for mut submitted in all {
            assert_eq!(world.end(&mut submitted.watch).await.state, JobState::Completed);
        }
    }
    world.assert_books(&key, 80).await;
}

#[actix::test]
async fn an_idempotency_key_answers_after_the_end_too_but_not_for_another_body_or_another_key() {
    let world = World::start(Setup::default()).await;
    let (key, other) = (world.metered_key(10).await, world.metered_key(10).await);
    let first = world.run(keyed(&key, "k", "h")).await;
    let again = world.submit(keyed(&key, "k", "h")).await;
    assert_eq!((again.id, again.replayed, again.watch.job()), (first.id, true, first.clone()));
    let mismatch = world.jobs.submit(keyed(&key, "k", "other")).await.err().unwrap();
    assert_eq!(mismatch.code, Code::IdempotencyMismatch);
    assert_ne!(world.run(keyed(&other, "k", "h")).await.id, first.id);
    world.assert_books(&key, 9).await;
}

#[actix::test]
async fn a_refused_request_uses_no_idempotency_key_up() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(0).await;
    let refused = world.jobs.submit(keyed(&key, "k", "h")).await.err().unwrap();
    assert_eq!(refused.code, Code::InsufficientCredits);
    world.keys.grant(key.id, 5, None).await.unwrap();
    assert_eq!(world.run(keyed(&key, "k", "h")).await.state, JobState::Completed);
    world.assert_books(&key, 4).await;
    assert_eq!(world.jobs.open(), 0);
}

#[actix::test]
async fn a_failed_job_answers_its_idempotency_key_with_its_failure() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    world.engine.on_poll([Look::Fail(FaultClass::Content)]);
    let failed = world.run(keyed(&key, "k", "h")).await;
    assert_eq!(failed.state, JobState::Failed);
    assert_eq!(world.submit(keyed(&key, "k", "h")).await.watch.job(), failed);
}

#[actix::test]
async fn an_idempotency_key_is_free_again_after_its_time_for_one_of_many_that_ask_at_once() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let first = world.run(keyed(&key, "k", "h")).await;
    world.clock.advance(Duration::from_secs(86_399));
    assert_eq!(world.submit(keyed(&key, "k", "h")).await.id, first.id);
    world.clock.advance(Duration::from_secs(1));
    let all = join_all((0..10).map(|_| world.submit(keyed(&key, "k", "other")))).await;
    assert!(all.iter().all(|submitted| submitted.id == all[0].id && submitted.id != first.id));
    assert_eq!(all.iter().filter(|submitted| !submitted.replayed).count(), 1);
    for Submitted { mut watch, .. } in all {
        world.end(&mut watch).await;
    }
    world.assert_books(&key, 8).await;
}

#[actix::test]
async fn an_sdks_retry_joins_its_first_send_however_close_behind_it_comes() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(100).await;
    world.engine.usually(crate::support::Reply::Accept, Some(Look::Hang));
    let (first, second, third) =
        tokio::join!(world.submit(new_job(&key, 1)), world.submit(retry(&key)), world.submit(retry(&key)));
    assert_eq!((first.id, first.id), (second.id, third.id));
    assert_eq!((first.replayed, second.replayed, third.replayed), (false, true, true));
    assert_eq!(world.jobs.open(), 1);
}

#[actix::test]
async fn a_retry_behind_a_refused_send_is_judged_by_itself() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(0).await;
    let (first, second) = tokio::join!(world.jobs.submit(new_job(&key, 1)), world.jobs.submit(retry(&key)));
    for refused in [first.err().unwrap(), second.err().unwrap()] {
        assert_eq!(refused.code, Code::InsufficientCredits);
    }
    assert_eq!(world.jobs.open(), 0);
}

#[actix::test]
async fn a_retry_gets_a_finished_answer_but_a_failed_or_an_old_job_is_tried_anew() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let first = world.run(new_job(&key, 1)).await;
    assert_eq!(world.submit(retry(&key)).await.id, first.id);
    assert_ne!(
        world.run(new_job(&key, 1)).await.id,
        first.id,
        "two equal requests without a retry mark are two jobs"
    );
    world.engine.on_poll([Look::Fail(FaultClass::JobLost)]);
    let failed = world.run(new_job(&key, 1)).await;
    let anew = world.run(retry(&key)).await;
    assert_ne!(anew.id, failed.id);
    world.clock.advance(Duration::from_secs(600));
    assert_ne!(world.run(retry(&key)).await.id, anew.id);
    world.assert_books(&key, 6).await;
}

#[actix::test]
async fn a_retry_after_a_restart_finds_what_was_done_before_it() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let first = world.run(new_job(&key, 1)).await;
    let after = world.killed(Setup::default());
    after.jobs.resume().await.unwrap();
    let again = after.submit(retry(&key)).await;
    assert_eq!((again.id, again.replayed), (first.id, true));
    after.assert_books(&key, 9).await;
}
