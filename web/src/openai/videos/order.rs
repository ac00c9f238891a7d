//! What a video request says: every field read, checked against the model, resolved to exact values.

use crate::{
    fields::Fields,
    gateway::Gateway,
    openai::{choice, dialect::Dialect},
    problem::Problem,
    references::{Source, source},
};
use atelier_domain::{
    catalogue::Model,
    code::Code,
    job::{JobKind, Prompt, VideoJob},
    key::ApiKey,
    price::{Facts, Price},
    size::{Shape, Size},
};
use std::sync::Arc;

/// Fields of a form in which a file is a picture or a video.
pub const FILES: [&str; 10] = [
    "input_reference",
    "image",
    "image_first",
    "first_frame",
    "input_image",
    "image_last",
    "last_frame",
    "image_url",
    "video",
    "images",
];

/// Names under which clients send the picture that a video begins with.
const FIRST_FRAME: [&str; 7] =
    ["input_reference", "image", "image_first", "first_frame", "input_image", "image_url", "images"];

/// Names of the picture that it ends with.
const LAST_FRAME: [&str; 2] = ["image_last", "last_frame"];

/// A checked request for a video.
pub struct VideoOrder {
    /// The model as the client named it.
    pub model: Arc<Model>,
    /// What is to be made; the prompt holds the whole text.
    pub video: VideoJob,
    /// The picture that it begins with, and the field that it stood in.
    pub first_frame: Option<(String, Source)>,
    /// Whether the picture must have the size of the video already.
    pub exact: bool,
    /// The video of ours that it is to be a remix of.
    pub remix_of: Option<String>,
    /// Whether the client polls instead of waiting.
    pub in_background: bool,
}

/// What is taken where the request says nothing.
#[derive(Default)]
pub struct Usual<'a> {
    /// The model.
    pub model: Option<&'a str>,
    /// The size.
    pub size: Option<Size>,
    /// The length, in seconds.
    pub seconds: Option<u32>,
}

