//! Where a proxy is and what it wants to hear, as operators write it down.

use atelier_domain::secret::Secret;
use std::{fmt, str::FromStr};
use url::Url;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT within TLS.
    Https,
    /// SOCKS version 5.
    Socks5,
}

impl ProxyKind {
    const fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
        }
    }

    const fn usual_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 => 1080,
        }
    }
}

/// One proxy. Names are always resolved by it. Displayed, it has no user and no password.
///
/// Read from a URL (`http`, `https`, `socks5`, `socks5h`) or from a line of a proxy list: `host:port`,
/// `host:port:user:password`, and `st5` before either for SOCKS5.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    kind: ProxyKind,
    host: String,
    port: u16,
    login: Option<(String, Secret)>,
}

/// A text that names no proxy. It does not repeat the text, where a password may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a proxy: {0}; write socks5://user:password@host:port, or http://…, or host:port[:user:password]"
)]
pub struct ProxyUrlError(&'static str);

impl ProxyUrl {
    /// How it is spoken to.
    pub const fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Its host; an IPv6 address within brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// User and password, if it wants any.
    pub fn login(&self) -> Option<(&str, &Secret)> {
        self.login.as_ref().map(|(user, password)| (user.as_str(), password))
    }

    /// Reads what an account or the settings name as its proxy.
    ///
    /// # Errors
    /// [`ProxyUrlError`] without a word of the secret.
    pub fn read(text: &Secret) -> Result<Self, ProxyUrlError> {
        text.expose().parse()
    }

    fn from_url(text: &str) -> Result<Self, ProxyUrlError> {
        let url = Url::parse(text).map_err(|_| ProxyUrlError("the URL is malformed"))?;
        let kind = match url.scheme() {
            "http" => ProxyKind::Http,
            "https" => ProxyKind::Https,
            "socks5" | "socks5h" => ProxyKind::Socks5,
            _ => return Err(ProxyUrlError("its scheme is none of http, https, socks5, socks5h")),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyUrlError("there is something after host and port"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyUrlError("it has no host"))?;
        let port = match url.port() {
            Some(0) => return Err(ProxyUrlError("port 0 cannot be connected to")),
            Some(port) => port,
            None => kind.usual_port(),
        };
        let login = if url.username().is_empty() && url.password().is_none() {
            None
        } else {
            let password = decoded(url.password().unwrap_or_default())?;
            Some((decoded(url.username())?, Secret::new(password)))
        };
        Self { kind, host: host.to_owned(), port, login }.fitting()
    }

    fn from_line(kind: ProxyKind, line: &str) -> Result<Self, ProxyUrlError> {
        let (host, rest) = match line.strip_prefix('[') {
            Some(inside) => {
                let (address, rest) = inside.split_once(']').ok_or(ProxyUrlError("a bracket is open"))?;
                let rest = rest.strip_prefix(':').ok_or(ProxyUrlError("it has no port"))?;
                (format!("[{address}]"), rest)
            }
            None => {
                let (host, rest) = line.split_once(':').ok_or(ProxyUrlError("it has no port"))?;
                (host.to_owned(), rest)
            }
        };
        // A password may hold colons; host, port and user cannot.
        let mut parts = rest.splitn(3, ':');
        let port = parts.next().and_then(|port| port.parse().ok()).filter(|port| *port > 0);
        let port = port.ok_or(ProxyUrlError("its port is not a number from 1 to 65535"))?;
        let login = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(user), Some(password)) => Some((user.to_owned(), Secret::new(password))),
            (Some(_), None) => return Err(ProxyUrlError("there is a user without a password")),
        };
        // The URL standard knows every way to write a host, and refuses what is none.
        let host =
            Url::parse(&format!("http://{host}/")).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.ok_or(ProxyUrlError("its host is malformed"))?;
        Self { kind, host, port, login }.fitting()
    }

    /// SOCKS counts user and password in one byte each; a colon would end the user of HTTP's basic scheme.
    fn fitting(self) -> Result<Self, ProxyUrlError> {
        let Some((user, password)) = &self.login else { return Ok(self) };
        let fits = |text: &str| (1..=255).contains(&text.len());
        match self.kind {
            ProxyKind::Socks5 if !fits(user) || !fits(password.expose()) => {
                Err(ProxyUrlError("SOCKS5 wants 1 to 255 bytes of user and of password"))
            }
            ProxyKind::Http | ProxyKind::Https if user.contains(':') => {
                Err(ProxyUrlError("the user has a colon in it"))
            }
            _ => Ok(self),
        }
    }
}

