//! What speaks to the outside. Engines: each folder speaks to one kind of upstream and implements `Engine` of the domain.
//! Beside them `http`, the one place that owns the HTTP client and TLS, and `fetch`, which gets files from addresses that
//! clients name.

pub mod fetch;
pub mod http;
pub mod studio;
