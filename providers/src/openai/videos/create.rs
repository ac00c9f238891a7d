//! Beginning a video.

use super::{
    super::{
        dialect::{Create, VideoWire},
        error::{Asked, Refusal},
        upstream::{LONGEST_NOTE, Order, Upstream},
    },
    Handle, LONGEST_ID, next_look, unwrapped,
};
use crate::{
    desk::Desk,
    outbound::{Answer, FileLabel, Form, Payload},
    studio::film::{self, Footage},
};
use atelier_domain::{
    engine::{Call, Submission},
    fault::{Fault, FaultClass, FaultScope},
    video::{SourceUse, SourceVideo, VideoSpec},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Sends the create.
///
/// # Errors
/// What kept the video from being begun, or from being known.
pub(in super::super) async fn begin(
    upstream: &Upstream,
    call: &Call,
    spec: &VideoSpec,
    desk: &Desk,
) -> Result<Submission, Fault> {
    let Some(wire) = &upstream.dialect.videos else {
        let fault = Fault::new(FaultClass::NotEntitled, "the engine of the account in use makes no videos");
        return Err(fault.with_context(format!("dialect {}", upstream.dialect.name)));
    };
    let (path, payload) = match &spec.source {
        Some(source) => over(wire, spec, source, desk).await?,
        None => ("/videos".to_owned(), new(wire, spec, desk).await?),
    };
    let id = call.job.to_string();
    let order = Order { asked: Asked::Video, patience: upstream.config().answer_timeout, id: Some(&id) };
    let answer = upstream.post(&path, payload, &order).await?;
    let poll_at = next_look(upstream, answer.header("openai-poll-after-ms"));
    let id = begun(upstream, answer).await?;
    let handle = Handle { id, since: upstream.now() };
    match serde_json::to_value(handle) {
        Ok(handle) => Ok(Submission::Accepted { handle, poll_at }),
        Err(error) => Err(nameless(error.to_string())),
    }
}

/// The id of what was begun.
async fn begun(upstream: &Upstream, answer: Answer) -> Result<String, Fault> {
    let held = upstream.body(answer, LONGEST_NOTE, Asked::Video).await?;
    let said = match serde_json::from_slice::<Value>(&held) {
        Ok(said) => unwrapped(said),
        Err(_) if held.trim_ascii_start().starts_with(b"<") => {
            let message = "the address of the engine answers, but not as an engine does";
            let mut fault = Fault::new(FaultClass::Network, message);
            fault.scope = FaultScope::Account;
            return Err(
                fault.with_context("a create was answered with a page for people: is the base URL right?")
            );
        }
        Err(error) => return Err(nameless(error.to_string())),
    };
    let id = ["id", "task_id", "video_id"].iter().find_map(|name| said.get(*name)).and_then(Value::as_str);
    match id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID) {
        Some(id) => Ok(id.to_owned()),
        // An error that came with a 200.
        None if said.get("error").is_some_and(|error| !error.is_null()) => {
            Err(upstream.fault(&Refusal::of(&said).unwrap_or_default(), Asked::Video))
        }
        None => Err(nameless("the answer to a create has no id".into())),
    }
}

/// It may run, and nobody can ask for it.
fn nameless(context: String) -> Fault {
    let message = "the request reached the engine, and its answer cannot be read";
    Fault::new(FaultClass::UnknownOutcome, message).with_context(context)
}

async fn new(wire: &VideoWire, spec: &VideoSpec, desk: &Desk) -> Result<Payload, Fault> {
    let fields = fields(wire, spec);
    let Some(first_frame) = &spec.first_frame else {
        return Ok(match wire.create {
            Create::Json => Payload::Json(Bytes::from(Value::Object(fields).to_string())),
            Create::Form => Payload::Form(form(&fields)),
        });
    };
    let mut form = form(&fields);
    let label = FileLabel { field: "input_reference", name: "first-frame.png", mime: "image/png" };
    form.bytes(label, desk.first_frame(first_frame, spec.size).await?);
    Ok(Payload::Form(form))
}

fn form(fields: &Map<String, Value>) -> Form {
    let mut form = Form::new();
    for (name, value) in fields {
        form.text(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    form
}

fn fields(wire: &VideoWire, spec: &VideoSpec) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    set("model", json!(spec.model));
    set("prompt", json!(prompt(wire, spec)));
    set("seconds", json!(spec.seconds.to_string()));
    set("size", json!(spec.size.to_string()));
    if wire.has_extras {
        if let Some(seed) = spec.seed {
            set("seed", json!(seed));
        }
        if let Some(negative) = &spec.negative_prompt {
            set("negative_prompt", json!(negative));
        }
    }
    fields
}

fn prompt(wire: &VideoWire, spec: &VideoSpec) -> String {
    let mut prompt = spec.prompt.clone();
    if let Some(style) = &spec.style {
        prompt.push_str(&format!("\n\nStyle: {style}."));
    }
    // Nobody there has seen them: what can be said of them is said.
    for member in &spec.cast {
        let behaviour = member.instructions.join(" ");
        prompt.push_str(&format!(
            "\n\n@{} is {}. {behaviour}",
            member.username.as_str(),
            member.display_name
        ));
    }
    if let Some(negative) = spec.negative_prompt.as_ref().filter(|_| !wire.has_extras) {
        prompt.push_str(&format!("\n\nLeave out: {negative}."));
    }
    prompt
}

/// A video over another one, which the same account has made.
async fn over(
    wire: &VideoWire,
    spec: &VideoSpec,
    source: &SourceVideo,
    desk: &Desk,
) -> Result<(String, Payload), Fault> {
    let theirs = source.handle.as_ref().filter(|_| wire.has_sources).map(Handle::read).transpose()?;
    let Some(theirs) = theirs else {
        let message = "the engine works only over videos that the same account has made there";
        return Err(Fault::new(FaultClass::Invalid, message));
    };
    let prompt = prompt(wire, spec);
    let (path, body) = match source.way {
        SourceUse::Remix => (theirs.path("/remix")?, json!({ "prompt": prompt })),
        SourceUse::Edit => {
            ("/videos/edits".to_owned(), json!({ "video": { "id": theirs.id }, "prompt": prompt }))
        }
        SourceUse::Extend => {
            let more = more_seconds(spec, source, desk).await?;
            let video = json!({ "id": theirs.id });
            (
                "/videos/extensions".to_owned(),
                json!({ "video": video, "prompt": prompt, "seconds": more.to_string() }),
            )
        }
    };
    Ok((path, Payload::Json(Bytes::from(body.to_string()))))
}

/// What an extension adds: upstreams are told that, and not the whole.
async fn more_seconds(spec: &VideoSpec, source: &SourceVideo, desk: &Desk) -> Result<u32, Fault> {
    let footage = Footage::File(source.path.clone());
    let facts = desk.work(move || film::outline(&footage)).await?.map_err(|error| {
        let message = "the video that should go on cannot be read";
        Fault::new(FaultClass::Invalid, message).with_context(error.to_string())
    })?;
    // Lengths are whole seconds to callers, rounded as they are when a video is taken in.
    let so_far = (facts.seconds.round() as u32).max(1);
    Ok(spec.seconds.saturating_sub(so_far).max(1))
}
