//! Bodies: whole, within their bounds, and over in time.

use super::{
    BYTES, Duration, FetchErrorKind, World, rest,
    server::{CHUNKED, Server, Step, ok, say},
    soon,
};
use futures_util::{FutureExt as _, join};

const HOST: &str = "a.example";

fn world() -> World {
    named(World::new(&[HOST]))
}

fn named(world: World) -> World {
    world.names.answer(HOST, &["127.0.0.1"]);
    world
}

/// What a server that answers so makes of a fetch. The connection must be over afterwards.
async fn outcome(steps: Vec<Step>) -> Result<Vec<u8>, FetchErrorKind> {
    let server = Server::start(move |_| steps.clone()).await;
    let outcome = world().get(&server.url(HOST, "/")).await;
    server.was_left(1).await;
    outcome
}

#[actix_rt::test]
async fn a_file_arrives_as_it_was_sent() {
    let server = Server::start(|_| ok("picture")).await;
    let mut fetched = world().open(&server.url(HOST, "/")).await.unwrap();
    assert_eq!((fetched.media_type.as_deref(), fetched.length), (Some("image/png"), Some(7)));
    assert_eq!(rest(&mut *fetched.body).await.unwrap(), b"picture");
    assert_eq!(fetched.body.chunk().await, Ok(None), "the end must stay the end");
    assert_eq!(
        outcome(say(format!("{CHUNKED}3\r\npic\r\n4\r\nture\r\n0\r\n\r\n"))).await.unwrap(),
        b"picture"
    );
    assert_eq!(outcome(say("HTTP/1.0 200 OK\r\n\r\npicture")).await.unwrap(), b"picture");
    assert_eq!(outcome(ok("")).await.unwrap(), b"");
    let full = "x".repeat(usize::try_from(BYTES).unwrap());
    assert_eq!(outcome(ok(&full)).await.unwrap(), full.as_bytes(), "exactly the limit must pass");
}

#[actix_rt::test]
async fn a_body_larger_than_allowed_is_cut_off() {
    let announced = vec![Step::Say("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n".to_owned()), Step::Hold];
    assert_eq!(outcome(announced).await, Err(FetchErrorKind::TooLarge(BYTES)));
    let over = format!("{CHUNKED}3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    assert_eq!(outcome(say(over)).await, Err(FetchErrorKind::TooLarge(BYTES)));
    for endless in ["10\r\n0123456789abcdef\r\n", "1\r\n0\r\n"] {
        let steps = vec![Step::Say(CHUNKED.to_owned()), Step::Forever(endless)];
        assert_eq!(outcome(steps).await, Err(FetchErrorKind::TooLarge(BYTES)));
    }
    let unmeasured = vec![Step::Say("HTTP/1.0 200 OK\r\n\r\n".to_owned()), Step::Forever("0123456789")];
    assert_eq!(outcome(unmeasured).await, Err(FetchErrorKind::TooLarge(BYTES)));
}

#[actix_rt::test]
async fn an_answer_that_is_no_whole_plain_file_is_refused() {
    for (answer, kind) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx", FetchErrorKind::Status(404)),
        ("HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", FetchErrorKind::Status(206)),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", FetchErrorKind::Encoded),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx", FetchErrorKind::Broken),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", FetchErrorKind::Broken),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", FetchErrorKind::Broken),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", FetchErrorKind::Broken),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the connection closes", FetchErrorKind::Broken),
        ("SSH-2.0-OpenSSH_9.9\r\n", FetchErrorKind::Broken),
        ("", FetchErrorKind::Broken),
    ] {
        assert_eq!(outcome(say(answer)).await, Err(kind), "{answer:?}");
    }
    let endless_head = vec![Step::Say("HTTP/1.1 200 OK\r\n".to_owned()), Step::Forever("x: y\r\n")];
    assert_eq!(outcome(endless_head).await, Err(FetchErrorKind::Broken));
}

#[actix_rt::test]
async fn nobody_listening_is_told_as_such() {
    // Port 1 of loopback: nothing listens there.
    assert_eq!(world().get(&format!("http://{HOST}:1/")).await, Err(FetchErrorKind::Unreachable));
}

