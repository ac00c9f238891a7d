//! A text that must not be seen: shown as `***` wherever it is printed.
//!
//! Own newtype instead of the `secrecy` crate: the whole need is "never printed by accident", and this type must also
//! be a [`Readable`](super::value::Readable), which a foreign type could only be behind a wrapper of the same size.

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

    /// True when nothing was set, which means "generate it" or "not used", as the key's doc says.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
}
