//! The ledger under every interleaving: never below zero, always in balance, each job settled once, across restarts.

use crate::support::{Setup, World, new_job, queued_job};
use actix::Arbiter;
use atelier_actors::{
    SystemClock,
    credit_ledger::{Ledger, Settlement, Taken, verify_offline},
};
use atelier_domain::{
    code::Code,
    credit::{EntryKind, Hold},
    ids::KeyId,
    job::{Job, JobState, Transition},
    key::ApiKey,
    time::Millis,
};
use atelier_store::{Batch, Expect, OpenOptions, Store, Table};
use futures_util::future::join_all;
use proptest::prelude::*;
use std::{path::Path, sync::Arc};
use tempfile::TempDir;
use uuid::Uuid;

const KEYS: usize = 3;

#[derive(Debug, Clone)]
enum Act {
    Grant {
        key: usize,
        amount: i64,
    },
    Hold {
        key: usize,
        price: i64,
    },
    /// Settles one of the open holds, and at the same time again.
    Settle {
        pick: usize,
        charged: i64,
    },
}

fn any_act() -> impl Strategy<Value = Act> {
    let key = 0..KEYS;
    prop_oneof![
        (key.clone(), -30i64..60).prop_map(|(key, amount)| Act::Grant { key, amount }),
        (key, 0i64..25).prop_map(|(key, price)| Act::Hold { key, price }),
        (any::<usize>(), 0i64..40).prop_map(|(pick, charged)| Act::Settle { pick, charged }),
    ]
}

/// What the books must say, worked out from the answers alone.
#[derive(Default)]
struct Model {
    available: [i64; KEYS],
    held: [i64; KEYS],
    open: Vec<(usize, Job, Hold)>,
    next_job: u128,
}

fn api_key(number: usize) -> ApiKey {
    ApiKey {
        id: KeyId::from_uuid(Uuid::from_u128(900 + number as u128)),
        name: String::new(),
        secret_sha256: String::new(),
        prefix: String::new(),
        metered: true,
        profile: None,
        models: vec![],
        rpm: None,
        concurrency: None,
        expires_at: None,
        webhook_url: None,
        webhook_secrets: 0,
        disabled: false,
        bootstrap: false,
        created_at: Millis(0),
        updated_at: Millis(0),
        deleted_at: None,
    }
}

enum Done {
    Granted(usize, i64, bool),
    Held(usize, Box<Job>, Option<Hold>),
    Settled(usize, i64, i64),
}

async fn act(ledger: &Ledger, act: Act, number: u128, open: Option<(usize, Job, Hold)>) -> Option<Done> {
    match act {
        Act::Grant { key, amount } => {
            let granted = ledger.grant(api_key(key).id, amount, None, None).await;
            if let Err(refused) = &granted {
                assert_eq!(refused.code, Code::BelowZero);
            }
            Some(Done::Granted(key, amount, granted.is_ok()))
        }
        Act::Hold { key, price } => {
            let job = queued_job(&api_key(key), number, price);
            let hold = match ledger.hold(Arc::new(job.clone()), None).await {
                Ok(hold) => Some(hold),
                Err(Taken::Refused(refused)) => {
                    assert_eq!(refused.code, Code::InsufficientCredits);
                    None
                }
                Err(Taken::Rider | Taken::Disk) => panic!("no rider was sent"),
            };
            Some(Done::Held(key, Box::new(job), hold))
        }
        Act::Settle { charged, .. } => {
            let (key, job, hold) = open?;
            let mut ended = job.after(Transition::Cancel, Millis(1)).unwrap();
            ended.charged = charged.min(hold.amount);
            let settle = || ledger.settle(ended.clone(), hold.clone(), vec![]);
            let (one, two) = tokio::join!(settle(), settle());
            let both = [one.unwrap(), two.unwrap()];
            assert_eq!(both.iter().filter(|one| matches!(one, Settlement::Settled(_))).count(), 1);
            Some(Done::Settled(key, hold.amount, ended.charged))
        }
    }
}

