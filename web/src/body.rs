//! Reading bodies: bounded in length and in time, with the connection left clean when a bound is met.

use crate::{fields::Fields, problem::Problem};
use actix_web::web;
use atelier_domain::code::Code;
use futures_util::StreamExt;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long a client may be silent in the middle of a body.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long any body may take, and how many bytes a second a longer one must bring.
const SHORTEST: Duration = Duration::from_secs(60);
const SLOWEST: usize = 128 << 10;

/// Bodies longer than this are large.
const LARGE: usize = 1 << 20;

/// How many large bodies are read at once; others wait for their turn.
static LARGE_BODIES: Semaphore = Semaphore::const_new(8);

/// The most values that one body may hold.
const MOST_VALUES: usize = 100_000;

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
    if values(bytes) > MOST_VALUES {
        return Err(Problem::new(Code::BadBody, format!("the body holds more than {MOST_VALUES} values")));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(Fields::new(map)),
        Ok(_) => Err(Problem::new(Code::BadBody, "the body must be a JSON object")),
        Err(error) => Err(Problem::new(Code::BadBody, format!("the body is not valid JSON: {error}"))),
    }
}

/// At most how many values a JSON text holds. A parsed value takes many times the two bytes that it may have as text.
fn values(bytes: &[u8]) -> usize {
    let (mut count, mut quoted, mut escaped) = (1, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// Reads a body within its limits of length and time. Large bodies are read a few at a time.
async fn read(payload: web::Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let allowed = SHORTEST + Duration::from_secs((limit / SLOWEST) as u64);
    let late = || Problem::new(Code::BodyTimeout, "the body did not arrive in time");
    tokio::time::timeout(allowed, collect(payload, limit)).await.map_err(|_| late())?
}

async fn collect(mut payload: web::Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut turn = None;
    while let Some(chunk) = next(&mut payload).await? {
        if bytes.len() + chunk.len() > limit {
            drop(bytes);
            drain(payload, limit).await;
            return Err(Problem::new(
                Code::BodyTooLarge,
                format!("the body is longer than {}, the limit", size(limit)),
            ));
        }
        if turn.is_none() && bytes.len() + chunk.len() > LARGE {
            turn = LARGE_BODIES.acquire().await.ok();
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn size(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
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

/// Reads on for as much again, so that the client gets to read the answer.
async fn drain(mut payload: web::Payload, limit: usize) {
    let mut left = limit.max(LARGE);
    while let Ok(Some(chunk)) = next(&mut payload).await {
        let Some(rest) = left.checked_sub(chunk.len()) else { return };
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_text_cannot_become_a_large_tree() {
        assert_eq!(values(br#"{"a":[1,2,3],"b":"x,[{\",","c":{}}"#), 8);
        let bomb = format!("{{\"prompt\":\"x\",\"junk\":[{}0]}}", "0,".repeat(MOST_VALUES));
        assert!(parse(bomb.as_bytes()).is_err());
        assert!(parse(br#"{"prompt":"[,,,,,,{{{{"}"#).is_ok());
    }

    #[test]
    fn limits_are_told_in_a_unit_that_is_not_zero() {
        assert_eq!((size(64 << 20).as_str(), size(16 << 10).as_str()), ("64 MiB", "16 KiB"));
    }
}
