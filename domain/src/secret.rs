//! A text that must not be seen: shown as `***` wherever it is printed.
//!
//! Own newtype instead of the `secrecy` crate: the whole need is "never printed by accident, never serialised by accident".

use std::fmt;

/// A password, key or token. `Debug` and `Display` print `***`; the text is had by [`Secret::expose`] alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Every call site is a place to review: it must not lead to a log or an error message.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What may be shown of it, so that its owner tells it from others: the first four and the last three characters of a long
    /// one (`eyJh…3fQ`), nothing of a short one.
    pub fn masked(&self) -> String {
        const LEAST: usize = 16;
        let characters: Vec<char> = self.0.chars().collect();
        match characters.len() {
            0 => String::new(),
            length if length < LEAST => "***".to_owned(),
            length => {
                let (head, tail) = (&characters[..4], &characters[length - 3..]);
                head.iter().chain(std::iter::once(&'…')).chain(tail).collect()
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_shows_in_no_format() {
        let secret = Secret::new("sk-123456");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(secret.expose(), "sk-123456");
    }

    #[test]
    fn a_mask_tells_long_secrets_apart_and_tells_nothing_of_short_ones() {
        assert_eq!(Secret::new("eyJhbGciOiJSUzI1NiJ9.x.3fQ").masked(), "eyJh…3fQ");
        assert_eq!(Secret::new("short-secret").masked(), "***");
        assert_eq!(Secret::default().masked(), "");
    }
}