/// Runs one phase, all of it at once, over a store that is opened for it and closed after it.
async fn phase(dir: &Path, acts: Vec<Act>, model: &mut Model) {
    let store = Store::open(OpenOptions::new(dir)).unwrap();
    let arbiter = Arbiter::new();
    let ledger = Ledger::start(store.clone(), Arc::new(SystemClock), &arbiter.handle());
    let acts = acts.into_iter().map(|one| {
        model.next_job += 1;
        let open = match &one {
            Act::Settle { pick, .. } if !model.open.is_empty() => {
                Some(model.open.swap_remove(pick % model.open.len()))
            }
            _ => None,
        };
        act(&ledger, one, model.next_job, open)
    });
    for done in join_all(acts.collect::<Vec<_>>()).await.into_iter().flatten() {
        match done {
            Done::Granted(key, amount, true) => model.available[key] += amount,
            Done::Granted(..) | Done::Held(_, _, None) => {}
            Done::Held(key, job, Some(hold)) => {
                model.available[key] -= hold.amount;
                model.held[key] += hold.amount;
                model.open.push((key, *job, hold));
            }
            Done::Settled(key, held, charged) => {
                model.held[key] -= held;
                model.available[key] += held - charged;
            }
        }
    }
    for key in 0..KEYS {
        let balance = ledger.balance(api_key(key).id).unwrap();
        assert_eq!((balance.available, balance.held), (model.available[key], model.held[key]));
        assert!(balance.available >= 0 && balance.held >= 0);
    }
    let online = ledger.verify().await.unwrap();
    assert!(online.is_ok(), "{online:?}");
    assert_eq!(online, verify_offline(&store).unwrap());
    drop(ledger);
    arbiter.stop();
    arbiter.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_interleaving_and_no_restart_loses_or_makes_credit(
        phases in proptest::collection::vec(proptest::collection::vec(any_act(), 1..40), 1..4)
    ) {
        let dir = TempDir::new().unwrap();
        actix::System::new().block_on(async {
            let mut model = Model::default();
            for acts in phases {
                phase(dir.path(), acts, &mut model).await;
            }
        });
    }
}

#[actix::test]
async fn five_credits_pay_for_five_of_two_hundred_calls_at_once() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let all = join_all((0..200).map(|_| world.jobs.submit(new_job(&key, 1)))).await;
    let (mut accepted, mut refused) = (vec![], 0);
    for one in all {
        match one {
            Ok(submitted) => accepted.push(submitted),
            Err(no) => {
                assert_eq!(no.code, Code::InsufficientCredits);
                refused += 1;
            }
        }
    }
    assert_eq!((accepted.len(), refused), (5, 195));
    for mut submitted in accepted {
        assert_eq!(world.end(&mut submitted.watch).await.state, JobState::Completed);
    }
    world.assert_books(&key, 0).await;
    assert_eq!(world.jobs.open(), 0);
}

#[actix::test]
async fn a_proof_while_credit_moves_finds_nothing_wrong() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1_000).await;
    let traffic = join_all((0..200).map(|_| world.run(new_job(&key, 1))));
    let proofs = async {
        for _ in 0..20 {
            let verdict = world.ledger.verify().await.unwrap();
            assert!(verdict.is_ok(), "{verdict:?}");
        }
    };
    tokio::join!(traffic, proofs);
    world.assert_books(&key, 800).await;
}

#[actix::test]
async fn a_proof_finds_a_balance_that_drifted_and_a_hold_that_vanished() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let job = queued_job(&key, 1, 3);
    world.ledger.hold(Arc::new(job.clone()), None).await.unwrap();
    let mut batch = Batch::new();
    batch.add(Table::Balances, format!("{}/available", key.id), 1, None);
    batch.delete_present(Table::Holds, job.id.uuid().as_bytes());
    world.store.submit(batch).await.unwrap();
    let verdict = world.ledger.verify().await.unwrap();
    assert_eq!((verdict.drift.len(), verdict.drift[0].kept, verdict.drift[0].computed), (1, 8, 7));
    assert_eq!(verdict.problems.len(), 1);
}

#[actix::test]
async fn an_unmetered_key_pays_nothing_and_its_statement_is_its_own() {
    let world = World::start(Setup::default()).await;
    let metered = world.metered_key(10).await;
    let settings = atelier_actors::key_ring::KeySettings { metered: Some(false), ..Default::default() };
    let free = world.keys.create(settings, 0).await.unwrap().0;
    for key in [&metered, &free] {
        assert_eq!(world.run(new_job(key, 1)).await.state, JobState::Completed);
    }
    assert!(world.ledger.statement(free.id, None, 10).unwrap().is_empty());
    let entries = world.ledger.statement(metered.id, None, 10).unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.entry.kind).collect();
    assert_eq!(kinds, [EntryKind::Capture, EntryKind::Hold, EntryKind::TopUp]);
    let older = world.ledger.statement(metered.id, Some(entries[0].seq), 1).unwrap();
    assert_eq!(older[0], entries[1]);
    world.assert_books(&free, 0).await;
}

#[actix::test]
async fn a_rider_that_does_not_hold_takes_no_credit() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(10).await;
    let rider = || {
        let mut rider = Batch::new();
        rider.put_if(Table::Settings, "rider", "1", Expect::Absent);
        Some(rider)
    };
    world.ledger.hold(Arc::new(queued_job(&key, 1, 1)), rider()).await.unwrap();
    let taken = world.ledger.hold(Arc::new(queued_job(&key, 2, 1)), rider()).await;
    assert_eq!(taken, Err(Taken::Rider));
    assert_eq!(world.ledger.balance(key.id).unwrap().available, 9);
    assert_eq!(world.ledger.grant(key.id, i64::MIN, None, None).await.err().unwrap().code, Code::BadField);
}
