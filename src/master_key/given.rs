//! A secret that the environment gives: 32 bytes as hexadecimal digits or base64, itself or in a file. What is short or regular is refused.

use super::MasterKey;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};

/// The secret of the installation.
pub const VARIABLE: &str = "ATELIER_SECRET_KEY";
/// A file that holds it.
pub const VARIABLE_FILE: &str = "ATELIER_SECRET_KEY_FILE";
/// The next secret, for `atelier rekey`.
pub const VARIABLE_NEW: &str = "ATELIER_NEW_SECRET_KEY";
/// A file that holds that.
pub const VARIABLE_NEW_FILE: &str = "ATELIER_NEW_SECRET_KEY_FILE";

/// Which variables give one secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variables {
    value: &'static str,
    file: &'static str,
}

impl Variables {
    /// The secret in force.
    pub(crate) const PRESENT: Self = Self { value: VARIABLE, file: VARIABLE_FILE };
    /// The next one.
    pub(crate) const NEXT: Self = Self { value: VARIABLE_NEW, file: VARIABLE_NEW_FILE };
}

/// A file with more is no secret.
const LARGEST_FILE: u64 = 4096;

/// Of 32 random bytes, fewer different ones than this are as good as impossible.
const LEAST_VARIETY: usize = 16;

const HOW: &str = "expected 32 random bytes, as 64 hexadecimal digits or in base64; `openssl rand -hex 32` makes such a secret";

/// The secret that the environment gives; none when it gives none. An empty variable gives none.
///
/// # Errors
/// The variable, and what is wrong with it: never the secret or a part of it.
pub(crate) fn given(
    env: &BTreeMap<String, OsString>,
    variables: Variables,
) -> Result<Option<MasterKey>, (&'static str, String)> {
    let set = |name| env.get(name).filter(|value| !value.is_empty());
    match (set(variables.value), set(variables.file)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err((variables.file, format!("set {} or {}, not both", variables.value, variables.file)))
        }
        (Some(text), None) => {
            let key = text.to_str().ok_or_else(|| HOW.to_owned()).and_then(read);
            key.map(Some).map_err(|message| (variables.value, message))
        }
        (None, Some(path)) => in_file(Path::new(path)).map(Some).map_err(|message| (variables.file, message)),
    }
}

fn in_file(path: &Path) -> Result<MasterKey, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    if fs::metadata(path).map_err(unreadable)?.len() > LARGEST_FILE {
        return Err(HOW.to_owned());
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    // `secret.key` as it is: but 32 letters are half of a written secret, or somebody's password.
    if bytes.len() == 32 && !bytes.iter().all(u8::is_ascii) {
        return judged(bytes);
    }
    String::from_utf8(bytes).map_err(|_| HOW.to_owned()).and_then(|text| read(&text))
}

fn read(text: &str) -> Result<MasterKey, String> {
    let text = text.trim();
    // No base64 of 32 random bytes looks like that.
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes = if is_hex {
        let pairs = (0..text.len()).step_by(2);
        pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_default()).collect()
    } else {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let decoded = [alphabet::STANDARD, alphabet::URL_SAFE]
            .iter()
            .find_map(|letters| GeneralPurpose::new(letters, config).decode(text).ok());
        decoded.ok_or_else(|| HOW.to_owned())?
    };
    judged(bytes)
}

fn judged(bytes: Vec<u8>) -> Result<MasterKey, String> {
    let length = bytes.len();
    let key: [u8; 32] = bytes.try_into().map_err(|_| format!("it has {length} bytes: {HOW}"))?;
    let mut seen = [false; 256];
    key.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let variety = seen.iter().filter(|seen| **seen).count();
    let steps_evenly =
        key.windows(3).all(|three| three[1].wrapping_sub(three[0]) == three[2].wrapping_sub(three[1]));
    // Letters and digits alone: a passphrase, not 32 random bytes.
    let is_text = key.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if variety < LEAST_VARIETY || steps_evenly || is_text {
        return Err(format!("it is too regular to be random: {HOW}"));
    }
    Ok(MasterKey(key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    /// Fixed, but as irregular as drawn ones.
    fn bytes() -> [u8; 32] {
        std::array::from_fn(|at| (at as u8).wrapping_mul(97).wrapping_add((at * at) as u8) ^ 0xA5)
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, OsString> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    }

    #[test]
    fn every_common_way_to_write_a_secret_is_read() {
        let hex = hex(&bytes());
        let dir = tempfile::tempdir().unwrap();
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            format!("  {hex}\n"),
            STANDARD.encode(bytes()),
            URL_SAFE_NO_PAD.encode(bytes()),
        ] {
            assert_eq!(read(&text), Ok(MasterKey(bytes())), "{text}");
            let path = dir.path().join("key");
            fs::write(&path, format!("{text}\r\n")).unwrap();
            assert_eq!(in_file(&path), Ok(MasterKey(bytes())), "{text}");
        }
        let raw = dir.path().join("raw");
        fs::write(&raw, bytes()).unwrap();
        let path = raw.display().to_string();
        let found = given(&env(&[(VARIABLE_FILE, &path), (VARIABLE, "")]), Variables::PRESENT);
        assert_eq!(found, Ok(Some(MasterKey(bytes()))));
        assert_eq!(given(&env(&[(VARIABLE_NEW, "")]), Variables::NEXT), Ok(None));
    }

    #[test]
    fn what_is_short_long_or_guessable_is_refused_and_never_repeated() {
        let counting: Vec<u8> = (0..32).collect();
        let weak = [
            "changeme".to_owned(),
            "correct horse battery staple".to_owned(),
            hex(&bytes()[..16]),
            hex(&[&bytes()[..], &[1]].concat()),
            "0".repeat(64),
            hex(&[7; 32]),
            hex(&[1, 2, 3, 4].repeat(8)),
            hex(&counting),
            hex(b"a passphrase of exactly 32 bytes"),
        ];
        for text in weak {
            let error = given(&env(&[(VARIABLE, &text)]), Variables::PRESENT).unwrap_err();
            assert_eq!(error.0, VARIABLE);
            assert!(error.1.contains("openssl rand"), "{text}: {}", error.1);
            assert!(!error.1.contains(&text), "the secret is repeated: {}", error.1);
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("half");
        fs::write(&path, hex(&bytes()[..16])).unwrap();
        assert!(in_file(&path).unwrap_err().contains("16 bytes"), "32 letters are not 32 bytes");
    }

    #[test]
    fn both_variables_or_a_file_that_is_not_there_are_told() {
        let both = env(&[(VARIABLE, "x"), (VARIABLE_FILE, "y")]);
        assert!(given(&both, Variables::PRESENT).unwrap_err().1.contains("not both"));
        let gone = env(&[(VARIABLE_FILE, "/no/such/file")]);
        assert!(given(&gone, Variables::PRESENT).unwrap_err().1.contains("/no/such/file"));
    }

    #[test]
    fn random_secrets_are_never_refused() {
        for _ in 0..2_000 {
            let random: [u8; 32] = rand::random();
            assert_eq!(read(&hex(&random)), Ok(MasterKey(random)));
        }
    }
}