#[actix_rt::test]
async fn a_server_that_never_answers_is_left() {
    let server = Server::start(|_| vec![Step::Hold]).await;
    let (world, url) = (world(), server.url(HOST, "/"));
    let (outcome, ()) = join!(soon(world.get(&url)), async {
        server.was_asked(1).await;
        world.clock.advance(Duration::from_secs(15));
    });
    assert_eq!(outcome, Err(FetchErrorKind::TimedOut));
    server.was_left(1).await;
}

#[actix_rt::test]
async fn a_body_that_stops_is_left_before_the_deadline() {
    let server = Server::start(|_| vec![Step::Say(format!("{CHUNKED}1\r\nx\r\n")), Step::Hold]).await;
    let world = world();
    let mut fetched = world.open(&server.url(HOST, "/")).await.unwrap();
    assert_eq!(fetched.body.chunk().await.unwrap().unwrap(), "x");
    let (stopped, ()) =
        join!(soon(fetched.body.chunk()), async { world.clock.advance(Duration::from_secs(10)) });
    assert_eq!(stopped.unwrap_err().kind, FetchErrorKind::TimedOut);
    server.was_left(1).await;
    assert_eq!(
        fetched.body.chunk().await.unwrap_err().kind,
        FetchErrorKind::TimedOut,
        "a failure must stay one"
    );
}

#[actix_rt::test]
async fn a_body_that_trickles_ends_at_the_deadline() {
    let steps = vec![Step::Say(CHUNKED.to_owned()), Step::AtEachRing("1\r\nx\r\n")];
    let server = Server::start(move |_| steps.clone()).await;
    let world = world();
    let mut fetched = world.open(&server.url(HOST, "/")).await.unwrap();
    for _ in 0..3 {
        server.ring();
        assert_eq!(fetched.body.chunk().await.unwrap().unwrap(), "x");
        world.clock.advance(Duration::from_secs(9));
    }
    // 27 s are over, and the next piece is not late yet when the whole time is.
    let (late, ()) = join!(soon(fetched.body.chunk()), async { world.clock.advance(Duration::from_secs(3)) });
    assert_eq!(late.unwrap_err().kind, FetchErrorKind::TimedOut);
    server.was_left(1).await;
}

#[actix_rt::test]
async fn a_reader_that_dawdles_does_not_stretch_the_deadline() {
    let server = Server::start(|_| ok("picture")).await;
    let world = world();
    let mut fetched = world.open(&server.url(HOST, "/")).await.unwrap();
    world.clock.advance(super::TIMEOUT);
    assert_eq!(fetched.body.chunk().await.unwrap_err().kind, FetchErrorKind::TimedOut);
}

#[actix_rt::test]
async fn a_place_comes_back_however_the_body_ends() {
    let server = Server::start(|path| match path {
        "/whole" => ok("x"),
        "/short" => say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"),
        _ => vec![Step::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".to_owned()), Step::Hold],
    })
    .await;
    let world = named(World::with(&[HOST], 1, super::public_roots()));
    let held = world.open(&server.url(HOST, "/held")).await.unwrap();
    let url = server.url(HOST, "/whole");
    let mut second = Box::pin(world.get(&url));
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(server.accepted(), 1, "a second fetch ran beside the first");
    drop(held);
    assert_eq!(second.await.unwrap(), b"x");
    let mut whole = world.open(&url).await.unwrap();
    assert_eq!(rest(&mut *whole.body).await.unwrap(), b"x");
    let mut short = world.open(&server.url(HOST, "/short")).await.unwrap();
    assert_eq!(rest(&mut *short.body).await, Err(FetchErrorKind::Broken));
    // Both bodies are still here, but over.
    assert_eq!(world.get(&url).await.unwrap(), b"x");
}

#[actix_rt::test]
async fn waiting_for_a_place_counts_and_is_not_the_url_s_fault() {
    let server = Server::start(|_| vec![Step::Say(CHUNKED.to_owned()), Step::Hold]).await;
    let world = named(World::with(&[HOST], 1, super::public_roots()));
    let url = server.url(HOST, "/");
    let _held = world.open(&url).await.unwrap();
    let (waited, ()) = join!(soon(world.get(&url)), async { world.clock.advance(super::TIMEOUT) });
    assert_eq!((waited, server.accepted()), (Err(FetchErrorKind::Busy), 1));
}
