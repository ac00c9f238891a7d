//! Credentials are good when they are wanted: renewed in time, once, and never lost.

use crate::support::{Answer, Cabinet, GLOBAL_PROXY, LIFE, SESSION, START, access_token, refresh_token};
use atelier_actors::credential_keeper::{AfterRefusal, CredentialState, KeeperConfig, KeeperNews};
use atelier_domain::{
    account::{AccountSecrets, Off},
    code::Code,
    fault::FaultClass,
    renewal::Grant,
    secret::Secret,
    time::{Clock, Millis},
};
use atelier_store::Table;
use futures_util::future::join_all;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// An access token of an hour, from the start of the test on.
fn hour() -> Secret {
    access_token(1_000, START, HOUR)
}

#[actix_rt::test]
async fn a_token_is_renewed_before_its_end_by_itself_and_serves_meanwhile() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("token", &hour()), ("session_token", &Secret::new(SESSION))]).await;
    let credential = cabinet.credential(id).await.unwrap();
    assert_eq!((credential.account, &credential.secrets.token), (id, &Some(hour())));
    assert_eq!(credential.proxy, Some(Secret::new(GLOBAL_PROXY)));
    let state = cabinet.keeper.state(id).unwrap();
    assert_eq!(state.expires_at, Some(START + HOUR));
    let due = state.next_try.unwrap();
    assert!(due > START + HOUR * 3 / 4 && due < START + HOUR * 9 / 10, "{due:?}");

    cabinet.vendor.will([Answer::Gate]);
    cabinet.clock.somebody_sleeps_until(due).await;
    cabinet.clock.advance_to(due);
    cabinet.vendor.asked(1).await;
    let credential = cabinet.credential(id).await.unwrap();
    assert_eq!(credential.secrets.token, Some(hour()), "nobody waits while the old one is good");
    cabinet.vendor.gate.notify_one();
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    let credential = cabinet.credential(id).await.unwrap();
    assert_eq!(credential.secrets.token, Some(access_token(1, due, LIFE)));
    assert_eq!(cabinet.kept(id), *credential.secrets);
    let account = cabinet.account(id);
    assert_eq!(account.expires_at, Some(Millis((due + LIFE).seconds() * 1000)));
    assert_eq!(account.identity.email.as_deref(), Some("a@b.c"));
    assert_eq!(cabinet.keeper.state(id).unwrap().renewed_at, Some(due));
}

#[actix_rt::test]
async fn a_thousand_callers_wait_for_one_renewal() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
    cabinet.vendor.will([Answer::Gate]);
    // The renewal of a new account without a token begins by itself.
    cabinet.vendor.asked(1).await;
    let waiting = join_all((0..1_000).map(|_| cabinet.credential(id)));
    let (credentials, ()) = futures_util::join!(waiting, async { cabinet.vendor.gate.notify_one() });
    for credential in credentials {
        assert_eq!(credential.unwrap().secrets.token, Some(access_token(1, START, LIFE)));
    }
    assert_eq!(cabinet.vendor.orders().len(), 1);
}

#[actix_rt::test]
async fn a_good_credential_costs_no_message() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("token", &Secret::new("sk-eternal"))]).await;
    // By its first answer the keeper knows the account.
    cabinet.credential(id).await.unwrap();
    cabinet.units.core().stop();
    assert_eq!(cabinet.credential(id).await.unwrap().secrets.token, Some(Secret::new("sk-eternal")));
    let mut used = cabinet.credential(id).await.unwrap();
    used.secrets = AccountSecrets::default().into();
    assert_eq!(cabinet.keeper.refused(&used).await, Ok(AfterRefusal::Renewed), "nor does an old refusal");
}

#[actix_rt::test]
async fn the_session_is_asked_first_and_then_the_refresh_token_with_its_client_through_the_account_s_proxy() {
    let cabinet = Cabinet::new();
    let (client, proxy) = (Secret::new("app_1"), Secret::new("socks5://u:p@own-proxy:1080"));
    let session = Secret::new("st-ended");
    let id = cabinet
        .add(&[
            ("session_token", &session),
            ("refresh_token", &refresh_token(0)),
            ("client_id", &client),
            ("proxy_url", &proxy),
        ])
        .await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    let orders = cabinet.vendor.orders();
    assert_eq!(orders[0].grant, Grant::Session(session));
    assert_eq!(orders[1].grant, Grant::Refresh { token: refresh_token(0), client_id: Some(client) });
    assert!(orders.iter().all(|order| order.proxy == Some(proxy.clone())));
    let kept = cabinet.kept(id);
    assert_eq!(kept.refresh_token, Some(refresh_token(1)), "the next one took its place");
}

