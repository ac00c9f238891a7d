//! TLS on loopback: a certificate of one's own, and a server that lets what is inside through to another one.

use crate::http::tls_config;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// A certificate for some names, which trusts itself.
pub struct Identity {
    certificate: CertificateDer<'static>,
    server: Arc<ServerConfig>,
}

impl Identity {
    pub fn of(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let certificate = cert.der().clone();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        Self { certificate, server: Arc::new(server) }
    }

    /// What a client has that trusts it.
    pub fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        tls_config(roots, &["http/1.1"]).unwrap()
    }
}

/// Takes TLS off, and passes on what is in it.
pub struct TlsServer {
    pub address: SocketAddr,
}

impl TlsServer {
    pub async fn start(identity: &Identity, behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.server));
        actix_rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                actix_rt::spawn(async move {
                    let mut inside = acceptor.accept(stream).await.ok()?;
                    let mut behind = TcpStream::connect(behind).await.ok()?;
                    copy_bidirectional(&mut inside, &mut behind).await.ok()
                });
            }
        });
        Self { address }
    }
}
