//! Usernames: what prompts and links call a character or the owner of a key. One name, one bearer.

use crate::ids::{CharacterId, KeyId};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{fmt, str::FromStr};

/// How long a username may be, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 3..=32;

/// Names that would be mistaken for something else.
const RESERVED: [&str; 6] = ["admin", "everyone", "nobody", "null", "search", "undefined"];

/// Tries of a wanted name with three digits behind it, before it gets more of them.
const SHORT_TRIES: u32 = 5;

/// A text that no username is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a username has 3 to 32 of the characters a-z 0-9 _ . and begins and ends with a letter, a digit or _, and some words are reserved"
)]
pub struct BadUsername;

/// A username, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name out of words, such as `quiet_heron4821`, for one who did not ask for any.
    pub fn of_words(entropy: u64) -> Self {
        let pick = |words: &[&'static str], by: u64| words[(by % words.len() as u64) as usize];
        let (manner, being) = (pick(&MANNERS, entropy), pick(&BEINGS, entropy >> 16));
        Self(format!("{manner}_{being}{}", 1_000 + (entropy >> 32) % 9_000))
    }

    /// A name that sounds like this text, if enough of it can be spelled.
    pub fn like(text: &str) -> Option<Self> {
        let mut spelled = String::new();
        for letter in text.chars() {
            match letter.to_ascii_lowercase() {
                letter if letter.is_ascii_lowercase() || letter.is_ascii_digit() => spelled.push(letter),
                _ if spelled.is_empty() || spelled.ends_with('_') => {}
                _ => spelled.push('_'),
            }
            if spelled.len() == 24 {
                break;
            }
        }
        spelled.trim_matches('_').parse().ok()
    }

    /// What to try when this name is taken: itself first (`turn` 0), then with three digits behind it, then with six.
    #[must_use]
    pub fn variant(&self, turn: u32, entropy: u64) -> Self {
        let digits = match turn {
            0 => return self.clone(),
            1..=SHORT_TRIES => format!("{:03}", entropy % 1_000),
            _ => format!("{:06}", entropy % 1_000_000),
        };
        let stem = &self.0[..self.0.len().min(LENGTHS.end() - digits.len())];
        Self(format!("{stem}{digits}"))
    }

    /// The name as people write it: `quiet_heron4821` is Quiet Heron.
    pub fn display(&self) -> String {
        let words = self.0.split(['_', '.']).map(|word| {
            let word = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
            let mut letters = word.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
        });
        let name = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        if name.is_empty() { self.0.clone() } else { name }
    }
}

/// Who bears a username.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bearer {
    /// A character.
    Character(CharacterId),
    /// The owner of a key.
    Key(KeyId),
}

/// Whether a letter may stand in a username.
pub(crate) const fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '.'
}

impl FromStr for Username {
    type Err = BadUsername;

    fn from_str(text: &str) -> Result<Self, BadUsername> {
        let name = text.trim().strip_prefix('@').unwrap_or(text.trim()).to_ascii_lowercase();
        let is_sound = LENGTHS.contains(&name.len())
            && name.chars().all(is_letter)
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !RESERVED.contains(&name.as_str());
        if is_sound { Ok(Self(name)) } else { Err(BadUsername) }
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

const MANNERS: [&str; 24] = [
    "amber", "bold", "brisk", "calm", "clear", "copper", "early", "gentle", "golden", "grand", "keen",
    "late", "lucky", "mellow", "misty", "noble", "plain", "quick", "quiet", "silver", "spry", "sunny",
    "warm", "wild",
];

const BEINGS: [&str; 24] = [
    "badger", "bison", "crane", "falcon", "finch", "fox", "gecko", "hare", "heron", "ibex", "jay", "kestrel",
    "lark", "lynx", "marten", "otter", "owl", "plover", "raven", "seal", "swift", "tern", "vole", "wren",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_as_people_write_them_and_others_are_refused() {
        for (written, name) in
            [("my_character", "my_character"), ("@Mia68", "mia68"), (" owner.mia ", "owner.mia")]
        {
            assert_eq!(written.parse::<Username>().unwrap().as_str(), name);
        }
        for wrong in ["", "ab", "@", "a b c", "mia!", ".mia", "mia.", "米亚米亚", "admin", &"x".repeat(33)]
        {
            assert!(wrong.parse::<Username>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_sounds_like_what_it_is_made_from() {
        let like = |text| Username::like(text).map(|name| name.to_string());
        assert_eq!(like("My Character!"), Some("my_character".into()));
        assert_eq!(like("  Müller & Söhne "), Some("m_ller_s_hne".into()));
        assert_eq!(like("角色"), None);
        assert_eq!("quiet_heron4821".parse::<Username>().unwrap().display(), "Quiet Heron");
        assert_eq!("007".parse::<Username>().unwrap().display(), "007");
    }

    proptest! {
        #[test]
        fn whatever_is_made_up_is_a_username(entropy: u64, turn in 0u32..12, text in ".{0,60}") {
            let words = Username::of_words(entropy);
            for name in Username::like(&text).into_iter().chain([words]) {
                let varied = name.variant(turn, entropy);
                prop_assert_eq!(varied.as_str().parse::<Username>(), Ok(varied.clone()));
                prop_assert_eq!(turn == 0, varied == name);
            }
        }
    }
}