#[actix_rt::test]
async fn a_session_that_gives_an_ended_or_a_refused_token_is_no_help() {
    let cabinet = Cabinet::new();
    let session = Secret::new(SESSION);
    let id = cabinet.add(&[("session_token", &session), ("refresh_token", &refresh_token(0))]).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    let used = cabinet.credential(id).await.unwrap();
    cabinet.vendor.will([Answer::SameAgain]);
    assert_eq!(cabinet.keeper.refused(&used).await, Ok(AfterRefusal::Renewed));
    let orders = cabinet.vendor.orders();
    assert_eq!(orders.len(), 3, "the refresh token was asked next");
    assert!(matches!(orders[2].grant, Grant::Refresh { .. }));

    cabinet.vendor.will([Answer::Life(Duration::ZERO), Answer::Life(Duration::ZERO)]);
    let used = cabinet.credential(id).await.unwrap();
    assert_eq!(cabinet.keeper.refused(&used).await, Ok(AfterRefusal::Failed));
    assert_eq!(cabinet.kept(id).refresh_token, Some(cabinet.vendor.refresh()), "a useless answer cost it");
}

#[actix_rt::test]
async fn what_passes_is_waited_out_and_never_switches_off() {
    let cabinet = Cabinet::new();
    let classes = [
        FaultClass::Network,
        FaultClass::Overloaded,
        FaultClass::RateLimited,
        FaultClass::Internal,
        FaultClass::Overloaded,
        FaultClass::Network,
    ];
    cabinet.vendor.will(classes.map(Answer::Fail));
    let id = cabinet.add(&[("session_token", &Secret::new(SESSION))]).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Failed { .. })).await;
    for wait in [60.0, 180.0, 600.0, 1_800.0, 1_800.0] {
        let next = cabinet.keeper.state(id).unwrap().next_try.unwrap();
        let waited = next.since(cabinet.clock.now()).as_secs_f64() / wait;
        assert!((0.9..=1.1).contains(&waited), "{waited} of {wait} s");
        let refused = cabinet.credential(id).await.unwrap_err();
        assert_eq!((refused.class, refused.retry_at), (FaultClass::RateLimited, Some(next)));
        assert!(matches!(cabinet.next_try(id).await, KeeperNews::Failed { next_try: Some(_), .. }));
    }
    assert!(matches!(cabinet.next_try(id).await, KeeperNews::Renewed(_)));
    assert!(cabinet.account(id).enabled && cabinet.credential(id).await.is_ok());
    assert_eq!(cabinet.keeper.state(id).unwrap().problem, None);
}

#[actix_rt::test]
async fn refusals_in_a_row_switch_an_account_off_and_a_success_brings_it_back() {
    let cabinet = Cabinet::new();
    cabinet.vendor.will([Answer::Refuse, Answer::Refuse, Answer::Refuse]);
    let id = cabinet.add(&[("session_token", &Secret::new(SESSION))]).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Failed { .. })).await;
    cabinet.next_try(id).await;
    assert!(cabinet.account(id).enabled, "two are not three");
    let heard = cabinet.heard();
    cabinet.next_try(id).await;
    cabinet.told(heard, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
    let off = cabinet.account(id);
    assert_eq!((off.enabled, off.off), (false, Some(Off::TokenInvalid)));
    assert_eq!(cabinet.keeper.state(id).unwrap().problem.as_deref(), Some("scripted refusal"));
    let KeeperNews::Renewed(account) = cabinet.next_try(id).await else { panic!("not renewed") };
    assert_eq!((account.enabled, account.off), (true, None));
    assert_eq!(cabinet.account(id), *account);
}

#[actix_rt::test]
async fn a_token_that_simply_ends_switches_its_account_off_as_expired() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("token", &hour())]).await;
    cabinet.clock.somebody_sleeps_until(START + HOUR).await;
    cabinet.clock.advance(HOUR - Duration::from_secs(1));
    assert!(cabinet.credential(id).await.is_ok(), "to its last second");
    cabinet.clock.advance(Duration::from_secs(1));
    assert!(cabinet.credential(id).await.is_err());
    cabinet.told(0, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
    assert_eq!(cabinet.account(id).off, Some(Off::Expired));
    assert_eq!(cabinet.vendor.orders().len(), 0);

    let fresh = access_token(5, START + HOUR, HOUR);
    cabinet.put(id, &[("token", &fresh)]).await;
    assert!(cabinet.account(id).enabled);
    assert_eq!(cabinet.credential(id).await.unwrap().secrets.token, Some(fresh));
}

