//! What an edit works from: pictures that were uploaded, fetched, or made by an earlier job.

use crate::{
    ids::MediaId,
    image::{InputFidelity, ReferenceUsage},
    size::Size,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The most reference images of one request (clients.md 16.3).
pub const MAX_REFERENCES: usize = 16;

/// The most pixels of one reference: a header that says more is refused before anything is decoded.
pub const MAX_REFERENCE_PIXELS: u64 = 64_000_000;

/// The longest side of one reference, in pixels: what one decoded row may cost follows from it.
pub const MAX_REFERENCE_SIDE: u32 = 65_535;

/// The pictures of an edit. `P` is how a picture is spoken of: as a job's row keeps it, or as an engine reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "P: Deserialize<'de>"))]
pub struct References<P> {
    /// From the first to the last, at least one.
    pub images: Vec<P>,
    /// Where the first image may change: its pixels of alpha 0. It has the size of the first image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<P>,
    /// What was drawn over the first image to say what is wanted. Never with a mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markup: Option<P>,
    /// What the result takes over.
    pub usage: ReferenceUsage,
    /// How closely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<InputFidelity>,
}

impl<P> References<P> {
    /// Every picture: the images, then mask and markup.
    pub fn all(&self) -> impl Iterator<Item = &P> {
        self.images.iter().chain(&self.mask).chain(&self.markup)
    }

    /// Every picture, to change it.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut P> {
        self.images.iter_mut().chain(&mut self.mask).chain(&mut self.markup)
    }

    /// The same with every picture spoken of in another way.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub fn try_map<Q, E>(&self, mut change: impl FnMut(&P) -> Result<Q, E>) -> Result<References<Q>, E> {
        Ok(References {
            images: self.images.iter().map(&mut change).collect::<Result<_, E>>()?,
            mask: self.mask.as_ref().map(&mut change).transpose()?,
            markup: self.markup.as_ref().map(&mut change).transpose()?,
            usage: self.usage,
            fidelity: self.fidelity,
        })
    }
}

/// A picture in the media store, as the row of its job names it. It goes away with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The file.
    pub media: MediaId,
    /// Its media type, as its bytes say.
    pub mime: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Pixels across and down as it is shown: an EXIF orientation is counted in.
    pub size: Size,
}

/// A picture that an engine may read while the call lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Where its bytes are.
    pub path: PathBuf,
    /// Its media type, as its bytes say.
    pub mime: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Pixels across and down as it is shown: an EXIF orientation is counted in.
    pub size: Size,
}
