//! Bodies of requests for films of the web back end. Pure.

use super::{images::seed, models::WebModel};
use atelier_domain::{
    code::Code,
    engine::VideoRange,
    fault::{Fault, FaultClass, FaultScope},
    size::Size,
    video::VideoSpec,
};
use serde_json::{Value, json};

/// What Sora is told to leave out when nobody says: the words of the site that it is at.
const USUAL_NEGATIVE: &str = "cartoon, vector art, & bad aesthetics & poor aesthetic";

const WIDE: Size = Size::new(1280, 720);
const TALL: Size = Size::new(720, 1280);

/// What Sora makes there.
pub(super) const SORA_RANGE: VideoRange =
    VideoRange { family: Some("sora"), seconds: &[4, 8, 12], sizes: &[WIDE, TALL] };

/// Refused here, before anything is sent. Another engine may make it.
pub(super) fn lacks(code: Code, message: &str) -> Fault {
    let mut fault = Fault::new(FaultClass::NotEntitled, message).with_code(code);
    fault.scope = FaultScope::Request;
    fault.with_context("the request was not sent")
}

/// The body of a film that begins with this picture.
///
/// # Errors
/// What the model does not make.
pub(super) fn body(model: &WebModel, spec: &VideoSpec, frame: Option<&str>) -> Result<Value, Fault> {
    if spec.source.is_some() {
        return Err(lacks(Code::RemixUnsupported, "the engine of this model makes no videos over others"));
    }
    let seed = seed(spec.seed, 0);
    match model.id.as_str() {
        "sora" => sora(model, spec, seed, frame),
        "veo" => veo(model, spec, seed, frame),
        "kling" => kling(model, spec, seed, frame),
        _ => Ok(generic(model, spec, seed, frame)),
    }
}

fn held_to(spec: &VideoSpec, seconds: &[u32], sizes: &[Size]) -> Result<(), Fault> {
    if !seconds.contains(&spec.seconds) {
        let known: Vec<_> = seconds.iter().map(u32::to_string).collect();
        let message = format!("the engine of this model makes videos of {} seconds", known.join(", "));
        return Err(lacks(Code::BadDuration, &message));
    }
    if !sizes.contains(&spec.size) {
        let known: Vec<_> = sizes.iter().map(ToString::to_string).collect();
        let message = format!("the engine of this model makes videos of {}", known.join(", "));
        return Err(lacks(Code::BadSize, &message));
    }
    Ok(())
}

fn sora(model: &WebModel, spec: &VideoSpec, seed: u64, frame: Option<&str>) -> Result<Value, Fault> {
    held_to(spec, SORA_RANGE.seconds, SORA_RANGE.sizes)?;
    let negative = spec.negative_prompt.as_deref().unwrap_or(USUAL_NEGATIVE);
    // The prompt is a document of its own, in a text.
    let document = json!({
        "id": 1, "duration_sec": spec.seconds, "prompt_text": prompt(spec), "negative_prompt": negative,
    });
    let blobs: Vec<_> =
        frame.iter().map(|blob| json!({ "id": blob, "usage": "general", "promptReference": 1 })).collect();
    let frames = frame.map_or_else(|| json!([]), |blob| json!([{ "localBlobRef": blob }, null]));
    Ok(json!({
        "modelId": model.id, "modelVersion": model.version, "model": "openai:firefly:colligo:sora2",
        "n": 1, "seeds": [seed], "seed": seed.to_string(), "fps": 24,
        "size": { "width": spec.size.width, "height": spec.size.height }, "duration": spec.seconds,
        "prompt": document.to_string(), "negativePrompt": negative,
        "generateAudio": true, "generateLoop": false, "transparentBackground": false,
        "locale": "en-US", "jobMode": "standard", "debugGenerationEndpoint": "",
        "camera": { "angle": "none", "shotSize": "none", "motion": null, "promptStyle": null },
        "generationMetadata": { "module": "text2video" },
        "referenceBlobs": blobs, "referenceFrames": frames, "referenceVideo": null,
        "cameraMotionReferenceVideo": null, "characterReference": null, "editReferenceVideo": null,
        "output": { "storeInputs": true },
    }))
}

fn veo(model: &WebModel, spec: &VideoSpec, seed: u64, frame: Option<&str>) -> Result<Value, Fault> {
    held_to(spec, &[4, 6, 8], &[WIDE, TALL, Size::new(1920, 1080), Size::new(1080, 1920)])?;
    let mut parameters = json!({
        "durationSeconds": spec.seconds, "aspectRatio": ratio(spec.size), "addWaterMark": false,
    });
    if let Some(negative) = &spec.negative_prompt {
        parameters["negativePrompt"] = json!(negative);
    }
    let blobs: Vec<_> =
        frame.iter().map(|blob| json!({ "id": blob, "usage": "general", "promptReference": 1 })).collect();
    let mut body = generic(model, spec, seed, None);
    body["modelSpecificPayload"] = json!({ "parameters": parameters });
    body["referenceBlobs"] = json!(blobs);
    if let Value::Object(fields) = &mut body {
        fields.remove("duration");
    }
    Ok(body)
}

fn kling(model: &WebModel, spec: &VideoSpec, seed: u64, frame: Option<&str>) -> Result<Value, Fault> {
    held_to(spec, &[5, 10, 15], &[WIDE, TALL, Size::new(1920, 1080), Size::new(1080, 1920)])?;
    let blobs: Vec<_> =
        frame.iter().map(|blob| json!({ "id": blob, "usage": "frame", "order": 1 })).collect();
    let mut body = generic(model, spec, seed, None);
    body["generationSettings"] = json!({ "aspectRatio": ratio(spec.size) });
    body["generationMetadata"] =
        json!({ "module": if frame.is_some() { "image2video" } else { "text2video" } });
    body["referenceBlobs"] = json!(blobs);
    Ok(body)
}

/// What any other model is told.
fn generic(model: &WebModel, spec: &VideoSpec, seed: u64, frame: Option<&str>) -> Value {
    let blobs: Vec<_> = frame.iter().map(|blob| json!({ "id": blob, "usage": "general" })).collect();
    let mut prompt = prompt(spec);
    if let Some(negative) = spec.negative_prompt.as_ref().filter(|_| model.id != "veo") {
        prompt.push_str(&format!("\n\nLeave out: {negative}."));
    }
    json!({
        "modelId": model.id, "modelVersion": model.version, "n": 1, "seeds": [seed], "prompt": prompt,
        "size": { "width": spec.size.width, "height": spec.size.height }, "duration": spec.seconds,
        "generateAudio": true, "referenceBlobs": blobs,
        "generationMetadata": { "module": "text2video" }, "output": { "storeInputs": true },
    })
}

fn ratio(size: Size) -> &'static str {
    if size.height > size.width { "9:16" } else { "16:9" }
}

/// The prompt, with what has no field of its own.
pub(super) fn prompt(spec: &VideoSpec) -> String {
    let mut prompt = spec.prompt.clone();
    if let Some(style) = &spec.style {
        prompt.push_str(&format!("\n\nStyle: {style}."));
    }
    // Nobody there has seen them: what can be said of them is said.
    for member in &spec.cast {
        let (name, behaviour) = (member.username.as_str(), member.instructions.join(" "));
        prompt.push_str(&format!("\n\n@{name} is {}. {behaviour}", member.display_name));
    }
    prompt
}
