//! The way out: the one place that owns awc and TLS.
//!
//! A [`Profile`] says how connections are made; each thread has one awc client per profile, since awc's clients do not
//! leave their thread and its pool knows connections by host and port only. Two ways out (two guards, later two proxies)
//! must therefore never share a client.

mod dial;
mod profile;
mod tls;

pub(crate) use dial::Dial;
pub(crate) use profile::Profile;
pub use tls::TlsError;
pub(crate) use tls::{public_roots, tls_config};
