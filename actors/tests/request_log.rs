//! The log of requests and the figures: exact over midnight, over crashes and over repeated endings, and free of charge in commits.

use crate::support::{ENGINE, Look, Reply, Setup, World, account_id, new_job};
use atelier_actors::{
    janitor,
    request_log::{Calendar, Counts, RequestLog},
};
use atelier_domain::{
    fault::FaultClass,
    job::JobState,
    time::{Clock, Millis},
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn log(world: &World, zone: &str) -> RequestLog {
    let calendar = Calendar::of(zone).unwrap();
    let log = RequestLog::new(world.store.clone(), world.pool.clone(), world.clock.clone(), calendar);
    world.ledger.accompany(log.rider());
    log
}

fn made(images: u64, errors: u64) -> Counts {
    Counts { images, videos: 0, errors }
}

#[actix::test]
async fn each_day_has_its_own_figures_and_the_total_has_all_of_them() {
    let world = World::start(Setup::default()).await;
    let log = log(&world, "Europe/Berlin");
    let key = world.metered_key(100).await;
    // A minute before midnight in Berlin, which is 23:00 in UTC in winter.
    world.clock.advance_to(Millis(1_767_225_600_000 - 3_600_000 - 60_000));
    world.run(new_job(&key, 3)).await;
    assert_eq!(log.days(2).unwrap()[0], ("2025-12-31".into(), made(3, 0)));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(log.days(1).unwrap()[0], ("2026-01-01".into(), made(0, 0)), "a new day begins at nothing");
    world.engine.on_submit([Reply::Reject(FaultClass::JobLost)]);
    assert_eq!(world.run(new_job(&key, 2)).await.state, JobState::Failed);
    // The first count of a day must not leave yesterday's others standing.
    assert_eq!(log.days(2).unwrap(), [("2026-01-01".into(), made(0, 1)), ("2025-12-31".into(), made(3, 0))]);
    world.run(new_job(&key, 2)).await;
    world.clock.advance(DAY * 2);
    assert_eq!(
        log.days(4).unwrap(),
        [
            ("2026-01-03".into(), made(0, 0)),
            ("2026-01-02".into(), made(0, 0)),
            ("2026-01-01".into(), made(2, 1)),
            ("2025-12-31".into(), made(3, 0))
        ]
    );
    assert_eq!(log.total().unwrap(), made(5, 1));
}

#[actix::test]
async fn an_account_has_what_it_made_and_refused_content_is_nobodys_error() {
    let world =
        World::start(Setup { accounts: vec![crate::support::account(1, 4)], ..Setup::default() }).await;
    let log = log(&world, "UTC");
    let key = world.metered_key(100).await;
    world.run(new_job(&key, 4)).await;
    world.engine.on_submit([Reply::Reject(FaultClass::Content)]);
    let refused = world.run(new_job(&key, 1)).await;
    assert_eq!(refused.state, JobState::Failed);
    let counts = log.of_accounts(&[account_id(1), account_id(9)]).unwrap();
    let one = counts[&account_id(1)];
    assert_eq!((one.made, one.uses), (made(4, 0), 2));
    assert_eq!(one.last_used, Some(refused.updated_at));
    assert_eq!(counts[&account_id(9)], Default::default());
    assert_eq!(log.total().unwrap(), made(4, 0));
}

#[actix::test]
async fn the_row_of_the_log_and_the_figures_are_part_of_the_commit_that_ends_the_job() {
    let mut groups = Vec::new();
    for is_logged in [false, true] {
        let world = World::start(Setup::default()).await;
        let key = world.metered_key(100).await;
        if is_logged {
            log(&world, "UTC");
        }
        let before = world.store.stats().groups;
        world.run(new_job(&key, 1)).await;
        groups.push(world.store.stats().groups - before);
    }
    assert_eq!(groups[0], groups[1], "logging takes no commit of its own");
}

#[actix::test]
async fn a_crash_after_the_end_loses_no_count_and_a_crash_before_it_counts_once() {
    let world = World::start(Setup::default()).await;
    log(&world, "UTC");
    let key = world.metered_key(100).await;
    world.run(new_job(&key, 2)).await;
    world.engine.on_poll([Look::Hang]);
    let open = world.submit(new_job(&key, 3)).await;
    world.engine.until(|calls| calls.polls >= 2).await;
    let after = world.killed(Setup::default());
    let log = log(&after, "UTC");
    assert_eq!(log.total().unwrap(), made(2, 0));
    assert_eq!(after.jobs.resume().await.unwrap(), 1);
    after.end_of(&key, open.id).await;
    assert_eq!(log.total().unwrap(), made(5, 0));
    let rows = log.rows(None, 10).unwrap();
    assert_eq!(rows.iter().map(|row| (row.job, row.files.len())).next(), Some((open.id, 3)));
    assert_eq!(rows.len(), 2);
}

#[actix::test]
async fn the_log_pages_backwards_is_emptied_by_hand_and_thinned_by_the_janitor() {
    let world = World::start(Setup::default()).await;
    let log = log(&world, "UTC");
    let key = world.metered_key(100).await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(world.run(new_job(&key, 1)).await.id);
    }
    jobs.reverse();
    let (first, second) = (log.rows(None, 3).unwrap(), log.rows(Some(jobs[2]), 3).unwrap());
    let seen: Vec<_> = first.iter().chain(&second).map(|row| row.job).collect();
    assert_eq!(seen, jobs);
    assert_eq!(
        first[0].worker.as_ref().map(|worker| worker.number),
        Some(first[0].worker.as_ref().unwrap().id.uuid().as_u128() as u64)
    );
    assert_eq!(log.clear().await.unwrap(), 5);
    assert!(log.rows(None, 10).unwrap().is_empty());
    assert_eq!(log.total().unwrap(), made(5, 0), "the figures stay");
    world.run(new_job(&key, 1)).await;
    world.clock.advance(DAY * 29);
    janitor_walk(&world).await;
    assert_eq!(log.rows(None, 10).unwrap().len(), 1);
    world.clock.advance(DAY * 2);
    janitor_walk(&world).await;
    assert!(log.rows(None, 10).unwrap().is_empty());
    let is_any = || log.days(500).unwrap().iter().any(|(_, counts)| counts.images > 0);
    world.clock.advance(DAY * 360);
    janitor_walk(&world).await;
    assert!(is_any(), "the days of a year are kept");
    world.clock.advance(DAY * 40);
    janitor_walk(&world).await;
    assert!(!is_any());
    assert_eq!(log.total().unwrap(), made(6, 0));
}

async fn janitor_walk(world: &World) {
    let (store, clock) = (world.store.clone(), world.clock.clone());
    let walk = move || janitor::walk(&store, &*clock as &dyn Clock).unwrap();
    tokio::task::spawn_blocking(walk).await.unwrap();
}

#[actix::test]
async fn what_runs_is_shown_as_running() {
    let world = World::start(Setup::default()).await;
    let log = log(&world, "UTC");
    let key = world.metered_key(100).await;
    world.engine.on_poll([Look::Hang]);
    let open = world.submit(new_job(&key, 1)).await;
    world.engine.until(|calls| calls.polls == 1).await;
    let live = world.jobs.live();
    assert_eq!(live.iter().map(|job| job.id).collect::<Vec<_>>(), [open.id]);
    let row = log.running(&live[0]);
    assert_eq!((row.status(), row.seconds(), row.state), (-1, -1.0, JobState::Running));
    assert!(row.worker.is_some() && live[0].routes[0].engine == ENGINE);
    world.jobs.cancel(key.id, open.id).await.unwrap();
    let ended = &log.rows(None, 1).unwrap()[0];
    assert_eq!((ended.status(), ended.number()), (499, row.number()));
}
