//! Characters: a person or thing out of a video, with a name under which prompts speak of it and a portrait that engines work from.

use crate::{
    ids::{AccountId, CameoId, CharacterId, KeyId, MediaId},
    reference::{Picture, Reference},
    time::Millis,
    username::Username,
    video::VideoFacts,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The most characters that one prompt may speak of.
pub const MAX_CHARACTERS: usize = 3;

/// The longest display name, in characters.
pub const DISPLAY_NAME_CHARS: usize = 100;

/// The longest instruction set, in characters: the row of a job holds those of all its characters.
pub const INSTRUCTION_CHARS: usize = 2_000;

/// Who may use a character.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its owner.
    #[default]
    Private,
    /// Everybody.
    Public,
}

impl Visibility {
    /// The written forms.
    pub const WORDS: &'static [&'static str] = &["private", "public"];

    /// The visibility with this written form.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "private" => Some(Self::Private),
            "public" => Some(Self::Public),
            _ => None,
        }
    }

    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// The video that a character comes from: an MP4 file in the media store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footage {
    /// The file.
    pub media: MediaId,
    /// Its length in bytes.
    pub bytes: u64,
}

/// One character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Character {
    /// Which character.
    pub id: CharacterId,
    /// Its number, from 1: what older admin pages call it by.
    pub number: u64,
    /// Whose it is.
    pub owner: KeyId,
    /// What prompts call it; nobody else is called so.
    pub username: Username,
    /// Its name for people.
    pub display_name: String,
    /// The model that it was made for, as its maker named it.
    pub model: String,
    /// How it behaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction_set: Option<String>,
    /// How it must not behave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_instruction_set: Option<String>,
    /// Who may use it.
    pub visibility: Visibility,
    /// The video that it comes from.
    pub video: Footage,
    /// What it looks like; none until it is first needed, for one that was kept before there were portraits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portrait: Option<Reference>,
    /// The account that its making is counted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
}

impl Character {
    /// Its id as mentions write it.
    pub const fn cameo(&self) -> CameoId {
        CameoId::from_uuid(self.id.uuid())
    }

    /// Whether this key may see and use it.
    pub fn is_visible_to(&self, key: KeyId) -> bool {
        self.owner == key || self.visibility == Visibility::Public
    }

    /// Every file that it keeps, with its length in bytes.
    pub fn files(&self) -> impl Iterator<Item = (MediaId, u64)> {
        let portrait = self.portrait.iter().map(|portrait| (portrait.media, portrait.bytes));
        std::iter::once((self.video.media, self.video.bytes)).chain(portrait)
    }
}

/// The character that a text names by either of its ids.
pub fn id_of(text: &str) -> Option<CharacterId> {
    let cameo = || text.parse::<CameoId>().ok().map(|id| CharacterId::from_uuid(id.uuid()));
    text.parse().ok().or_else(cameo)
}

/// The part of a video that shows a character, in seconds from its beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timestamps {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

impl Default for Timestamps {
    fn default() -> Self {
        Self { start: 0.0, end: 3.0 }
    }
}

impl Timestamps {
    /// Reads `0,3`.
    ///
    /// # Errors
    /// What is wrong with it, for the caller.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "write two moments in seconds, such as 0,3: the second after the first";
        let (start, end) = text.split_once(',').ok_or(WRONG)?;
        let moment = |text: &str| text.trim().parse::<f64>().ok().filter(|at| (0.0..=3_600.0).contains(at));
        match (moment(start), moment(end)) {
            (Some(start), Some(end)) if start < end => Ok(Self { start, end }),
            _ => Err(WRONG),
        }
    }

    /// The moment of the portrait in a video that lasts so many seconds: the middle of the part, as far as the video has it.
    ///
    /// # Errors
    /// What is wrong, for the caller, when the part begins after the video's end.
    pub fn moment(self, seconds: f64) -> Result<f64, String> {
        if self.start >= seconds {
            return Err(format!("the part begins at {} s, and the video lasts {seconds:.1} s", self.start));
        }
        Ok(f64::midpoint(self.start, self.end.min(seconds)))
    }
}

/// A character as an engine is given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastMember {
    /// What the prompt calls it.
    pub username: Username,
    /// Its name for people.
    pub display_name: String,
    /// How it behaves and must not behave.
    pub instructions: Vec<String>,
    /// What it looks like.
    pub portrait: Picture,
}

/// A portrait, as a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// The file's bytes: WebP.
    pub bytes: Vec<u8>,
    /// What the video said about itself.
    pub video: VideoFacts,
}

/// Why there is no portrait, for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPortrait {
    /// The video cannot be used.
    #[error("{0}")]
    Video(String),
    /// It has no such part.
    #[error("{0}")]
    Timestamps(String),
}

/// Makes portraits out of videos that callers send.
pub trait Portraitist: Send + Sync {
    /// The portrait of whoever this part of a video shows. Blocking.
    ///
    /// # Errors
    /// [`NoPortrait`].
    fn portray(&self, video: &Path, part: Timestamps) -> Result<Portrait, NoPortrait>;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_of_a_video_is_two_moments_in_their_order() {
        assert_eq!(Timestamps::parse("0,3").unwrap(), Timestamps::default());
        assert_eq!(Timestamps::parse(" 1.5 , 2 ").unwrap(), Timestamps { start: 1.5, end: 2.0 });
        for wrong in ["", "3", "3,0", "1,1", "-1,2", "a,b", "0,NaN", "0,inf", "0,3,5", "0,99999"] {
            assert!(Timestamps::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_portrait_is_taken_within_the_video_or_not_at_all() {
        let moment = |text: &str, seconds| Timestamps::parse(text).unwrap().moment(seconds);
        assert_eq!(moment("0,3", 10.0), Ok(1.5));
        assert_eq!(moment("0,3", 1.0), Ok(0.5));
        assert!(moment("2,3", 2.0).unwrap_err().contains("lasts 2.0 s"));
    }

    #[test]
    fn either_id_names_the_same_character() {
        let hex = "0199abcd000070008000000000000001";
        let id = id_of(&format!("char_{hex}")).unwrap();
        assert_eq!(id_of(&format!("ch_{hex}")), Some(id));
        assert_eq!(id_of(hex), None);
    }
}
