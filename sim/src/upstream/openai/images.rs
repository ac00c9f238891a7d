//! `POST /v1/images/generations` and `/v1/images/edits`, whole and as an event stream.

use super::{dialect::Dialect, errors::refuse, results::Kept, shapes, tokens};
use crate::upstream::{
    asked::{Asked, Written},
    behaviour::Behaviour,
    limits::Load,
    picture::{Drawing, Format, LONGEST_SIDE},
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// What a dialect draws when it is not told how large.
const USUAL_SIZE: (u32, u32) = (1024, 1024);

/// The most images of one call.
const MOST_IMAGES: u64 = 10;

/// The most partial images of one call.
const MOST_PARTIALS: u64 = 3;

/// What is to be drawn.
struct Order {
    prompt: String,
    n: u64,
    size: (u32, u32),
    format: Format,
    clear: bool,
    quality: String,
    streams: bool,
    partials: u64,
    links: bool,
    verb: &'static str,
}

/// Draws.
pub fn generate(stage: &Stage, call: &Call) -> Reply {
    answer(stage, call, order(stage, &call.asked, "image_generation"))
}

/// Draws after pictures.
pub fn edit(stage: &Stage, call: &Call) -> Reply {
    let order = order(stage, &call.asked, "image_edit").and_then(|order| {
        references(stage, &call.asked)?;
        Ok(order)
    });
    answer(stage, call, order)
}

fn answer(stage: &Stage, call: &Call, order: Result<Order, Refusal>) -> Reply {
    let accepted = order.and_then(|order| {
        let n = u32::try_from(order.n).unwrap_or(u32::MAX);
        stage.accept(call, Load::Images(n))?;
        Ok(order)
    });
    match accepted {
        Ok(order) if order.streams => stream(stage, call, &order),
        Ok(order) => whole(stage, call, &order),
        Err(refusal) => refuse(stage, &refusal),
    }
}

fn invalid(param: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Invalid).saying(message).blaming(param)
}

fn order(stage: &Stage, asked: &Asked, verb: &'static str) -> Result<Order, Refusal> {
    let dialect = stage.setup.dialect;
    if asked.broken {
        return Err(Refusal::new(Reason::Invalid).saying("We could not parse the body of your request."));
    }
    let prompt = asked.text("prompt").filter(|prompt| !prompt.is_empty());
    let prompt = prompt.ok_or_else(|| invalid("prompt", "Missing required parameter: 'prompt'."))?.to_owned();
    model(stage, asked)?;
    let n = asked.number("n").unwrap_or(1);
    if n == 0 || (n > MOST_IMAGES && dialect != Dialect::Sglang) {
        return Err(invalid("n", format!("Invalid 'n': expected 1 to {MOST_IMAGES}, got {n}.")));
    }
    let format = asked.text("output_format").unwrap_or("png");
    let format = Format::named(format)
        .ok_or_else(|| invalid("output_format", format!("Invalid 'output_format': {format}.")))?;
    let partials = asked.number("partial_images").unwrap_or(0);
    if partials > MOST_PARTIALS {
        return Err(invalid("partial_images", "Invalid 'partial_images': expected 0 to 3."));
    }
    if asked.flag("stream") && dialect == Dialect::VllmOmni {
        return Err(invalid("stream", "Streaming is not supported by this pipeline."));
    }
    Ok(Order {
        prompt,
        n: n.min(MOST_IMAGES),
        size: size(dialect, asked.text("size"))?,
        format,
        clear: asked.text("background") == Some("transparent"),
        quality: asked.text("quality").filter(|quality| *quality != "auto").unwrap_or("high").to_owned(),
        streams: asked.flag("stream") && dialect.streams_images(),
        partials,
        links: links(stage, asked, verb)?,
        verb,
    })
}

