//! What tests put in the place of the world: a clock, an upstream and proxies on loopback that do what a test tells them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clock;
mod proxies;
mod tls;
mod upstream;

pub use clock::ManualClock;
pub use proxies::{HttpProxy, SocksProxy};
pub use tls::{Identity, TlsServer};
pub use upstream::{Double, Reply, Seen};
