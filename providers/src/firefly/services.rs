//! Bodies of requests to Firefly Services. Pure.

use super::{
    films,
    images::{seed, set},
    models::ServicesModel,
};
use atelier_domain::{
    code::Code,
    fault::{Fault, FaultClass},
    image::{ImageSpec, ReferenceUsage},
    video::VideoSpec,
};
use serde_json::{Map, Value, json};

/// The longest prompt, in characters.
const LONGEST_PROMPT: usize = 1024;
/// Pictures of one request.
pub(super) const MOST_VARIATIONS: u32 = 4;

fn held_to_length(prompt: &str, what: &str) -> Result<(), Fault> {
    let length = prompt.chars().count();
    if length <= LONGEST_PROMPT {
        return Ok(());
    }
    let message = format!(
        "the engine of this model takes a {what} of {LONGEST_PROMPT} characters, and this has {length}"
    );
    Err(Fault::new(FaultClass::Invalid, message))
}

/// The body for pictures `first` to `first + n` of a job.
///
/// # Errors
/// What is not made there.
pub(super) fn image(
    model: &ServicesModel,
    spec: &ImageSpec,
    (first, n): (u32, u32),
    reference: Option<&str>,
) -> Result<Value, Fault> {
    let size = model.nearest(spec.size);
    held_to_length(&spec.prompt, "prompt")?;
    let start = seed(spec.seed, first);
    let mut fields = Map::new();
    set(&mut fields, "prompt", json!(spec.prompt));
    if let Some(negative) = &spec.negative_prompt {
        held_to_length(negative, "negative prompt")?;
        set(&mut fields, "negativePrompt", json!(negative));
    }
    set(&mut fields, "numVariations", json!(n));
    set(&mut fields, "seeds", json!((0..n).map(|number| seed(Some(start), number)).collect::<Vec<_>>()));
    set(&mut fields, "size", json!({ "width": size.width, "height": size.height }));
    let mut style = Map::new();
    if let Some(preset) = &spec.style {
        set(&mut style, "presets", json!(preset.split(',').map(str::trim).collect::<Vec<_>>()));
    }
    if let Some(blob) = reference {
        let picture = json!({ "source": { "uploadId": blob } });
        let usage = spec.references.as_ref().map_or(ReferenceUsage::Subject, |given| given.usage);
        // There is none for who is shown: what is shown where comes nearest.
        match usage {
            ReferenceUsage::Style => set(&mut style, "imageReference", picture),
            ReferenceUsage::Subject | ReferenceUsage::Composition => {
                set(&mut fields, "structure", json!({ "imageReference": picture }));
            }
        }
    }
    if !style.is_empty() {
        set(&mut fields, "style", Value::Object(style));
    }
    Ok(Value::Object(fields))
}

/// The body for a film that begins with this picture.
///
/// # Errors
/// What is not made there.
pub(super) fn film(model: &ServicesModel, spec: &VideoSpec, frame: Option<&str>) -> Result<Value, Fault> {
    if spec.source.is_some() {
        return Err(films::lacks(
            Code::RemixUnsupported,
            "the engine of this model makes no videos over others",
        ));
    }
    if !model.sizes.contains(&(spec.size.width, spec.size.height)) {
        let known: Vec<_> = model.sizes.iter().map(|(width, height)| format!("{width}x{height}")).collect();
        let message = format!("the engine of this model makes videos of {}", known.join(", "));
        return Err(films::lacks(Code::BadSize, &message));
    }
    let mut prompt = films::prompt(spec);
    if let Some(negative) = &spec.negative_prompt {
        prompt.push_str(&format!("\n\nLeave out: {negative}."));
    }
    held_to_length(&prompt, "prompt")?;
    let mut body = json!({
        "prompt": prompt, "seeds": [seed(spec.seed, 0)],
        "sizes": [{ "width": spec.size.width, "height": spec.size.height }],
    });
    if let Some(blob) = frame {
        let condition = json!({ "source": { "uploadId": blob }, "placement": { "position": 0 } });
        body["image"] = json!({ "conditions": [condition] });
    }
    Ok(body)
}