/// Whether the model that is asked for is served here.
pub fn model(stage: &Stage, asked: &Asked) -> Result<String, Refusal> {
    let dialect = stage.setup.dialect;
    let Some(model) = asked.text("model") else {
        if dialect == Dialect::Localai {
            return Err(invalid("model", "model is required"));
        }
        return Ok(stage.setup.models.first().cloned().unwrap_or_default());
    };
    let known = stage.setup.models.iter().any(|name| name == model);
    match dialect {
        _ if known => Ok(model.to_owned()),
        Dialect::SdServer | Dialect::Sglang => Ok(stage.setup.models.first().cloned().unwrap_or_default()),
        Dialect::VllmOmni => {
            let served = stage.setup.models.join(", ");
            Err(invalid("model", format!("Model mismatch: request specifies {model}, server runs {served}")))
        }
        _ => {
            let text = format!("The model '{model}' does not exist or you do not have access to it.");
            Err(Refusal::new(Reason::ModelNotFound).saying(text).blaming("model"))
        }
    }
}

/// Whether results are links.
fn links(stage: &Stage, asked: &Asked, verb: &str) -> Result<bool, Refusal> {
    let wanted = asked.text("response_format");
    match stage.setup.dialect {
        Dialect::SdServer => Ok(false),
        // OpenAI's own models know no links and refuse even the word.
        dialect if dialect.is_strict() => match asked.fields.get("response_format") {
            Some(_) if !asked.text("model").is_some_and(|model| model.starts_with("dall-e")) => {
                let unknown = Refusal::new(Reason::UnknownParameter);
                Err(unknown.saying("Unknown parameter: 'response_format'.").blaming("response_format"))
            }
            _ => Ok(wanted == Some("url")),
        },
        Dialect::VllmOmni if wanted == Some("url") => {
            Err(invalid("response_format", "Input should be 'b64_json' or 'file'"))
        }
        Dialect::Sglang => {
            let url = wanted == Some("url") || (wanted.is_none() && verb == "image_generation");
            if url && !stage.setup.keeps_files {
                return Err(invalid("response_format", "response_format='url' needs an output directory"));
            }
            Ok(url)
        }
        Dialect::Localai => Ok(wanted != Some("b64_json")),
        _ => Ok(wanted == Some("url")),
    }
}

fn size(dialect: Dialect, text: Option<&str>) -> Result<(u32, u32), Refusal> {
    let Some(text) = text.filter(|text| *text != "auto") else { return Ok(USUAL_SIZE) };
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let Some((width, height)) = sides else {
        if dialect == Dialect::Localai {
            return Ok((512, 512));
        }
        return Err(invalid("size", format!("Invalid size '{text}'.")));
    };
    let (long, short) = (u32::max(width, height), u32::min(width, height));
    let drawable = short > 0 && long <= LONGEST_SIDE;
    let fits = !dialect.is_strict()
        || (width % 16 == 0 && height % 16 == 0 && long <= 3840 && u64::from(long) <= 3 * u64::from(short));
    if drawable && fits {
        return Ok((width, height));
    }
    Err(invalid(
        "size",
        format!(
            "Invalid size '{text}'. Both sides must be divisible by 16, at most 3840, with a ratio of at most 3:1."
        ),
    ))
}

/// Holds the pictures of an edit to the rules that every engine has.
fn references(stage: &Stage, asked: &Asked) -> Result<(), Refusal> {
    let json = ["image", "images"].iter().any(|name| asked.fields.contains_key(*name));
    let files: Vec<_> = asked.files("image").collect();
    if asked.written == Written::Json && stage.setup.dialect == Dialect::SdServer {
        return Err(invalid("image", "Content-Type must be multipart/form-data"));
    }
    if files.is_empty() && !json && !asked.fields.keys().any(|name| name.starts_with("url")) {
        return Err(invalid("image", "Missing required parameter: 'image'."));
    }
    let mask_field = if stage.setup.dialect == Dialect::VllmOmni { "mask_image" } else { "mask" };
    let masks = asked.files(mask_field);
    for (name, file) in files.iter().map(|file| ("image", *file)).chain(masks.map(|file| ("mask", file))) {
        if dimensions(&file.bytes).is_none() {
            return Err(invalid(name, "Invalid image file or mode for image. Supported: png, jpeg, webp."));
        }
    }
    let first = files.first().and_then(|file| dimensions(&file.bytes));
    let mask = asked.files(mask_field).next().and_then(|file| dimensions(&file.bytes));
    if let (Some(first), Some(mask)) = (first, mask)
        && first != mask
    {
        return Err(invalid("mask", "Invalid mask image: its size must match the image's."));
    }
    Ok(())
}

