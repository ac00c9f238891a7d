//! The pool under load: slots, turns, rests and the line.

use crate::support::{Look, Reply, Setup, World, account, account_id, new_job};
use atelier_actors::account_pool::{Need, Outcome, Wants};
use atelier_domain::{
    account::Account,
    code::Code,
    fault::{Fault, FaultClass},
    job::{JobKind, JobState},
    time::{Clock, Millis},
};
use futures_util::future::join_all;
use std::{collections::HashMap, time::Duration};

#[actix::test]
async fn slots_are_never_overdrawn_under_random_load_and_all_come_back() {
    let world =
        World::start(Setup { accounts: vec![account(1, 1), account(2, 3)], ..Setup::default() }).await;
    let keys =
        [world.metered_key(1_000).await, world.metered_key(1_000).await, world.metered_key(1_000).await];
    // First every slot is taken at once, held by a gate, so that the load below can only show one too many.
    world.engine.on_submit(vec![Reply::Gate; 4].into_iter().chain(vec![Reply::Done(1); 4]));
    let mut first = vec![];
    for _ in 0..4 {
        first.push(world.submit(new_job(&keys[0], 1)).await.watch);
    }
    world.engine.until(|calls| calls.submits.len() == 4).await;
    world.engine.gate.add_permits(4);
    let mut ended = vec![];
    for watch in &mut first {
        ended.push(watch.end().await.unwrap());
    }
    let mut replies = vec![];
    for number in 0..300_u32 {
        replies.push(match number.wrapping_mul(2_654_435_761) >> 29 {
            0 => Reply::Panic,
            1 => Reply::Reject(FaultClass::Content),
            2 => Reply::Unknown,
            _ => Reply::Done(1),
        });
    }
    world.engine.on_submit(replies);
    let jobs = (0..300).map(|number| world.run(new_job(&keys[number % 3], 1)));
    ended.extend(join_all(jobs).await);
    let calls = world.engine.calls();
    assert_eq!(calls.running[&account_id(1)], (0, 1));
    assert_eq!(calls.running[&account_id(2)], (0, 3));
    world.assert_all_leases_returned().await;
    for key in &keys {
        let charged: i64 = ended.iter().filter(|job| job.key == key.id).map(|job| job.charged).sum();
        world.assert_books(key, 1_000 - charged).await;
    }
}

#[actix::test]
async fn a_key_with_many_jobs_does_not_starve_another_whatever_model_it_wants() {
    let world = World::start(Setup { accounts: vec![account(1, 1)], ..Setup::default() }).await;
    let (busy, single) = (world.metered_key(100).await, world.metered_key(100).await);
    world.engine.usually(Reply::Gate, None);
    world.engine.on_submit((0..20).flat_map(|_| [Reply::Gate, Reply::Done(1)]));
    let mut watches = vec![];
    for number in 0..12 {
        let mut new = new_job(&busy, 1);
        new.routes[0].model = format!("model {}", number % 3);
        watches.push(world.submit(new).await.watch);
    }
    world.engine.until(|calls| calls.submits.len() == 1).await;
    let mut last = world.submit(new_job(&single, 1)).await;
    // Twelve wait, the first runs; the single job is next but one at the latest.
    loop {
        if world.pool.state().await.unwrap().waiting == 12 {
            break;
        }
        tokio::task::yield_now().await;
    }
    world.engine.gate.add_permits(20);
    assert_eq!(last.watch.end().await.unwrap().state, JobState::Completed);
    join_all(watches.iter_mut().map(|watch| watch.end())).await;
    let order: Vec<_> = world.engine.calls().submits.into_iter().map(|(job, ..)| job).collect();
    let place = order.iter().position(|job| *job == last.id).unwrap();
    assert!(place <= 2, "served as number {place}");
}

