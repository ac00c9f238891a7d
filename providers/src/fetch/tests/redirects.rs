//! Redirects: few, judged, and without anything of the request before.

use super::{
    FetchErrorKind, World,
    server::{Server, ok, redirect, say},
};

fn world() -> World {
    let world = World::new(&["a.example", "b.example"]);
    world.names.answer("a.example", &["127.0.0.1"]);
    world.names.answer("b.example", &["127.0.0.1"]);
    world
}

/// A server where `/n` needs n redirects.
async fn stairs() -> Server {
    let step = |path: &str| match path {
        "/0" => ok("bottom"),
        "/loop" => redirect("/loop"),
        _ => redirect(&format!("{}", path[1..].parse::<u8>().unwrap() - 1)),
    };
    Server::start(step).await
}

#[actix_rt::test]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    let server = stairs().await;
    assert_eq!(world().get(&server.url("a.example", "/3")).await.unwrap(), b"bottom");
    assert_eq!(server.accepted(), 4);
    let too_many = world().get(&server.url("a.example", "/4")).await;
    assert_eq!((too_many, server.accepted()), (Err(FetchErrorKind::TooManyRedirects(3)), 8));
    let endless = world().get(&server.url("a.example", "/loop")).await;
    assert_eq!((endless, server.accepted()), (Err(FetchErrorKind::TooManyRedirects(3)), 12));
}

#[actix_rt::test]
async fn a_redirect_to_what_is_not_http_or_nowhere_is_not_followed() {
    for location in [
        "file:///etc/passwd",
        "ftp://a.example/",
        "gopher://a.example/",
        "data:image/png;base64,AA==",
        "unix:/x",
        "http://user:secret@a.example/",
        "http://[",
        "http://a.example:0/",
    ] {
        let server = Server::start(move |_| redirect(location)).await;
        let error = world().open(&server.url("a.example", "/")).await.err().unwrap();
        assert!(matches!(error.kind, FetchErrorKind::BadRedirect(_)), "{location}: {error}");
        assert_eq!(server.accepted(), 1, "{location}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let nowhere = Server::start(|_| say("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")).await;
    let error = world().open(&nowhere.url("a.example", "/")).await.err().unwrap();
    assert!(matches!(error.kind, FetchErrorKind::BadRedirect(_)), "{error}");
}

#[actix_rt::test]
async fn a_request_says_nothing_but_what_it_must_not_even_after_a_redirect() {
    let last = Server::start(|_| ok("x")).await;
    let location = last.url("b.example", "/c?d");
    let first = Server::start(move |_| redirect(&location)).await;
    assert_eq!(world().get(&first.url("a.example", "/x?signature=1#part")).await.unwrap(), b"x");
    for (server, target) in [(&first, ("a.example", "/x?signature=1")), (&last, ("b.example", "/c?d"))] {
        let heads = server.heads();
        let mut lines: Vec<_> = heads[0].trim_end().split("\r\n").map(str::to_ascii_lowercase).collect();
        // The HTTP client's own, and nobody's secret.
        lines.retain(|line| !line.starts_with("date: "));
        lines[1..].sort();
        let (host, path) = target;
        let expected = [
            format!("get {path} http/1.1"),
            "accept-encoding: identity".to_owned(),
            "accept: */*".to_owned(),
            "connection: close".to_owned(),
            "content-length: 0".to_owned(),
            format!("host: {host}:{}", server.address.port()),
            format!("user-agent: atelier/{}", env!("CARGO_PKG_VERSION")),
        ];
        assert_eq!(lines, expected);
    }
}
