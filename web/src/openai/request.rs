//! What an image request says (api.md §1): every field read, checked against the model, resolved to exact values, priced.

use super::choice;
use crate::{
    cast,
    fields::Fields,
    gateway::Gateway,
    problem::Problem,
    references::{Gathered, Gatherer, Given},
};
use atelier_actors::{account_pool::Wants, media_library::Upload};
use atelier_domain::{
    catalogue::Model,
    code::Code,
    image::{Animation, Background, Complexity, OutputFormat, Quality, ResponseFormat},
    job::{ImageJob, JobKind, Prompt, Route},
    key::ApiKey,
    price::{Facts, Price},
    reference::MAX_REFERENCES,
    size::Size,
};
use std::sync::Arc;

/// A checked image request.
pub struct ImageRequest {
    /// The model as the client named it.
    pub model: Arc<Model>,
    /// Where it may go: the routes whose engine can do what is asked.
    pub routes: Vec<Route>,
    /// What is to be made; the prompt holds the whole text.
    pub image: ImageJob,
    /// The files of its references.
    pub uploads: Vec<Arc<Upload>>,
    /// Whether the client polls instead of waiting.
    pub in_background: bool,
    /// Whether the client wants events.
    pub stream: bool,
    /// What it costs.
    pub price: Price,
    /// What the price rests on.
    pub facts: Facts,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A picture from a prompt, with or without references.
    Generate,
    /// A picture from others.
    Edit,
    /// Another picture like one, without a prompt.
    Vary,
}

/// What a variation asks for in words.
const VARIATION: &str = "another picture like this one";

/// Who asks, and from where.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The gateway.
    pub gateway: &'a Gateway,
    /// Whose request it is.
    pub key: &'a ApiKey,
    /// Where the client reached us.
    pub origin: &'a str,
}

/// Reads a request for images. Nothing is fetched before all fields are right.
pub async fn read(asker: Asker<'_>, fields: &mut Fields, way: Way) -> Result<ImageRequest, Problem> {
    let given = Given::take(fields);
    read_with(asker, fields, way, given).await
}

/// Reads a request whose pictures were taken out of its fields.
pub async fn read_with(
    asker: Asker<'_>,
    fields: &mut Fields,
    way: Way,
    given: Given,
) -> Result<ImageRequest, Problem> {
    let gateway = asker.gateway;
    let named = choice::model(gateway, asker.key, JobKind::Image, fields.filled("model").as_deref())?;
    let model = &*named;
    let prompt = prompt(fields, gateway.limits.prompt_chars, way)?;
    if way != Way::Generate && given.images.is_empty() {
        // A picture that is no picture was sent, too.
        fields.check()?;
        let message = "an edit works from pictures, and none was sent: send image";
        return Err(Problem::new(Code::MissingImage, message).param("image"));
    }
    let (background, in_background) = background(fields);
    let stream = fields.flag("stream").unwrap_or(false);
    let format = fields.word("output_format", format_word, OutputFormat::WORDS).unwrap_or(OutputFormat::Png);
    let size = size(fields, model, way);
    let quality = fields
        .word("quality", Quality::parse, Quality::WORDS)
        .filter(|_| model.has_quality)
        .unwrap_or(Quality::Auto);
    let mut image = ImageJob {
        n: count(fields, "n", 1..=10).unwrap_or(1),
        quality,
        format,
        background,
        response_format: response_format(fields, model),
        compression: count(fields, "output_compression", 0..=100)
            .and_then(|percent| u8::try_from(percent).ok()),
        negative_prompt: fields.filled("negative_prompt"),
        style: fields.filled("style"),
        complexity: fields.word("complexity", Complexity::parse, Complexity::WORDS),
        seed: fields.integer("seed", i64::MIN..=i64::MAX).map(i64::cast_unsigned),
        partial_images: count(fields, "partial_images", 0..=3)
            .and_then(|n| u8::try_from(n).ok())
            .unwrap_or(0),
        animation: animation(fields, format),
        ..ImageJob::new("", size.unwrap_or(model.default_size))
    };
    image.prompt = Prompt { text: Some(prompt), preview: String::new() };
    fields.word("moderation", |word| matches!(word, "auto" | "low").then_some(()), &["auto", "low"]);
    check_lengths(fields, &image, gateway.limits.prompt_chars);
    check_together(fields, &image, model, stream, in_background);
    check_pictures(fields, &image, &given);
    fields.check()?;
    if !stream {
        image.partial_images = 0;
    }
    let (mut routes, given) = able_routes(gateway, model, given)?;
    let mut uploads = references(asker, given, &mut image, size.is_none().then_some(model)).await?;
    uploads.extend(cast::of_image(gateway, asker.key.id, &mut image, &mut routes).await?);
    let (price, facts) = price(gateway, model, &image)?;
    Ok(ImageRequest { model: named, routes, image, uploads, in_background, stream, price, facts })
}

