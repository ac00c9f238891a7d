//! TLS: the certificate must be trusted and be the host's, and what was asked for over TLS does not come without it.

use super::{FetchErrorKind, World, public_roots};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
};

const HOST: &str = "a.example";

/// A server for one connection.
struct Server {
    port: u16,
    certificate: CertificateDer<'static>,
    /// The host that the client named in its hello, and the head of its request; none when it left before asking.
    heard: JoinHandle<Option<(Option<String>, String)>>,
}

impl Server {
    /// One whose certificate is its own, for `name`.
    fn start(name: &str, answer: &'static str) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
        let certificate = cert.der().clone();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            let connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, socket));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if stream.read_line(&mut head).ok()? == 0 {
                    return None;
                }
            }
            let stream = stream.get_mut();
            stream.write_all(answer.as_bytes()).ok()?;
            stream.conn.send_close_notify();
            stream.flush().ok()?;
            Some((stream.conn.server_name().map(str::to_owned), head))
        });
        Self { port, certificate, heard }
    }

    fn url(&self) -> String {
        format!("https://{HOST}:{}/", self.port)
    }

    /// A fetcher that knows the server's certificate for one that may sign.
    fn trusted(&self) -> World {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        world(roots)
    }
}

fn world(roots: RootCertStore) -> World {
    let world = World::with(&[HOST], 8, roots);
    world.names.answer(HOST, &["127.0.0.1"]);
    world
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";

#[actix_rt::test]
async fn a_certificate_that_is_trusted_and_the_host_s_is_taken() {
    let server = Server::start(HOST, OK);
    assert_eq!(server.trusted().get(&server.url()).await.unwrap(), b"x");
    let (name, head) = server.heard.join().unwrap().unwrap();
    assert_eq!(name.as_deref(), Some(HOST), "the hello must name the URL's host, not the address");
    assert!(head.to_ascii_lowercase().contains(&format!("\r\nhost: {HOST}:")), "{head}");
}

#[actix_rt::test]
async fn a_certificate_of_nobody_is_refused_before_anything_is_asked() {
    let server = Server::start(HOST, OK);
    assert_eq!(world(public_roots()).get(&server.url()).await, Err(FetchErrorKind::Untrusted));
    assert_eq!(server.heard.join().unwrap(), None);
}

#[actix_rt::test]
async fn a_certificate_of_another_host_is_refused() {
    let server = Server::start("b.example", OK);
    assert_eq!(server.trusted().get(&server.url()).await, Err(FetchErrorKind::Untrusted));
    assert_eq!(server.heard.join().unwrap(), None);
}

#[actix_rt::test]
async fn a_redirect_does_not_lead_out_of_tls() {
    let server =
        Server::start(HOST, "HTTP/1.1 302 Found\r\nLocation: http://a.example/\r\nContent-Length: 0\r\n\r\n");
    let error = server.trusted().open(&server.url()).await.err().unwrap();
    assert_eq!(error.kind, FetchErrorKind::BadRedirect("it leads from https to http"));
}
