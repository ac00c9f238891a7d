//! A job's life: every way to its end, with its money and its account.

use crate::support::{Look, Reply, Setup, World, account, account_id, new_job};
use atelier_actors::account_pool::{SendFuture, Steward, Unattended};
use atelier_domain::{
    account::{Account, Credential, Off},
    code::Code,
    engine::Lookup,
    fault::{Fault, FaultClass},
    ids::AccountId,
    job::{Job, JobState},
    time::{Clock, Millis},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The code of a failed job.
fn code(job: &Job) -> Option<Code> {
    assert_eq!(job.state == JobState::Failed, job.error.is_some());
    job.error.as_ref().map(|error| error.code)
}

async fn world() -> World {
    World::start(Setup::default()).await
}

#[actix::test]
async fn a_success_keeps_every_output_and_charges_once() {
    let world = world().await;
    let key = world.metered_key(10).await;
    let job = world.run(new_job(&key, 3)).await;
    assert_eq!((job.state, job.progress, job.outputs.len(), job.charged), (JobState::Completed, 100, 3, 3));
    for output in &job.outputs {
        assert_eq!(world.store.media().read(&output.media.to_string()).unwrap().len() as u64, output.bytes);
    }
    assert_eq!(world.jobs.open(), 0);
    assert_eq!(world.jobs.get(key.id, job.id).unwrap().unwrap(), job);
    world.assert_books(&key, 7).await;
    world.assert_all_leases_returned().await;
}

#[actix::test]
async fn fewer_outputs_than_asked_cost_their_share_and_more_are_not_given_away() {
    let world = world().await;
    let key = world.metered_key(10).await;
    world.engine.on_poll([Look::Done(2), Look::Done(9)]);
    let job = world.run(new_job(&key, 4)).await;
    assert_eq!((job.outputs.len(), job.charged), (2, 2));
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!((job.outputs.len(), job.charged), (1, 1));
    world.assert_books(&key, 7).await;
}

#[actix::test]
async fn an_engine_that_answers_at_once_needs_no_poll() {
    let world = world().await;
    let key = world.metered_key(10).await;
    world.engine.on_submit([Reply::Done(1)]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!((job.state, job.charged, world.engine.calls().polls), (JobState::Completed, 1, 0));
    world.assert_books(&key, 9).await;
}

#[actix::test]
async fn a_refused_content_is_not_tried_elsewhere_not_charged_and_not_the_accounts_fault() {
    let world = world().await;
    let key = world.metered_key(1).await;
    world.engine.on_submit([Reply::Reject(FaultClass::Content)]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!(code(&job), Some(Code::ContentPolicyViolation));
    assert_eq!(world.engine.calls().submits.len(), 1);
    for account in world.pool.state().await.unwrap().accounts {
        assert!(account.faults_in_a_row == 0 && account.banned.is_none() && account.resting.is_empty());
    }
    world.assert_books(&key, 1).await;
}

#[actix::test]
async fn an_overloaded_account_is_left_for_another() {
    let accounts = vec![account(1, 4), account(2, 4), account(3, 4)];
    let world = World::start(Setup { accounts, ..Setup::default() }).await;
    let key = world.metered_key(1).await;
    world.engine.on_submit([Reply::Reject(FaultClass::Overloaded), Reply::Reject(FaultClass::Overloaded)]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!((job.state, job.attempt), (JobState::Completed, 3));
    let mut lenders: Vec<_> = world.engine.calls().submits.into_iter().map(|(.., account)| account).collect();
    lenders.sort();
    assert_eq!(lenders, [account_id(1), account_id(2), account_id(3)]);
    world.assert_books(&key, 0).await;
}

#[actix::test]
async fn attempts_end_at_their_cap() {
    let world = world().await;
    let key = world.metered_key(1).await;
    world.engine.usually(Reply::Reject(FaultClass::Network), None);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!(
        (code(&job), job.attempt, world.engine.calls().submits.len()),
        (Some(Code::SubmitNetwork), 3, 3)
    );
    world.assert_books(&key, 1).await;
}

#[actix::test]
async fn an_unknown_outcome_is_looked_up_and_never_blindly_sent_again() {
    for (lookup, submits, ending) in [
        (Lookup::Found { handle: serde_json::json!({"id": 7}), poll_at: Millis(0) }, 1, None),
        (Lookup::NeverArrived, 2, None),
        (Lookup::CannotTell, 1, Some(Code::SubmitOutcomeUnknown)),
    ] {
        let world = world().await;
        let key = world.metered_key(1).await;
        world.engine.on_submit([Reply::Unknown]);
        world.engine.on_lookup(lookup);
        let job = world.run(new_job(&key, 1)).await;
        assert_eq!(code(&job), ending);
        assert_eq!((world.engine.calls().submits.len(), world.engine.calls().lookups), (submits, 1));
        world.assert_books(&key, i64::from(ending.is_some())).await;
    }
}

#[actix::test]
async fn a_panic_in_submit_is_an_unknown_outcome_and_its_slot_comes_back() {
    let world = World::start(Setup { accounts: vec![account(1, 1)], ..Setup::default() }).await;
    let key = world.metered_key(2).await;
    world.engine.on_submit([Reply::Panic]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!((code(&job), world.engine.calls().lookups), (Some(Code::SubmitOutcomeUnknown), 1));
    world.assert_all_leases_returned().await;
    assert_eq!(world.run(new_job(&key, 1)).await.state, JobState::Completed);
    world.assert_books(&key, 1).await;
}

#[actix::test]
async fn a_panic_in_poll_is_polled_again_and_never_submitted_again() {
    let world = world().await;
    let key = world.metered_key(2).await;
    world.engine.on_poll([Look::Panic, Look::Panic]);
    assert_eq!(world.run(new_job(&key, 1)).await.state, JobState::Completed);
    assert_eq!(world.engine.calls().submits.len(), 1);
    world.engine.on_poll([Look::Panic, Look::Panic, Look::Panic, Look::Panic]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!((code(&job), world.engine.calls().submits.len()), (Some(Code::InternalError), 2));
    assert_eq!(world.engine.calls().cancels, 1, "what is given up is stopped");
    world.assert_books(&key, 1).await;
    world.assert_all_leases_returned().await;
}

#[actix::test]
async fn a_poll_that_does_not_get_through_leaves_the_job_where_it_runs() {
    let world = world().await;
    let key = world.metered_key(1).await;
    world.engine.on_poll([
        Look::Blind(FaultClass::Network),
        Look::Blind(FaultClass::Network),
        Look::Pending(10),
    ]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!((job.state, job.attempt, world.engine.calls().submits.len()), (JobState::Completed, 1, 1));
}

#[actix::test]
async fn a_job_without_results_is_lost_and_not_charged() {
    let world = world().await;
    let key = world.metered_key(1).await;
    world.engine.on_poll([Look::Done(0)]);
    assert_eq!(code(&*world.run(new_job(&key, 1)).await), Some(Code::JobLost));
    world.assert_books(&key, 1).await;
}

#[actix::test]
async fn the_deadline_ends_a_job_that_waits_in_line_hangs_in_submit_or_hangs_in_poll() {
    for (slots, submit, poll) in
        [(0, Reply::Accept, None), (1, Reply::Hang, None), (1, Reply::Accept, Some(Look::Hang))]
    {
        let world = World::start(Setup { accounts: vec![account(1, slots)], ..Setup::default() }).await;
        let key = world.metered_key(1).await;
        let hangs_in_poll = poll.is_some();
        world.engine.usually(submit, poll);
        let mut submitted = world.submit(new_job(&key, 1)).await;
        world
            .engine
            .until(|calls| slots == 0 || calls.polls > 0 || !hangs_in_poll && !calls.submits.is_empty())
            .await;
        world.clock.somebody_sleeps_until(submitted.watch.job().deadline).await;
        world.clock.advance(Duration::from_secs(300));
        let job = submitted.watch.end().await.unwrap();
        assert_eq!(code(&job), Some(Code::Timeout));
        assert_eq!(world.engine.calls().cancels, usize::from(hangs_in_poll));
        world.assert_books(&key, 1).await;
        world.assert_all_leases_returned().await;
    }
}

#[actix::test]
async fn what_an_upstream_has_made_comes_home_after_the_deadline_but_not_for_ever() {
    for comes_home in [true, false] {
        let world = world().await;
        let key = world.metered_key(1).await;
        world.engine.on_poll([Look::Made, Look::Done(1)]);
        let mut submitted = world.submit(new_job(&key, 1)).await;
        let deadline = submitted.watch.job().deadline;
        world.engine.until(|calls| calls.polls > 0).await;
        world.clock.somebody_sleeps_until(deadline).await;
        world.clock.advance_to(deadline);
        let latest = deadline + Duration::from_secs(600);
        world.clock.somebody_sleeps_until(latest).await;
        if comes_home {
            world.engine.gate.add_permits(1);
        } else {
            world.clock.advance_to(latest);
        }
        let job = submitted.watch.end().await.unwrap();
        assert_eq!(code(&job), (!comes_home).then_some(Code::Timeout));
        world.assert_books(&key, i64::from(!comes_home)).await;
        world.assert_all_leases_returned().await;
    }
}

#[actix::test]
async fn the_deadline_ends_a_job_whose_engine_always_answers_not_yet() {
    let world = world().await;
    let key = world.metered_key(1).await;
    world.engine.usually(Reply::Accept, Some(Look::Pending(-1)));
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!(code(&job), Some(Code::Timeout));
    assert!(world.clock.now() >= job.deadline && world.engine.calls().polls <= 300_000 / 5 + 1);
    world.assert_books(&key, 1).await;
}

/// Opens an account once; then it is being renewed for ever.
#[derive(Default)]
struct Renewing(AtomicBool);

impl Steward for Renewing {
    fn credential(&self, account: Arc<Account>) -> SendFuture<Result<Credential, Fault>> {
        if self.0.swap(true, Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        Unattended.credential(account)
    }

    fn refused(&self, used: Credential) -> SendFuture<bool> {
        Unattended.refused(used)
    }

    fn switched_off(&self, account: AccountId, off: Off, class: FaultClass) {
        Unattended.switched_off(account, off, class);
    }
}

#[actix::test]
async fn a_cancel_does_not_wait_for_an_account_that_is_being_renewed() {
    let setup = Setup { steward: Arc::new(Renewing::default()), ..Setup::default() };
    let world = World::start(setup).await;
    let key = world.metered_key(1).await;
    let mut submitted = world.submit(new_job(&key, 1)).await;
    while submitted.watch.job().state != JobState::Running {
        submitted.watch.next().await.unwrap();
    }
    world.jobs.cancel(key.id, submitted.id).await.unwrap();
    assert_eq!(world.end(&mut submitted.watch).await.state, JobState::Cancelled);
    assert_eq!(world.engine.calls().polls, 0);
    world.assert_books(&key, 1).await;
    world.assert_all_leases_returned().await;
}

#[actix::test]
async fn a_cancel_ends_a_job_in_every_state_and_charges_nothing() {
    for (slots, submit, poll) in
        [(0, Reply::Accept, None), (1, Reply::Hang, None), (1, Reply::Accept, Some(Look::Hang))]
    {
        let world = World::start(Setup { accounts: vec![account(1, slots)], ..Setup::default() }).await;
        let key = world.metered_key(1).await;
        let hangs_in_poll = poll.is_some();
        world.engine.usually(submit, poll);
        let submitted = world.submit(new_job(&key, 1)).await;
        world
            .engine
            .until(|calls| slots == 0 || calls.polls > 0 || !hangs_in_poll && !calls.submits.is_empty())
            .await;
        let job = world.jobs.cancel(key.id, submitted.id).await.unwrap().unwrap();
        assert_eq!((job.state, job.charged), (JobState::Cancelled, 0));
        assert_eq!(world.engine.calls().cancels, usize::from(hangs_in_poll));
        assert_eq!(world.jobs.cancel(key.id, submitted.id).await.unwrap().unwrap(), job, "twice is once");
        world.assert_books(&key, 1).await;
        world.assert_all_leases_returned().await;
    }
}

#[actix::test]
async fn a_stranger_neither_sees_nor_cancels_a_job() {
    let world = world().await;
    let (key, stranger) = (world.metered_key(1).await, world.metered_key(1).await);
    world.engine.usually(Reply::Accept, Some(Look::Hang));
    let submitted = world.submit(new_job(&key, 1)).await;
    assert!(world.jobs.get(stranger.id, submitted.id).unwrap().is_none());
    assert!(world.jobs.watch(stranger.id, submitted.id).unwrap().is_none());
    assert!(world.jobs.cancel(stranger.id, submitted.id).await.unwrap().is_none());
    assert!(!world.jobs.get(key.id, submitted.id).unwrap().unwrap().state.is_terminal());
}

#[actix::test]
async fn a_cancel_that_races_the_completion_ends_the_job_once_with_the_right_money() {
    let world = world().await;
    let key = world.metered_key(200).await;
    world.engine.usually(Reply::Accept, None);
    let mut charged = 0;
    for round in 0..100 {
        let mut submitted = world.submit(new_job(&key, 1)).await;
        if round % 2 == 0 {
            world.engine.until(|calls| calls.polls > round / 2).await;
        }
        let (cancelled, ended) = tokio::join!(world.jobs.cancel(key.id, submitted.id), submitted.watch.end());
        let (cancelled, ended) = (cancelled.unwrap().unwrap(), ended.unwrap());
        assert_eq!(cancelled, ended);
        assert_eq!(ended.charged, i64::from(ended.state == JobState::Completed));
        charged += ended.charged;
    }
    world.assert_books(&key, 200 - charged).await;
    world.assert_all_leases_returned().await;
    assert_eq!(world.jobs.open(), 0);
}

#[actix::test]
async fn a_generation_that_dies_is_built_again_and_polls_where_it_left() {
    let world = world().await;
    let key = world.metered_key(1).await;
    world.clock.set_trap(Millis(13), 1);
    world.engine.on_submit([Reply::AcceptAt(Millis(13))]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!(
        (job.state, world.clock.trap_left(), world.engine.calls().submits.len()),
        (JobState::Completed, 0, 1)
    );
    world.assert_books(&key, 0).await;
    world.assert_all_leases_returned().await;
}

#[actix::test]
async fn a_job_that_kills_every_generation_fails_and_its_hold_comes_back() {
    let world = world().await;
    let key = world.metered_key(1).await;
    world.clock.set_trap(Millis(0), 100);
    world.engine.on_submit([Reply::AcceptAt(Millis(0))]);
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!((code(&job), world.clock.trap_left()), (Some(Code::InternalError), 96));
    world.assert_books(&key, 1).await;
    world.assert_all_leases_returned().await;
    assert_eq!(world.jobs.open(), 0);
}

#[actix::test]
async fn a_key_with_one_place_can_use_it_again_as_soon_as_it_sees_the_end() {
    let world = world().await;
    let mut key = (*world.metered_key(50).await).clone();
    key.concurrency = Some(1);
    let key = Arc::new(key);
    for _ in 0..50 {
        assert_eq!(world.run(new_job(&key, 1)).await.state, JobState::Completed);
    }
}

#[actix::test]
async fn a_long_prompt_reaches_the_engine_whole() {
    let world = world().await;
    let key = world.metered_key(1).await;
    let mut new = new_job(&key, 1);
    new.work.prompt_mut().text = Some("long ".repeat(5_000));
    let job = world.run(new).await;
    assert_eq!((job.state, job.work.prompt().text.is_none()), (JobState::Completed, true));
    assert_eq!(world.engine.calls().prompt_bytes, 25_000);
}