#[actix::test]
async fn the_line_wakes_when_a_rest_ends() {
    let world = World::start(Setup { accounts: vec![account(1, 1)], ..Setup::default() }).await;
    let key = world.metered_key(1).await;
    world.engine.on_submit([Reply::Reject(FaultClass::RateLimited)]);
    let begin = world.clock.now();
    let mut submitted = world.submit(new_job(&key, 1)).await;
    world.engine.until(|calls| calls.submits.len() == 1).await;
    world.clock.skip_short_sleep().await;
    let back = begin + Duration::from_secs(60);
    world.clock.somebody_sleeps_until(back).await;
    assert_eq!(world.engine.calls().submits.len(), 1);
    world.clock.advance_to(back);
    assert_eq!(submitted.watch.end().await.unwrap().state, JobState::Completed);
    assert_eq!(world.engine.calls().submits.len(), 2);
}

#[actix::test]
async fn a_line_that_nobody_will_ever_serve_is_told_so() {
    let world = World::start(Setup { accounts: vec![account(1, 1)], ..Setup::default() }).await;
    let key = world.metered_key(5).await;
    world.engine.on_submit([Reply::Gate, Reply::Reject(FaultClass::Auth)]);
    let mut watches = vec![];
    for _ in 0..4 {
        watches.push(world.submit(new_job(&key, 1)).await.watch);
    }
    world.engine.until(|calls| calls.submits.len() == 1).await;
    world.engine.gate.add_permits(1);
    for watch in &mut watches {
        let job = world.end(watch).await;
        assert_eq!(job.error.as_ref().unwrap().code, Code::NoAccountAvailable);
    }
    world.assert_books(&key, 5).await;
    world.pool.upsert(account(1, 1)).await.unwrap();
    assert_eq!(world.run(new_job(&key, 1)).await.state, JobState::Completed);
}

#[actix::test]
async fn a_model_that_no_account_serves_is_refused_at_once() {
    let disabled = Account { enabled: false, ..account(1, 1) };
    let world = World::start(Setup { accounts: vec![disabled], ..Setup::default() }).await;
    let key = world.metered_key(1).await;
    let job = world.run(new_job(&key, 1)).await;
    assert_eq!(job.error.as_ref().unwrap().code, Code::NoAccountAvailable);
    world.assert_books(&key, 1).await;
}

#[actix::test]
async fn jobs_cancelled_in_line_leave_nothing_behind_and_delay_nobody() {
    let world = World::start(Setup { accounts: vec![account(1, 1)], ..Setup::default() }).await;
    let key = world.metered_key(2_000).await;
    world.engine.on_poll([Look::Gate]);
    let mut first = world.submit(new_job(&key, 1)).await;
    world.engine.until(|calls| calls.polls == 1).await;
    for _ in 0..300 {
        let submitted = world.submit(new_job(&key, 1)).await;
        let job = world.jobs.cancel(key.id, submitted.id).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Cancelled);
    }
    assert!(world.pool.state().await.unwrap().waiting <= 64);
    let mut last = world.submit(new_job(&key, 1)).await;
    world.engine.gate.add_permits(1);
    assert_eq!(world.end(&mut first.watch).await.state, JobState::Completed);
    assert_eq!(world.end(&mut last.watch).await.state, JobState::Completed);
    assert_eq!(world.pool.state().await.unwrap().waiting, 0);
    world.assert_books(&key, 1_998).await;
}

#[actix::test]
async fn the_longest_of_several_rests_counts() {
    let world = World::start(Setup { accounts: vec![account(1, 2)], ..Setup::default() }).await;
    let key = world.metered_key(1).await;
    let routes = new_job(&key, 1).routes;
    let need = Need {
        key: key.id,
        kind: Some(JobKind::Image),
        routes,
        wants: Wants::default(),
        avoid: Vec::new(),
        deadline: Millis(i64::MAX),
    };
    let (one, two) =
        (world.pool.acquire(need.clone()).await.unwrap(), world.pool.acquire(need).await.unwrap());
    one.finish(Outcome::Fault(Fault::new(FaultClass::QuotaWindow, "")));
    two.finish(Outcome::Fault(Fault::new(FaultClass::RateLimited, "")));
    let resting = loop {
        let state = world.pool.state().await.unwrap();
        if state.accounts[0].in_flight == 0 {
            break state.accounts[0].resting.clone();
        }
    };
    let until: HashMap<_, _> = resting.into_iter().map(|(model, until, _)| (model, until)).collect();
    assert_eq!(until["model"], world.clock.now() + Duration::from_secs(3_600));
}
