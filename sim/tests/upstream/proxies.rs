//! Both proxies carry bytes for those who may, and names mean something only there.

use super::{KEY, order, raw, upstream};
use atelier_sim::upstream::{
    Upstream,
    proxy::{Kind, Proxy, ProxySetup, Traffic},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use raw::Ended;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

const NAME: &str = "upstream.test";

fn proxy(kind: Kind, upstream: &Upstream, login: bool) -> Proxy {
    let login = login.then(|| ("user".to_owned(), "secret".to_owned()));
    let names = [(NAME.to_owned(), upstream.address())].into();
    Proxy::start(kind, ProxySetup { login, names, ..ProxySetup::default() }).unwrap()
}

/// Sends an image order through an open tunnel.
fn draw(mut tunnel: TcpStream) -> String {
    let sent = raw::post("/v1/images/generations", KEY, &order("through").to_string());
    tunnel.write_all(&sent).unwrap();
    let (answer, ended) = raw::drain(&mut tunnel);
    assert_eq!(ended, Ended::Fin);
    raw::split(&answer).0.lines().next().unwrap().to_owned()
}

/// Asks for a tunnel and reads what is said to it.
fn connect(proxy: &Proxy, target: &str, login: Option<&str>) -> (TcpStream, String) {
    let mut stream = raw::open(proxy.address());
    let login = login.map(|login| format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(login)));
    let login = login.unwrap_or_default();
    stream
        .write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n").as_bytes())
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

#[actix_rt::test]
async fn connect_carries_bytes_to_a_name_that_only_it_knows() {
    let (upstream, _) = upstream();
    let proxy = proxy(Kind::Connect, &upstream, false);
    assert!(proxy.url().starts_with("http://127.0.0.1:"));
    let (tunnel, told) = connect(&proxy, &format!("{NAME}:80"), None);
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    assert_eq!(draw(tunnel), "HTTP/1.1 200 OK");
    let (_, told) = connect(&proxy, "nowhere.test:80", None);
    assert!(told.starts_with("HTTP/1.1 502 "), "{told}");
    let targets = vec![format!("{NAME}:80"), "nowhere.test:80".to_owned()];
    assert_eq!(proxy.traffic(), Traffic { clients: 2, tunnels: 1, unauthorised: 0, targets });
    assert_eq!(upstream.book().prompt("through").accepted, 1);
}

#[actix_rt::test]
async fn connect_asks_who_it_is_and_believes_only_the_right_password() {
    let (upstream, _) = upstream();
    let proxy = proxy(Kind::Connect, &upstream, true);
    for wrong in [None, Some("user:wrong")] {
        let (_, told) = connect(&proxy, &format!("{NAME}:80"), wrong);
        assert!(told.starts_with("HTTP/1.1 407 ") && told.contains("proxy-authenticate: Basic"), "{told}");
    }
    let (tunnel, _) = connect(&proxy, &upstream.address().to_string(), Some("user:secret"));
    assert_eq!(draw(tunnel), "HTTP/1.1 200 OK");
    let traffic = proxy.traffic();
    assert_eq!((traffic.unauthorised, traffic.tunnels, traffic.targets.len()), (2, 1, 1));
}

/// Greets, says who it is if asked, and asks for a name; the answer's code, or nothing if it was refused before.
fn socks(proxy: &Proxy, host: &str, login: Option<(&str, &str)>) -> (TcpStream, Option<u8>) {
    let mut stream = raw::open(proxy.address());
    let method = if login.is_some() { 2 } else { 0 };
    stream.write_all(&[5, 1, method]).unwrap();
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).unwrap();
    if chosen != [5, method] {
        return (stream, None);
    }
    let counted = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    if let Some((user, password)) = login {
        stream.write_all(&[&[1], counted(user).as_slice(), &counted(password)].concat()).unwrap();
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).unwrap();
        if answer != [1, 0] {
            return (stream, None);
        }
    }
    stream.write_all(&[&[5, 1, 0, 3], counted(host).as_slice(), &[0, 80]].concat()).unwrap();
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).unwrap();
    (stream, Some(answer[1]))
}

#[actix_rt::test]
async fn socks_carries_bytes_to_a_name_that_only_it_knows() {
    let (upstream, _) = upstream();
    let proxy = proxy(Kind::Socks5, &upstream, false);
    assert!(proxy.url().starts_with("socks5://127.0.0.1:"));
    let (tunnel, told) = socks(&proxy, NAME, None);
    assert_eq!(told, Some(0));
    assert_eq!(draw(tunnel), "HTTP/1.1 200 OK");
    assert_eq!(socks(&proxy, "nowhere.test", None).1, Some(4));
    let targets = vec![format!("{NAME}:80"), "nowhere.test:80".to_owned()];
    assert_eq!(proxy.traffic(), Traffic { clients: 2, tunnels: 1, unauthorised: 0, targets });
}

#[actix_rt::test]
async fn socks_asks_who_it_is_and_believes_only_the_right_password() {
    let (upstream, _) = upstream();
    let proxy = proxy(Kind::Socks5, &upstream, true);
    assert_eq!(socks(&proxy, NAME, None).1, None);
    assert_eq!(socks(&proxy, NAME, Some(("user", "wrong"))).1, None);
    let (tunnel, told) = socks(&proxy, NAME, Some(("user", "secret")));
    assert_eq!(told, Some(0));
    assert_eq!(draw(tunnel), "HTTP/1.1 200 OK");
    assert_eq!(proxy.traffic().unauthorised, 2);
}

#[actix_rt::test]
async fn a_reset_upstream_ends_its_tunnel() {
    use atelier_sim::upstream::{Behaviour, Op};
    let (upstream, _) = upstream();
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::ResetAfterBody]);
    let proxy = proxy(Kind::Connect, &upstream, false);
    let (mut tunnel, _) = connect(&proxy, &format!("{NAME}:80"), None);
    tunnel.write_all(&raw::post("/v1/images/generations", KEY, &order("lost").to_string())).unwrap();
    assert_eq!(raw::drain(&mut tunnel).0, Vec::<u8>::new());
}
