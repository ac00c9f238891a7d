//! Secrets of keys: made from the system's randomness, shown once, kept only as a hash.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// The secret of an API key or a session. Never logged: its `Debug` shows stars.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(String);

impl KeySecret {
    /// A new `sk-…` secret of 256 random bits.
    pub fn generate() -> Self {
        Self::with_prefix("sk-")
    }

    /// A new secret that begins like this.
    pub(crate) fn with_prefix(prefix: &str) -> Self {
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())))
    }

    /// A secret that somebody chose.
    pub fn given(secret: &str) -> Self {
        Self(secret.to_owned())
    }

    /// The secret itself, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the secret, in hex. Fast hashing is right here: the secret has 256 random bits.
    pub fn sha256_hex(&self) -> String {
        sha256_hex(&self.0)
    }

    /// The beginning of the secret, too short to help anybody guess the rest.
    pub fn prefix(&self) -> String {
        self.0.chars().take(7.min(self.0.chars().count() / 2)).collect()
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(***)")
    }
}

/// SHA-256 of a text, in hex.
pub fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_are_hidden_and_hash_as_sha256() {
        let (one, two) = (KeySecret::generate(), KeySecret::generate());
        assert_ne!(one, two);
        assert!(one.expose().starts_with("sk-") && one.expose().len() == 46);
        assert!(!format!("{one:?}").contains(one.expose()));
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(KeySecret::given("sk-1").prefix(), "sk");
    }
}
