//! Renewals in time, one after the other, and accounts that come back.

use super::*;
use atelier_actors::credential_keeper::AfterRefusal;
use atelier_domain::{account::Off, fault::FaultClass};
use std::collections::BTreeSet;

const HOUR: Duration = Duration::from_secs(3600);

/// A ward whose account has its first token.
async fn renewed(way: Way) -> (Ward, AccountId) {
    let ward = Ward::new(way, way.known(1), []);
    let id = ward.add().await;
    let told = ward.told(0).await;
    assert!(matches!(told, KeeperNews::Renewed(_)), "{way:?}: {told:?}");
    (ward, id)
}

#[actix_rt::test]
async fn tokens_are_renewed_hours_before_their_end_and_each_opens_the_account() {
    for way in Way::ALL {
        let (ward, id) = renewed(way).await;
        let (mut tokens, mut spent) = (BTreeSet::new(), BTreeSet::from([given("refresh", 1)]));
        for round in 1..=4 {
            let kept = ward.kept(id);
            assert!(tokens.insert(kept.token.unwrap().expose().to_owned()), "{way:?}: the same token again");
            if way == Way::SoraRefresh {
                let next = kept.refresh_token.unwrap().expose().to_owned();
                assert_eq!(Some(&next), ward.at_the_vendor().refresh_token().as_ref());
                assert!(spent.insert(next), "a refresh token is good once");
            }
            let opened = ward.opens(id).await;
            assert!(opened.is_ok(), "{way:?}, {round}: {opened:?}");
            let state = ward.state(id);
            let (due, end) = (state.next_try.unwrap(), state.expires_at.unwrap());
            assert!(ward.clock.now() < due && due + HOUR < end, "{way:?}: {state:?}");
            assert_eq!(ward.renewals(), (round, round), "{way:?}: once each");
            let told = ward.next_try(id).await;
            assert!(matches!(told, KeeperNews::Renewed(_)), "{way:?}: {told:?}");
        }
    }
}

#[actix_rt::test]
async fn a_token_that_the_upstream_refuses_before_its_end_is_renewed_at_once() {
    for way in Way::ALL {
        let (ward, id) = renewed(way).await;
        let used = ward.credential(id).await.unwrap();
        ward.at_the_vendor().revoke();
        assert_eq!(ward.opens(id).await.unwrap_err().class, FaultClass::Auth, "{way:?}");
        assert_eq!(ward.keeper.refused(&used).await, Ok(AfterRefusal::Renewed), "{way:?}");
        let opened = ward.opens(id).await;
        assert!(opened.is_ok(), "{way:?}: {opened:?}");
        assert_eq!(
            ward.keeper.refused(&used).await,
            Ok(AfterRefusal::Renewed),
            "a late refusal of the old one"
        );
        assert_eq!(ward.renewals(), (2, 2), "{way:?}");
    }
}

/// Lets the vendor refuse everything until the account is off, which is no sooner than its last token ends.
async fn until_off(ward: &Ward, id: AccountId) {
    let (way, heard, end) = (ward.way, ward.heard(), ward.state(id).expires_at.unwrap());
    for _ in 0..20 {
        let told = ward.next_try(id).await;
        assert!(!matches!(told, KeeperNews::Renewed(_)), "{way:?}: {told:?}");
        // Whatever follows from the try has followed when this is answered.
        let credential = ward.credential(id).await;
        let (off, ended) = (ward.account(id).off, end <= ward.clock.now());
        assert_eq!(credential.is_ok(), !ended, "{way:?}: a token serves to its end, and no longer");
        if off.is_some() {
            assert_eq!((off, ended), (Some(Off::TokenInvalid), true), "{way:?}");
            ward.told_of(heard, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
            return;
        }
    }
    panic!("{way:?}: it is never given up");
}

#[actix_rt::test]
async fn an_account_whose_vendor_takes_it_no_more_goes_off_and_comes_back_with_what_is_taken() {
    for way in Way::ALL {
        let (ward, id) = renewed(way).await;
        ward.upstream.put(NAME, AccountSetup::default());
        until_off(&ward, id).await;
        assert!(!ward.account(id).enabled && ward.credential(id).await.is_err(), "{way:?}");
        ward.upstream.put(NAME, way.known(2));
        let heard = ward.heard();
        ward.put(id, way.secrets(2)).await;
        let told = ward.told(heard).await;
        assert!(matches!(&told, KeeperNews::Renewed(account) if account.enabled), "{way:?}: {told:?}");
        assert_eq!((ward.account(id).off, ward.state(id).problem), (None, None));
        let opened = ward.opens(id).await;
        assert!(opened.is_ok(), "{way:?}: {opened:?}");
    }
}

#[actix_rt::test]
async fn an_account_that_is_off_comes_back_by_a_renewal_that_succeeds() {
    // What stays good; a refresh token that was refused is gone for good.
    for way in [Way::SoraSession, Way::FireflyClient, Way::FireflyCookie] {
        let (ward, id) = renewed(way).await;
        for asked in [true, false] {
            ward.upstream.put(NAME, AccountSetup::default());
            until_off(&ward, id).await;
            ward.upstream.put(NAME, way.known(1));
            if asked {
                let heard = ward.heard();
                ward.keeper.renew(id).await.unwrap();
                ward.told_of(heard, |news| matches!(news, KeeperNews::Renewed(_))).await;
            } else {
                // Once a day it is tried by itself.
                let told = ward.next_try(id).await;
                assert!(matches!(told, KeeperNews::Renewed(_)), "{way:?}: {told:?}");
            }
            assert_eq!(ward.state(id).problem, None, "{way:?}");
            assert!(ward.account(id).enabled && ward.opens(id).await.is_ok(), "{way:?}");
        }
    }
}

#[actix_rt::test]
async fn trouble_at_the_vendor_is_waited_out_while_the_old_token_serves() {
    for way in Way::ALL {
        let (ward, id) = renewed(way).await;
        let trouble = || Behaviour::Html { status: 503 };
        ward.at_the_vendor().script(way.op(), [trouble(), trouble()]);
        for _ in 0..2 {
            let told = ward.next_try(id).await;
            assert!(matches!(told, KeeperNews::Failed { next_try: Some(_), .. }), "{way:?}: {told:?}");
            assert!(ward.opens(id).await.is_ok(), "{way:?}: the old token is good for days");
        }
        let told = ward.next_try(id).await;
        assert!(matches!(told, KeeperNews::Renewed(_)), "{way:?}: {told:?}");
        assert!(ward.opens(id).await.is_ok(), "{way:?}");
    }
}
