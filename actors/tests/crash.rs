//! A start after `kill -9` at any moment: every accepted job ends exactly once, with the right money.

use crate::support::{Look, Reply, Setup, World, account, account_id, new_job, queued_job};
use atelier_domain::{
    code::Code,
    credit::EntryKind,
    engine::Lookup,
    job::{Job, JobState, Transition},
    key::ApiKey,
    time::Millis,
};
use atelier_store::{Batch, Expect};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// A store in which a job was accepted and moved along these arrows, and nothing else happened.
async fn stopped_after(arrows: Vec<Transition>) -> (World, Arc<ApiKey>, Job) {
    let world = World::over(TempDir::new().unwrap(), Setup::default(), 1_000_000_000);
    let key = world.metered_key(5).await;
    let mut job = queued_job(&key, 1, 1);
    world.ledger.hold(Arc::new(job.clone()), None).await.unwrap();
    for arrow in arrows {
        job = job.after(arrow, Millis(1_000_000_001)).unwrap();
        let mut batch = Batch::new();
        batch.put_row(job.id.uuid().as_bytes(), &job, Expect::Present).unwrap();
        world.store.submit(batch).await.unwrap();
    }
    (world, key, job)
}

/// Starts over that store and checks that the job ended once, and how.
async fn taken_up(arrows: Vec<Transition>, lookup: Option<Lookup>) -> (Job, usize, usize) {
    let (world, key, job) = stopped_after(arrows).await;
    if let Some(lookup) = lookup {
        world.engine.on_lookup(lookup);
    }
    assert_eq!(world.jobs.resume().await.unwrap(), 1);
    let ended = world.end_of(&key, job.id).await;
    world.assert_books(&key, 5 - ended.charged).await;
    world.assert_all_leases_returned().await;
    let entries = world.ledger.statement(key.id, None, 100).unwrap();
    let settled =
        entries.iter().filter(|e| matches!(e.entry.kind, EntryKind::Capture | EntryKind::Release)).count();
    assert_eq!((settled, ended.charged), (1, i64::from(ended.state == JobState::Completed)));
    // The next start finds nothing to do, and the same end.
    let again = world.killed(Setup::default());
    assert_eq!(again.jobs.resume().await.unwrap(), 0);
    assert_eq!(*again.jobs.get(key.id, job.id).unwrap().unwrap(), *ended);
    again.assert_books(&key, 5 - ended.charged).await;
    let calls = world.engine.calls();
    (Job::clone(&ended), calls.submits.len(), calls.lookups)
}

fn submit() -> Transition {
    Transition::Submit { account: account_id(1), route: 0 }
}

fn accept() -> Transition {
    Transition::Accept(json!({"id": 1}))
}

#[actix::test]
async fn stopped_after_every_arrow_a_job_ends_once_with_the_right_money() {
    let found = || Some(Lookup::Found { handle: json!({"id": 1}), poll_at: Millis(0) });
    let cases = [
        // Never sent: sent now.
        (vec![], None, Ok(1)),
        (vec![submit(), Transition::Requeue], None, Ok(1)),
        // Perhaps sent: looked up first.
        (vec![submit()], found(), Ok(0)),
        (vec![submit()], Some(Lookup::NeverArrived), Ok(1)),
        (vec![submit()], Some(Lookup::CannotTell), Err(Code::SubmitOutcomeUnknown)),
        // Accepted: polled with the handle.
        (vec![submit(), accept()], None, Ok(0)),
        (vec![submit(), accept(), Transition::Fetch], None, Ok(0)),
        // Done without a handle: it may be billed and cannot be fetched.
        (vec![submit(), Transition::Fetch], None, Err(Code::SubmitOutcomeUnknown)),
    ];
    for (arrows, lookup, expected) in cases {
        let words = format!("{arrows:?} {lookup:?}");
        let lookups = usize::from(
            arrows.len() == 1
                || lookup.is_some()
                || matches!(arrows.last(), Some(Transition::Fetch) if arrows.len() == 2),
        );
        let (job, submits, looked) = taken_up(arrows, lookup).await;
        assert_eq!(looked, lookups, "{words}");
        match expected {
            Ok(sent) => assert_eq!((job.state, submits), (JobState::Completed, sent), "{words}"),
            Err(code) => assert_eq!((job.error.unwrap().code, submits), (code, 0), "{words}"),
        }
    }
}

#[actix::test]
async fn a_job_whose_account_was_deleted_meanwhile_fails_and_costs_nothing() {
    let arrows = vec![Transition::Submit { account: account_id(77), route: 0 }, accept()];
    let (job, submits, _) = taken_up(arrows, None).await;
    assert_eq!((job.error.unwrap().code, submits), (Code::NoAccountAvailable, 0));
}

#[actix::test]
async fn what_was_made_while_the_gateway_was_away_comes_home_past_the_deadline_and_what_was_not_is_over() {
    use atelier_domain::fault::FaultClass;
    let (running, submitting) = (|| vec![submit(), accept()], || vec![submit()]);
    let found = Lookup::Found { handle: json!({"id": 1}), poll_at: Millis(0) };
    for (arrows, lookup, looks, end) in [
        (running(), None, vec![Look::Done(1)], None),
        (running(), None, vec![Look::Blind(FaultClass::Overloaded), Look::Pending(0), Look::Done(1)], None),
        (running(), None, vec![], Some(Code::Timeout)),
        (submitting(), Some(found), vec![Look::Done(1)], None),
        (submitting(), Some(Lookup::CannotTell), vec![], Some(Code::SubmitOutcomeUnknown)),
        // It is not sent now.
        (submitting(), Some(Lookup::NeverArrived), vec![], Some(Code::Timeout)),
    ] {
        let (world, key, job) = stopped_after(arrows).await;
        world.clock.advance_to(job.deadline + Duration::from_secs(3_600));
        world.engine.usually(Reply::Accept, Some(Look::Pending(-1)));
        world.engine.on_poll(looks);
        lookup.into_iter().for_each(|lookup| world.engine.on_lookup(lookup));
        world.jobs.resume().await.unwrap();
        let ended = world.end_of(&key, job.id).await;
        assert_eq!(ended.error.as_ref().map(|error| error.code), end);
        assert!(world.engine.calls().submits.is_empty());
        world.assert_books(&key, if end.is_none() { 4 } else { 5 }).await;
        world.assert_all_leases_returned().await;
    }
}

