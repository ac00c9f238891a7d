//! Files that we keep: whose they are and until when.

use crate::{
    ids::{JobId, KeyId, MediaId},
    time::Millis,
};
use serde::{Deserialize, Serialize};

/// One stored file. The bytes lie in the media store under the id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Which file.
    pub id: MediaId,
    /// Whose it is.
    pub owner: KeyId,
    /// The job that made it.
    pub job: JobId,
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
    /// When it may be deleted.
    pub expires_at: Millis,
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