#[actix_rt::test]
async fn what_an_auth_fault_switched_off_comes_back_and_nothing_else_does() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("token", &hour()), ("session_token", &Secret::new(SESSION))]).await;
    for reason in [Off::Manual, Off::ErrorLimit, Off::Billing] {
        match reason {
            Off::Manual => cabinet.switch(id, false).await,
            _ => cabinet.book.switch_off(id, reason).await.unwrap(),
        }
        cabinet.keeper.renew(id).await.unwrap();
        assert_eq!(cabinet.account(id).off, Some(reason));
        cabinet.switch(id, true).await;
    }
    assert_eq!(cabinet.vendor.orders().len(), 3, "only because the operator asked");
    cabinet.clock.advance(Duration::from_secs(60));
    let heard = cabinet.heard();
    cabinet.book.switch_off(id, Off::TokenInvalid).await.unwrap();
    cabinet.told(heard, |news| matches!(news, KeeperNews::Renewed(account) if account.enabled)).await;
    assert_eq!((cabinet.account(id).enabled, cabinet.account(id).off), (true, None));
}

#[actix_rt::test]
async fn a_refused_token_is_renewed_once_and_a_late_refusal_of_it_does_nothing() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("token", &hour()), ("refresh_token", &refresh_token(0))]).await;
    let used = cabinet.credential(id).await.unwrap();
    let answers = join_all((0..100).map(|_| cabinet.keeper.refused(&used))).await;
    assert!(answers.iter().all(|answer| *answer == Ok(AfterRefusal::Renewed)), "{answers:?}");
    assert_eq!(cabinet.vendor.orders().len(), 1);
    assert_eq!(cabinet.keeper.refused(&used).await, Ok(AfterRefusal::Renewed));
    assert_eq!(cabinet.vendor.orders().len(), 1);
    assert_ne!(cabinet.credential(id).await.unwrap().secrets.token, used.secrets.token);
}

#[actix_rt::test]
async fn tokens_that_are_refused_as_soon_as_they_are_had_end_in_the_account_being_off() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("session_token", &Secret::new(SESSION))]).await;
    for _ in 0..3 {
        let used = cabinet.credential(id).await.unwrap();
        cabinet.keeper.refused(&used).await.unwrap();
    }
    cabinet.told(0, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
    assert_eq!(cabinet.account(id).off, Some(Off::TokenInvalid));
    assert_eq!(cabinet.vendor.orders().len(), 3, "it is bounded");
}

#[actix_rt::test]
async fn a_key_that_cannot_be_renewed_says_so_and_stays() {
    let cabinet = Cabinet::new();
    let id = cabinet.add(&[("token", &Secret::new("sk-proj-of-an-api"))]).await;
    let used = cabinet.credential(id).await.unwrap();
    assert_eq!(cabinet.keeper.refused(&used).await, Ok(AfterRefusal::NotRenewable));
    assert_eq!(cabinet.credential(id).await.unwrap(), used);
    assert_eq!(cabinet.keeper.state(id), Some(CredentialState::default()));
}

#[actix_rt::test]
async fn switched_off_renewing_leaves_tokens_alone_until_it_is_on_again() {
    let cabinet = Cabinet::with(KeeperConfig { enabled: false, ..KeeperConfig::default() });
    let id = cabinet.add(&[("token", &hour()), ("session_token", &Secret::new(SESSION))]).await;
    let used = cabinet.credential(id).await.unwrap();
    assert_eq!(cabinet.keeper.refused(&used).await, Ok(AfterRefusal::NotRenewable));
    cabinet.clock.advance(HOUR);
    assert!(cabinet.credential(id).await.is_err());
    cabinet.told(0, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
    assert_eq!(cabinet.vendor.orders().len(), 0);
    cabinet.keeper.set_enabled(true).await.unwrap();
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(account) if account.enabled)).await;
    assert!(cabinet.credential(id).await.is_ok());
}

#[actix_rt::test]
async fn a_change_of_the_proxy_during_a_renewal_loses_neither() {
    let cabinet = Cabinet::new();
    cabinet.vendor.will([Answer::Gate]);
    let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
    cabinet.vendor.asked(1).await;
    let proxy = Secret::new("http://new-proxy:1");
    cabinet.put(id, &[("proxy_url", &proxy)]).await;
    cabinet.vendor.gate.notify_one();
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    let kept = cabinet.kept(id);
    assert_eq!((kept.proxy_url, kept.refresh_token), (Some(proxy.clone()), Some(refresh_token(1))));
    let credential = cabinet.credential(id).await.unwrap();
    assert_eq!((&credential.proxy, &credential.secrets.token.is_some()), (&Some(proxy), &true));
}

