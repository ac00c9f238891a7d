//! What a job is to make, checked and resolved, so that it can be run again from its row alone.

use super::JobKind;
use crate::{
    engine::UpstreamHandle,
    ids::{AccountId, CharacterId, JobId, MediaId},
    image::{Animation, Background, Complexity, OutputFormat, Quality, ResponseFormat},
    reference::{Reference, References},
    size::Size,
    username::Username,
    video::SourceUse,
};
use serde::{Deserialize, Serialize};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Images.
    Image(ImageJob),
    /// A video.
    Video(VideoJob),
}

impl Work {
    /// What kind of thing it makes.
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Image(_) => JobKind::Image,
            Self::Video(_) => JobKind::Video,
        }
    }

    /// The prompt.
    pub const fn prompt(&self) -> &Prompt {
        match self {
            Self::Image(image) => &image.prompt,
            Self::Video(video) => &video.prompt,
        }
    }

    /// The prompt, to shorten it for the row.
    pub const fn prompt_mut(&mut self) -> &mut Prompt {
        match self {
            Self::Image(image) => &mut image.prompt,
            Self::Video(video) => &mut video.prompt,
        }
    }

    /// How many outputs are asked for, from 1.
    pub fn outputs(&self) -> u32 {
        match self {
            Self::Image(image) => image.n.max(1),
            Self::Video(_) => 1,
        }
    }

    /// How many previews it reports at most.
    pub fn previews(&self) -> usize {
        match self {
            Self::Image(image) => image.n as usize * usize::from(image.partial_images),
            Self::Video(_) => 0,
        }
    }

    /// Every file that it works from.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let (image, video) = match self {
            Self::Image(image) => (image.references.as_deref(), None),
            Self::Video(video) => (None, Some(video)),
        };
        let of_video = video.into_iter().flat_map(|video| {
            let source = video.source.as_ref().map(|source| &source.file);
            let portraits = video.cast.iter().map(|character| &character.portrait);
            video.first_frame.iter().chain(source).chain(portraits)
        });
        image.into_iter().flat_map(References::all).chain(of_video)
    }

    /// The same over other files: `file` names the one that takes the place of each, in the order of [`Work::references`].
    #[must_use]
    pub fn with_references(&self, mut file: impl FnMut(&Reference) -> MediaId) -> Self {
        let mut work = self.clone();
        let (image, video) = match &mut work {
            Self::Image(image) => (image.references.as_deref_mut(), None),
            Self::Video(video) => (None, Some(video)),
        };
        let of_video = video.into_iter().flat_map(|video| {
            let source = video.source.as_mut().map(|source| &mut source.file);
            let portraits = video.cast.iter_mut().map(|character| &mut character.portrait);
            video.first_frame.iter_mut().chain(source).chain(portraits)
        });
        for reference in image.into_iter().flat_map(References::all_mut).chain(of_video) {
            reference.media = file(reference);
        }
        work
    }

    /// The images asked for, if it is images.
    pub const fn image(&self) -> Option<&ImageJob> {
        match self {
            Self::Image(image) => Some(image),
            Self::Video(_) => None,
        }
    }

    /// The video asked for, if it is one.
    pub const fn video(&self) -> Option<&VideoJob> {
        match self {
            Self::Video(video) => Some(video),
            Self::Image(_) => None,
        }
    }
}

/// The video that another is made over, as the row of its job names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSource {
    /// What is done with it.
    pub way: SourceUse,
    /// Its file, the job's own.
    pub file: Reference,
    /// The job that made it; none for a video that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<JobId>,
    /// The account that made it, if it was made upstream: only there it is known by its handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// What it was made under there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<UpstreamHandle>,
}

/// A character that a video shows, as the row of its job names it: it may change or go meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCharacter {
    /// Which character.
    pub id: CharacterId,
    /// What the prompt calls it.
    pub username: Username,
    /// Its name for people.
    pub display_name: String,
    /// How it behaves and must not behave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instructions: Vec<String>,
    /// What it looks like: a file of the job's own.
    pub portrait: Reference,
}

/// A video to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoJob {
    /// What to film.
    pub prompt: Prompt,
    /// Exact size.
    pub size: Size,
    /// Seconds in all; for an extension with the source's.
    pub seconds: u32,
    /// What to leave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// A named look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// For the same video again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The picture that it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_frame: Option<Reference>,
    /// What it is made over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<JobSource>,
    /// The characters that the prompt speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cast: Vec<JobCharacter>,
}

/// A prompt as its row keeps it. Long texts lie in a file beside the media, so that rows stay small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The whole text, when it is short enough for the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its beginning, for lists and logs.
    pub preview: String,
}

impl Prompt {
    /// The longest text, in bytes, that a row keeps itself.
    pub const INLINE_BYTES: usize = 4096;
    /// How many characters a preview has at most.
    pub const PREVIEW_CHARS: usize = 180;

    /// The row form of `text`.
    pub fn of(text: &str) -> Self {
        Self {
            text: (text.len() <= Self::INLINE_BYTES).then(|| text.to_owned()),
            preview: text.chars().take(Self::PREVIEW_CHARS).collect(),
        }
    }
}

/// Images to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageJob {
    /// What to draw.
    pub prompt: Prompt,
    /// How many outputs.
    pub n: u32,
    /// Exact size of each.
    pub size: Size,
    /// How fine.
    pub quality: Quality,
    /// The file format.
    pub format: OutputFormat,
    /// What lies behind the subject.
    pub background: Background,
    /// How results leave.
    pub response_format: ResponseFormat,
    /// 0–100 for jpeg and webp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<u8>,
    /// What to leave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// A named look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Planning effort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
    /// For the same picture again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Previews to report while it runs.
    #[serde(default)]
    pub partial_images: u8,
    /// Frames, for `gif`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animation: Option<Animation>,
    /// What it works from; none when it draws from the prompt alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<Box<References<Reference>>>,
}

impl ImageJob {
    /// One image of this prompt and size, with every other choice left to the engine.
    pub fn new(prompt: &str, size: Size) -> Self {
        Self {
            prompt: Prompt::of(prompt),
            n: 1,
            size,
            quality: Quality::Auto,
            format: OutputFormat::Png,
            background: Background::Auto,
            response_format: ResponseFormat::B64Json,
            compression: None,
            negative_prompt: None,
            style: None,
            complexity: None,
            seed: None,
            partial_images: 0,
            animation: None,
            references: None,
        }
    }
}
