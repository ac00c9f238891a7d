//! Addresses that no stranger's server has: the special-purpose registries of IANA, and what clouds keep to themselves.

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Narrower ones first, for their names.
const V4: &[(Ipv4Net, &str)] = &[
    (Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 169, 254), 32), "a cloud's metadata service"),
    // Not special by any registry, but within Azure it answers every machine as its host.
    (Ipv4Net::new_assert(Ipv4Addr::new(168, 63, 129, 16), 32), "a cloud's platform service"),
    (v4(0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 8), "private"),
    (v4(100, 64, 0, 10), "shared by a carrier"),
    (v4(127, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 16), "link-local"),
    (v4(172, 16, 0, 12), "private"),
    (v4(192, 0, 0, 24), "for protocol assignments"),
    (v4(192, 0, 2, 24), "for documentation"),
    (v4(192, 88, 99, 24), "a 6to4 relay"),
    (v4(192, 168, 0, 16), "private"),
    (v4(198, 18, 0, 15), "for benchmarks"),
    (v4(198, 51, 100, 24), "for documentation"),
    (v4(203, 0, 113, 24), "for documentation"),
    (v4(224, 0, 0, 4), "multicast"),
    (Ipv4Net::new_assert(Ipv4Addr::BROADCAST, 32), "broadcast"),
    (v4(240, 0, 0, 4), "reserved"),
];

const V6: &[(Ipv6Net, &str)] = &[
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), "unspecified"),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "loopback"),
    (MAPPED, "an IPv4 address in disguise"),
    (COMPATIBLE, "an IPv4 address in disguise"),
    (NAT64, "a NAT64 translation"),
    (v6(0x64, 0xff9b, 1, 48), "a local NAT64 translation"),
    (v6(0x100, 0, 0, 64), "discarded"),
    (TEREDO, "a Teredo tunnel"),
    (v6(0x2001, 2, 0, 48), "for benchmarks"),
    (v6(0x2001, 0, 0, 23), "for protocol assignments"),
    (v6(0x2001, 0xdb8, 0, 32), "for documentation"),
    (SIX_TO_FOUR, "a 6to4 tunnel"),
    (v6(0x3fff, 0, 0, 20), "for documentation"),
    (v6(0xfc00, 0, 0, 7), "private"),
    (v6(0xfe80, 0, 0, 10), "link-local"),
    (v6(0xfec0, 0, 0, 10), "site-local"),
    (v6(0xff00, 0, 0, 8), "multicast"),
];

/// All that has ever been given out to be reached from everywhere.
const GLOBAL: Ipv6Net = v6(0x2000, 0, 0, 3);

const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);
const COMPATIBLE: Ipv6Net = v6(0, 0, 0, 96);
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);
const TEREDO: Ipv6Net = v6(0x2001, 0, 0, 32);
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 16);

/// What keeps an address from being public; none when it is.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => V4.iter().find(|(net, _)| net.contains(&v4)).map(|(_, what)| *what),
        IpAddr::V6(v6) => {
            let named = V6.iter().find(|(net, _)| net.contains(&v6)).map(|(_, what)| *what);
            named.or_else(|| (!GLOBAL.contains(&v6)).then_some("not given out"))
        }
    }
}

/// The IPv4 address that packets to this one end at, where a gateway or the kernel translates.
pub(super) fn within(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let bits = v6.to_bits();
    let low = Ipv4Addr::from_bits(low_32(bits));
    if [MAPPED, COMPATIBLE, NAT64].iter().any(|net| net.contains(&v6)) {
        Some(low)
    } else if TEREDO.contains(&v6) {
        Some(Ipv4Addr::from_bits(!low.to_bits()))
    } else if SIX_TO_FOUR.contains(&v6) {
        Some(Ipv4Addr::from_bits(low_32(bits >> 80)))
    } else {
        None
    }
}

#[allow(clippy::cast_possible_truncation, reason = "cutting off is what it is for")]
const fn low_32(bits: u128) -> u32 {
    bits as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_ends_of_every_range_are_in_it_and_their_neighbours_are_not() {
        let public = ["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"];
        let more = ["126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255"];
        let rest =
            ["172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"];
        let last =
            ["223.255.255.255", "168.63.129.15", "2606:4700::1111", "2001:200::1", "2a00::", "2003::1"];
        for text in [&public[..], &more, &rest, &last].concat() {
            assert_eq!(special(text.parse().unwrap()), None, "{text} is public");
        }
        for (net, what) in V4 {
            for end in [net.network(), net.broadcast()] {
                assert!(special(end.into()).is_some(), "{end} ({what}) was let through");
            }
        }
        for (net, what) in V6 {
            for end in [net.network(), net.broadcast()] {
                assert!(special(end.into()).is_some(), "{end} ({what}) was let through");
            }
        }
    }

    #[test]
    fn an_address_is_named_by_the_narrowest_range() {
        for (text, what) in [
            ("169.254.169.254", "a cloud's metadata service"),
            ("168.63.129.16", "a cloud's platform service"),
            ("100.100.100.200", "shared by a carrier"),
            ("255.255.255.255", "broadcast"),
            ("192.0.0.192", "for protocol assignments"),
            ("fd00:ec2::254", "private"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("4000::1", "not given out"),
            ("5f00::1", "not given out"),
        ] {
            assert_eq!(special(text.parse().unwrap()), Some(what), "{text}");
        }
    }

    #[test]
    fn the_ipv4_address_inside_is_found() {
        for text in [
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::",
            "2001:0:1:2:3:4:80ff:fffe",
        ] {
            assert_eq!(within(text.parse().unwrap()), Some(Ipv4Addr::LOCALHOST), "{text}");
        }
        assert_eq!(within("2606:4700::1111".parse().unwrap()), None);
    }
}
