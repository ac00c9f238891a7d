//! Connects sockets for awc: to addresses that somebody else chooses, or to a proxy that is then asked for a tunnel.

use super::{
    proxy::ProxyUrl,
    tunnel::{self, TunnelError},
    wire::Wire,
};
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, tcp::TcpConnectorService};
use atelier_domain::engine::LocalFuture;
use awc::http::Uri;
use rustls::ClientConfig;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::net::lookup_host;

/// Addresses of one host that are tried, one after the other.
pub(crate) const TRIED: usize = 4;

/// Chooses where a connection goes.
pub(crate) trait Dial: Send + Sync {
    /// The addresses to try for this host, in order. They are connected to as they are: nothing is resolved after this.
    ///
    /// # Errors
    /// Whatever forbids or prevents a connection; it comes back unchanged, within awc's error.
    fn addresses(&self, host: String, port: u16) -> LocalFuture<io::Result<Vec<SocketAddr>>>;

    /// Whether a proxy may be asked for this host, whose name the proxy will resolve by itself.
    ///
    /// # Errors
    /// Whatever forbids it.
    fn admits(&self, host: String) -> LocalFuture<io::Result<()>> {
        let _ = host;
        Box::pin(async { Ok(()) })
    }
}

/// Goes wherever it is told: for addresses that the operator has configured.
pub(crate) struct OpenDial;

impl Dial for OpenDial {
    fn addresses(&self, host: String, port: u16) -> LocalFuture<io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Ok(lookup_host((host, port)).await?.take(TRIED).collect())
        })
    }
}

/// A proxy on the way, and whom TLS trusts when the proxy itself is spoken to through it.
#[derive(Clone)]
pub(super) struct Via {
    pub proxy: Arc<ProxyUrl>,
    pub tls: Arc<ClientConfig>,
}

/// The service under awc's TLS and pool.
#[derive(Clone)]
pub(super) struct Dialer {
    pub dial: Arc<dyn Dial>,
    pub via: Option<Via>,
}

impl Service<ConnectInfo<Uri>> for Dialer {
    type Response = Connection<Uri, Wire>;
    type Error = ConnectError;
    type Future = LocalFuture<Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let Self { dial, via } = self.clone();
        Box::pin(async move {
            match via {
                None => direct(&*dial, info).await,
                Some(via) => through(&*dial, &via, info).await,
            }
        })
    }
}

async fn direct(dial: &dyn Dial, info: ConnectInfo<Uri>) -> Result<Connection<Uri, Wire>, ConnectError> {
    let addresses =
        dial.addresses(info.hostname().to_owned(), info.port()).await.map_err(ConnectError::Io)?;
    // Without an address this fails; it is not the connector that resolves by itself.
    let connection = TcpConnectorService::default().call(info.set_addrs(addresses)).await?;
    let (stream, uri) = connection.into_parts();
    Ok(Connection::new(uri, Wire::Plain(stream)))
}

async fn through(
    dial: &dyn Dial,
    via: &Via,
    info: ConnectInfo<Uri>,
) -> Result<Connection<Uri, Wire>, ConnectError> {
    let (host, port) = (info.hostname().to_owned(), info.port());
    dial.admits(host.clone()).await.map_err(ConnectError::Io)?;
    let uri = info.request().clone();
    let addresses = OpenDial.addresses(via.proxy.host().to_owned(), via.proxy.port()).await;
    let unreachable =
        |error: io::Error| ConnectError::Io(io::Error::other(TunnelError::Unreachable(error.to_string())));
    let to_proxy = info.set_addrs(addresses.map_err(unreachable)?);
    let connection = TcpConnectorService::default().call(to_proxy).await;
    let connection = connection.map_err(|error| unreachable(io::Error::other(error.to_string())))?;
    let (stream, _) = connection.into_parts();
    let tunnel = tunnel::open(stream, via, (&host, port)).await;
    tunnel.map(|wire| Connection::new(uri, wire)).map_err(|error| ConnectError::Io(io::Error::other(error)))
}