/// Brings the pictures in. An edit of no asked size follows its first picture.
async fn references(
    asker: Asker<'_>,
    given: Given,
    image: &mut ImageJob,
    follows: Option<&Model>,
) -> Result<Vec<Arc<Upload>>, Problem> {
    let gatherer = Gatherer { gateway: asker.gateway, key: asker.key.id, origin: asker.origin };
    let Some(Gathered { references, uploads }) = gatherer.gather(given).await? else { return Ok(Vec::new()) };
    if let (Some(model), Some(first)) = (follows, references.images.first()) {
        image.size = model.sizes.following(first.size);
    }
    image.references = Some(Box::new(references));
    Ok(uploads)
}

/// The routes on which somebody takes these pictures, and what is left of these when the operator would rather do without a mask.
fn able_routes(gateway: &Gateway, model: &Model, mut given: Given) -> Result<(Vec<Route>, Given), Problem> {
    given.check(MAX_REFERENCES)?;
    let offers = choice::offers(gateway, model)?;
    let mut wants = Wants { references: given.images.len(), ..Wants::default() };
    let routes = offers.able(&wants);
    if routes.is_empty() {
        return Err(match offers.most_references() {
            0 => Problem::new(
                Code::ReferencesUnsupported,
                format!("no engine for {} takes reference pictures: leave them out", model.name),
            ),
            most => Problem::new(
                Code::TooManyReferences,
                format!("{} takes {most} reference pictures at most", model.name),
            )
            .param("image"),
        });
    }
    if given.mask.is_none() {
        return Ok((routes, given));
    }
    wants.mask = true;
    let masked = offers.able(&wants);
    if !masked.is_empty() {
        return Ok((masked, given));
    }
    if !gateway.limits.ignore_unsupported_mask {
        let message = format!("no engine for {} takes a mask: leave it out", model.name);
        return Err(Problem::new(Code::MaskUnsupported, message).param("mask"));
    }
    given.mask = None;
    Ok((routes, given))
}

fn prompt(fields: &mut Fields, most: usize, way: Way) -> Result<String, Problem> {
    if matches!(fields.raw("prompt"), Some(value) if !value.is_string()) {
        return Err(Problem::field("prompt", "prompt must be a string"));
    }
    let Some(prompt) = fields.filled("prompt") else {
        if way == Way::Vary {
            return Ok(VARIATION.to_owned());
        }
        return Err(
            Problem::new(Code::MissingPrompt, "prompt is missing or empty: say what to draw").param("prompt")
        );
    };
    let chars = prompt.chars().count();
    if chars > most {
        fields.wrong("prompt", format!("prompt has {chars} characters, and {most} are the most"));
    }
    Ok(prompt)
}

/// `background` is a word at OpenAI and a flag for background jobs in older dialects; `async_mode` says the latter too.
fn background(fields: &mut Fields) -> (Background, bool) {
    let as_job = fields.flag("async_mode").unwrap_or(false);
    match fields.raw("background").cloned() {
        Some(serde_json::Value::Bool(flag)) => (Background::Auto, flag || as_job),
        Some(serde_json::Value::String(text))
            if matches!(text.trim(), "true" | "false" | "True" | "False") =>
        {
            (Background::Auto, text.trim().eq_ignore_ascii_case("true") || as_job)
        }
        _ => (
            fields.word("background", Background::parse, Background::WORDS).unwrap_or(Background::Auto),
            as_job,
        ),
    }
}

/// Sizes of the old variations endpoint that no family makes by itself.
const OLD_SIZES: [Size; 2] = [Size::new(256, 256), Size::new(512, 512)];

/// The size that was asked for; none when it is left open.
fn size(fields: &mut Fields, model: &Model, way: Way) -> Option<Size> {
    let (size, ratio) = (fields.filled("size"), fields.filled("aspect_ratio"));
    let open =
        |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().eq_ignore_ascii_case("auto"));
    if open(&size) && open(&ratio) {
        return None;
    }
    let old = size.as_ref().and_then(|text| text.trim().parse().ok()).filter(|size| OLD_SIZES.contains(size));
    if way == Way::Vary && old.is_some() {
        return old;
    }
    match model.resolve_size(size.as_deref(), ratio.as_deref()) {
        Ok(size) => Some(size),
        Err(problem) => {
            fields.wrong(problem.field, problem.message);
            Some(model.default_size)
        }
    }
}

