//! Waits, bodies, places and connections.

use super::{Broken, Double, Duration, PATIENCE, Payload, Unanswered, Unsent, World};
use crate::doubles::Reply;
use futures_util::{FutureExt as _, join};

#[actix_rt::test]
async fn an_effect_has_a_connection_of_its_own_and_polls_share_one() {
    let double = Double::start(|_| Reply::file("text/plain", b"x")).await;
    let world = World::new();
    for _ in 0..2 {
        world.get(&double.url("/get"), None).await.unwrap().read(9).await.unwrap();
        world.post(&double.url("/post"), Payload::Json("{}".into())).await.unwrap().read(9).await.unwrap();
    }
    let used = |method: &str| -> Vec<_> {
        double.seen().iter().filter(|seen| seen.method == method).map(|seen| seen.connection).collect()
    };
    let (gets, posts) = (used("GET"), used("POST"));
    assert_eq!(gets[0], gets[1], "polls connect anew");
    assert!(posts[0] != posts[1] && !gets.contains(&posts[1]), "a POST rode on a used connection");
}

#[actix_rt::test]
async fn what_did_not_leave_is_told_from_what_may_have_arrived() {
    let unsent = World::new().get("http://127.0.0.1:1/", None).await.err().unwrap();
    assert!(matches!(unsent, Unanswered::Unsent(Unsent::Unreachable, _)), "{unsent:?}");
    let unknown = World::new().get("http://no-such-host.invalid/", None).await.err().unwrap();
    assert!(matches!(unknown, Unanswered::Unsent(Unsent::Unreachable, _)), "{unknown:?}");
    for raw in ["", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200"] {
        let double = Double::start(move |_| Reply::Raw(raw.into())).await;
        let sent = World::new().post(&double.url("/"), Payload::Json("{}".into())).await.err().unwrap();
        assert!(matches!(sent, Unanswered::Sent(_)), "{raw:?}: {sent:?}");
    }
}

#[actix_rt::test]
async fn a_head_that_does_not_come_is_waited_for_in_vain_only_so_long() {
    let double = Double::start(|_| Reply::Stalled(Vec::new())).await;
    let (world, url) = (World::new(), double.url("/"));
    let (outcome, ()) = join!(world.post(&url, Payload::Json("{}".into())), async {
        double.was_asked(1).await;
        world.clock.advance(PATIENCE);
    });
    assert!(matches!(outcome, Err(Unanswered::Sent(why)) if why.contains("30 s")));
}

#[actix_rt::test]
async fn a_body_that_stops_breaks_off_or_goes_on_is_told_as_such() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    let double = Double::start(move |seen| match &*seen.path {
        "/stops" => Reply::Stalled(format!("{head}ab").into()),
        "/ends" => Reply::Raw(format!("{head}ab").into()),
        "/long" => Reply::Raw(format!("{head}abcd").into()),
        _ => Reply::Raw(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n".to_vec(),
        ),
    })
    .await;
    let world = World::new();
    let stops = world.get(&double.url("/stops"), None).await.unwrap();
    let (outcome, ()) = join!(stops.read(9), async { world.clock.advance(Duration::from_secs(60)) });
    assert_eq!(outcome.err(), Some(Broken::Idle));
    let ends = world.get(&double.url("/ends"), None).await.unwrap();
    assert!(matches!(ends.read(9).await, Err(Broken::Cut(_))));
    for path in ["/long", "/chunks"] {
        let long = || async { world.get(&double.url(path), None).await.unwrap() };
        assert_eq!(long().await.read(3).await.err(), Some(Broken::TooLarge(3)), "{path}");
        assert_eq!(&*long().await.read(4).await.unwrap(), b"abcd", "{path}");
        let mut body = long().await.into_body(3);
        assert!(body.chunk().await.is_err(), "{path}");
        assert!(body.chunk().await.is_err(), "a failure must stay one");
    }
}

#[actix_rt::test]
async fn large_answers_wait_for_each_other_and_small_ones_for_nobody() {
    let large = vec![b'x'; (8 << 20) + 1];
    let double = Double::start(move |seen| match &*seen.path {
        "/large" => Reply::file("text/plain", &large),
        _ => Reply::file("text/plain", b"small"),
    })
    .await;
    let world = World::new();
    let get = |path: &str| {
        let (world, url) = (&world, double.url(path));
        async move { world.get(&url, None).await.unwrap().read(16 << 20).await.unwrap() }
    };
    let first = get("/large").await;
    let mut second = Box::pin(get("/large"));
    while double.seen().len() < 2 {
        assert!(second.as_mut().now_or_never().is_none());
        actix_rt::task::yield_now().await;
    }
    assert_eq!(&*get("/small").await, b"small");
    assert!(
        second.as_mut().now_or_never().is_none(),
        "two large answers are in memory, and one place was given"
    );
    drop(first);
    assert_eq!(second.await.len(), (8 << 20) + 1);
}
