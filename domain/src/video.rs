//! What a video request says, once it is checked.

use crate::{character::CastMember, engine::UpstreamHandle, reference::Picture, size::Size};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a video is made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceUse {
    /// A new video that derives from it.
    Remix,
    /// The same video, changed as the prompt says.
    Edit,
    /// It goes on.
    Extend,
}

/// One shot of a storyboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// How long it lasts, in seconds.
    pub seconds: f32,
    /// What it shows.
    pub prompt: String,
}

/// The video that a new one is made over, as an engine reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceVideo {
    /// What is done with it.
    pub way: SourceUse,
    /// Where its bytes are while the call lasts.
    pub path: PathBuf,
    /// What it was made under, if the account of this call made it.
    pub handle: Option<UpstreamHandle>,
}

/// What an engine is asked to film: every value is final and legal for the model.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoSpec {
    /// The upstream's name of the model.
    pub model: String,
    /// What to film; [`crate::storyboard::shots`] finds the shots that it may tell.
    pub prompt: String,
    /// What to leave out.
    pub negative_prompt: Option<String>,
    /// A named look.
    pub style: Option<String>,
    /// Exact size.
    pub size: Size,
    /// Seconds in all; for an extension with the source's.
    pub seconds: u32,
    /// For the same video again.
    pub seed: Option<u64>,
    /// The picture that it begins with.
    pub first_frame: Option<Picture>,
    /// What it is made over.
    pub source: Option<SourceVideo>,
    /// The characters that the prompt speaks of.
    pub cast: Vec<CastMember>,
}

impl VideoSpec {
    /// A video of this, so many seconds long, with nothing else asked for.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>, size: Size, seconds: u32) -> Self {
        Self {
            model: model.into(),
            prompt: prompt.into(),
            negative_prompt: None,
            style: None,
            size,
            seconds,
            seed: None,
            first_frame: None,
            source: None,
            cast: Vec::new(),
        }
    }
}

/// What a video file says about itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoFacts {
    /// Pixels across and down.
    pub size: Size,
    /// How long it lasts, in seconds.
    pub seconds: f64,
}

/// Looks at video files that callers send, without making anything of them.
pub trait VideoInspector: Send + Sync {
    /// What the file at `path` is. Blocking.
    ///
    /// # Errors
    /// Why it cannot be used, for the caller.
    fn inspect(&self, path: &Path) -> Result<VideoFacts, String>;
}
