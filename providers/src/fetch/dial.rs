//! Resolving and judging in one step, right where connections are made.

use super::{
    allow::Allowed,
    guard::{Barred, judge},
};
use crate::http::Dial;
use atelier_domain::engine::LocalFuture;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Addresses of one host that are tried, one after the other.
const TRIED: usize = 4;

/// Finds the addresses of a name.
pub(super) trait Resolve: Send + Sync {
    /// All addresses of the host.
    fn resolve(&self, host: String) -> LocalFuture<io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String) -> LocalFuture<io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Lets connections go to judged addresses only.
pub(super) struct GuardedDial {
    pub allowed: Allowed,
    pub resolver: Arc<dyn Resolve>,
}

impl Dial for GuardedDial {
    fn addresses(&self, host: String, port: u16) -> LocalFuture<io::Result<Vec<SocketAddr>>> {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let found: LocalFuture<_> = match literal {
            Ok(address) => Box::pin(async move { Ok(vec![address]) }),
            Err(_) => self.resolver.resolve(host.clone()),
        };
        let allowed = self.allowed.clone();
        Box::pin(async move {
            let addresses = match found.await {
                Ok(addresses) => addresses,
                Err(error) => {
                    return Err(io::Error::other(Barred::NoAddress { host, why: error.to_string() }));
                }
            };
            judge(&host, &addresses, &allowed).map_err(io::Error::other)?;
            Ok(addresses.into_iter().take(TRIED).map(|address| SocketAddr::new(address, port)).collect())
        })
    }
}
