//! Images: a create, looks at the list of recent tasks, and files to bring home.

use super::{
    body,
    refusal::No,
    task::Handle,
    upstream::{Upstream, unreadable},
    videos::{begun, upload},
};
use crate::{
    desk::Desk,
    openai::Asked,
    outbound::{after_acceptance, no_result},
    picture::{PictureError, Wanted},
};
use atelier_domain::{
    engine::{EngineEvent, EventSink, Output, Polled, Submission},
    fault::{Fault, FaultClass},
    image::{ImageSpec, OutputFormat},
};
use serde_json::Value;

/// Where the tasks are listed, the latest first.
const LIST: &str = "/v2/recent_tasks?limit=20";
/// The longest file.
const LONGEST_FILE: usize = 64 << 20;

/// Begins images.
///
/// # Errors
/// What kept them from being begun, or from being known.
pub(super) async fn begin(upstream: &Upstream, spec: &ImageSpec) -> Result<Submission, Fault> {
    if spec.format == OutputFormat::Svg {
        let message = "the engine makes no SVG: ask for png, jpeg or webp";
        return Err(Fault::new(FaultClass::Invalid, message));
    }
    let start = match spec.references.as_ref().and_then(|references| references.images.first()) {
        Some(picture) => Some(upload(upstream, picture).await?),
        None => None,
    };
    let said = upstream.tell("/video_gen", &body::image(spec, start.as_deref()), Asked::Image).await?;
    begun(upstream, &said, None)
}

/// Looks how the images are doing, and brings them home when they are done.
///
/// # Errors
/// What kept it from being learned: the task goes on.
pub(super) async fn look(
    upstream: &Upstream,
    handle: &Handle,
    (spec, desk): (&ImageSpec, &Desk),
    events: &EventSink,
) -> Result<Option<Polled>, Fault> {
    let said = upstream.look(LIST).await?;
    let tasks = said.get("task_responses").and_then(Value::as_array);
    let tasks = tasks.ok_or_else(|| unreadable(Asked::Look, "a list of tasks that is none".into()))?;
    let is_it = |task: &&Value| task.get("id").and_then(Value::as_str) == Some(&handle.task);
    let Some(task) = tasks.iter().find(is_it) else { return Ok(None) };
    let polled = match task.get("status").and_then(Value::as_str).unwrap_or_default() {
        "succeeded" => {
            events(EngineEvent::Made);
            collect(upstream, task, (spec, desk)).await?
        }
        "failed" | "error" => {
            let fault = failure(task).fault(Asked::Look, upstream.secrets());
            Polled::Failed(after_acceptance(fault))
        }
        _ => Polled::Pending {
            progress: progress(task),
            poll_at: upstream.now() + upstream.config().poll_every,
        },
    };
    Ok(Some(polled))
}

/// Why a task failed, wherever that stands.
pub(super) fn failure(task: &Value) -> No {
    let text = |name: &str| task.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let words = ["failure_reason", "error_message", "message"].iter().find_map(|name| text(name));
    let words = words.unwrap_or_default();
    // A reason is a code of its own as often as a sentence.
    No::of_task(words, words)
}

/// Percent done, from a fraction or from percent. It is 100 only when the file is there.
pub(super) fn progress(task: &Value) -> Option<u8> {
    let told = task.get("progress_pct")?.as_f64().filter(|told| told.is_finite())?;
    let percent = if told <= 1.0 { told * 100.0 } else { told };
    Some(percent.clamp(0.0, 99.0) as u8)
}

/// From what the task names to finished files. What cannot be used is left out, as long as something can.
async fn collect(
    upstream: &Upstream,
    task: &Value,
    (spec, desk): (&ImageSpec, &Desk),
) -> Result<Polled, Fault> {
    let made = task.get("generations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let asked = usize::try_from(spec.n).unwrap_or(1);
    let (mut outputs, mut unusable) = (Vec::new(), None);
    for generation in made.iter().take(asked) {
        // Some lists write their links as Markdown does.
        let url = generation.get("url").and_then(Value::as_str).unwrap_or_default().trim_end_matches(')');
        match one(upstream, url, (spec, desk)).await {
            Ok(output) => outputs.push(output),
            Err(fault) if fault.class == FaultClass::JobLost => unusable = unusable.or(Some(fault)),
            Err(fault) => return Err(fault),
        }
    }
    if outputs.is_empty() {
        let none = || no_result("a task that succeeded names no images".into());
        return Ok(Polled::Failed(unusable.unwrap_or_else(none)));
    }
    Ok(Polled::Done(outputs))
}

async fn one(upstream: &Upstream, url: &str, (spec, desk): (&ImageSpec, &Desk)) -> Result<Output, Fault> {
    if url.is_empty() {
        return Err(no_result("an image without an address".into()));
    }
    let answer = upstream.download(url).await?;
    let (bytes, _place) = upstream.body(answer, LONGEST_FILE, Asked::Look).await?.into_parts();
    let wanted = Wanted {
        size: spec.size,
        format: spec.format,
        compression: spec.compression,
        compressed: false,
        animation: spec.animation,
    };
    let finished =
        desk.finish(bytes, wanted).await?.map_err(|error: PictureError| no_result(error.to_string()))?;
    Ok(Output {
        bytes: finished.bytes,
        mime: finished.mime,
        width: finished.size.width,
        height: finished.size.height,
        revised_prompt: None,
        companions: Vec::new(),
        seconds: None,
        usage: None,
    })
}
