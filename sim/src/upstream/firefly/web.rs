//! Submits of the web back end.

use super::{
    refuse::refuse,
    works::{Work, begin, blob, sides},
};
use crate::upstream::{
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use serde_json::{Value, json};

fn invalid(text: &str) -> Refusal {
    Refusal::new(Reason::Invalid).saying(text)
}

fn field<'a>(call: &'a Call, place: &str) -> Option<&'a Value> {
    let (name, rest) = place.split_once('/').unwrap_or((place, ""));
    let value = call.asked.fields.get(name)?;
    if rest.is_empty() { Some(value) } else { value.pointer(&format!("/{rest}")) }
}

/// What every submit has to say.
fn common(call: &Call) -> Result<(u32, u32), Refusal> {
    let text = |name: &str| call.asked.text(name).filter(|text| !text.is_empty());
    if text("modelId").is_none() || text("modelVersion").is_none() || text("prompt").is_none() {
        return Err(invalid("modelId, modelVersion and prompt are required"));
    }
    if call.asked.number("n") != Some(1) {
        return Err(invalid("n must be 1"));
    }
    if field(call, "generationMetadata/module").is_none() {
        return Err(Refusal::new(Reason::Unprocessable).saying("generationMetadata.module: field required"));
    }
    sides(call.asked.fields.get("size")).ok_or_else(|| invalid("size is required"))
}

fn blobs(call: &Call) -> Vec<&Value> {
    let of = |name: &str| call.asked.fields.get(name).and_then(Value::as_array);
    of("referenceBlobs").into_iter().flatten().chain(of("referenceImages").into_iter().flatten()).collect()
}

fn held_to_owner(stage: &Stage, call: &Call) -> Result<(), Refusal> {
    for reference in blobs(call) {
        let id = reference.get("id").or_else(|| reference.get("localBlobRef")).and_then(Value::as_str);
        blob(stage, call, id)?;
    }
    Ok(())
}

/// A picture.
pub fn picture(stage: &Stage, call: &Call) -> Reply {
    let wish = common(call).and_then(|size| {
        let is_gemini = call.asked.text("modelId") == Some("gemini-flash");
        if is_gemini && field(call, "generationSettings/detailLevel").is_some() {
            return Err(Refusal::new(Reason::Unprocessable).saying("detailLevel: extra fields not permitted"));
        }
        if field(call, "generationMetadata/submodule").is_none() {
            return Err(
                Refusal::new(Reason::Unprocessable).saying("generationMetadata.submodule: field required")
            );
        }
        held_to_owner(stage, call)?;
        Ok(Work { is_film: false, size, outputs: 1, number: 0 })
    });
    answer(stage, call, wish, 1)
}

/// A film.
pub fn film(stage: &Stage, call: &Call) -> Reply {
    let seconds = call
        .asked
        .number("duration")
        .or_else(|| field(call, "modelSpecificPayload/parameters/durationSeconds").and_then(Value::as_u64));
    let wish = common(call).and_then(|size| {
        held_to_owner(stage, call)?;
        if call.asked.text("modelId") == Some("sora") {
            sora(stage, call, size, seconds)?;
        }
        Ok(Work { is_film: true, size, outputs: 1, number: 0 })
    });
    answer(stage, call, wish, seconds.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(4))
}

fn sora(stage: &Stage, call: &Call, size: (u32, u32), seconds: Option<u64>) -> Result<(), Refusal> {
    if super::works::spoken(call.asked.text("prompt").unwrap_or_default()).is_none() {
        return Err(Refusal::new(Reason::Unprocessable).saying("prompt: value is not valid JSON"));
    }
    if !matches!(seconds, Some(4 | 8 | 12)) || !matches!(size, (1280, 720) | (720, 1280)) {
        return Err(Refusal::new(Reason::Unprocessable).saying("duration or size: unexpected value"));
    }
    let general: Vec<_> = blobs(call).into_iter().filter(|blob| blob["usage"] == "general").collect();
    if general.len() > 1 {
        let text = "Only one reference image with usage 'general' is supported to guide video generation";
        return Err(invalid(text));
    }
    match general.first() {
        Some(reference) => blob(stage, call, reference["id"].as_str())?.begins(size),
        None => Ok(()),
    }
}

fn answer(stage: &Stage, call: &Call, wish: Result<Work, Refusal>, seconds: u32) -> Reply {
    let (id, work) = match wish.and_then(|work| begin(stage, call, seconds, work)) {
        Ok(begun) => begun,
        Err(refusal) => return refuse(stage, &refusal),
    };
    let url = format!("{}/v2/status/{id}", call.origin());
    let cancel = format!("{}/v2/cancel/{id}", call.origin());
    match work.number % 4 {
        0 => {
            let links = json!({ "result": { "href": url }, "cancel": { "href": cancel } });
            Reply::json(200, &json!({ "links": links, "progress": 0 }))
        }
        1 => Reply::json(202, &json!({})).with("x-override-status-link", &url),
        2 => Reply::json(200, &json!({ "links": { "result": url }, "progress": 0 })),
        _ => Reply::json(202, &json!({ "statusUrl": url })),
    }
}
