//! Nothing of the inner network is connected to, however it is written, named or reached.

use super::{
    super::{
        Allowed,
        dial::{GuardedDial, Resolve},
    },
    FetchErrorKind, World,
    names::Names,
    server::{Server, ok, redirect},
};
use crate::http::Dial as _;
use std::sync::Arc;

/// Loopback, as it can be written into a URL.
const LOOPBACK: &[&str] = &[
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "①②⑦。0。0。①",
    "localhost",
    "LocalHost",
    "localhost.",
    "inside.example",
];

/// What else is not public.
const OTHERS: &[&str] = &[
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[2002:7f00:1::]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2001:0:7f00:1::80ff:fffe]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "metadata.example",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "0.1.2.3",
    "both.example",
    "translated.example",
];

fn world(allow: &[&str]) -> World {
    let world = World::new(allow);
    world.names.answer("localhost", &["127.0.0.1"]);
    world.names.answer("inside.example", &["127.0.0.1"]);
    world.names.answer("files.example", &["127.0.0.1"]);
    world.names.answer("metadata.example", &["169.254.169.254"]);
    world.names.answer("both.example", &["1.1.1.1", "127.0.0.1"]);
    world.names.answer("translated.example", &["::ffff:127.0.0.1"]);
    world
}

#[actix_rt::test]
async fn no_way_to_write_an_inner_address_is_connected_to() {
    let server = Server::start(|_| ok("secret")).await;
    let guarded = world(&[]);
    for host in [LOOPBACK, OTHERS].concat() {
        let error = guarded.open(&server.url(host, "/")).await.err().unwrap();
        assert_eq!(error.kind, FetchErrorKind::Refused, "{host}: {}", error.context);
        let shown = error.to_string();
        assert!(!shown.contains(char::is_numeric) && !shown.contains(host), "{host} is told: {shown}");
    }
    assert_eq!(server.accepted(), 0);
    // The same without the guard, or the above would prove nothing.
    let open = world(&["0.0.0.0/0"]);
    for host in LOOPBACK {
        assert_eq!(open.get(&server.url(host, "/")).await.unwrap(), b"secret", "{host}");
    }
    assert_eq!(server.accepted(), LOOPBACK.len());
}

#[actix_rt::test]
async fn a_redirect_from_an_allowed_host_does_not_lead_inside() {
    let inner = Server::start(|_| ok("secret")).await;
    for host in [LOOPBACK, OTHERS].concat() {
        // Headers are ASCII: other digits do not come this way.
        if host.is_ascii() {
            let location = inner.url(host, "/");
            let outer = Server::start(move |_| redirect(&location)).await;
            let got = world(&["files.example"]).get(&outer.url("files.example", "/")).await;
            assert_eq!((got, outer.accepted()), (Err(FetchErrorKind::Refused), 1), "{host}");
        }
    }
    assert_eq!(inner.accepted(), 0);
}

/// An allowed address stands for a public one here, since tests do not leave the machine. macOS has but one loopback address.
#[cfg(target_os = "linux")]
#[actix_rt::test]
async fn an_answer_that_changes_after_the_check_is_never_asked_for() {
    let outer = Server::start_at("127.0.0.2:0", |_| ok("public")).await;
    let inner = Server::start_at(&format!("127.0.0.1:{}", outer.address.port()), |_| ok("secret")).await;
    let world = world(&["127.0.0.2"]);
    world.names.answer("rebind.example", &["127.0.0.2"]);
    world.names.answer("rebind.example", &["127.0.0.1"]);
    let url = outer.url("rebind.example", "/");
    assert_eq!(world.get(&url).await.unwrap(), b"public");
    assert_eq!((outer.accepted(), inner.accepted(), world.names.asked("rebind.example")), (1, 0, 1));
    // And the next request is judged by the next answer: no address and no connection is remembered.
    assert_eq!(world.get(&url).await, Err(FetchErrorKind::Refused));
    assert_eq!((outer.accepted(), inner.accepted(), world.names.asked("rebind.example")), (1, 0, 2));
}

#[actix_rt::test]
async fn the_addresses_that_were_judged_are_the_ones_that_are_dialled() {
    let names = Arc::new(Names::default());
    names.answer("rebind.example", &["1.1.1.1", "2606:4700::1111"]);
    names.answer("rebind.example", &["127.0.0.1"]);
    let resolver = Arc::clone(&names) as Arc<dyn Resolve>;
    let dial = GuardedDial { allowed: Allowed::default(), resolver };
    let addresses = dial.addresses("rebind.example".to_owned(), 8443).await.unwrap();
    let expected: Vec<_> =
        ["1.1.1.1:8443", "[2606:4700::1111]:8443"].map(|address| address.parse().unwrap()).into();
    assert_eq!((addresses, names.asked("rebind.example")), (expected, 1));
    assert!(dial.addresses("rebind.example".to_owned(), 8443).await.is_err());
    // A host that came here unread is judged all the same.
    for literal in ["[::1]", "127.0.0.1", "169.254.169.254"] {
        assert!(dial.addresses(literal.to_owned(), 80).await.is_err(), "{literal}");
    }
}

#[actix_rt::test]
async fn a_name_that_does_not_exist_reads_like_one_that_is_inside() {
    let world = world(&[]);
    let nowhere = world.open("http://nothing.example/").await.err().unwrap();
    let inside = world.open("http://inside.example/").await.err().unwrap();
    assert_eq!((nowhere.kind, inside.kind), (FetchErrorKind::Unresolved, FetchErrorKind::Refused));
    assert_eq!(nowhere.to_string(), inside.to_string());
    assert!(inside.context.contains("127.0.0.1, which is loopback"), "{}", inside.context);
}

#[actix_rt::test]
async fn the_machine_s_own_resolver_is_judged_too() {
    let server = Server::start(|_| ok("secret")).await;
    let clock = Arc::new(super::ManualClock::default());
    let config = super::FetchConfig { allowed: Allowed::default(), timeout: super::TIMEOUT, concurrency: 1 };
    let fetcher = Arc::new(super::HttpFetcher::new(config, clock).unwrap());
    let url = server.url("localhost", "/");
    let limits = super::FetchLimits { bytes: 1 };
    let error = super::Fetcher::fetch(fetcher, url, limits).await.err().unwrap();
    assert_eq!((error.kind, server.accepted()), (FetchErrorKind::Refused, 0), "{}", error.context);
}
