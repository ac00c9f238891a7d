//! How upstreams that speak OpenAI's API differ from each other: data, one row per kind of upstream.
//!
//! What a dialect lacks is not sent. What then cannot be had is made here where that is honest (size, file format), said in
//! the prompt (a negative prompt), or refused (a mask, a transparent background).

use atelier_domain::{image::OutputFormat, reference::MAX_REFERENCES};

/// One kind of upstream.
#[derive(Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Its name in an account's endpoint.
    pub name: &'static str,
    /// Whether the upstream is the models' own vendor: a model that it has retired is gone everywhere.
    pub is_vendor: bool,
    /// How the key is shown.
    pub(super) auth: Auth,
    /// What requests for images look like.
    pub(super) images: ImageWire,
    /// What requests for videos look like; none: it makes none.
    pub(super) videos: Option<VideoWire>,
    /// Whether it answers text requests.
    pub(super) relays: bool,
    /// The catalogue's families that it has when an account of it lists no models; none: whatever is asked of it.
    pub(super) families: Option<&'static [&'static str]>,
    /// What a model is for when its list does not say, and its name does not either.
    pub(super) unnamed: Unnamed,
}

/// How a key is shown. An account without a key shows none: engines at home often want none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth {
    /// `Authorization: Bearer`.
    Bearer,
    /// `api-key`.
    ApiKey,
}

/// What a model of an unknown name is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// Text.
    Text,
    /// Images: it makes nothing else.
    Images,
}

/// Requests for images.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImageWire {
    /// Quality, background, format, complexity and frames of OpenAI's own API.
    pub has_openai_fields: bool,
    /// File formats that it makes; with more than one, it is asked for one.
    pub formats: &'static [OutputFormat],
    /// Which sizes may be asked for.
    pub grid: Grid,
    /// Whether `response_format` must be said to have the files in the answer. OpenAI's own API knows no such field.
    pub asks_for_b64: bool,
    /// Where a seed and a negative prompt go.
    pub extras: Extras,
    /// Most reference images; 0: it edits nothing.
    pub references: usize,
    /// The mask, if it honours one.
    pub mask: Mask,
    /// Whether it takes a `markup`.
    pub has_markup: bool,
    /// Whether it sends previews.
    pub streams: bool,
}

/// Sizes that an upstream makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Both sides are multiples of this.
    pub step: u32,
    /// The longest side, in pixels.
    pub max_side: u32,
    /// Long side over short side, at most.
    pub max_ratio: u32,
    /// Fewest pixels.
    pub min_pixels: u64,
    /// Most pixels.
    pub max_pixels: u64,
}

/// Where a seed and a negative prompt go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extras {
    /// The negative prompt into the prompt, the seed nowhere.
    Prompt,
    /// Fields of their own.
    Fields,
    /// JSON within the prompt, in a tag that sd-server takes out.
    SdTag,
}

/// How a mask is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mask {
    /// Not at all.
    None,
    /// As OpenAI does: alpha 0 is where to paint.
    Alpha,
    /// Grey: white is where to paint.
    White,
}

/// Requests for videos.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VideoWire {
    /// How a create is sent when it brings no file; one that does is always a form.
    pub create: Create,
    /// Whether `?variant=video` is understood when the file is fetched.
    pub has_variant: bool,
    /// What a DELETE does to a running job.
    pub delete: Delete,
    /// Whether it makes videos over its own ones.
    pub has_sources: bool,
    /// Whether seed and negative prompt are fields of their own.
    pub has_extras: bool,
}

/// How a create without a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    /// As JSON.
    Json,
    /// As a form.
    Form,
}

/// What a DELETE does to a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delete {
    /// It stops.
    Aborts,
    /// It goes on, and its record goes away.
    Forgets,
}

/// OpenAI's own sizes: multiples of 16 up to 3840x2160 and 3:1.
const OPENAI_GRID: Grid =
    Grid { step: 16, max_side: 3840, max_ratio: 3, min_pixels: 655_360, max_pixels: 8_294_400 };

/// Diffusion models at home make any size that their latents divide, and say themselves what is too much.
const FREE_GRID: Grid = Grid { step: 16, max_side: 8192, max_ratio: 64, min_pixels: 1, max_pixels: 1 << 26 };

