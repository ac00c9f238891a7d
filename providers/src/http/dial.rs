//! Connects sockets for awc, to addresses that somebody else chooses.

use actix_rt::net::TcpStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, tcp::TcpConnectorService};
use atelier_domain::engine::LocalFuture;
use awc::http::Uri;
use std::{io, net::SocketAddr, sync::Arc};

/// Chooses where a connection goes.
pub(crate) trait Dial: Send + Sync {
    /// The addresses to try for this host, in order. They are connected to as they are: nothing is resolved after this.
    ///
    /// # Errors
    /// Whatever forbids or prevents a connection; it comes back unchanged, within awc's error.
    fn addresses(&self, host: String, port: u16) -> LocalFuture<io::Result<Vec<SocketAddr>>>;
}

/// The service under awc's TLS and pool.
#[derive(Clone)]
pub(super) struct Dialer(pub Arc<dyn Dial>);

impl Service<ConnectInfo<Uri>> for Dialer {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = LocalFuture<Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let addresses = self.0.addresses(info.hostname().to_owned(), info.port());
        Box::pin(async move {
            let addresses = addresses.await.map_err(ConnectError::Io)?;
            // Without an address this fails; it is not the connector that resolves by itself.
            TcpConnectorService::default().call(info.set_addrs(addresses)).await
        })
    }
}
