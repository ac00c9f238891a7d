//! A streamed answer: previews as they come, then the image.

use super::{
    super::{
        error::{Asked, Refusal},
        upstream::{LONGEST_ANSWER, Upstream, broken_off},
    },
    answer::{File, Item, Reply, decoded, usage},
};
use crate::{
    desk::Desk,
    outbound::{Answer, Broken, Event, Events},
    picture::Wanted,
};
use atelier_domain::{
    engine::{EngineEvent, EventSink},
    fault::{Fault, FaultClass},
};
use serde_json::Value;

/// What an event is about.
enum Told {
    Preview { index: u8, bytes: Vec<u8> },
    Image(Reply),
    Refused(Refusal),
    Nothing,
}

/// Follows a stream to its image.
///
/// # Errors
/// What ended it without one.
pub(super) async fn follow(
    upstream: &Upstream,
    mut answer: Answer,
    events: &EventSink,
    (wanted, desk): (&Wanted, &Desk),
) -> Result<Reply, Fault> {
    let (mut parser, mut received) = (Events::default(), 0);
    let place = answer.place().to_owned();
    let broken = |error: Broken| broken_off(&error, &place, Asked::Image);
    while let Some(piece) = answer.chunk().await.map_err(broken)? {
        received += piece.len();
        if received > LONGEST_ANSWER {
            return Err(broken(Broken::TooLarge(LONGEST_ANSWER)));
        }
        for event in parser.take(&piece) {
            match desk.work(move || read(&event)).await? {
                Told::Preview { index, bytes } => show(events, index, bytes, (wanted, desk)).await?,
                Told::Image(reply) => return Ok(reply),
                Told::Refused(refusal) => return Err(upstream.fault(&refusal, Asked::Image)),
                Told::Nothing => {}
            }
        }
    }
    let message = "the request reached the engine and its answer broke off";
    Err(Fault::new(FaultClass::UnknownOutcome, message)
        .with_context(format!("{place}: the stream ended without an image")))
}

/// A preview that is no picture is no reason to give up the image.
async fn show(
    events: &EventSink,
    index: u8,
    bytes: Vec<u8>,
    (wanted, desk): (&Wanted, &Desk),
) -> Result<(), Fault> {
    if let Ok(preview) = desk.finish(bytes, *wanted).await? {
        events(EngineEvent::Partial { output: 0, index, bytes: preview.bytes.into() });
    }
    Ok(())
}

fn read(event: &Event) -> Told {
    let Ok(data) = serde_json::from_slice::<Value>(&event.data) else { return Told::Nothing };
    let kind = data.get("type").and_then(Value::as_str).unwrap_or(&event.name);
    let bytes = || data.get("b64_json").and_then(Value::as_str).and_then(decoded);
    if kind == "error" || event.name == "error" || data.get("error").is_some_and(|error| !error.is_null()) {
        return Told::Refused(Refusal::of(&data).unwrap_or_default());
    }
    if kind.ends_with(".partial_image") {
        let index = data.get("partial_image_index").and_then(Value::as_u64).unwrap_or(0);
        let index = u8::try_from(index).unwrap_or(u8::MAX);
        return bytes().map_or(Told::Nothing, |bytes| Told::Preview { index, bytes });
    }
    if kind.ends_with(".completed") {
        let revised_prompt = data.get("revised_prompt").and_then(Value::as_str).map(str::to_owned);
        let url = || data.get("url").and_then(Value::as_str).map(str::to_owned);
        let file = bytes().map(File::Bytes).or_else(|| url().map(File::Url));
        let items =
            file.into_iter().map(|file| Item { file, revised_prompt: revised_prompt.clone() }).collect();
        return Told::Image(Reply { items, usage: data.get("usage").and_then(usage), ..Reply::default() });
    }
    Told::Nothing
}