const OPENAI_FORMATS: &[OutputFormat] =
    &[OutputFormat::Png, OutputFormat::Jpeg, OutputFormat::Webp, OutputFormat::Gif, OutputFormat::Svg];

const OPENAI_IMAGES: ImageWire = ImageWire {
    has_openai_fields: true,
    formats: OPENAI_FORMATS,
    grid: OPENAI_GRID,
    asks_for_b64: false,
    extras: Extras::Prompt,
    references: MAX_REFERENCES,
    mask: Mask::Alpha,
    has_markup: true,
    streams: true,
};

const DIFFUSION_IMAGES: ImageWire = ImageWire {
    has_openai_fields: false,
    formats: &[OutputFormat::Png],
    grid: FREE_GRID,
    asks_for_b64: true,
    extras: Extras::Fields,
    references: MAX_REFERENCES,
    mask: Mask::None,
    has_markup: false,
    streams: false,
};

const OPENAI_VIDEOS: VideoWire = VideoWire {
    create: Create::Json,
    has_variant: true,
    delete: Delete::Forgets,
    has_sources: true,
    has_extras: false,
};

/// Every dialect that is shipped.
pub static DIALECTS: &[Dialect] = &[
    Dialect {
        name: "openai",
        is_vendor: true,
        auth: Auth::Bearer,
        images: OPENAI_IMAGES,
        videos: Some(OPENAI_VIDEOS),
        relays: true,
        families: Some(&["gpt-image"]),
        unnamed: Unnamed::Text,
    },
    Dialect {
        name: "azure",
        is_vendor: false,
        auth: Auth::ApiKey,
        images: OPENAI_IMAGES,
        videos: Some(OPENAI_VIDEOS),
        relays: true,
        families: Some(&["gpt-image"]),
        unnamed: Unnamed::Text,
    },
    // SGLang's mask field is read by nobody, and its links need an output folder: files are asked for in the answer.
    Dialect {
        name: "sglang",
        is_vendor: false,
        auth: Auth::Bearer,
        images: DIFFUSION_IMAGES,
        videos: Some(VideoWire {
            create: Create::Json,
            has_variant: false,
            delete: Delete::Forgets,
            has_sources: false,
            has_extras: true,
        }),
        relays: false,
        families: Some(&[]),
        unnamed: Unnamed::Text,
    },
    // What vLLM-Omni takes `mask_image` for is not documented, so no mask is sent.
    Dialect {
        name: "vllm-omni",
        is_vendor: false,
        auth: Auth::Bearer,
        images: DIFFUSION_IMAGES,
        videos: Some(VideoWire {
            create: Create::Form,
            has_variant: false,
            delete: Delete::Aborts,
            has_sources: false,
            has_extras: true,
        }),
        relays: true,
        families: Some(&[]),
        unnamed: Unnamed::Text,
    },
    Dialect {
        name: "sd-server",
        is_vendor: false,
        auth: Auth::Bearer,
        images: ImageWire { extras: Extras::SdTag, mask: Mask::White, ..DIFFUSION_IMAGES },
        videos: None,
        relays: false,
        families: Some(&[]),
        unnamed: Unnamed::Images,
    },
    Dialect {
        name: "localai",
        is_vendor: false,
        auth: Auth::Bearer,
        images: ImageWire { references: 0, ..DIFFUSION_IMAGES },
        videos: None,
        relays: true,
        families: Some(&[]),
        unnamed: Unnamed::Text,
    },
    // Another gateway: OpenAI's own words, but links may come back instead of files.
    Dialect {
        name: "relay",
        is_vendor: false,
        auth: Auth::Bearer,
        images: OPENAI_IMAGES,
        videos: Some(OPENAI_VIDEOS),
        relays: true,
        families: None,
        unnamed: Unnamed::Text,
    },
];

impl Dialect {
    /// The dialect of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        DIALECTS.iter().find(|dialect| dialect.name == name)
    }

    /// All names, for messages.
    pub fn names() -> String {
        DIALECTS.iter().map(|dialect| dialect.name).collect::<Vec<_>>().join(", ")
    }
}
