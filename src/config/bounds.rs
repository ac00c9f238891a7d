//! The checks that one value can fail. Each takes note of the problem and gives back a stand-in, so that checking goes
//! on to the next value; a configuration with any note is never used.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use super::problem::Problem;
use atelier_domain::secret::Secret;

/// The notes.
#[derive(Debug, Default)]
pub(super) struct Checker {
    pub problems: Vec<Problem>,
}

impl Checker {
    pub fn note(&mut self, path: &str, message: impl Display) {
        self.problems.push(Problem::new(path, message));
    }

    /// A whole number within bounds, in the type that its reader wants.
    pub fn whole<T: TryFrom<u64> + Default>(
        &mut self,
        path: &str,
        value: u64,
        bounds: RangeInclusive<u64>,
    ) -> T {
        let narrow = T::try_from(value).ok().filter(|_| bounds.contains(&value));
        narrow.unwrap_or_else(|| {
            self.note(path, format!("expected {} to {}, found {value}", bounds.start(), bounds.end()));
            T::default()
        })
    }

    /// A number of seconds within bounds.
    pub fn seconds(&mut self, path: &str, value: u64, bounds: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.whole(path, value, bounds))
    }

    /// A number of seconds with a fraction, within bounds.
    pub fn fraction(&mut self, path: &str, value: f64, bounds: RangeInclusive<f64>) -> Duration {
        if bounds.contains(&value) {
            return Duration::from_secs_f64(value);
        }
        self.note(path, format!("expected {} to {}, found {value}", bounds.start(), bounds.end()));
        Duration::ZERO
    }

    /// A number of MiB within bounds, in bytes.
    pub fn mebibytes<T: TryFrom<u64> + Default>(
        &mut self,
        path: &str,
        value: u64,
        bounds: RangeInclusive<u64>,
    ) -> T {
        let mib: u64 = self.whole(path, value, bounds);
        T::try_from(mib << 20).unwrap_or_else(|_| {
            self.note(path, "is more than this machine can address");
            T::default()
        })
    }

    /// A number of threads, where 0 means one per core.
    pub fn threads(&mut self, path: &str, value: u64) -> usize {
        match self.whole(path, value, 0..=256) {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// One word of a list.
    pub fn word<T: Copy>(&mut self, path: &str, value: &str, words: &[(&str, T)]) -> T {
        let found = words.iter().find(|(word, _)| *word == value);
        found
            .unwrap_or_else(|| {
                let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                self.note(path, format!("expected {}, found {value:?}", known.join(" or ")));
                &words[0]
            })
            .1
    }

    /// A text that is there and has nothing invisible in it.
    pub fn visible(&mut self, path: &str, value: &str, longest: usize) -> String {
        if let Some(message) = invisible(value, longest) {
            self.note(path, message);
        }
        value.to_owned()
    }

    /// A secret that is not there, or is printable and no placeholder of somebody's documentation.
    pub fn secret(&mut self, path: &str, value: &Secret) -> Option<Secret> {
        if value.is_empty() {
            return None;
        }
        if let Some(message) = invisible(value.expose(), 1024) {
            self.note(path, message);
        }
        if ["your-api-key", "your-password", "changeme"].contains(&value.expose()) {
            self.note(
                path,
                "is the placeholder of an example; choose a secret, or leave it empty to have one generated",
            );
        }
        Some(value.clone())
    }

    /// An address with one of `schemes`, without a final `/`; none when empty.
    pub fn url(&mut self, path: &str, value: &str, schemes: &[&str]) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        if !is_url(value, schemes) {
            self.note(
                path,
                format!("expected {}://host, with a port or path if needed", schemes.join(":// or ")),
            );
        }
        Some(value.trim_end_matches('/').to_owned())
    }

    /// A header as a line `Name: value`. Those that a call has anyway are not the operator's to set here.
    pub fn header(&mut self, path: &str, line: &str) -> Option<(String, String)> {
        let (name, value) = line.split_once(':').unwrap_or_default();
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_name || value.is_empty() || !value.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            self.note(path, format!("expected \"Name: value\", found {line:?}"));
            return None;
        }
        if OWN_HEADERS.contains(&name.as_str()) {
            self.note(path, format!("{name} is set by the call itself, or is an account's"));
            return None;
        }
        Some((name, value))
    }
}

/// Headers that calls have of themselves, and those that open an account.
const OWN_HEADERS: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "proxy-authorization",
    "transfer-encoding",
];

/// What is wrong with a text that people must be able to see and type, without quoting it.
fn invisible(value: &str, longest: usize) -> Option<String> {
    let length = value.chars().count();
    if length == 0 || length > longest {
        return Some(format!("expected 1 to {longest} characters, found {length}"));
    }
    if value.trim() != value {
        return Some("begins or ends with a space".to_owned());
    }
    value.chars().any(char::is_control).then(|| "has a control character in it".to_owned())
}

/// Whether `value` is an absolute address that paths can be appended to: no query, no fragment, no spaces.
fn is_url(value: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = value.split_once("://") else { return false };
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let clean =
        |c: char| !c.is_whitespace() && !c.is_control() && !['?', '#', '\\', '"', '<', '>'].contains(&c);
    schemes.contains(&scheme)
        && !name.is_empty()
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && value.chars().all(clean)
}

/// Whether `value` is a web origin: scheme, host and port, and nothing after them.
pub(super) fn is_origin(value: &str) -> bool {
    is_url(value, &["http", "https"]) && value.matches('/').count() == 2 && !value.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_paths_cannot_be_appended_to_is_refused() {
        let http: &[&str] = &["http", "https"];
        for good in [
            "http://a",
            "https://a.b:8000",
            "https://a/b/",
            "http://[::1]:80",
            "http://[::1]",
            "http://u:p@a:1",
        ] {
            assert!(is_url(good, http), "{good} was refused");
        }
        for bad in [
            "a.b",
            "ftp://a",
            "http://",
            "http://:80",
            "http://a:port",
            "http://a?b",
            "http://a b",
            "http://a#b",
        ] {
            assert!(!is_url(bad, http), "{bad} was taken");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert!(is_origin("https://app.example.com:8443"));
        for bad in
            ["https://a.example/", "https://a.example/x", "a.example", "https://u@a.example", "*", "null"]
        {
            assert!(!is_origin(bad), "{bad} was taken");
        }
    }
}
