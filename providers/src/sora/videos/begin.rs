//! Beginning a video: new, told in shots, over another, or going on.

use super::{
    super::{
        body, posts,
        task::{Handle, plain},
        upstream::{Upstream, unreadable},
    },
    drafts,
};
use crate::{
    desk::Desk,
    openai::Asked,
    outbound::{FileLabel, Form, Payload},
    studio::film::{self, Footage},
};
use atelier_domain::{
    engine::{Call, Submission},
    fault::{Fault, FaultClass},
    reference::Picture,
    video::{SourceVideo, VideoSpec},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

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
    if let Some(source) = &spec.source {
        return over(upstream, call, (spec, source), desk).await;
    }
    let start = match &spec.first_frame {
        Some(picture) => Some(send_frame(upstream, desk.first_frame(picture, spec.size).await?).await?),
        None => None,
    };
    let (path, body) = body::video(spec, &mark(call), start.as_deref());
    begun(upstream, &upstream.tell(path, &body, Asked::Video).await?, None)
}

/// The title of a task: no other attempt of any job has it, so that what carries it is certainly ours.
pub(in super::super) fn mark(call: &Call) -> String {
    format!("{}.{}", call.job, call.attempt)
}

/// What was begun, from the answer to a create.
///
/// # Errors
/// `unknown-outcome` when the answer has no id.
pub(in super::super) fn begun(
    upstream: &Upstream,
    said: &Value,
    post: Option<String>,
) -> Result<Submission, Fault> {
    let nameless = |what: String| unreadable(Asked::Video, what);
    let task = said.get("id").and_then(Value::as_str).and_then(plain);
    let task = task.ok_or_else(|| nameless("the answer to a create has no id".into()))?.to_owned();
    let handle = serde_json::to_value(Handle { task, post });
    let handle = handle.map_err(|error| nameless(error.to_string()))?;
    Ok(Submission::Accepted { handle, poll_at: upstream.now() + upstream.config().poll_every })
}

/// A picture as it is, which images work from.
///
/// # Errors
/// Why it is not there now. Nothing was begun.
pub(in super::super) async fn upload(upstream: &Upstream, picture: &Picture) -> Result<String, Fault> {
    let name = match picture.mime.as_str() {
        "image/jpeg" => "image.jpg",
        "image/webp" => "image.webp",
        _ => "image.png",
    };
    let mut form = Form::new();
    let label = FileLabel { field: "file", name, mime: &picture.mime };
    form.file(label, &picture.path).await.map_err(|error| {
        let message = "a picture of the request is not there any more; nothing was charged";
        Fault::new(FaultClass::Internal, message).with_context(error.to_string())
    })?;
    send(upstream, form, name).await
}

async fn send_frame(upstream: &Upstream, frame: Vec<u8>) -> Result<String, Fault> {
    let mut form = Form::new();
    form.bytes(FileLabel { field: "file", name: "image.png", mime: "image/png" }, frame);
    send(upstream, form, "image.png").await
}

async fn send(upstream: &Upstream, mut form: Form, name: &str) -> Result<String, Fault> {
    form.text("file_name", name);
    let said = upstream.post("/uploads", Payload::Form(form), Asked::Look).await?;
    let id = said.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| unreadable(Asked::Look, "an upload without an id".into()))
}

/// A video over another one, which the same account has made: known there as a draft.
async fn over(
    upstream: &Upstream,
    call: &Call,
    (spec, source): (&VideoSpec, &SourceVideo),
    desk: &Desk,
) -> Result<Submission, Fault> {
    let theirs = source.handle.as_ref().map(Handle::read).transpose()?;
    let theirs = theirs.ok_or_else(|| {
        let message = "the engine works only over videos that the same account has made there";
        Fault::new(FaultClass::Invalid, message)
    })?;
    let draft = drafts::of_task(upstream, &theirs.task, drafts::FURTHER).await?.ok_or_else(|| {
        let message = "the engine does not have the video any more that this one is to be made over";
        Fault::new(FaultClass::Invalid, message).with_context("no draft of the source's task")
    })?;
    if body::is_remix(source.way) {
        return remix(upstream, call, (spec, &draft)).await;
    }
    let more = more_seconds(spec, source, desk).await?;
    let id = draft.get("id").and_then(Value::as_str).and_then(plain);
    let id = id.ok_or_else(|| unreadable(Asked::Look, "a draft without an id".into()))?;
    let path = format!("/project_y/profile/drafts/{id}/long_video_extension");
    begun(upstream, &upstream.tell(&path, &body::extension(spec, more), Asked::Video).await?, None)
}

/// A remix is of a post: a draft is shown for as long as the remix takes.
async fn remix(
    upstream: &Upstream,
    call: &Call,
    (spec, draft): (&VideoSpec, &Value),
) -> Result<Submission, Fault> {
    let (upstream, mark) = (upstream.clone(), mark(call));
    let (spec, draft) = (spec.clone(), draft.clone());
    let (answer, answered) = oneshot::channel();
    // In a task of its own: whoever asked may leave in the middle, and nothing must stay shown for that.
    actix_rt::spawn(async move {
        let (begun, ours) = remixed(&upstream, &mark, (&spec, &draft)).await;
        match (&begun, ours) {
            (_, None) => drop(answer.send(begun)),
            // From now on its handle knows the post.
            (Ok(_), Some(post)) => {
                if answer.send(begun).is_err() {
                    posts::take_back(&upstream, &post).await;
                }
            }
            (Err(fault), Some(post)) => {
                if fault.class == FaultClass::UnknownOutcome && !answer.is_closed() {
                    // What may run goes on needing it, until it is known what became of it.
                    upstream.leave_shown(mark, post);
                } else {
                    posts::take_back(&upstream, &post).await;
                }
                drop(answer.send(begun));
            }
        }
    });
    answered.await.unwrap_or_else(|_| {
        let message = "the gateway met a defect of its own in an engine";
        Err(Fault::new(FaultClass::UnknownOutcome, message).with_context("a remix ended without a word"))
    })
}

/// What was begun, and the post that was made for it.
async fn remixed(
    upstream: &Upstream,
    mark: &str,
    (spec, draft): (&VideoSpec, &Value),
) -> (Result<Submission, Fault>, Option<String>) {
    let post = match posts::publish(upstream, draft).await {
        Ok(post) => post,
        Err(fault) => return (Err(fault), None),
    };
    let body = body::remix(spec, mark, &post.id);
    let ours = post.is_ours.then_some(post.id);
    let said = upstream.tell("/nf/create", &body, Asked::Video).await;
    (said.and_then(|said| begun(upstream, &said, ours.clone())), ours)
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
    let more = spec.seconds.saturating_sub(so_far);
    if body::MORE_SECONDS.contains(&more) {
        return Ok(more);
    }
    let message = format!("the engine makes a video 10 or 15 seconds longer, not {more}");
    Err(Fault::new(FaultClass::Invalid, message).with_context(json!({ "whole": spec.seconds }).to_string()))
}
