//! Sealing: XChaCha20-Poly1305 under a key that follows from the installation's secret. Pure: the same key, place, nonce and text
//! give the same seal.

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;

/// Sets the sealing key apart from whatever else follows from the installation's secret.
const SEALING: &[u8] = b"atelier sealing key 1";

/// Sets the fingerprint apart, which is no secret.
const NAMING: &[u8] = b"atelier fingerprint of the secret key";

/// What every seal binds besides its place: a seal of another scheme or table never passes for one of these.
const SCHEME: &[u8] = b"atelier secrets 1\0";

/// A random nonce, never used twice under one key; 24 bytes are enough to draw them blindly.
pub(super) type SealNonce = [u8; 24];

/// What tells one installation's secret from another without telling anything about it: 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// That of this secret.
    pub fn of(installation: &[u8; 32]) -> Self {
        let name = derived(installation, NAMING);
        Self(name.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that nobody reads without the key it names, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// Which key.
    pub key: Fingerprint,
    /// In base64.
    nonce: String,
    /// Ciphertext and tag, in base64.
    text: String,
}

/// A key that seals and opens.
#[derive(Clone)]
pub(super) struct SealKey {
    cipher: XChaCha20Poly1305,
    pub fingerprint: Fingerprint,
}

impl SealKey {
    pub(super) fn new(installation: &[u8; 32]) -> Self {
        let key = derived(installation, SEALING);
        Self { cipher: XChaCha20Poly1305::new(&key.into()), fingerprint: Fingerprint::of(installation) }
    }

    /// Seals a text for this place. None only for texts of more than 256 GiB.
    pub(super) fn seal(&self, place: &[u8], nonce: SealNonce, text: &[u8]) -> Option<Sealed> {
        let aad = [SCHEME, place].concat();
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), Payload { msg: text, aad: &aad }).ok()?;
        let key = self.fingerprint.clone();
        Some(Sealed { key, nonce: STANDARD.encode(nonce), text: STANDARD.encode(sealed) })
    }

    /// Opens what this key sealed for this place; none when it was sealed by another key or for another place, or was altered.
    pub(super) fn open(&self, place: &[u8], sealed: &Sealed) -> Option<Vec<u8>> {
        let nonce: SealNonce = STANDARD.decode(&sealed.nonce).ok()?.try_into().ok()?;
        let text = STANDARD.decode(&sealed.text).ok()?;
        let aad = [SCHEME, place].concat();
        self.cipher.decrypt(&XNonce::from(nonce), Payload { msg: &text, aad: &aad }).ok()
    }
}

/// HMAC-SHA256 of the purpose. The secret fills half of the hash's block and zeros the rest, as HMAC itself would have it.
fn derived(installation: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(installation);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&block.into());
    mac.update(purpose);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seal_opens_with_its_key_at_its_place_and_nowhere_else() {
        let (ours, theirs) = (SealKey::new(&[7; 32]), SealKey::new(&[8; 32]));
        let sealed = ours.seal(b"a1", [3; 24], b"eyJ-secret").unwrap();
        assert_eq!(ours.open(b"a1", &sealed).unwrap(), b"eyJ-secret");
        assert_eq!(ours.open(b"a2", &sealed), None, "moved to another account");
        assert_eq!(theirs.open(b"a1", &sealed), None);
        let text = STANDARD.decode(&sealed.text).unwrap();
        for at in 0..text.len() {
            let mut altered = text.clone();
            altered[at] ^= 1;
            let altered = Sealed { text: STANDARD.encode(altered), ..sealed.clone() };
            assert_eq!(ours.open(b"a1", &altered), None, "byte {at}");
        }
        for broken in ["", "!", "AAAA"] {
            assert_eq!(ours.open(b"a1", &Sealed { nonce: broken.into(), ..sealed.clone() }), None);
            assert_eq!(ours.open(b"a1", &Sealed { text: broken.into(), ..sealed.clone() }), None);
        }
    }

    /// Computed by another implementation. Rows of every installation depend on it: a change needs a new scheme beside this one.
    #[test]
    fn the_scheme_is_the_one_that_rows_were_written_with() {
        let key = SealKey::new(&[1; 32]);
        let sealed = key.seal(b"place", [2; 24], b"text").unwrap();
        assert_eq!(
            serde_json::to_string(&sealed).unwrap(),
            r#"{"key":"4dd3c165f315f055","nonce":"AgICAgICAgICAgICAgICAgICAgICAgIC","text":"VJ2U4GQpHJVmC1WIQBq3cOuDYQU="}"#
        );
    }

    #[test]
    fn fingerprints_tell_secrets_apart_and_are_not_the_key() {
        let (one, other) = (Fingerprint::of(&[1; 32]), Fingerprint::of(&[2; 32]));
        assert_ne!(one, other);
        assert_eq!(one.to_string().len(), 16);
        assert_ne!(derived(&[1; 32], SEALING), derived(&[1; 32], NAMING));
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_comes_back(text in proptest::collection::vec(any::<u8>(), 0..4096), nonce: [u8; 24]) {
            let key = SealKey::new(&[9; 32]);
            let sealed = key.seal(b"place", nonce, &text).unwrap();
            prop_assert_eq!(key.open(b"place", &sealed), Some(text));
        }
    }
}
