//! The way out: the one place that owns awc and TLS.
//!
//! A [`Profile`] says how connections are made; each thread has one awc client per profile, since awc's clients do not
//! leave their thread and its pool knows connections by host and port only. Two ways out (two guards, two proxies)
//! must therefore never share a client.
//!
//! A connection goes to addresses that a [`Dial`] chose, or through a proxy ([`ProxyUrl`]), which is asked for a tunnel to the
//! host by name. TLS to the upstream is spoken inside of the tunnel, so a proxy sees names and never a key.

mod dial;
mod profile;
mod proxy;
mod tls;
mod tunnel;
mod wire;

pub(crate) use dial::{Dial, OpenDial, TRIED};
pub(crate) use profile::Profile;
pub use proxy::{ProxyKind, ProxyUrl, ProxyUrlError};
pub use tls::TlsError;
pub(crate) use tls::{public_roots, tls_config};
pub(crate) use tunnel::TunnelError;

/// Who asks.
pub(crate) const AGENT: &str = concat!("atelier/", env!("CARGO_PKG_VERSION"));
