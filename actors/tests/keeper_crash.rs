//! A crash anywhere in a renewal: the account is not lost, or says clearly that it is and why. A kill is a start over a copy of the data
//! directory, taken at that moment.

use crate::support::{Answer, Cabinet, LIFE, SESSION, START, copy_of, files_holding, refresh_token};
use atelier_actors::credential_keeper::{AfterRefusal, KeeperNews};
use atelier_domain::{
    account::{Account, Off},
    fault::FaultClass,
    ids::AccountId,
    secret::Secret,
};
use proptest::test_runner::{RngAlgorithm, TestRng};
use rand::RngExt as _;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// Has the directory copied right before the vendor's next answer leaves.
fn copied_before_the_answer(cabinet: &Cabinet) -> Arc<Mutex<Option<TempDir>>> {
    let copy = Arc::<Mutex<Option<TempDir>>>::default();
    let (dir, into) = (cabinet.dir.path().to_owned(), copy.clone());
    cabinet.vendor.before_it_answers(move || *into.lock().unwrap() = Some(copy_of(&dir)));
    copy
}

fn is_off_as_interrupted(cabinet: &Cabinet, id: AccountId) {
    assert_eq!(cabinet.account(id).off, Some(Off::TokenInvalid));
    let state = cabinet.keeper.state(id).unwrap();
    assert!(state.problem.as_deref().unwrap().starts_with("refresh interrupted"), "{state:?}");
    assert_eq!(state.next_try, None, "a dead token is not tried for ever");
}

#[actix_rt::test]
async fn a_crash_before_the_vendor_did_anything_loses_nothing() {
    let cabinet = Cabinet::new();
    cabinet.vendor.will([Answer::Gate]);
    let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
    cabinet.vendor.asked(1).await;
    let after = cabinet.after_a_kill(copy_of(cabinet.dir.path()));
    after.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    assert_eq!(after.kept(id).refresh_token, Some(after.vendor.refresh()));
    assert!(after.credential(id).await.is_ok());
}

#[actix_rt::test]
async fn a_crash_with_the_answer_lost_is_tried_once_more_and_then_said() {
    let cabinet = Cabinet::new();
    let copy = copied_before_the_answer(&cabinet);
    let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    let copy = copy.lock().unwrap().take().unwrap();
    let after = cabinet.after_a_kill(copy);
    after.told(0, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
    is_off_as_interrupted(&after, id);
    assert_eq!(after.credential(id).await.unwrap_err().class, FaultClass::Auth);
    assert_eq!(after.vendor.orders().len(), 2, "once before the crash, once after it");

    let again = after.after_a_kill(copy_of(after.dir.path()));
    is_off_as_interrupted(&again, id);
    again.clock.advance(Duration::from_secs(90 * 24 * 3600));
    assert!(again.credential(id).await.is_err());
    assert_eq!(again.vendor.orders().len(), 2, "not after another restart, and not with time");

    again.put(id, &[("refresh_token", &again.vendor.refresh())]).await;
    again.told(0, |news| matches!(news, KeeperNews::Renewed(account) if account.enabled)).await;
    assert_eq!(again.keeper.state(id).unwrap().problem, None);
}

#[actix_rt::test]
async fn a_crash_with_the_answer_lost_is_healed_by_a_session_token() {
    let cabinet = Cabinet::new();
    let session = Secret::new(SESSION);
    cabinet.vendor.will([Answer::Refuse]);
    // The first answer that leaves is the refusal of the session, the second that of the refresh token.
    let (dir, copy) = (cabinet.dir.path().to_owned(), Arc::<Mutex<Option<TempDir>>>::default());
    let (vendor, into) = (cabinet.vendor.clone(), copy.clone());
    cabinet.vendor.before_it_answers(move || {
        vendor.before_it_answers(move || *into.lock().unwrap() = Some(copy_of(&dir)));
    });
    let id = cabinet.add(&[("session_token", &session), ("refresh_token", &refresh_token(0))]).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    let copy = copy.lock().unwrap().take().unwrap();
    let after = cabinet.after_a_kill(copy);
    after.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    assert!(after.account(id).enabled && after.credential(id).await.is_ok());
}

#[actix_rt::test]
async fn a_crash_after_the_answer_was_kept_asks_for_nothing_twice() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    let after = cabinet.after_a_kill(copy_of(cabinet.dir.path()));
    let credential = after.credential(id).await.unwrap();
    assert_eq!(credential.secrets, cabinet.credential(id).await.unwrap().secrets);
    assert_eq!(after.keeper.state(id).unwrap().renewed_at, Some(START));
    assert_eq!(after.vendor.orders().len(), 1);
}

