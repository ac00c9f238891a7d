//! What an image request says, once it is checked.

use crate::{
    reference::{Picture, References},
    size::Size,
};
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word on the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value with this word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(
    /// The file format of an output.
    OutputFormat {
        /// Lossless, with alpha.
        Png = "png",
        /// Lossy, no alpha.
        Jpeg = "jpeg",
        /// With alpha.
        Webp = "webp",
        /// Animated.
        Gif = "gif",
        /// Vector.
        Svg = "svg",
    }
);

impl OutputFormat {
    /// The media type of the format.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Svg => "image/svg+xml",
        }
    }
}

words!(
    /// How much care goes into the picture; `standard` and `hd` are older words for medium and high.
    Quality {
        /// The engine decides.
        Auto = "auto",
        /// Fast.
        Low = "low",
        /// Everyday.
        Medium = "medium",
        /// Fine.
        High = "high",
        /// Finer.
        XHigh = "xhigh",
        /// Finest.
        Max = "max",
        /// Older word for medium.
        Standard = "standard",
        /// Older word for high.
        Hd = "hd",
    }
);

words!(
    /// What lies behind the subject.
    Background {
        /// The engine decides.
        Auto = "auto",
        /// Pixels of alpha 0.
        Transparent = "transparent",
        /// No alpha.
        Opaque = "opaque",
    }
);

words!(
    /// How results leave: inside the answer or as links.
    ResponseFormat {
        /// Base64 in the body.
        B64Json = "b64_json",
        /// A signed link.
        Url = "url",
    }
);

words!(
    /// How much is planned before drawing.
    Complexity {
        /// Little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much.
        High = "high",
    }
);

words!(
    /// What of a reference the result takes over (api.md §1; seeds F §4).
    ReferenceUsage {
        /// Who or what it shows.
        Subject = "subject",
        /// How it is arranged.
        Composition = "composition",
        /// How it looks.
        Style = "style",
    }
);

words!(
    /// How closely the result keeps to its references.
    InputFidelity {
        /// Loosely.
        Low = "low",
        /// Closely.
        High = "high",
    }
);

/// Frames of an animated output (`gif` only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Animation {
    /// How many, 2–16.
    pub frames: u8,
    /// How long each shows, in milliseconds.
    pub frame_ms: u32,
}

/// What an engine is asked to draw: every value is final and legal for the model.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSpec {
    /// The upstream's name of the model.
    pub model: String,
    /// What to draw.
    pub prompt: String,
    /// What to leave out.
    pub negative_prompt: Option<String>,
    /// A named look.
    pub style: Option<String>,
    /// How many outputs, from 1.
    pub n: u32,
    /// Exact size of each output.
    pub size: Size,
    /// How fine.
    pub quality: Quality,
    /// The file format.
    pub format: OutputFormat,
    /// 0–100 for jpeg and webp, where 100 is the best picture.
    pub compression: Option<u8>,
    /// What lies behind the subject.
    pub background: Background,
    /// Planning effort.
    pub complexity: Option<Complexity>,
    /// For the same picture again.
    pub seed: Option<u64>,
    /// How many previews to report, 0–3.
    pub partial_images: u8,
    /// For `gif`.
    pub animation: Option<Animation>,
    /// What it works from; none when it draws from the prompt alone.
    pub references: Option<References<Picture>>,
}

impl ImageSpec {
    /// One PNG of this, with nothing else asked for.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>, size: Size) -> Self {
        Self {
            model: model.into(),
            prompt: prompt.into(),
            negative_prompt: None,
            style: None,
            n: 1,
            size,
            quality: Quality::Auto,
            format: OutputFormat::Png,
            compression: None,
            background: Background::Auto,
            complexity: None,
            seed: None,
            partial_images: 0,
            animation: None,
            references: None,
        }
    }
}
