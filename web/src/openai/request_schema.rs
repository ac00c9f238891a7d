//! The bodies of the image endpoints as the docs show them. An end-to-end test sends a wrong value for each field.

use utoipa::ToSchema;

/// A request for images. Only `prompt` is needed; `null` equals absent; unknown fields are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"model": "gpt-image-2", "prompt": "a lighthouse at dawn", "size": "1024x1024"}))]
pub struct CreateImage {
    /// What to draw, at most 32,000 characters.
    pub prompt: String,
    /// A name from `GET /v1/models`; the first image model when left out.
    pub model: Option<String>,
    /// How many images.
    #[schema(minimum = 1, maximum = 10, default = 1)]
    pub n: Option<u32>,
    /// `auto`, `WIDTHxHEIGHT`, or a ratio such as `16:9`.
    #[schema(default = "auto")]
    pub size: Option<String>,
    /// Beats `size`: a ratio, or `square`, `wide`, `tall`, with `2k-` or `4k-` before it for more pixels.
    pub aspect_ratio: Option<String>,
    /// `auto`, `low`, `medium`, `high`, `xhigh`, `max`, `standard` or `hd`.
    pub quality: Option<String>,
    /// `b64_json` (the default) or `url` (the default for `dall-e-2` and `dall-e-3`).
    pub response_format: Option<String>,
    /// `png`, `jpeg`, `webp`, `gif` or `svg`.
    #[schema(default = "png")]
    pub output_format: Option<String>,
    /// For jpeg and webp; 100 is the best picture.
    #[schema(minimum = 0, maximum = 100)]
    pub output_compression: Option<u8>,
    /// `transparent`, `opaque` or `auto`; or `true`, which answers with a job to poll.
    #[schema(value_type = Option<Object>)]
    pub background: Option<serde_json::Value>,
    /// The same as `background: true`.
    pub async_mode: Option<bool>,
    /// `auto` or `low`.
    pub moderation: Option<String>,
    /// Answer with server-sent events.
    pub stream: Option<bool>,
    /// Previews while streaming.
    #[schema(minimum = 0, maximum = 3)]
    pub partial_images: Option<u8>,
    /// A named look, at most 200 characters.
    pub style: Option<String>,
    /// Pictures to work from, which make it an edit: URLs, data URIs, base64, `{"image_url": …}` or `{"file_id": …}`.
    #[schema(value_type = Option<Object>)]
    pub image: Option<serde_json::Value>,
    /// For the same picture again.
    pub seed: Option<i64>,
    /// What to leave out, at most 4,000 characters.
    pub negative_prompt: Option<String>,
    /// `low`, `medium` or `high` planning effort.
    pub complexity: Option<String>,
    /// Frames of a gif.
    #[schema(minimum = 2, maximum = 16, default = 9)]
    pub frame_count: Option<u8>,
    /// How long a frame of a gif shows, in milliseconds, rounded to 10.
    #[schema(maximum = 655350, default = 200)]
    pub frame_duration_ms: Option<u32>,
    /// Taken with `output_format: svg` only; the embedded engine needs none of its options.
    #[schema(value_type = Option<Object>)]
    pub svg: Option<serde_json::Value>,
}

/// A request to edit pictures: every field of [`CreateImage`], and the pictures. As a form, files stand in `image`, `mask` and
/// `markup`; as JSON, a picture is an http(s) URL, a data URI, base64, `{"image_url": …}` or `{"file_id": …}`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
#[schema(example = json!({"model": "gpt-image-2", "prompt": "in the rain", "images": [{"image_url": "https://example.com/a.png"}]}))]
pub struct EditImage {
    /// The pictures to work from, 1 to 16 of at most 50 MiB and 64 megapixels each: png, jpeg, webp or gif. Also `image[]`,
    /// `images` and `references`.
    #[schema(value_type = Vec<String>, format = Binary)]
    pub image: serde_json::Value,
    /// What to make of them, at most 32,000 characters.
    pub prompt: String,
    /// Where the first picture may change: its pixels of alpha 0. As large as the first picture.
    #[schema(value_type = Option<String>, format = Binary)]
    pub mask: Option<serde_json::Value>,
    /// A transparent drawing over the first picture that says what is wanted. Not with `mask`.
    #[schema(value_type = Option<String>, format = Binary)]
    pub markup: Option<serde_json::Value>,
    /// What the result takes over: `subject`, `composition` or `style`.
    #[schema(default = "subject")]
    pub reference_usage: Option<String>,
    /// How closely the result keeps to the pictures: `low` or `high`.
    pub input_fidelity: Option<String>,
    /// As in `images/generations`; `auto` follows the first picture.
    #[schema(default = "auto")]
    pub size: Option<String>,
    /// As in `images/generations`, like every other field there.
    pub model: Option<String>,
    /// How many images.
    #[schema(minimum = 1, maximum = 10, default = 1)]
    pub n: Option<u32>,
    /// Answer with server-sent events: `image_edit.partial_image` and `image_edit.completed`.
    pub stream: Option<bool>,
}

/// A request for another picture like one.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct VaryImage {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    pub image: serde_json::Value,
    /// A name from `GET /v1/models`.
    pub model: Option<String>,
    /// How many images.
    #[schema(minimum = 1, maximum = 10, default = 1)]
    pub n: Option<u32>,
    /// As in `images/edits`, and `256x256` and `512x512`.
    pub size: Option<String>,
    /// `b64_json` or `url`.
    pub response_format: Option<String>,
}
