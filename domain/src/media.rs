//! Files that we keep: whose they are and until when.

use crate::{
    ids::{JobId, KeyId, MediaId},
    time::Millis,
};
use serde::{Deserialize, Serialize};

/// A file of at most so many bytes is worked on where it is asked for: waking a thread costs more than a walk over them.
pub const SHORT: u64 = 64 << 10;

/// Why a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaRole {
    /// A job made it.
    Output,
    /// A job works from it. It goes when the job goes, and counts against its owner's disk budget.
    Reference,
    /// Its owner uploaded it to use it by id. It counts against the budget, too.
    Upload,
    /// Others are shown it for as long as what names it is there: the portrait of a character, what a post shows. It counts
    /// against the budget, too.
    Shown,
}

/// Which file of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// A small still.
    Thumbnail,
    /// Stills in a grid.
    Spritesheet,
}

/// One stored file. The bytes lie in the media store under the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Which file.
    pub id: MediaId,
    /// Whose it is.
    pub owner: KeyId,
    /// Why it is kept.
    pub role: MediaRole,
    /// The job that made it or works from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Its media type, such as `image/png`.
    pub mime: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Since when.
    pub created_at: Millis,
    /// When it may be deleted; none as long as what names it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
}

/// The file name extension of a media type.
pub fn extension(mime: &str) -> &'static str {
    match mime {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/webp" => "webp",
        "image/gif" => "gif",
        "image/svg+xml" => "svg",
        "video/mp4" => "mp4",
        _ => "bin",
    }
}