fn decoded(part: &str) -> Result<String, ProxyUrlError> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        // A bare percent sign in a password is meant as one.
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => bytes.push(b'%'),
        }
    }
    String::from_utf8(bytes).map_err(|_| ProxyUrlError("user or password is not text"))
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ProxyUrlError("it is empty"));
        }
        if text.contains("://") {
            return Self::from_url(text);
        }
        match text.split_once(char::is_whitespace) {
            Some(("st5" | "socks5", line)) => Self::from_line(ProxyKind::Socks5, line.trim()),
            Some(_) => Err(ProxyUrlError("there is a space in it")),
            None => Self::from_line(ProxyKind::Http, text),
        }
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.kind.scheme(), self.host, self.port)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn read(text: &str) -> (String, Option<(String, String)>) {
        let proxy: ProxyUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let login = proxy.login().map(|(user, password)| (user.to_owned(), password.expose().to_owned()));
        (proxy.to_string(), login)
    }

    #[test]
    fn every_way_to_write_a_proxy_is_understood() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (text, place, expected) in [
            ("http://proxy.example:3128", "http://proxy.example:3128", None),
            ("http://proxy.example", "http://proxy.example:80", None),
            ("https://u:p@proxy.example", "https://proxy.example:443", login("u", "p")),
            ("socks5://proxy.example", "socks5://proxy.example:1080", None),
            ("socks5h://u:p@10.0.0.1:9050/", "socks5://10.0.0.1:9050", login("u", "p")),
            ("http://u:p%40ss%3A@proxy.example:1", "http://proxy.example:1", login("u", "p@ss:")),
            ("http://u:p@ss@proxy.example:1/", "http://proxy.example:1", login("u", "p@ss")),
            ("http://u:50%off@proxy.example:1", "http://proxy.example:1", login("u", "50%off")),
            ("http://u@proxy.example:1", "http://proxy.example:1", login("u", "")),
            ("http://[::1]:8080", "http://[::1]:8080", None),
            (" proxy.example:3128\n", "http://proxy.example:3128", None),
            ("proxy.example:3128:u:p:with:colons", "http://proxy.example:3128", login("u", "p:with:colons")),
            ("st5 1.2.3.4:1080:u:p", "socks5://1.2.3.4:1080", login("u", "p")),
            ("st5 1.2.3.4:1080", "socks5://1.2.3.4:1080", None),
            ("[fd00::1]:3128:u:p", "http://[fd00::1]:3128", login("u", "p")),
        ] {
            assert_eq!(read(text), (place.to_owned(), expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_not_repeated() {
        for text in [
            "",
            "proxy.example",
            "proxy.example:0",
            "proxy.example:99999",
            "proxy.example:80:hunter2",
            "ftp://u:hunter2@proxy.example",
            "http://u:hunter2@proxy.example/path",
            "http://u:hunter2@:80",
            "http://u%3Av:hunter2@proxy.example",
            "st6 proxy.example:80:u:hunter2",
            "st5 proxy.example:80::hunter2",
            "[::1:80:u:hunter2",
            "a b:80:u:hunter2",
            "http://",
        ] {
            let error = text.parse::<ProxyUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
        }
        let proxy: ProxyUrl = "http://user:hunter2@proxy.example".parse().unwrap();
        assert!(!format!("{proxy} {proxy:?}").contains("user") && !format!("{proxy:?}").contains("hunter2"));
    }
}
