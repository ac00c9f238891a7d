//! Reading bodies: bounded in length and in time, with the connection left clean when a bound is met.

use crate::{fields::Fields, problem::Problem};
use actix_web::web;
use atelier_domain::code::Code;
use futures_util::StreamExt;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a client may be silent in the middle of a body.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of a body that is too long is read and thrown away, so that the client gets to read the answer.
const DRAINED: usize = 64 << 20;

/// Reads a JSON object.
pub async fn json_object(payload: web::Payload, limit: usize) -> Result<Fields, Problem> {
    parse(&read(payload, limit).await?)
}

/// Reads a JSON object, or nothing, which says as much as an empty one.
pub async fn json_object_or_empty(payload: web::Payload, limit: usize) -> Result<Fields, Problem> {
    let bytes = read(payload, limit).await?;
    if bytes.trim_ascii().is_empty() { Ok(Fields::new(Map::new())) } else { parse(&bytes) }
}

fn parse(bytes: &[u8]) -> Result<Fields, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(Fields::new(map)),
        Ok(_) => Err(Problem::new(Code::BadBody, "the body must be a JSON object")),
        Err(error) => Err(Problem::new(Code::BadBody, format!("the body is not valid JSON: {error}"))),
    }
}

async fn read(mut payload: web::Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = next(&mut payload).await? {
        if bytes.len() + chunk.len() > limit {
            drain(payload).await;
            let message = format!("the body is longer than {} MiB, the limit", limit >> 20);
            return Err(Problem::new(Code::BodyTooLarge, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn next(payload: &mut web::Payload) -> Result<Option<web::Bytes>, Problem> {
    match tokio::time::timeout(PATIENCE, payload.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(error))) => {
            Err(Problem::new(Code::BadBody, format!("the body could not be read: {error}")))
        }
        Err(_) => Err(Problem::new(Code::BodyTimeout, "the body stopped arriving")),
    }
}

async fn drain(mut payload: web::Payload) {
    let mut left = DRAINED;
    while let Ok(Some(chunk)) = next(&mut payload).await {
        let Some(rest) = left.checked_sub(chunk.len()) else { return };
        left = rest;
    }
}
