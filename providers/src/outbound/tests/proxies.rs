//! Both kinds of proxies, with and without TLS in them and around them.

use super::{Double, ProxyUrl, Unanswered, Unsent, World};
use crate::doubles::{HttpProxy, Identity, Reply, SocksProxy, TlsServer};

/// A name that only the proxies know.
const NAME: &str = "upstream.test";

async fn body(world: &World, url: &str, proxy: &ProxyUrl) -> String {
    let answer = world.get(url, Some(proxy)).await.map_err(|error| error.context().to_owned()).unwrap();
    String::from_utf8(answer.read(100).await.unwrap().into_bytes()).unwrap()
}

fn proxy(text: String) -> ProxyUrl {
    text.parse().unwrap()
}

#[actix_rt::test]
async fn each_kind_of_proxy_leads_to_a_name_that_only_it_can_resolve() {
    let upstream =
        Double::start(|seen| Reply::file("text/plain", seen.header("host").unwrap().as_bytes())).await;
    let identity = Identity::of(&[NAME, "127.0.0.1"]);
    let secure = TlsServer::start(&identity, upstream.address).await;
    for (scheme, target) in [("http", upstream.address), ("https", secure.address)] {
        let connect = HttpProxy::start(NAME, target, Some("dTpwOnc=")).await;
        let socks = SocksProxy::start(NAME, target, Some(("u", "p:w"))).await;
        let wrapped = TlsServer::start(&identity, connect.address).await;
        let world = World::with(&[], identity.trusted());
        for way in [
            format!("http://u:p%3Aw@{}", connect.address),
            format!("{}:u:p:w", connect.address),
            format!("socks5://u:p%3Aw@{}", socks.address),
            format!("st5 {}:u:p:w", socks.address),
            format!("https://u:p%3Aw@{}", wrapped.address),
        ] {
            let url = format!("{scheme}://{NAME}:4433/x");
            assert_eq!(
                body(&world, &url, &proxy(way.clone())).await,
                format!("{NAME}:4433"),
                "{way} to {scheme}"
            );
        }
        for head in connect.heard() {
            assert!(
                head.starts_with("CONNECT upstream.test:4433 HTTP/1.1\r\nHost: upstream.test:4433\r\n"),
                "{head}"
            );
        }
        assert_eq!(socks.heard(), [NAME], "two ways to write one proxy are one proxy");
    }
}

#[actix_rt::test]
async fn a_tunnel_is_used_again_and_not_by_the_next_proxy_s_calls() {
    let upstream = Double::start(|_| Reply::file("text/plain", b"x")).await;
    let first = HttpProxy::start(NAME, upstream.address, None).await;
    let second = HttpProxy::start(NAME, upstream.address, None).await;
    let world = World::new();
    for way in [&first, &first, &second] {
        body(&world, "http://upstream.test/x", &proxy(way.address.to_string())).await;
    }
    assert_eq!((first.heard().len(), second.heard().len()), (1, 1));
}

#[actix_rt::test]
async fn a_proxy_that_is_no_way_out_is_told_as_such_and_without_its_password() {
    let upstream = Double::start(|_| Reply::file("text/plain", b"x")).await;
    let connect = HttpProxy::start(NAME, upstream.address, Some("dTpw")).await;
    let socks = SocksProxy::start(NAME, upstream.address, Some(("u", "p"))).await;
    let mute = Double::start(|_| Reply::Raw(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())).await;
    let world = World::new();
    for (way, host, why) in [
        (format!("http://u:planted@{}", connect.address), NAME, "refuses the user"),
        (format!("http://{}", connect.address), NAME, "refuses the user"),
        (format!("socks5://u:planted@{}", socks.address), NAME, "refuses the user"),
        (format!("socks5://{}", socks.address), NAME, "refuses the user"),
        (format!("http://u:p@{}", connect.address), "other.test", "does not connect"),
        (format!("socks5://u:p@{}", socks.address), "other.test", "does not connect"),
        (format!("http://{}", mute.address), NAME, "does not speak"),
        ("https://u:planted@127.0.0.1:1".to_owned(), NAME, "cannot be connected to"),
        ("http://u:planted@127.0.0.1:1".to_owned(), NAME, "cannot be connected to"),
        ("socks5://u:planted@no-such-proxy.invalid:1".to_owned(), NAME, "cannot be connected to"),
    ] {
        let url = format!("http://{host}/");
        let error = world.get(&url, Some(&proxy(way.clone()))).await.err().unwrap();
        assert!(matches!(error, Unanswered::Unsent(Unsent::Proxy, _)), "{way}: {error:?}");
        assert!(error.context().contains(why), "{way}: {error:?}");
        assert!(!error.context().contains("planted"), "{error:?}");
    }
    assert!(upstream.seen().is_empty());
}

#[actix_rt::test]
async fn an_upstream_in_a_tunnel_must_have_the_right_certificate() {
    let upstream = Double::start(|_| Reply::file("text/plain", b"x")).await;
    let stranger = TlsServer::start(&Identity::of(&["other.test"]), upstream.address).await;
    let way = HttpProxy::start(NAME, stranger.address, None).await;
    let world = World::with(&[], Identity::of(&[NAME]).trusted());
    let error =
        world.get("https://upstream.test/", Some(&proxy(way.address.to_string()))).await.err().unwrap();
    assert!(matches!(error, Unanswered::Unsent(Unsent::Untrusted, _)), "{error:?}");
    assert!(upstream.seen().is_empty());
}
