//! Videos: a create, polls by its id, and a file to bring home.

mod create;
mod result;
mod state;

pub(super) use create::begin;

use super::{
    dialect::Delete,
    error::{Asked, Refusal},
    upstream::{LONGEST_NOTE, Order, Upstream, no_result},
};
use crate::{
    desk::Desk,
    outbound::{Answer, Payload, after_acceptance},
};
use atelier_domain::{
    engine::{Call, Cancellation, EngineEvent, Polled, UpstreamHandle},
    fault::{Fault, FaultClass},
    time::Millis,
};
use awc::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use state::State;
use std::time::Duration;

/// A video that is not found this soon after its create may not have reached every part of its upstream yet.
const NEWBORN: Duration = Duration::from_secs(30);
/// The longest id of an upstream, in bytes.
const LONGEST_ID: usize = 256;
/// Between which an upstream's own wish for the next poll is granted.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(60);

/// What a poll needs: the upstream's id, which means something to the account that it was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Handle {
    id: String,
    since: Millis,
}

impl Handle {
    fn read(handle: &UpstreamHandle) -> Result<Self, Fault> {
        Self::deserialize(handle).map_err(|error| {
            let message = "the engine does not know this job any more";
            Fault::new(FaultClass::JobLost, message).with_context(format!("a handle that is none: {error}"))
        })
    }

    /// `/videos/{id}`, then `rest`. An id is an upstream's word: it must not lead to another call.
    fn path(&self, rest: &str) -> Result<String, Fault> {
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '~' | '=' | '+');
        let is_plain = !self.id.is_empty() && self.id.len() <= LONGEST_ID && self.id.chars().all(plain);
        if is_plain && self.id != "." && self.id != ".." {
            return Ok(format!("/videos/{}{rest}", self.id));
        }
        let message = "the engine does not know this job any more";
        Err(Fault::new(FaultClass::JobLost, message)
            .with_context("the upstream's id is none that can stand in a path"))
    }
}

fn order(upstream: &Upstream, asked: Asked) -> Order<'static> {
    Order { asked, patience: upstream.config().look_timeout, id: None }
}

/// When to look next: when the upstream says, within reason.
fn next_look(upstream: &Upstream, wish: Option<&str>) -> Millis {
    let wish = wish.and_then(|ms| ms.trim().parse().ok()).map(Duration::from_millis);
    upstream.now() + wish.map_or(upstream.config().poll_every, |wish| wish.clamp(SOONEST, LATEST))
}

/// Looks how a video is doing, and brings it home when it is done.
///
/// # Errors
/// What kept it from being learned: the job goes on.
pub(super) async fn look(
    upstream: &Upstream,
    handle: &UpstreamHandle,
    call: &Call,
    desk: &Desk,
) -> Result<Polled, Fault> {
    let handle = match Handle::read(handle).and_then(|handle| Ok((handle.path("")?, handle))) {
        Ok(handle) => handle,
        Err(lost) => return Ok(Polled::Failed(lost)),
    };
    let (path, handle) = handle;
    let answer = upstream.raw(Method::GET, &path, Payload::Nothing, &order(upstream, Asked::Look)).await?;
    let poll_at = next_look(upstream, answer.header("openai-poll-after-ms"));
    let said = match told(upstream, answer).await? {
        Told::Video(said) => said,
        Told::Refused(fault) => return gone_or_unlearned(fault, upstream.now().since(handle.since)),
    };
    match State::read(&said) {
        State::Pending(progress) => Ok(Polled::Pending { progress, poll_at }),
        State::Failed(refusal) => Ok(Polled::Failed(after_acceptance(upstream.fault(&refusal, Asked::Look)))),
        State::Lost(what) => Ok(Polled::Failed(Fault::new(
            FaultClass::JobLost,
            format!("the engine {what} the job; nothing was charged"),
        ))),
        State::Done => {
            (call.events)(EngineEvent::Made);
            result::bring(upstream, &handle, &said, (call, desk)).await
        }
    }
}

enum Told {
    Video(Value),
    Refused(Fault),
}

/// The body of a poll, before its status: some engines answer for a failed job with the status of its failure.
async fn told(upstream: &Upstream, answer: Answer) -> Result<Told, Fault> {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let held = upstream.body(answer, LONGEST_NOTE, Asked::Look).await?;
    let said = serde_json::from_slice::<Value>(&held).ok().map(unwrapped);
    match said {
        Some(said) if said.get("status").is_some_and(Value::is_string) && said.get("id").is_some() => {
            Ok(Told::Video(said))
        }
        Some(said) if status < 300 && said.get("status").is_some_and(Value::is_string) => {
            Ok(Told::Video(said))
        }
        _ if status < 300 => {
            let fault = Fault::new(FaultClass::Network, "the engine's answer cannot be read");
            Err(fault.with_context("a poll was answered with something that is no video"))
        }
        _ => {
            let refusal = Refusal::read(status, &headers, &held, upstream.now());
            let mut fault = upstream.fault(&refusal, Asked::Look);
            if matches!(status, 404 | 410) {
                fault.class = FaultClass::JobLost;
                "the engine does not know this job any more; nothing was charged"
                    .clone_into(&mut fault.message);
            }
            Ok(Told::Refused(fault))
        }
    }
}

/// Some gateways wrap what they pass on: `{"code":"success","data":{…}}`.
fn unwrapped(said: Value) -> Value {
    match said {
        Value::Object(mut fields)
            if !fields.contains_key("status") && fields.get("data").is_some_and(Value::is_object) =>
        {
            fields.remove("data").unwrap_or_default()
        }
        said => said,
    }
}

fn gone_or_unlearned(fault: Fault, age: Duration) -> Result<Polled, Fault> {
    if fault.class == FaultClass::JobLost && age >= NEWBORN {
        return Ok(Polled::Failed(fault));
    }
    Err(fault)
}

/// Stops a video as far as its upstream does.
pub(super) async fn stop(upstream: &Upstream, handle: &UpstreamHandle) -> Cancellation {
    let Some(wire) = &upstream.dialect.videos else { return Cancellation::Forgotten };
    let Ok(path) = Handle::read(handle).and_then(|handle| handle.path("")) else {
        return Cancellation::Forgotten;
    };
    let deleted = upstream.ask(Method::DELETE, &path, Payload::Nothing, &order(upstream, Asked::Look)).await;
    match (deleted, wire.delete) {
        (Ok(_), Delete::Aborts) => Cancellation::Stopped,
        _ => Cancellation::Forgotten,
    }
}

/// A video that is done, and cannot be had.
fn unusable(context: String) -> Polled {
    Polled::Failed(no_result(context))
}
