//! Resolving and judging in one step, right where connections are made.

use super::{
    allow::Allowed,
    guard::{Barred, judge},
};
use crate::http::{Dial, TRIED};
use atelier_domain::engine::LocalFuture;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

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

/// Ends of names that are never public.
const INSIDE: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];

/// Lets connections go to judged addresses only.
#[derive(Clone)]
pub(super) struct GuardedDial {
    pub allowed: Allowed,
    pub resolver: Arc<dyn Resolve>,
}

/// Connections to public addresses, and to what is allowed besides.
pub(crate) fn guarded_dial(allowed: Allowed) -> Arc<dyn Dial> {
    Arc::new(GuardedDial { allowed, resolver: Arc::new(SystemResolver) })
}

/// Whether an error says that the guard forbids an address.
pub(crate) fn is_barred(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.is::<Barred>()
}

impl GuardedDial {
    /// All addresses of a host, unjudged.
    async fn found(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) => Ok(vec![address]),
            Err(_) => self.resolver.resolve(host.to_owned()).await,
        }
    }
}

impl Dial for GuardedDial {
    fn addresses(&self, host: String, port: u16) -> LocalFuture<io::Result<Vec<SocketAddr>>> {
        let dial = self.clone();
        Box::pin(async move {
            let addresses = match dial.found(&host).await {
                Ok(addresses) => addresses,
                Err(error) => {
                    return Err(io::Error::other(Barred::NoAddress { host, why: error.to_string() }));
                }
            };
            judge(&host, &addresses, &dial.allowed).map_err(io::Error::other)?;
            Ok(addresses.into_iter().take(TRIED).map(|address| SocketAddr::new(address, port)).collect())
        })
    }

    /// A name that nobody here knows is left to the proxy, which has a network of its own, but for those that every machine has.
    fn admits(&self, host: String) -> LocalFuture<io::Result<()>> {
        let dial = self.clone();
        Box::pin(async move {
            match dial.found(&host).await {
                Ok(addresses) => judge(&host, &addresses, &dial.allowed).map_err(io::Error::other),
                Err(_) if host.contains('.') && !INSIDE.iter().any(|end| host.ends_with(end)) => Ok(()),
                Err(error) => Err(io::Error::other(Barred::NoAddress { host, why: error.to_string() })),
            }
        })
    }
}
