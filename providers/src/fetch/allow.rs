//! What an operator lets be fetched from although it is not public.

use ipnet::IpNet;
use std::net::IpAddr;
use url::Host;

/// Addresses and host names that may be fetched from, at any port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    nets: Vec<IpNet>,
    hosts: Vec<String>,
}

impl Allowed {
    /// Takes up one entry: a block of addresses such as `10.0.0.0/8`, an address, or a host name, which then may be at any address.
    ///
    /// # Errors
    /// What is wrong with the entry, and what would be right.
    pub fn add(&mut self, entry: &str) -> Result<(), String> {
        if let Ok(net) = entry.parse::<IpNet>() {
            if net != net.trunc() {
                return Err(format!("{entry:?} is an address within a block; the block is {}", net.trunc()));
            }
            self.nets.push(net);
            return Ok(());
        }
        if let Ok(address) = entry.parse::<IpAddr>() {
            self.nets.push(address.into());
            return Ok(());
        }
        let strange = |c: char| matches!(c, '*' | '/' | ':' | '@' | '%' | '[' | ']');
        match Host::parse(entry) {
            // Other ways to write an address would be read as names by everybody who sees the file.
            Ok(Host::Domain(name)) if !entry.contains(strange) => {
                self.hosts.push(plain(&name).to_owned());
                Ok(())
            }
            _ => Err(format!(
                "expected a block such as \"10.0.0.0/8\", an address or a whole host name, found {entry:?}"
            )),
        }
    }

    /// Whether every address of this host is allowed.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(plain(host)))
    }

    /// Whether this address is allowed under any name.
    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(&address))
    }
}

/// The name without the dot that says it is whole.
fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn blocks_addresses_and_names_are_taken_and_nothing_that_means_something_else() {
        let mut allowed = Allowed::default();
        for good in
            ["10.0.0.0/8", "192.168.1.7", "fd00::/8", "::1", "Files.Example.com", "münchen.example", "minio"]
        {
            allowed.add(good).unwrap();
        }
        for bad in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "127.1",
            "0x7f000001",
            "*.example.com",
            "a.example:80",
            "http://a",
            "a/b",
            "u@a",
            "a b",
            "[::1]",
            "a%41",
        ] {
            assert!(allowed.add(bad).is_err(), "{bad:?} was taken");
        }
        assert!(allowed.has_host("files.example.com.") && allowed.has_host("xn--mnchen-3ya.example"));
        assert!(!allowed.has_host("evil-files.example.com") && !allowed.has_host("example.com"));
        for (address, expected) in [
            ("10.255.0.1", true),
            ("11.0.0.0", false),
            ("192.168.1.8", false),
            ("fdff::1", true),
            ("::1", true),
        ] {
            assert_eq!(allowed.has_address(address.parse().unwrap()), expected, "{address}");
        }
    }
}