/// `jpg` is what people write, `jpeg` is what the wire says.
fn format_word(word: &str) -> Option<OutputFormat> {
    OutputFormat::parse(if word == "jpg" { "jpeg" } else { word })
}

fn response_format(fields: &mut Fields, model: &Model) -> ResponseFormat {
    let usual = if model.url_by_default { ResponseFormat::Url } else { ResponseFormat::B64Json };
    fields.word("response_format", ResponseFormat::parse, ResponseFormat::WORDS).unwrap_or(usual)
}

fn count(fields: &mut Fields, name: &str, range: std::ops::RangeInclusive<i64>) -> Option<u32> {
    fields.integer(name, range).and_then(|number| u32::try_from(number).ok())
}

/// GIF: 2–16 frames (9), each rounded to 10 ms (200), at most 655,350 ms.
fn animation(fields: &mut Fields, format: OutputFormat) -> Option<Animation> {
    let frames = count(fields, "frame_count", 2..=16);
    let ms = count(fields, "frame_duration_ms", 10..=655_350);
    if format != OutputFormat::Gif {
        for name in ["frame_count", "frame_duration_ms"]
            .into_iter()
            .filter(|name| fields.has(name))
            .collect::<Vec<_>>()
        {
            fields.wrong(name, format!("{name} goes with output_format gif only"));
        }
        return None;
    }
    let frame_ms = (ms.unwrap_or(200) + 5) / 10 * 10;
    Some(Animation {
        frames: frames.and_then(|n| u8::try_from(n).ok()).unwrap_or(9),
        frame_ms: frame_ms.min(655_350),
    })
}

fn check_lengths(fields: &mut Fields, image: &ImageJob, most: usize) {
    for (name, text, most) in
        [("negative_prompt", &image.negative_prompt, most.min(4_000)), ("style", &image.style, 200)]
    {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            fields.wrong(name, format!("{name} may have {most} characters at most"));
        }
    }
}

/// What is right alone and wrong together (clients.md 3.1).
fn check_together(fields: &mut Fields, image: &ImageJob, model: &Model, stream: bool, in_background: bool) {
    use OutputFormat::{Gif, Jpeg, Svg};
    let format = image.format;
    if image.background == Background::Transparent && format == Jpeg {
        fields.wrong("background", "a transparent background needs output_format png, webp, gif or svg");
    }
    if image.background == Background::Transparent && !model.has_transparency {
        fields.wrong("background", format!("{} cannot make a transparent background", model.name));
    }
    if stream && matches!(format, Gif | Svg) {
        fields.wrong("stream", format!("output_format {} cannot be streamed", format.word()));
    }
    if stream && in_background {
        fields.wrong(
            "stream",
            "a background job is polled, not streamed: leave out one of stream and background",
        );
    }
    if format == Svg && image.n > 1 {
        fields.wrong("n", "output_format svg makes one image: n must be 1");
    }
    if format == Gif && image.compression.is_some() {
        fields.wrong("output_compression", "output_compression goes with jpeg and webp only");
    }
    if fields.has("svg") && format != Svg {
        fields.wrong("svg", "svg goes with output_format svg only");
    }
}

/// Frames and shapes have no pixels that a mask could keep (clients.md 3.1).
fn check_pictures(fields: &mut Fields, image: &ImageJob, given: &Given) {
    use OutputFormat::{Gif, Svg};
    if matches!(image.format, Gif | Svg) && given.mask.is_some() {
        fields.wrong("mask", format!("a mask does not go with output_format {}", image.format.word()));
    }
}

fn price(gateway: &Gateway, model: &Model, image: &ImageJob) -> Result<(Price, Facts), Problem> {
    let facts = Facts {
        kind: JobKind::Image,
        model: model.canonical.clone(),
        size: image.size,
        n: image.n,
        quality: image.quality.word().to_owned(),
        seconds: 0,
    };
    let price = gateway.prices.price(&facts).map_err(|error| {
        tracing::error!(%error, "a request cannot be priced");
        Problem::new(Code::InternalError, "the operator's price list does not cover this request")
    })?;
    Ok((price, facts))
}
