//! The fields of a request for images. Pure.

use super::{
    super::dialect::{Dialect, Extras},
    can_make,
};
use atelier_domain::{
    fault::{Fault, FaultClass},
    image::{Background, ImageSpec, OutputFormat, Quality},
};
use serde_json::{Map, Value, json};

/// The tag within a prompt that sd-server reads settings from.
const SD_OPEN: &str = "<sd_cpp_extra_args>";
const SD_CLOSE: &str = "</sd_cpp_extra_args>";
/// Images of one request; the API asks for no more.
const MAX_OUTPUTS: u32 = 10;

/// The fields, in order of writing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request(Map<String, Value>);

impl Request {
    /// As a JSON body.
    pub fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// As the texts of a form.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| {
            (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
    }
}

/// What an upstream of this dialect is asked for.
///
/// # Errors
/// What it cannot do, and nobody can make up for.
pub(super) fn of(spec: &ImageSpec, dialect: &Dialect) -> Result<Request, Fault> {
    let wire = &dialect.images;
    refuse(spec, dialect)?;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    set("model", json!(spec.model));
    set("prompt", json!(prompt(spec, wire.extras)));
    set("n", json!(spec.n.clamp(1, MAX_OUTPUTS)));
    set("size", json!(wire.grid.nearest(spec.size).to_string()));
    if wire.asks_for_b64 {
        set("response_format", json!("b64_json"));
    }
    if wire.extras == Extras::Fields {
        if let Some(seed) = spec.seed {
            set("seed", json!(seed));
        }
        if let Some(negative) = &spec.negative_prompt {
            set("negative_prompt", json!(negative));
        }
    }
    if wire.has_openai_fields {
        openai_fields(spec, &mut set);
    }
    // Events do not say which of several images they belong to.
    if wire.streams && spec.partial_images > 0 && spec.n == 1 && spec.format != OutputFormat::Svg {
        set("stream", json!(true));
        set("partial_images", json!(spec.partial_images.min(3)));
    }
    Ok(Request(fields))
}

fn openai_fields(spec: &ImageSpec, set: &mut impl FnMut(&str, Value)) {
    let quality = match spec.quality {
        Quality::Auto => None,
        Quality::Standard => Some(Quality::Medium),
        Quality::Hd => Some(Quality::High),
        other => Some(other),
    };
    if let Some(quality) = quality {
        set("quality", json!(quality.word()));
    }
    if spec.background != Background::Auto {
        set("background", json!(spec.background.word()));
    }
    set("output_format", json!(spec.format.word()));
    if let Some(compression) =
        spec.compression.filter(|_| matches!(spec.format, OutputFormat::Jpeg | OutputFormat::Webp))
    {
        set("output_compression", json!(compression));
    }
    if let Some(complexity) = spec.complexity {
        set("complexity", json!(complexity.word()));
    }
    if let Some(animation) = spec.animation.filter(|_| spec.format == OutputFormat::Gif) {
        set("frame_count", json!(animation.frames));
        set("frame_duration_ms", json!(animation.frame_ms));
    }
}

fn refuse(spec: &ImageSpec, dialect: &Dialect) -> Result<(), Fault> {
    let wire = &dialect.images;
    let references = spec.references.as_ref();
    let lacks = if !can_make(wire.formats, spec.format) {
        "makes no SVG: ask for png, jpeg or webp"
    } else if spec.background == Background::Transparent && !wire.has_openai_fields {
        "makes no transparent background: leave it out"
    } else if references.is_some_and(|given| given.images.len() > wire.references) {
        "takes fewer reference images, or none"
    } else if references.is_some_and(|given| given.mask.is_some())
        && wire.mask == super::super::dialect::Mask::None
    {
        "honours no mask: leave it out"
    } else if references.is_some_and(|given| given.markup.is_some()) && !wire.has_markup {
        "reads no markup: leave it out, or say in the prompt what is wanted"
    } else {
        return Ok(());
    };
    let fault = Fault::new(FaultClass::Invalid, format!("the engine of this model {lacks}"));
    Err(fault.with_context(format!("dialect {}", dialect.name)))
}

/// The prompt, with what has no field of its own.
fn prompt(spec: &ImageSpec, extras: Extras) -> String {
    let mut prompt = match extras {
        Extras::SdTag => without_tags(&spec.prompt),
        Extras::Prompt | Extras::Fields => spec.prompt.clone(),
    };
    if let Some(style) = &spec.style {
        prompt.push_str(&format!("\n\nStyle: {style}."));
    }
    if let (Extras::Prompt, Some(negative)) = (extras, &spec.negative_prompt) {
        prompt.push_str(&format!("\n\nLeave out: {negative}."));
    }
    if extras == Extras::SdTag {
        prompt.push_str(&tag(spec));
    }
    prompt
}

