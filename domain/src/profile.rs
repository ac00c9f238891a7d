//! Public ids of whoever publishes: the owner of a key, and characters. They follow from the inner id, so nothing has to be kept for them.

use crate::ids::BadId;
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// What user ids begin with.
const PREFIX: &str = "user-";

/// The digits of a user id, in their order.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many digits a user id has: 22 hold a UUID, older clients know 24.
const LENGTH: usize = 24;

/// The public id of the owner of a key, or of a character: `user-` and 24 letters or digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(Uuid);

impl UserId {
    /// The id of whoever has this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID of the key or character.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut rest, mut digits) = (self.0.as_u128(), [b'0'; LENGTH]);
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
        f.write_str(PREFIX)?;
        digits.iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

impl FromStr for UserId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId { kind: "user" };
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == LENGTH).ok_or_else(bad)?;
        let mut number: u128 = 0;
        for digit in digits.bytes() {
            let value = DIGITS.iter().position(|known| *known == digit).ok_or_else(bad)?;
            number = number
                .checked_mul(62)
                .and_then(|number| number.checked_add(value as u128))
                .ok_or_else(bad)?;
        }
        Ok(Self(Uuid::from_u128(number)))
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_user_id_is_refused() {
        let one = UserId::from_uuid(Uuid::from_u128(61)).to_string();
        assert_eq!(one, "user-00000000000000000000000z");
        for wrong in [
            "",
            "user-",
            "00000000000000000000000z",
            "user-0000000000000000000000-z",
            "user-zzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_has_29_characters_and_reads_back(number: u128) {
            let id = UserId::from_uuid(Uuid::from_u128(number));
            prop_assert_eq!(id.to_string().len(), 29);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
