//! A kill around a renewal, most of all between the vendor's answer and its being kept: no account is lost.

use super::*;
use atelier_domain::account::Off;

/// A renewal that hangs like this, of the account with this known of it.
async fn hanging(
    way: Way,
    known: AccountSetup,
    how: Behaviour,
    more: &[(&'static str, String)],
) -> (Ward, AccountId) {
    let ward = Ward::new(way, known, [how.clone()]);
    let mut draft = way.draft(&ward.upstream.origin());
    draft.secrets.extend(more.iter().map(|(name, secret)| (*name, Secret::new(secret.as_str()))));
    let id = ward.book.add(draft).await.unwrap().id;
    let hangs = if how == Behaviour::Hang { (0, 1) } else { (1, 1) };
    while ward.renewals() != hangs {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (ward, id)
}

async fn is_renewed(ward: &Ward, id: AccountId) {
    let told = ward.told(0).await;
    assert!(matches!(&told, KeeperNews::Renewed(account) if account.enabled), "{:?}: {told:?}", ward.way);
    let opened = ward.opens(id).await;
    assert!(opened.is_ok(), "{:?}: {opened:?}", ward.way);
}

#[actix_rt::test]
async fn a_kill_before_the_vendor_did_anything_costs_nothing() {
    for way in Way::ALL {
        let (ward, id) = hanging(way, way.known(1), Behaviour::Hang, &[]).await;
        let after = ward.after_a_kill();
        is_renewed(&after, id).await;
        assert_eq!(after.renewals(), (1, 2), "{way:?}");
    }
}

#[actix_rt::test]
async fn a_kill_between_renewal_and_keeping_is_healed_by_asking_again_where_nothing_is_used_up() {
    for way in [Way::SoraSession, Way::FireflyClient, Way::FireflyCookie] {
        let (ward, id) = hanging(way, way.known(1), Behaviour::AcceptThenHang, &[]).await;
        let after = ward.after_a_kill();
        is_renewed(&after, id).await;
        assert_eq!(after.renewals(), (2, 2), "{way:?}");
    }
}

#[actix_rt::test]
async fn a_kill_between_rotation_and_keeping_is_told_once_and_the_account_comes_back_with_another_token() {
    let way = Way::SoraRefresh;
    let (ward, id) = hanging(way, way.known(1), Behaviour::AcceptThenHang, &[]).await;
    let after = ward.after_a_kill();
    after.told_of(0, |news| matches!(news, KeeperNews::SwitchedOff(_))).await;
    assert_eq!(after.account(id).off, Some(Off::TokenInvalid));
    let problem = after.state(id).problem.unwrap();
    assert!(problem.starts_with("refresh interrupted"), "{problem}");
    assert_eq!(
        after.kept(id).refresh_token,
        Some(Secret::new(given("refresh", 1))),
        "what the operator gave is still there"
    );

    assert_eq!(after.renewals(), (1, 2), "it was tried once more");

    let again = after.after_a_kill();
    again.advance(Duration::from_secs(90 * 24 * 3600));
    assert!(again.credential(id).await.is_err());
    assert_eq!(again.renewals(), (1, 2), "a token that is used up is tried for ever");
    let next = again.at_the_vendor().refresh_token().unwrap();
    let heard = again.heard();
    again.put(id, vec![("refresh_token", Secret::new(next))]).await;
    let told = again.told(heard).await;
    assert!(matches!(&told, KeeperNews::Renewed(account) if account.enabled), "{told:?}");
    assert!(again.opens(id).await.is_ok());
}

#[actix_rt::test]
async fn a_kill_between_rotation_and_keeping_is_healed_by_a_session_that_came_to_life() {
    let way = Way::SoraRefresh;
    // The vendor knows no session yet: the refresh token is asked.
    let (ward, id) =
        hanging(way, way.known(1), Behaviour::AcceptThenHang, &[("session_token", given("session", 1))])
            .await;
    ward.upstream
        .put(NAME, AccountSetup { session_token: Some(given("session", 1)), ..AccountSetup::default() });
    let after = ward.after_a_kill();
    is_renewed(&after, id).await;
}

#[actix_rt::test]
async fn a_kill_after_keeping_asks_the_vendor_for_nothing() {
    for way in Way::ALL {
        let ward = Ward::new(way, way.known(1), []);
        let id = ward.add().await;
        assert!(matches!(ward.told(0).await, KeeperNews::Renewed(_)), "{way:?}");
        let kept = ward.kept(id);
        let after = ward.after_a_kill();
        assert_eq!(*after.credential(id).await.unwrap().secrets, kept, "{way:?}");
        assert!(after.opens(id).await.is_ok(), "{way:?}");
        assert_eq!(after.renewals(), (1, 1), "{way:?}");
    }
}