/// Reads a request for a video.
pub fn read(
    gateway: &Gateway,
    key: &ApiKey,
    fields: &mut Fields,
    (dialect, usual): (Dialect, Usual<'_>),
) -> Result<VideoOrder, Problem> {
    let first_frame = first_frame(fields)?;
    read_with(gateway, key, fields, (dialect, usual, first_frame))
}

/// Reads a request whose first frame was taken out of its fields.
pub fn read_with(
    gateway: &Gateway,
    key: &ApiKey,
    fields: &mut Fields,
    (dialect, usual, first_frame): (Dialect, Usual<'_>, Option<(String, Source)>),
) -> Result<VideoOrder, Problem> {
    let name = fields.filled("model").or_else(|| usual.model.map(str::to_owned));
    let named = choice::model(gateway, key, JobKind::Video, name.as_deref())?;
    let model = &*named;
    let prompt = prompt(fields, gateway.limits.prompt_chars)?;
    let size = size(fields, model).or(usual.size).unwrap_or(model.default_size);
    let seconds = seconds(fields, model)
        .or(usual.seconds)
        .unwrap_or_else(|| choice::usual_seconds(gateway, model, (size, dialect.usual_seconds(model))));
    let style = fields.filled("style_id").or_else(|| fields.filled("style"));
    let video = VideoJob {
        prompt: Prompt { text: Some(prompt), preview: String::new() },
        size,
        seconds,
        negative_prompt: fields.filled("negative_prompt"),
        style,
        seed: fields.integer("seed", i64::MIN..=i64::MAX).map(i64::cast_unsigned),
        first_frame: None,
        source: None,
        cast: Vec::new(),
    };
    for (name, text, most) in
        [("negative_prompt", &video.negative_prompt, 4_000), ("style", &video.style, 200)]
    {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            fields.wrong(name, format!("{name} may have {most} characters at most"));
        }
    }
    let fit = |word: &str| match word {
        "cover" => Some(false),
        "exact" => Some(true),
        _ => None,
    };
    let exact = fields.word("fit", fit, &["cover", "exact"]).unwrap_or(false);
    let remix_of = fields.filled("remix_target_id");
    let in_background = fields.flag("async_mode").unwrap_or(true);
    fields.check()?;
    Ok(VideoOrder { model: named, video, first_frame, exact, remix_of, in_background })
}

/// What a video costs, and what that rests on.
pub fn price(gateway: &Gateway, model: &Model, video: &VideoJob) -> Result<(Price, Facts), Problem> {
    let facts = Facts {
        kind: JobKind::Video,
        model: model.canonical.clone(),
        size: video.size,
        n: 1,
        quality: "auto".to_owned(),
        seconds: video.seconds,
    };
    let price = gateway.prices.price(&facts).map_err(|error| {
        tracing::error!(%error, "a request cannot be priced");
        Problem::new(Code::InternalError, "the operator's price list does not cover this request")
    })?;
    Ok((price, facts))
}

fn prompt(fields: &mut Fields, most: usize) -> Result<String, Problem> {
    if fields.raw("prompt").is_some_and(|value| !value.is_string()) {
        return Err(Problem::field("prompt", "prompt must be a string"));
    }
    let Some(prompt) = fields.filled("prompt") else {
        let message = "prompt is missing or empty: say what to film";
        return Err(Problem::new(Code::MissingPrompt, message).param("prompt"));
    };
    let chars = prompt.chars().count();
    if chars > most {
        fields.wrong("prompt", format!("prompt has {chars} characters, and {most} are the most"));
    }
    Ok(prompt)
}

fn first_frame(fields: &mut Fields) -> Result<Option<(String, Source)>, Problem> {
    let mut first: Vec<(String, Source)> = Vec::new();
    for name in FIRST_FRAME {
        first.extend(taken(fields, name).into_iter().map(|source| (name.to_owned(), source)));
    }
    let last = LAST_FRAME.iter().map(|name| taken(fields, name).len()).sum::<usize>();
    if last > 0 && first.is_empty() {
        let message = "a last frame needs a first one: send input_reference";
        return Err(Problem::new(Code::MissingFirstFrame, message).param("input_reference"));
    }
    only(first, last)
}

/// The picture that a video begins with, out of those that were sent besides `last` ones that it is to end with.
pub fn only(mut first: Vec<(String, Source)>, last: usize) -> Result<Option<(String, Source)>, Problem> {
    if last > 0 || first.len() > 1 {
        let message = "no engine here takes a last frame: send the first one only, as input_reference";
        return Err(Problem::new(Code::LastFrameUnsupported, message).param("last_frame"));
    }
    Ok(first.pop())
}

/// The files of a field, then what its values name.
fn taken(fields: &mut Fields, name: &str) -> Vec<Source> {
    let files = fields.take_files(name).into_iter().map(|file| Source::File(Box::new(file)));
    let mut sources: Vec<_> = files.collect();
    let items = match fields.take(name) {
        None => Vec::new(),
        Some(serde_json::Value::Array(items)) => items,
        Some(one) => vec![one],
    };
    for item in items {
        match source(&item) {
            Ok(source) => sources.extend(source),
            Err(why) => fields.wrong(name, format!("{name}: {why}")),
        }
    }
    sources
}

fn size(fields: &mut Fields, model: &Model) -> Option<Size> {
    let (size, ratio) = (fields.filled("size"), fields.filled("aspect_ratio"));
    let orientation = fields.word(
        "orientation",
        |word| matches!(word, "landscape" | "portrait").then(|| word.to_owned()),
        &["landscape", "portrait"],
    );
    let open =
        |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().eq_ignore_ascii_case("auto"));
    if open(&size) && open(&ratio) {
        let shape = orientation?.parse::<Shape>().ok()?;
        return model.sizes.fit(shape).map_err(|message| fields.wrong("orientation", message)).ok();
    }
    match model.resolve_size(size.as_deref(), ratio.as_deref()) {
        Ok(size) => Some(size),
        Err(problem) => {
            fields.wrong(problem.field, problem.message);
            None
        }
    }
}

fn seconds(fields: &mut Fields, model: &Model) -> Option<u32> {
    let name = ["seconds", "duration"].into_iter().find(|name| fields.has(name))?;
    let asked = fields.integer(name, 1..=3_600).and_then(|number| u32::try_from(number).ok())?;
    if model.seconds.contains(&asked) {
        return Some(asked);
    }
    let legal: Vec<_> = model.seconds.iter().map(u32::to_string).collect();
    let message = format!("{} does not make {asked} s: ask for {}", model.name, legal.join(", "));
    fields.wrong("duration", message);
    None
}
