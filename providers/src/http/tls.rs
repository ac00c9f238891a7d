//! TLS for everything that goes out: rustls with ring, trusting Mozilla's roots as they were at build time.

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::sync::Arc;

/// TLS cannot be set up: a defect of the build.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsError(#[from] rustls::Error);

/// The authorities that the web trusts.
pub(crate) fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// The settings of a client that trusts `roots` and offers these application protocols, such as `http/1.1`.
pub(crate) fn tls_config(roots: RootCertStore, protocols: &[&str]) -> Result<Arc<ClientConfig>, TlsError> {
    // Named, not installed for the process: nobody else's choice can change it, and nothing depends on who came first.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}
