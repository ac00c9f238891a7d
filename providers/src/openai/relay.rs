//! Text requests, passed through as they are.

use super::{
    error::Asked,
    upstream::{Order, Upstream},
};
use crate::outbound::Payload;
use atelier_domain::{
    engine::{RelayCall, Relayed},
    fault::Fault,
};

/// The longest answer, in bytes: images that a model drew within a text are in it.
const LONGEST_ANSWER: u64 = 128 << 20;

/// Passes a request through, to the head of an answer that is none of a refusal.
///
/// # Errors
/// `unknown-outcome` when it left and no answer came; else what the refusal means.
pub(super) async fn pass(upstream: &Upstream, call: RelayCall) -> Result<Relayed, Fault> {
    let order = Order { asked: Asked::Image, patience: upstream.config().answer_timeout, id: None };
    let answer = upstream.post(call.path, Payload::Json(call.body), &order).await?;
    let media_type = answer.header("content-type").unwrap_or("application/json").to_owned();
    Ok(Relayed { status: answer.status(), media_type, body: answer.into_body(LONGEST_ANSWER) })
}
