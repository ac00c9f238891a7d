//! Files from addresses that clients name: every one of them could point at the inside of the network that the gateway
//! stands in, so each connection goes through the guard.
//!
//! - A URL is judged as text (`target`): http and https only, no user or password, no oddities.
//! - A host is resolved by us, every address that it has is judged (`guard`), and the connection goes to those very
//!   addresses (`dial`): nothing is resolved between judging and connecting. This sits below the HTTP client, so no
//!   request, redirect or retry can go around it.
//! - A redirect (`answer`, `target`) is a new URL, judged from scratch.
//! - Webhooks go out the same way (`notifier`), as a POST without redirects.
//! - Time, bytes and places are bounded (`deadline`, `body`, `slots`), also for a server that trickles forever.
//!
//! Any port is allowed: what is at a public address is everybody's to reach, and a GET whose URL cannot hold a line break says
//! nothing to a service that does not speak HTTP. Connections are not kept: references rarely come twice from one host,
//! and each request is judged by the addresses of its own time.

mod allow;
mod answer;
mod body;
mod client;
mod deadline;
mod dial;
mod fetcher;
mod guard;
mod notifier;
mod ranges;
mod slots;
mod target;
#[cfg(test)]
mod tests;

pub use allow::Allowed;
pub(crate) use client::place;
pub(crate) use dial::{guarded_dial, is_barred};
pub use fetcher::{FetchConfig, HttpFetcher};
pub use notifier::HttpNotifier;
pub(crate) use target::{redirect_target, target};
