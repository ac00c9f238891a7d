//! Which addresses may be connected to: the whole policy, without a network.

use super::{allow::Allowed, ranges};
use std::net::IpAddr;

/// Why a host is not connected to. It goes to the log; clients are told less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Barred {
    /// One of its addresses is not for clients to reach.
    #[error("{host} is at {address}, which is {what}; [fetch] allow can name it")]
    NotPublic {
        /// As the URL names it.
        host: String,
        /// The address, or the IPv4 address within it.
        address: IpAddr,
        /// What the address is for.
        what: &'static str,
    },
    /// It has no address.
    #[error("{host} does not resolve: {why}")]
    NoAddress {
        /// As the URL names it.
        host: String,
        /// What the resolver says.
        why: String,
    },
}

/// Judges all addresses of a host. One that is forbidden bars them all: a name that answers with both is no accident, and which of
/// them is used would be its owner's choice.
pub(super) fn judge(host: &str, addresses: &[IpAddr], allowed: &Allowed) -> Result<(), Barred> {
    if addresses.is_empty() {
        return Err(Barred::NoAddress { host: host.to_owned(), why: "it has no address".to_owned() });
    }
    if allowed.has_host(host) {
        return Ok(());
    }
    // A translated address must be allowed itself, and so must the one that it is translated to: allowing NAT64 opens the way
    // to what is public behind it, not to the translator's own network.
    for &address in addresses {
        for address in [Some(address), ranges::within(address).map(IpAddr::from)].into_iter().flatten() {
            if let Some(what) = ranges::special(address).filter(|_| !allowed.has_address(address)) {
                return Err(Barred::NotPublic { host: host.to_owned(), address, what });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn verdict(host: &str, addresses: &[&str], allow: &[&str]) -> bool {
        let mut allowed = Allowed::default();
        for entry in allow {
            allowed.add(entry).unwrap();
        }
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        judge(host, &addresses, &allowed).is_ok()
    }

    #[test]
    fn one_forbidden_address_bars_the_host() {
        assert!(verdict("a.example", &["1.1.1.1", "2606:4700::1111"], &[]));
        assert!(!verdict("a.example", &["1.1.1.1", "127.0.0.1"], &[]));
        assert!(!verdict("a.example", &["10.0.0.1", "1.1.1.1"], &[]));
        assert!(!verdict("a.example", &[], &[]), "a host without addresses was let through");
        assert!(!verdict("a.example", &[], &["a.example"]), "a host without addresses was let through");
    }

    #[test]
    fn what_is_allowed_is_allowed_and_nothing_beside_it() {
        assert!(verdict("a.example", &["10.0.0.1"], &["10.0.0.0/24"]));
        assert!(!verdict("a.example", &["10.0.0.1", "10.0.1.1"], &["10.0.0.0/24"]));
        assert!(verdict("minio", &["10.0.0.1", "fd00::1"], &["minio"]));
        assert!(!verdict("minio.example", &["10.0.0.1"], &["minio"]));
    }

    #[test]
    fn an_allowed_translation_does_not_open_the_network_behind_it() {
        assert!(!verdict("a.example", &["64:ff9b::1.1.1.1"], &[]));
        assert!(verdict("a.example", &["64:ff9b::1.1.1.1"], &["64:ff9b::/96"]));
        assert!(!verdict("a.example", &["64:ff9b::10.0.0.1"], &["64:ff9b::/96"]));
        assert!(!verdict("a.example", &["::ffff:10.0.0.1"], &["10.0.0.0/8"]));
        assert!(verdict("a.example", &["64:ff9b::10.0.0.1"], &["64:ff9b::/96", "10.0.0.0/8"]));
    }
}