#[actix_rt::test]
async fn a_token_that_could_not_be_kept_is_not_handed_out() {
    let cabinet = Cabinet::new();
    let store = cabinet.store.clone();
    cabinet.vendor.before_it_answers(move || drop(store.close().unwrap()));
    cabinet.vendor.will([Answer::Gate]);
    let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
    cabinet.vendor.asked(1).await;
    cabinet.vendor.gate.notify_one();
    assert!(cabinet.credential(id).await.is_err(), "the vendor gave a token, the disk did not take it");
    let after = cabinet.after_a_kill(copy_of(cabinet.dir.path()));
    after.told(0, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
    is_off_as_interrupted(&after, id);
}

#[actix_rt::test]
async fn an_answer_that_never_comes_a_lost_one_and_a_panic_are_tries_that_may_have_used_the_token_up() {
    for answer in [Answer::Lost, Answer::Hang, Answer::Panic] {
        let cabinet = Cabinet::new();
        cabinet.vendor.will([answer]);
        let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
        cabinet.vendor.asked(1).await;
        if let Answer::Hang = answer {
            cabinet.clock.somebody_sleeps_until(START + Duration::from_secs(60)).await;
            cabinet.clock.advance(Duration::from_secs(60));
        }
        cabinet.told(0, |news| matches!(news, KeeperNews::Failed { next_try: Some(_), .. })).await;
        assert!(cabinet.account(id).enabled, "{answer:?}: it passes, perhaps");
        let heard = cabinet.heard();
        cabinet.next_try(id).await;
        cabinet.told(heard, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
        is_off_as_interrupted(&cabinet, id);
        assert_eq!(cabinet.vendor.orders().len(), 2, "{answer:?}");
    }
}

#[actix_rt::test]
async fn no_file_says_a_token_that_was_given_renewed_or_replaced() {
    let cabinet = Cabinet::new();
    let first = crate::support::access_token(77, START, Duration::from_secs(3600));
    let id = cabinet.add(&[("token", &first), ("refresh_token", &refresh_token(0))]).await;
    let mut tokens = vec![first];
    for _ in 0..5 {
        cabinet.clock.advance(Duration::from_secs(3600));
        assert_eq!(cabinet.refuse(id).await, Ok(AfterRefusal::Renewed));
        tokens.extend(cabinet.kept(id).token);
    }
    cabinet.store.export().unwrap();
    tokens.extend((0..=5).map(refresh_token));
    for token in tokens {
        assert_eq!(files_holding(cabinet.dir.path(), token.expose().as_bytes()), Vec::<String>::new());
    }
    assert!(!files_holding(cabinet.dir.path(), b"renewed_at").is_empty(), "the search finds nothing at all");
}

/// What the vendor takes is what is kept, or a mark says that it may not be.
fn nothing_is_lost(cabinet: &Cabinet, id: AccountId, step: usize) {
    let kept = cabinet.kept(id).refresh_token;
    let lost = kept.as_ref() != Some(&cabinet.vendor.refresh());
    let note = cabinet.store.get(atelier_store::Table::Renewals, id.uuid().as_bytes()).unwrap();
    let note = String::from_utf8(note.unwrap_or_default()).unwrap();
    let marked = note.contains("begun") || note.contains("\"hopeless\":true");
    assert!(!lost || marked, "step {step}: the refresh token is lost without a word: {note}");
}

/// Random courses of events over the whole keeper: every so often a kill, at a moment when nothing is written.
#[actix_rt::test]
async fn over_random_courses_no_account_is_lost_and_the_operator_s_word_holds() {
    for seed in 0..4_u8 {
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut cabinet = Cabinet::new();
        let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
        let mut by_operator = false;
        for step in 0..40 {
            match rng.random_range(0..12_u8) {
                0..=2 => cabinet.clock.advance(Duration::from_secs(rng.random_range(1..2 * LIFE.as_secs()))),
                3 | 4 => {
                    if let Ok(used) = cabinet.credential(id).await {
                        cabinet.keeper.refused(&used).await.unwrap();
                    }
                }
                5 => cabinet.vendor.will([Answer::Lost]),
                6 => cabinet.vendor.will([Answer::Refuse]),
                7 => cabinet.vendor.will([Answer::Fail(FaultClass::Network)]),
                8 => {
                    by_operator = !by_operator;
                    cabinet.switch(id, !by_operator).await;
                }
                9 => cabinet.put(id, &[("refresh_token", &cabinet.vendor.refresh())]).await,
                10 => drop(cabinet.keeper.renew(id).await.unwrap()),
                _ => cabinet = cabinet.after_a_kill(copy_of(cabinet.dir.path())),
            }
            // Whatever is under way comes to its end.
            let credential = cabinet.credential(id).await;
            nothing_is_lost(&cabinet, id, step);
            let account = cabinet.account(id);
            let row = cabinet.store.load::<Account>(id.uuid().as_bytes()).unwrap();
            assert_eq!(row.as_ref(), Some(&account), "what is seen is on disk");
            assert!(
                !by_operator || account.off == Some(Off::Manual),
                "seed {seed}, step {step}: {account:?}"
            );
            if let Ok(credential) = credential {
                assert_eq!(cabinet.kept(id), *credential.secrets, "what is handed out is on disk");
            }
        }
    }
}
