//! Codes that give credit: how they are made and read, and the row of one. Pure but for its randomness.

use crate::key_ring::sha256_hex;
use atelier_domain::{credit::Credits, ids::KeyId, secret::Secret, time::Millis};
use atelier_store::{Row, Table};
use serde::{Deserialize, Serialize};

/// Letters and digits that nobody takes for another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a code without its dashes: 125 random bits, so that fast hashing is right.
const LENGTH: usize = 25;

/// Characters between two dashes.
const GROUP: usize = 5;

/// A new code, such as `7Q2MK-…`.
pub(super) fn new_code() -> Secret {
    let bytes: [u8; LENGTH] = rand::random();
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    Secret::new(groups.join("-"))
}

/// Where a code is kept, however its owner typed it: its hash. None for what is no code.
pub(super) fn place(typed: &str) -> Option<String> {
    let letters =
        typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
    let plain: String = letters.take(LENGTH + 1).collect();
    let fits = plain.len() == LENGTH && plain.bytes().all(|byte| ALPHABET.contains(&byte));
    fits.then(|| sha256_hex(&plain))
}

/// Who used a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// The key that has the credit.
    pub key: KeyId,
    /// When.
    pub at: Millis,
}

/// A code as it is kept: under the hash of its text, which is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemCode {
    /// What it is called in lists: the beginning of the hash.
    pub id: String,
    /// Its first characters, to tell codes apart.
    pub prefix: String,
    /// The operator's name for it.
    pub name: String,
    /// What it gives.
    pub amount: Credits,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
    /// Who used it; none: nobody yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeemed: Option<Redeemed>,
}

impl Row for RedeemCode {
    const TABLE: Table = Table::RedeemCodes;
    const VERSION: u32 = 1;
}

/// Characters of an id.
pub(super) const ID_CHARS: usize = 24;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        let code = new_code();
        let kept = place(code.expose()).unwrap();
        let sloppy = format!("  {} ", code.expose().to_lowercase().replace('-', " "));
        assert_eq!(place(&sloppy), Some(kept.clone()));
        assert_eq!(place(&code.expose().replace('0', "O").replace('1', "l")), Some(kept.clone()));
        assert_ne!(place(new_code().expose()), Some(kept));
        for odd in
            ["", "ABC", "UUUUU-UUUUU-UUUUU-UUUUU-UUUUU", &format!("{}A", code.expose()), &"A".repeat(10_000)]
        {
            assert_eq!(place(odd), None, "{odd}");
        }
    }
}
