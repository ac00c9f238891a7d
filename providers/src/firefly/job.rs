//! A job that was begun: its handle, looks at it, and stopping it. What a look fails to learn ends nothing.

use super::{
    bring,
    refusal::Asked,
    state::State,
    upstream::{Flavour, Request, Upstream},
};
use crate::{
    desk::Desk,
    outbound::{Payload, after_acceptance, no_result},
};
use atelier_domain::{
    engine::{Call, Cancellation, EngineEvent, Polled, UpstreamHandle},
    fault::{Fault, FaultClass},
    time::Millis,
};
use awc::http::Method;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A job that is not found this soon after its submit may not have reached every part of its upstream yet.
const NEWBORN: Duration = Duration::from_secs(30);

/// What a poll needs: all the submits of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handle {
    /// When it was begun.
    pub since: Millis,
    /// Its submits, in order.
    pub parts: Vec<Part>,
}

/// One submit that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Where it is looked at.
    pub poll: String,
    /// Where it is stopped, if it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<String>,
    /// Files that were asked for.
    pub outputs: u32,
}

fn lost(context: impl Into<String>) -> Fault {
    let message = "the engine does not know this job any more; nothing was charged";
    Fault::new(FaultClass::JobLost, message).with_context(context)
}

impl Handle {
    fn read(handle: &UpstreamHandle) -> Result<Self, Fault> {
        Self::deserialize(handle).map_err(|error| lost(format!("a handle that is none: {error}")))
    }
}

/// How one part is doing.
pub(super) enum Stand {
    Pending(Option<u8>, Millis),
    Done(Vec<String>),
    Failed(Fault),
}

/// Looks at one part.
///
/// # Errors
/// What kept it from being learned.
pub(super) async fn stand(upstream: &Upstream, part: &Part, age: Duration) -> Result<Stand, Fault> {
    let Some(url) = upstream.trusted(&part.poll) else {
        return Ok(Stand::Failed(lost("its host is not trusted any more")));
    };
    let note = match upstream.ask_raw(Request::look(&url)).await? {
        Ok(note) => note,
        Err(refusal) => {
            let mut fault = upstream.fault(&refusal, Asked::Look);
            let is_gone = matches!(refusal.status, 404 | 410) || fault.class == FaultClass::JobLost;
            if is_gone && age >= NEWBORN {
                return Ok(Stand::Failed(lost(fault.context)));
            }
            if refusal.is_unsafe() {
                return Ok(Stand::Failed(fault));
            }
            // Whatever else a poll is refused for, the job goes on.
            if matches!(fault.class, FaultClass::NotEntitled | FaultClass::Content | FaultClass::Invalid) {
                fault.class = FaultClass::Overloaded;
            }
            return Err(fault);
        }
    };
    if note.is_page {
        let fault = Fault::new(FaultClass::Network, "the engine's answer cannot be read");
        return Err(fault.with_context("a poll was answered with a page for people"));
    }
    Ok(match State::read(&note.said, &note.headers) {
        State::Pending(progress) => Stand::Pending(progress, upstream.next_look(&note.headers)),
        State::Done(files) => Stand::Done(files),
        State::Failed(refusal) => Stand::Failed(after_acceptance(upstream.fault(&refusal, Asked::Look))),
        State::Lost(what) => {
            let message = format!("the engine {what} the job without a result; nothing was charged");
            Stand::Failed(Fault::new(FaultClass::JobLost, message))
        }
    })
}

/// Looks how a job is doing, and brings its files home when all of it has ended.
///
/// # Errors
/// What kept it from being learned: the job goes on.
pub(super) async fn look(
    upstream: &Upstream,
    handle: &UpstreamHandle,
    call: &Call,
    desk: &Desk,
) -> Result<Polled, Fault> {
    let handle = match Handle::read(handle) {
        Ok(handle) => handle,
        Err(lost) => return Ok(Polled::Failed(lost)),
    };
    let age = upstream.now().since(handle.since);
    let (mut done, mut first_fault) = (Vec::new(), None);
    for (number, part) in handle.parts.iter().enumerate() {
        match stand(upstream, part, age).await? {
            Stand::Pending(progress, poll_at) => {
                let progress = overall(number, progress, handle.parts.len());
                return Ok(Polled::Pending { progress, poll_at });
            }
            Stand::Done(files) => done.push((part, files)),
            Stand::Failed(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    if !done.is_empty() {
        (call.events)(EngineEvent::Made);
    }
    let mut outputs = Vec::new();
    for (part, files) in done {
        match bring::part(upstream, (part, files), age, (call, desk)).await? {
            Ok(more) => outputs.extend(more),
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    if outputs.is_empty() {
        return Ok(Polled::Failed(first_fault.unwrap_or_else(|| no_result("no part has a file".into()))));
    }
    Ok(Polled::Done(outputs))
}

/// Percent of the whole, when `number` of `all` parts have ended and the next is this far.
fn overall(number: usize, progress: Option<u8>, all: usize) -> Option<u8> {
    let known = progress.or((number > 0).then_some(0))?;
    let percent = (number * 100 + usize::from(known)) / all.max(1);
    Some(u8::try_from(percent.min(99)).unwrap_or(99))
}

/// Stops a job as far as its upstream does: the web back end names a way to, which nobody is known to have gone.
pub(super) async fn stop(upstream: &Upstream, handle: &UpstreamHandle) -> Cancellation {
    let Ok(handle) = Handle::read(handle) else { return Cancellation::Forgotten };
    if upstream.flavour != Flavour::Services {
        return Cancellation::Forgotten;
    }
    let mut stopped = !handle.parts.is_empty();
    for part in &handle.parts {
        let url = part.cancel.as_deref().and_then(|url| upstream.trusted(url));
        let Some(url) = url else { return Cancellation::Forgotten };
        let request = Request { method: Method::PUT, payload: Payload::Nothing, ..Request::look(&url) };
        stopped &= upstream.ask(request).await.is_ok();
    }
    if stopped { Cancellation::Stopped } else { Cancellation::Forgotten }
}