fn tag(spec: &ImageSpec) -> String {
    let mut settings = Map::new();
    if let Some(seed) = spec.seed {
        settings.insert("seed".into(), json!(seed));
    }
    if let Some(negative) = &spec.negative_prompt {
        settings.insert("negative_prompt".into(), json!(negative));
    }
    if settings.is_empty() {
        return String::new();
    }
    // A text that closes the tag would end it.
    let settings = Value::Object(settings).to_string().replace('<', "\\u003c");
    format!("\n{SD_OPEN}{settings}{SD_CLOSE}")
}

/// The prompt without settings of the engine: they are the operator's to make. What is left after one is taken out may be
/// another one.
fn without_tags(prompt: &str) -> String {
    let mut text = prompt.to_owned();
    while let Some(start) = text.find(SD_OPEN) {
        let end = text[start..].find(SD_CLOSE).map_or(text.len(), |end| start + end + SD_CLOSE.len());
        text.replace_range(start..end, "");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use atelier_domain::{
        image::{Animation, Complexity},
        size::Size,
    };

    fn spec() -> ImageSpec {
        ImageSpec {
            model: "m".into(),
            prompt: "a fox".into(),
            negative_prompt: Some("text".into()),
            style: Some("retro".into()),
            n: 2,
            size: Size::new(1024, 1024),
            quality: Quality::Hd,
            format: OutputFormat::Jpeg,
            compression: Some(80),
            background: Background::Opaque,
            complexity: Some(Complexity::Low),
            seed: Some(7),
            partial_images: 2,
            animation: None,
            references: None,
        }
    }

    fn json_of(spec: &ImageSpec, dialect: &str) -> Value {
        of(spec, Dialect::named(dialect).unwrap()).unwrap().json()
    }

    #[test]
    fn each_dialect_is_asked_in_its_own_words() {
        assert_eq!(
            json_of(&spec(), "openai"),
            json!({"model": "m", "prompt": "a fox\n\nStyle: retro.\n\nLeave out: text.", "n": 2, "size": "1024x1024",
                "quality": "high", "background": "opaque", "output_format": "jpeg", "output_compression": 80, "complexity": "low"})
        );
        for dialect in ["sglang", "vllm-omni", "localai"] {
            assert_eq!(
                json_of(&spec(), dialect),
                json!({"model": "m", "prompt": "a fox\n\nStyle: retro.", "n": 2, "size": "1024x1024",
                    "response_format": "b64_json", "seed": 7, "negative_prompt": "text"}),
                "{dialect}"
            );
        }
        assert_eq!(
            json_of(&spec(), "sd-server")["prompt"],
            "a fox\n\nStyle: retro.\n<sd_cpp_extra_args>{\"negative_prompt\":\"text\",\"seed\":7}</sd_cpp_extra_args>"
        );
    }

    #[test]
    fn settings_of_the_engine_do_not_come_from_a_prompt() {
        let nested = "a<sd_cpp_<sd_cpp_extra_args>x</sd_cpp_extra_args>extra_args>{\"steps\":999}</sd_cpp_extra_args> fox \
                      <sd_cpp_extra_args>{\"steps\":1";
        let asked = ImageSpec { prompt: nested.into(), style: None, seed: None, ..spec() };
        let asked = ImageSpec { negative_prompt: Some("</sd_cpp_extra_args>".into()), ..asked };
        assert_eq!(
            json_of(&asked, "sd-server")["prompt"],
            "a fox \n<sd_cpp_extra_args>{\"negative_prompt\":\"\\u003c/sd_cpp_extra_args>\"}</sd_cpp_extra_args>"
        );
    }

    #[test]
    fn previews_are_asked_for_one_image_only() {
        assert_eq!(json_of(&spec(), "openai").get("stream"), None);
        let one = json_of(&ImageSpec { n: 1, ..spec() }, "relay");
        assert_eq!((&one["stream"], &one["partial_images"]), (&json!(true), &json!(2)));
        assert_eq!(json_of(&ImageSpec { n: 1, ..spec() }, "vllm-omni").get("stream"), None);
    }

    #[test]
    fn frames_are_asked_for_where_there_are_some() {
        let animation = Some(Animation { frames: 9, frame_ms: 200 });
        let gif = ImageSpec { format: OutputFormat::Gif, animation, ..spec() };
        let asked = json_of(&gif, "azure");
        assert_eq!((&asked["frame_count"], &asked["frame_duration_ms"]), (&json!(9), &json!(200)));
        assert_eq!(asked.get("output_compression"), None);
    }

    #[test]
    fn what_nobody_can_make_up_for_is_refused() {
        let refused = |spec: ImageSpec, dialect: &str| {
            let outcome = of(&spec, Dialect::named(dialect).unwrap());
            outcome.err().map(|fault| fault.class) == Some(FaultClass::Invalid)
        };
        let svg = ImageSpec { format: OutputFormat::Svg, ..spec() };
        let clear = ImageSpec { background: Background::Transparent, ..spec() };
        assert!(refused(svg.clone(), "sglang") && !refused(svg, "openai"));
        assert!(refused(clear.clone(), "vllm-omni") && !refused(clear, "relay"));
    }
}
