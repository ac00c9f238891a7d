//! Posts: works that their owners published. A post has the UUID of the job that made it, keeps what it shows as files of its own, and
//! stays until it is taken back, however long the job is kept.

use crate::{
    ids::{AccountId, JobId, KeyId, MediaId, PostId},
    job::JobKind,
    reference::Reference,
    size::Size,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest text of a post, in characters.
pub const TEXT_CHARS: usize = 2_000;

/// What a like and a remix count in the ranking, in views.
const LIKE: u64 = 10;
const REMIX: u64 = 20;

/// One file that a post shows, in the order of the job's outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The file.
    pub file: Reference,
    /// A small still of it, for a video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<Reference>,
}

/// How a post is met with. Each key counts once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reception {
    /// Keys that looked at it.
    pub views: u64,
    /// Keys that like it.
    pub likes: u64,
    /// Posts that derive from it.
    pub remixes: u64,
}

impl Reception {
    /// Its rank among others: the higher the better.
    pub const fn score(self) -> u64 {
        let (likes, remixes) = (self.likes.saturating_mul(LIKE), self.remixes.saturating_mul(REMIX));
        self.views.saturating_add(likes).saturating_add(remixes)
    }
}

/// Where a post stands in the tree of what derives from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descent {
    /// What it was made over.
    pub parent: PostId,
    /// What that goes back to in the end.
    pub root: PostId,
}

/// One post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Which post.
    pub id: PostId,
    /// Whose it is.
    pub owner: KeyId,
    /// What it shows.
    pub kind: JobKind,
    /// What its owner says about it.
    pub text: String,
    /// The model that made it.
    pub model: String,
    /// Its size.
    pub size: Size,
    /// How long a video lasts, in seconds; 0 for pictures.
    pub seconds: u32,
    /// The files, at least one.
    pub attachments: Vec<Attachment>,
    /// The account that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// What it derives from, if that is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descent: Option<Descent>,
    /// How it is met with.
    #[serde(default)]
    pub reception: Reception,
    /// Its place in the order of publication.
    pub place: Uuid,
    /// Since when it is there.
    pub posted_at: Millis,
}

impl Post {
    /// The job that made it.
    pub const fn job(&self) -> JobId {
        JobId::from_uuid(self.id.uuid())
    }

    /// Every file that it keeps, with its length in bytes.
    pub fn files(&self) -> impl Iterator<Item = (MediaId, u64)> {
        let of = |attachment: &Attachment| {
            let thumbnail = attachment.thumbnail.as_ref().map(|file| (file.media, file.bytes));
            std::iter::once((attachment.file.media, attachment.file.bytes)).chain(thumbnail)
        };
        self.attachments.iter().flat_map(of).collect::<Vec<_>>().into_iter()
    }

    /// The place of what derives from it.
    pub fn begets(&self) -> Descent {
        Descent { parent: self.id, root: self.descent.map_or(self.id, |descent| descent.root) }
    }
}

/// The post of a job.
pub const fn post_of(job: JobId) -> PostId {
    PostId::from_uuid(job.uuid())
}

/// The first post that a text names, by its id or by a link that ends with it.
pub fn named_in(text: &str) -> Option<PostId> {
    const DIGITS: usize = 32;
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.match_indices("s_").find_map(|(at, _)| {
        let id = text.get(at..at + 2 + DIGITS)?;
        let alone = !text[..at].ends_with(is_letter) && !text[at + id.len()..].starts_with(is_letter);
        id.parse().ok().filter(|_| alone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "s_68e3a06dcd888191b150971da152c1f5";

    #[test]
    fn a_post_is_named_by_its_id_or_its_link() {
        let named = |text: &str| named_in(text).map(|id| id.to_string());
        for text in [
            ID.to_owned(),
            format!("https://sora.chatgpt.com/p/{ID}?x=1 at night"),
            format!("改成水墨画风格{ID}好吗"),
        ] {
            assert_eq!(named(&text).as_deref(), Some(ID), "{text}");
        }
        for text in ["", "s_", "s_short", &format!("x{ID}"), &format!("{ID}0"), &ID.to_uppercase()] {
            assert_eq!(named(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[s_0-9a-f漢 ]{0,80}") {
            let _ = named_in(&text);
        }

        #[test]
        fn whoever_likes_or_remixes_never_lowers_a_rank(views: u64, likes: u64, remixes: u64) {
            let before = Reception { views, likes, remixes };
            for after in [
                Reception { views: views.saturating_add(1), ..before },
                Reception { likes: likes.saturating_add(1), ..before },
                Reception { remixes: remixes.saturating_add(1), ..before },
            ] {
                prop_assert!(after.score() >= before.score());
            }
        }
    }
}
