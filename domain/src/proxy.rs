//! How operators write down a proxy: whether a text can be one, and what may be shown of it. Whoever connects reads it in full.

use crate::secret::Secret;

/// Schemes of proxies that are spoken to.
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// Longest text of one proxy, in bytes.
const LONGEST: usize = 1024;

/// What is wrong with a proxy, without a word of it; none when it can be one: a URL (`http`, `https`, `socks5`, `socks5h`), or a line
/// such as `host:port`, `host:port:user:password`, each with `st5 ` before it for SOCKS5.
pub fn problem(proxy: &Secret) -> Option<&'static str> {
    let text = proxy.expose();
    if text.len() > LONGEST || text.chars().any(char::is_control) || text.trim() != text {
        return Some("it is too long, or has invisible characters in it");
    }
    match text.split_once("://") {
        Some((scheme, _)) if !SCHEMES.contains(&scheme) => {
            Some("its scheme is none of http, https, socks5, socks5h")
        }
        Some((_, rest)) => {
            let place = rest.strip_suffix('/').unwrap_or(rest);
            let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
            let is_place = host_and_port(place).is_some_and(|(_, port)| port.is_none_or(is_port));
            (!is_place).then_some("it is no scheme://user:password@host:port")
        }
        None => {
            let line = text.strip_prefix("st5 ").unwrap_or(text);
            let parts: Vec<&str> = line.splitn(4, ':').collect();
            let fits = match parts.as_slice() {
                [host, port] | [host, port, _, _] => is_host(host) && is_port(port),
                _ => false,
            };
            (!fits).then_some("it is neither a URL nor host:port or host:port:user:password")
        }
    }
}

/// The proxy with stars in place of user and password.
pub fn shown(proxy: &Secret) -> String {
    let text = proxy.expose();
    match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, place)) => format!("{scheme}://***@{place}"),
            None => text.to_owned(),
        },
        None => {
            let mut parts = text.splitn(3, ':');
            let (host, port) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let login = if parts.next().is_some() { ":***" } else { "" };
            format!("{host}:{port}{login}")
        }
    }
}

fn host_and_port(place: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(inside) => {
            let (host, rest) = inside.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    (is_host(host) || host.parse::<std::net::Ipv6Addr>().is_ok()).then_some((host, port))
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || ['.', '-', '_'].contains(&c))
}

fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_proxy_is_taken_and_shown_without_its_login() {
        for (text, seen) in [
            ("http://proxy:8080", "http://proxy:8080"),
            ("http://me:p@ss@proxy.example:8080/", "http://***@proxy.example:8080/"),
            ("socks5h://u:pw@10.0.0.1:1080", "socks5h://***@10.0.0.1:1080"),
            ("https://[::1]:3128", "https://[::1]:3128"),
            ("proxy.example:8080", "proxy.example:8080"),
            ("proxy.example:8080:me:pw:with:colons", "proxy.example:8080:***"),
            ("st5 10.0.0.1:1080:me:pw", "st5 10.0.0.1:1080:***"),
        ] {
            let proxy = Secret::new(text);
            assert_eq!((problem(&proxy), shown(&proxy).as_str()), (None, seen), "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_not_repeated() {
        for text in [
            "",
            "proxy",
            "ftp://proxy:21",
            "http://",
            "http://:80",
            "http://proxy:0",
            "http://proxy:port",
            "http://proxy:80/path",
            "http://proxy:80?x",
            "proxy:80:user",
            "proxy:99999",
            " http://proxy:80",
            "a b:80",
            "http://pro\nxy:80",
        ] {
            let problem = problem(&Secret::new(text));
            assert!(problem.is_some(), "{text:?} was taken");
            assert!(text.len() < 4 || !problem.unwrap_or_default().contains(text), "{text:?}");
        }
    }
}