/// Width and height of a picture, by its header.
pub fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().ok()?;
    reader.into_dimensions().ok()
}

/// The picture, or what comes instead.
fn draw(stage: &Stage, call: &Call, order: &Order, tone: u8) -> Bytes {
    let size = match &call.behaviour {
        Behaviour::NotAnImage => return Bytes::from_static(b"this is not a picture"),
        Behaviour::WrongSize { size } => *size,
        _ => order.size,
    };
    let drawing = Drawing { size, format: order.format, tone, clear: order.clear };
    stage.pictures.signed(drawing, &order.prompt).unwrap_or_default()
}

fn whole(stage: &Stage, call: &Call, order: &Order) -> Reply {
    let data = (0..order.n).map(|number| {
        let picture = draw(stage, call, order, u8::try_from(number).unwrap_or(0));
        if order.links {
            return json!({"url": link(stage, call, order, picture)});
        }
        json!({"b64_json": STANDARD.encode(&picture)})
    });
    let data: Vec<_> = data.collect();
    let told = shapes::Told {
        created: stage.clock.now_s(),
        data,
        size: spelled(order.size),
        format: order.format.name(),
        quality: &order.quality,
        background: background(order),
        usage: usage(order),
    };
    Reply::json(200, &shapes::images(stage.setup.dialect, told))
}

fn link(stage: &Stage, call: &Call, order: &Order, picture: Bytes) -> String {
    let expired = match &call.behaviour {
        Behaviour::ExpiredUrl { status } => Some(*status),
        _ => None,
    };
    let file = Kept { account: call.account.clone(), mime: order.format.mime(), bytes: picture, expired };
    let mut world = stage.world();
    let name = format!("{}.{}", world.id("img"), order.format.name());
    world.results.keep(&name, file);
    format!("{}/files/{name}", call.origin())
}

fn stream(stage: &Stage, call: &Call, order: &Order) -> Reply {
    let event = |kind: &str, picture: &Bytes| {
        json!({
            "type": format!("{}.{kind}", order.verb), "b64_json": STANDARD.encode(picture),
            "created_at": stage.clock.now_s(), "size": spelled(order.size), "quality": order.quality,
            "background": background(order), "output_format": order.format.name(),
        })
    };
    let mut events = Vec::new();
    for number in 0..order.n {
        for partial in 0..order.partials {
            let picture = draw(stage, call, order, 100 + u8::try_from(partial).unwrap_or(0));
            let mut told = event("partial_image", &picture);
            told["partial_image_index"] = partial.into();
            events.push(shapes::event(&told));
        }
        let mut told = event("completed", &draw(stage, call, order, u8::try_from(number).unwrap_or(0)));
        told["usage"] = usage(order);
        events.push(shapes::event(&told));
    }
    Reply::events(events)
}

fn background(order: &Order) -> &'static str {
    if order.clear { "transparent" } else { "opaque" }
}

fn spelled((width, height): (u32, u32)) -> String {
    format!("{width}x{height}")
}

fn usage(order: &Order) -> Value {
    let (input, output) = (tokens(&order.prompt), 196 * order.n);
    json!({
        "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
        "input_tokens_details": {"text_tokens": input, "image_tokens": 0},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
    })
}