#[actix::test]
async fn an_upstream_that_hangs_at_a_start_is_not_waited_for_for_ever() {
    let (world, key, job) = stopped_after(vec![submit(), accept()]).await;
    world.clock.advance_to(job.deadline);
    world.engine.on_poll([Look::Hang]);
    world.jobs.resume().await.unwrap();
    world.engine.until(|calls| calls.polls == 1).await;
    let last_look = job.deadline + Duration::from_secs(60);
    world.clock.somebody_sleeps_until(last_look).await;
    world.clock.advance_to(last_look);
    assert_eq!(world.end_of(&key, job.id).await.error.as_ref().unwrap().code, Code::Timeout);
    world.assert_books(&key, 5).await;
}

#[actix::test]
async fn a_fetching_job_whose_engine_lost_it_is_not_made_again() {
    use atelier_domain::fault::FaultClass;
    let (world, key, job) = stopped_after(vec![submit(), accept(), Transition::Fetch]).await;
    world.engine.on_poll([Look::Fail(FaultClass::Overloaded)]);
    world.jobs.resume().await.unwrap();
    let ended = world.end_of(&key, job.id).await;
    assert_eq!(ended.error.as_ref().unwrap().code, Code::UpstreamOverloaded);
    assert!(world.engine.calls().submits.is_empty());
    world.assert_books(&key, 5).await;
}

#[actix::test]
async fn nothing_is_let_in_before_the_open_jobs_are_taken_up_and_nothing_after_a_drain() {
    let world = World::over(TempDir::new().unwrap(), Setup::default(), 1_000_000_000);
    let key = world.metered_key(5).await;
    let refused = world.jobs.submit(new_job(&key, 1)).await.err().unwrap();
    assert_eq!(refused.code, Code::ShuttingDown);
    world.jobs.resume().await.unwrap();
    world.engine.on_poll([Look::Gate]);
    let mut running = world.submit(new_job(&key, 1)).await;
    world.engine.until(|calls| calls.polls == 1).await;
    assert_eq!(world.jobs.resume().await.unwrap(), 1, "a second resume raises nobody");
    world.jobs.drain().await.unwrap();
    assert_eq!(world.jobs.submit(new_job(&key, 1)).await.err().unwrap().code, Code::ShuttingDown);
    world.engine.gate.add_permits(1);
    assert_eq!(world.end(&mut running.watch).await.state, JobState::Completed);
    assert_eq!(world.engine.calls().polls, 1);
    world.assert_books(&key, 4).await;
}

#[actix::test]
async fn a_kill_in_the_middle_of_mixed_work_loses_no_job_and_no_credit() {
    let slots = || Setup { accounts: vec![account(1, 4), account(2, 4)], ..Setup::default() };
    let world = World::start(slots()).await;
    let key = world.metered_key(1_000).await;
    let mut ids = vec![];
    for _ in 0..10 {
        let mut submitted = world.submit(new_job(&key, 1)).await;
        ids.push(submitted.id);
        world.end(&mut submitted.watch).await;
    }
    // Four wait in submit, four in poll, twelve in line.
    world.engine.on_submit([Reply::Hang, Reply::Hang, Reply::Hang, Reply::Hang]);
    world.engine.usually(Reply::Accept, Some(Look::Hang));
    for _ in 0..20 {
        ids.push(world.submit(new_job(&key, 1)).await.id);
    }
    world.engine.until(|calls| calls.polls == 10 + 4 && calls.submits.len() == 10 + 8).await;
    let after = world.killed(slots());
    for _ in 0..2 {
        after.engine.on_lookup(Lookup::NeverArrived);
    }
    assert_eq!(after.jobs.resume().await.unwrap(), 20);
    let mut completed = 0;
    for id in ids {
        let job = after.end_of(&key, id).await;
        let unknown = job.error.as_ref().is_some_and(|error| error.code == Code::SubmitOutcomeUnknown);
        assert!(job.state == JobState::Completed || unknown, "{job:?}");
        completed += i64::from(job.state == JobState::Completed);
    }
    assert_eq!((completed, after.engine.calls().lookups), (28, 4));
    after.assert_books(&key, 1_000 - completed).await;
    after.assert_all_leases_returned().await;
    assert_eq!(after.jobs.open(), 0);
}

#[actix::test]
async fn followers_are_told_when_the_store_closes_under_a_job() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    world.engine.on_poll([Look::Gate]);
    let mut submitted = world.submit(new_job(&key, 1)).await;
    world.engine.until(|calls| calls.polls == 1).await;
    let store = world.store.clone();
    tokio::task::spawn_blocking(move || store.close()).await.unwrap().unwrap();
    world.engine.gate.add_permits(1);
    assert!(submitted.watch.end().await.is_none());
    let kept = world.jobs.get(key.id, submitted.id).unwrap().unwrap();
    assert_eq!(kept.state, JobState::Running);
    assert!(world.jobs.watch(key.id, submitted.id).unwrap().unwrap().end().await.is_none());
}
