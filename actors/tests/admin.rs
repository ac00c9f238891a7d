//! The admin's desk: first start, login, sessions, throttle.

use crate::support::{Setup, World};
use atelier_actors::admin_desk::{AdminDesk, SESSION_LENGTH};
use atelier_domain::code::Code;

fn desk(world: &World) -> AdminDesk {
    AdminDesk::open(world.store.clone(), world.clock.clone())
}

#[actix::test]
async fn the_first_password_is_made_once_and_a_configured_one_is_taken_when_it_changes() {
    let world = World::start(Setup::default()).await;
    let desk = desk(&world);
    let made = desk.bootstrap("admin", None).await.unwrap().unwrap();
    assert!(desk.bootstrap("admin", None).await.unwrap().is_none());
    let session = desk.login("here", "admin", made.expose()).await.unwrap();
    assert!(desk.bootstrap("admin", Some("correct horse")).await.unwrap().is_none());
    assert!(desk.session(session.expose()).unwrap().is_none(), "a new password closes sessions");
    assert_eq!(
        desk.login("here", "admin", made.expose()).await.err().unwrap().code,
        Code::InvalidCredentials
    );
    let session = desk.login("here", "admin", "correct horse").await.unwrap();
    assert!(desk.bootstrap("admin", Some("correct horse")).await.unwrap().is_none());
    assert_eq!(
        desk.session(session.expose()).unwrap().as_deref(),
        Some("admin"),
        "the same password changes nothing"
    );
    assert!(desk.bootstrap("root", None).await.unwrap().is_none());
    assert!(desk.login("here", "admin", "correct horse").await.is_err());
    desk.login("here", "root", "correct horse").await.unwrap();
}

#[actix::test]
async fn a_session_ends_by_itself_or_by_logout_and_is_not_kept_in_clear() {
    let world = World::start(Setup::default()).await;
    let desk = desk(&world);
    desk.bootstrap("admin", Some("pw")).await.unwrap();
    let (one, two) =
        (desk.login("a", "admin", "pw").await.unwrap(), desk.login("a", "admin", "pw").await.unwrap());
    desk.logout(one.expose()).await.unwrap();
    assert!(desk.session(one.expose()).unwrap().is_none());
    assert!(desk.session(two.expose()).unwrap().is_some());
    let rows = world.store.scan(atelier_store::Table::Sessions, atelier_store::Scan::all()).unwrap();
    let kept = format!("{rows:?} {}", String::from_utf8_lossy(&rows[0].0));
    assert!(rows.len() == 1 && !kept.contains(two.expose()));
    world.clock.advance(SESSION_LENGTH);
    assert!(desk.session(two.expose()).unwrap().is_none());
}

#[actix::test]
async fn failures_are_throttled_per_place_and_a_huge_password_is_only_wrong() {
    let world = World::start(Setup::default()).await;
    let desk = desk(&world);
    desk.bootstrap("admin", Some("pw")).await.unwrap();
    let huge = "x".repeat(10_000_000);
    for _ in 0..10 {
        let refused = desk.login("there", "admin", &huge).await.err().unwrap();
        assert_eq!(refused.code, Code::InvalidCredentials);
    }
    let refused = desk.login("there", "admin", "pw").await.err().unwrap();
    assert_eq!(refused.code, Code::LoginThrottled);
    assert!(refused.retry_after.unwrap().as_secs() <= 60);
    desk.login("here", "admin", "pw").await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(300));
    desk.login("there", "admin", "pw").await.unwrap();
}

#[actix::test]
async fn a_password_changed_by_the_admin_closes_all_sessions_and_survives_a_start_with_the_old_configuration()
{
    let world = World::start(Setup::default()).await;
    let desk = desk(&world);
    desk.bootstrap("admin", Some("configured")).await.unwrap();
    let session = desk.login("a", "admin", "configured").await.unwrap();
    let refused = desk.change_password("a", "wrong", "new-password", None).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidCredentials);
    desk.change_password("a", "configured", "new-password", Some("boss".into())).await.unwrap();
    assert!(desk.session(session.expose()).unwrap().is_none());
    assert!(desk.is_changed().unwrap());
    // A start with what the configuration has always said changes nothing.
    assert!(desk.bootstrap("admin", Some("configured")).await.unwrap().is_none());
    desk.login("a", "boss", "new-password").await.unwrap();
    assert!(desk.login("a", "admin", "configured").await.is_err());
    // Something new in the configuration is taken.
    desk.bootstrap("admin", Some("configured-anew")).await.unwrap();
    desk.login("a", "boss", "configured-anew").await.unwrap();
    desk.bootstrap("root", Some("configured-anew")).await.unwrap();
    desk.login("a", "root", "configured-anew").await.unwrap();
}

#[actix::test]
async fn guessing_the_old_password_is_throttled_like_a_login() {
    let world = World::start(Setup::default()).await;
    let desk = desk(&world);
    desk.bootstrap("admin", Some("configured")).await.unwrap();
    for _ in 0..10 {
        desk.change_password("a", "guess", "new-password", None).await.unwrap_err();
    }
    let refused = desk.change_password("a", "configured", "new-password", None).await.unwrap_err();
    assert_eq!(refused.code, Code::LoginThrottled);
}
