//! What speaks to the outside. Engines: each folder speaks to one kind of upstream and implements `Engine` of the domain.
//! Beside them `http`, the one place that owns the HTTP client, TLS and proxies; `fetch`, which gets files from addresses that
//! clients name; `outbound`, the calls of engines to upstreams; and `picture`, which makes of an upstream's picture what was
//! asked for; `oauth` has new access tokens for accounts, `clearance` asks an operator's own service.

pub mod clearance;
mod desk;
#[cfg(test)]
mod doubles;
pub mod fetch;
pub mod firefly;
pub mod http;
pub mod oauth;
pub mod openai;
pub mod outbound;
mod picture;
pub mod sora;
pub mod studio;
