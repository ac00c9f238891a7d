//! A key is sent to the origin that it belongs to, and what an upstream names goes through the guard.

use super::{Double, DownloadError, Payload, Unanswered, Unsent, World, public_roots, tls_config};
use crate::doubles::Reply;

fn world(allow: &[&str]) -> World {
    World::with(allow, tls_config(public_roots(), &["http/1.1"]).unwrap())
}

#[actix_rt::test]
async fn a_result_at_home_is_fetched_with_the_key_wherever_home_is() {
    let home = Double::start(|seen| match &*seen.path {
        "/v1/a" => Reply::redirect(302, "/files/b"),
        _ => Reply::file("image/png", b"picture"),
    })
    .await;
    for url in [home.url("/files/b"), "/files/b".to_owned(), home.url("/v1/a")] {
        let answer = world(&[]).download(&url, &home).await.unwrap();
        assert_eq!(&*answer.read(100).await.unwrap(), b"picture");
    }
    for seen in home.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer planted-key"), "{}", seen.path);
    }
}

#[actix_rt::test]
async fn a_key_does_not_follow_a_redirect_to_another_origin() {
    let elsewhere = Double::start(|_| Reply::file("image/png", b"picture")).await;
    let target = elsewhere.url("/b");
    for status in [301, 302, 303, 307, 308] {
        let target = target.clone();
        let home = Double::start(move |_| Reply::redirect(status, &target)).await;
        let answer = world(&["127.0.0.1"]).download(&home.url("/a"), &home).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 5);
    for seen in seen {
        assert!(!format!("{seen:?}").contains("planted-key"), "the key left its origin: {seen:?}");
    }
}

#[actix_rt::test]
async fn a_key_that_left_its_origin_does_not_come_back_by_another_port() {
    let other = Double::start(|_| Reply::file("image/png", b"x")).await;
    let home = Double::start(|_| Reply::file("image/png", b"x")).await;
    world(&["127.0.0.1"]).download(&other.url("/b"), &home).await.unwrap();
    assert_eq!(other.only().header("authorization"), None, "same host, other port: another origin");
    assert!(home.seen().is_empty());
}

#[actix_rt::test]
async fn what_an_upstream_names_inside_is_not_fetched() {
    let inside = Double::start(|_| Reply::file("image/png", b"secret")).await;
    let target = inside.url("/b");
    let home = Double::start(move |_| Reply::redirect(302, &target)).await;
    for url in [inside.url("/b"), home.url("/a"), format!("http://localhost:{}/b", inside.address.port())] {
        match world(&[]).download(&url, &home).await {
            Err(DownloadError::Unanswered(Unanswered::Unsent(Unsent::Forbidden, _))) => {}
            other => panic!("{url}: {:?}", other.err()),
        }
    }
    assert!(inside.seen().is_empty(), "it was connected to");
    for url in ["file:///etc/passwd", "http://u:p@127.0.0.1/", "data:image/png;base64,AA=="] {
        assert!(matches!(world(&[]).download(url, &home).await, Err(DownloadError::BadUrl(_))), "{url}");
    }
}

#[actix_rt::test]
async fn redirects_end() {
    let home = Double::start(|_| Reply::redirect(302, "/again")).await;
    assert_eq!(world(&[]).download("/a", &home).await.err(), Some(DownloadError::TooManyRedirects));
    assert_eq!(home.seen().len(), 4);
}

#[actix_rt::test]
async fn a_redirect_of_a_post_is_an_answer_and_not_followed() {
    let elsewhere = Double::start(|_| Reply::html(200)).await;
    let target = elsewhere.url("/b");
    let home = Double::start(move |_| Reply::redirect(307, &target)).await;
    let answer = World::new().post(&home.url("/a"), Payload::Json("{}".into())).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert!(elsewhere.seen().is_empty());
}
