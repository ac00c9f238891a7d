//! Images: one request, one answer that has the files in it or names them.

mod answer;
mod grid;
mod mask;
mod request;
mod stream;

use super::{
    error::Asked,
    upstream::{LONGEST_ANSWER, Order, Upstream, no_result},
};
use crate::{
    desk::Desk,
    outbound::{Answer, Payload, Place},
    picture::{PictureError, Wanted},
};
use answer::{Item, Reply};
use atelier_domain::{
    engine::{Call, EngineEvent, EventSink, Output},
    fault::{Fault, FaultClass},
    image::{ImageSpec, OutputFormat},
};
use bytes::Bytes;

/// The longest file that a link leads to.
const LONGEST_FILE: usize = 64 << 20;

/// Makes images.
///
/// # Errors
/// What kept them from being made.
pub(super) async fn make(
    upstream: &Upstream,
    call: &Call,
    spec: &ImageSpec,
    desk: &Desk,
) -> Result<Vec<Output>, Fault> {
    let request = request::of(spec, upstream.dialect)?;
    let (path, payload) = match &spec.references {
        None => ("/images/generations", Payload::Json(Bytes::from(request.json().to_string()))),
        Some(references) => {
            let form = Box::pin(mask::form(&request, references, upstream.dialect, desk));
            ("/images/edits", Payload::Form(form.await?))
        }
    };
    let id = call.job.to_string();
    let order = Order { asked: Asked::Image, patience: upstream.config().answer_timeout, id: Some(&id) };
    // Calls wait here for minutes, by the thousand: what comes before and after gets its memory in its turn.
    let answer = upstream.post(path, payload, &order).await?;
    let wanted = wanted(spec, upstream);
    let is_stream = answer.header("content-type").is_some_and(|mime| mime.starts_with("text/event-stream"));
    let reply = if is_stream {
        Box::pin(stream::follow(upstream, answer, &call.events, (&wanted, desk))).await?
    } else {
        Box::pin(whole(upstream, answer, &call.events, desk)).await?
    };
    (call.events)(EngineEvent::Made);
    Box::pin(collect(upstream, reply, spec, (&wanted, desk))).await
}

fn wanted(spec: &ImageSpec, upstream: &Upstream) -> Wanted {
    let makes_it = upstream.dialect.images.formats.len() > 1;
    Wanted {
        size: spec.size,
        format: spec.format,
        compression: spec.compression,
        compressed: makes_it,
        animation: spec.animation,
    }
}

async fn whole(upstream: &Upstream, answer: Answer, events: &EventSink, desk: &Desk) -> Result<Reply, Fault> {
    let held = upstream.body(answer, LONGEST_ANSWER, Asked::Image).await?;
    events(EngineEvent::Made);
    desk.walk(held.len(), move || answer::read(held)).await?.map_err(|unread| unread.fault(upstream))
}

/// From what the answer names to finished files. What cannot be used is left out, as long as something can.
async fn collect(
    upstream: &Upstream,
    reply: Reply,
    spec: &ImageSpec,
    (wanted, desk): (&Wanted, &Desk),
) -> Result<Vec<Output>, Fault> {
    let asked = usize::try_from(spec.n).unwrap_or(1);
    let (mut outputs, mut first_fault) = (Vec::new(), None);
    let Reply { items, usage, _place } = reply;
    for item in items.into_iter().take(asked) {
        match one(upstream, item, (wanted, desk)).await {
            Ok(output) => outputs.push(output),
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    if outputs.is_empty() {
        return Err(first_fault.unwrap_or_else(|| no_result("the answer has no images".into())));
    }
    answer::share(usage, &mut outputs);
    Ok(outputs)
}

async fn one(upstream: &Upstream, item: Item, (wanted, desk): (&Wanted, &Desk)) -> Result<Output, Fault> {
    let (bytes, _place) = match item.file {
        answer::File::Bytes(bytes) => (bytes, Place::default()),
        answer::File::Url(url) => {
            let answer = upstream.download(&url).await.map_err(after_the_fact)?;
            upstream.body(answer, LONGEST_FILE, Asked::Look).await.map_err(after_the_fact)?.into_parts()
        }
    };
    let finished = desk.finish(bytes, *wanted).await?.map_err(unusable)?;
    Ok(Output {
        bytes: finished.bytes,
        mime: finished.mime,
        width: finished.size.width,
        height: finished.size.height,
        revised_prompt: item.revised_prompt,
        companions: Vec::new(),
        seconds: None,
        usage: None,
    })
}

/// The image exists and may be billed: whatever keeps it from us, nobody makes it again.
fn after_the_fact(fault: Fault) -> Fault {
    no_result(fault.context)
}

fn unusable(error: PictureError) -> Fault {
    match error {
        PictureError::OtherNature => {
            let message = "the engine makes no SVG: ask for png, jpeg or webp";
            Fault::new(FaultClass::Invalid, message).with_context(error.to_string())
        }
        _ => no_result(error.to_string()),
    }
}

/// Whether a dialect makes files of this format, or files that can be turned into it.
fn can_make(formats: &[OutputFormat], format: OutputFormat) -> bool {
    format != OutputFormat::Svg || formats.contains(&format)
}
