//! An awaited job is begun with its acceptance when an account is free: one commit holds its money and says that it was sent.

use crate::support::{Reply, Setup, World, account, account_id, new_job};
use atelier_actors::job_supervisor::NewJob;
use atelier_domain::{account::Account, code::Code, job::JobState};

fn limited() -> Setup {
    Setup { accounts: vec![Account { rpm: Some(1), ..account(1, 1) }], ..Setup::default() }
}

#[actix::test]
async fn the_row_of_the_acceptance_says_already_where_the_job_went() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(3).await;
    world.engine.on_submit([Reply::Gate, Reply::Done(1)]);
    let mut submitted = world.submit(NewJob { awaited: true, ..new_job(&key, 1) }).await;
    let job = submitted.watch.job();
    assert_eq!((job.state, job.attempt, job.account), (JobState::Submitting, 1, Some(account_id(1))));
    // What a restart would find: a submit without an answer, never a job that runs a second time.
    let killed = world.killed(Setup::default());
    killed.jobs.resume().await.unwrap();
    let found = killed.end_of(&key, job.id).await;
    assert_eq!(killed.engine.calls().lookups, 1);
    assert!(found.state.is_terminal());
    world.engine.gate.add_permits(1);
    assert_eq!(world.end(&mut submitted.watch).await.state, JobState::Completed);
    assert_eq!(world.engine.calls().submits.len(), 1);
    world.assert_all_leases_returned().await;
}

#[actix::test]
async fn a_refused_job_uses_nothing_of_an_account() {
    let world = World::start(limited()).await;
    let (poor, rich) = (world.metered_key(0).await, world.metered_key(1).await);
    for _ in 0..5 {
        let refused = world.jobs.submit(NewJob { awaited: true, ..new_job(&poor, 1) }).await.err().unwrap();
        assert_eq!(refused.code, Code::InsufficientCredits);
    }
    assert!(world.engine.calls().submits.is_empty());
    // The one submit a minute is still there.
    assert_eq!(world.run(NewJob { awaited: true, ..new_job(&rich, 1) }).await.state, JobState::Completed);
    world.assert_all_leases_returned().await;
}

#[actix::test]
async fn nobody_overtakes_those_who_wait() {
    let world = World::start(Setup { accounts: vec![account(1, 1)], ..Setup::default() }).await;
    let key = world.metered_key(3).await;
    world.engine.on_submit([Reply::Gate, Reply::Accept, Reply::Accept]);
    let mut watches = Vec::new();
    for _ in 0..3 {
        watches.push(world.submit(NewJob { awaited: true, ..new_job(&key, 1) }).await);
    }
    assert_eq!(watches[1].watch.job().state, JobState::Queued);
    world.engine.gate.add_permits(1);
    for submitted in &mut watches {
        assert_eq!(world.end(&mut submitted.watch).await.state, JobState::Completed);
    }
    let order: Vec<_> = world.engine.calls().submits.iter().map(|(job, ..)| *job).collect();
    assert_eq!(order, watches.iter().map(|submitted| submitted.id).collect::<Vec<_>>());
    world.assert_books(&key, 0).await;
}
