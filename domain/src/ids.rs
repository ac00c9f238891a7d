//! Typed ids. Each is a UUID v7, so that ids sort by the time they were made, shown with a prefix that says what it names.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// A text that is not an id of the asked kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct BadId {
    /// The kind of id that was wanted, such as `job`.
    pub kind: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        id!($(#[$doc])* $name, $prefix, "_");
    };
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $joint:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of the written form, without what joins it to the rest.
            pub const PREFIX: &'static str = $prefix;

            /// The id that wraps this UUID; callers with a clock make a v7 one.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, $joint, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = BadId { kind: $prefix };
                let hex = text.strip_prefix(concat!($prefix, $joint)).ok_or(bad.clone())?;
                // One id has one written form: the hyphenated and braced forms that Uuid also reads are refused.
                if hex.len() != 32 || hex.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(bad);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| bad)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<str>::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// One generation request.
    JobId, "job"
);
id!(
    /// One API key (not its secret).
    KeyId, "key"
);
id!(
    /// One credential at one upstream.
    AccountId, "acc"
);
id!(
    /// One stored file.
    MediaId, "media"
);

id!(
    /// One file that a caller uploaded, written as OpenAI writes it.
    FileId, "file", "-"
);
id!(
    /// One video: the job that makes it has the same UUID.
    VideoId, "video"
);
id!(
    /// The same job as `/v1/tasks` and answers of `async_mode` name it: it has the same UUID.
    TaskId, "task"
);
id!(
    /// A person or thing out of a video.
    CharacterId, "char"
);
id!(
    /// The same character as prompts mention it: `<@ch_…>`. It has the same UUID.
    CameoId, "ch"
);
id!(
    /// One published work: the job that made it has the same UUID.
    PostId, "s"
);
id!(
    /// One event that a key's own server is told: the job that it is about has the same UUID, and ends once.
    EventId, "evt"
);
id!(
    /// One answer of the Responses API.
    ResponseId, "resp"
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_has_one_written_form_and_reads_back() {
        let id = JobId::from_uuid(Uuid::from_u128(0x0199_abcd_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string(), "job_0199abcd000070008000000000000001");
        assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
        assert_eq!(serde_json::from_str::<JobId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        for bad in [
            "job_",
            "key_0199abcd000070008000000000000001",
            "job_0199ABCD000070008000000000000001",
            "0199abcd000070008000000000000001",
        ] {
            assert!(bad.parse::<JobId>().is_err(), "{bad}");
        }
    }
}