#[actix_rt::test]
async fn new_tokens_during_a_renewal_stay_and_its_result_is_dropped() {
    let cabinet = Cabinet::new();
    cabinet.vendor.will([Answer::Gate]);
    let id = cabinet.add(&[("refresh_token", &Secret::new("rt-of-somebody"))]).await;
    cabinet.vendor.asked(1).await;
    cabinet.put(id, &[("refresh_token", &refresh_token(0))]).await;
    cabinet.vendor.gate.notify_one();
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    assert_eq!(cabinet.vendor.orders().len(), 2);
    assert_eq!(cabinet.kept(id).refresh_token, Some(cabinet.vendor.refresh()));
    let failed = cabinet.news.borrow().iter().any(|news| matches!(news, KeeperNews::Failed { .. }));
    assert!(!failed, "the refusal of a token that is gone says nothing of the new one");
}

#[actix_rt::test]
async fn of_a_removed_account_nothing_is_left_and_those_who_wait_for_it_are_told() {
    let cabinet = Cabinet::new();
    cabinet.vendor.will([Answer::Gate]);
    let id = cabinet.add(&[("refresh_token", &refresh_token(0))]).await;
    cabinet.vendor.asked(1).await;
    let account = cabinet.account(id);
    let (credential, removed) =
        futures_util::join!(cabinet.keeper.credential(&account), cabinet.book.remove(account.number));
    assert!(credential.is_err() && removed.is_ok());
    cabinet.vendor.gate.notify_one();
    assert!(cabinet.keeper.credential(&account).await.is_err());
    // The renewal that was under way has ended by the time the next one has.
    let second = cabinet.add(&[("session_token", &Secret::new(SESSION))]).await;
    cabinet.told(0, |news| matches!(news, KeeperNews::Renewed(_))).await;
    cabinet.book.remove(cabinet.account(second).number).await.unwrap();
    for table in [Table::Secrets, Table::Renewals] {
        assert_eq!(
            cabinet.store.scan(table, atelier_store::Scan::all()).unwrap(),
            vec![],
            "{}",
            table.name()
        );
    }
    assert_eq!(cabinet.keeper.state(id), None);
}

#[actix_rt::test]
async fn a_conversion_gives_a_token_and_keeps_nothing() {
    let cabinet = Cabinet::new();
    let grant = Grant::Refresh { token: refresh_token(0), client_id: None };
    let renewal = cabinet.keeper.convert("puppet", grant.clone()).await.unwrap();
    assert_eq!(
        (renewal.token, renewal.refresh_token),
        (access_token(1, START, LIFE), Some(refresh_token(1)))
    );
    assert_eq!(cabinet.vendor.orders()[0].proxy, Some(Secret::new(GLOBAL_PROXY)));
    let refused = cabinet.keeper.convert("puppet", grant.clone()).await.unwrap_err();
    assert_eq!(refused.code, Code::TokenRefused);
    assert_eq!(cabinet.keeper.convert("studio", grant.clone()).await.unwrap_err().code, Code::BadField);
    cabinet.vendor.will([Answer::Fail(FaultClass::Network), Answer::Panic]);
    assert_eq!(cabinet.keeper.convert("puppet", grant.clone()).await.unwrap_err().code, Code::SubmitNetwork);
    assert_eq!(cabinet.keeper.convert("puppet", grant).await.unwrap_err().code, Code::InternalError);
    assert_eq!(cabinet.store.scan(Table::Secrets, atelier_store::Scan::all()).unwrap(), vec![]);
}

#[actix_rt::test]
async fn as_many_renewals_run_at_once_as_may_and_all_come_to_pass() {
    const ACCOUNTS: usize = 30;
    let cabinet = Cabinet::new();
    cabinet.vendor.will((0..8).map(|_| Answer::Gate));
    let mut ids = Vec::new();
    for number in 0..ACCOUNTS {
        ids.push(cabinet.add(&[("session_token", &Secret::new(format!("{SESSION}-{number}")))]).await);
    }
    cabinet.vendor.asked(8).await;
    assert_eq!(cabinet.vendor.orders().len(), 8, "the vendor is not flooded");
    let waiting = join_all(ids.iter().map(|id| cabinet.credential(*id)));
    let opened = async {
        for _ in 0..8 {
            cabinet.vendor.gate.notify_one();
            futures_util::future::ready(()).await;
        }
        cabinet.vendor.gate.notify_waiters();
    };
    let (credentials, ()) = futures_util::join!(waiting, opened);
    assert!(credentials.iter().all(Result::is_ok));
    assert_eq!(cabinet.vendor.orders().len(), ACCOUNTS);
}
