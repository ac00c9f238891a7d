//! Taking pictures to the upstream. What is taken there belongs to the account that took it: each attempt does it anew.

use super::{
    refusal::Asked,
    upstream::{Request, Upstream},
};
use crate::{
    desk::Desk,
    outbound::Payload,
    picture::{self, PictureError, Wanted},
};
use atelier_domain::{
    fault::{Fault, FaultClass},
    image::OutputFormat,
    reference::Picture,
    size::Size,
};
use awc::http::Method;
use std::path::Path;

/// The largest file, in bytes.
const LARGEST: usize = 10 << 20;
/// The longest id of an upload, in bytes.
const LONGEST_ID: usize = 256;

/// Takes a reference there; the answer is what it is called there.
///
/// # Errors
/// What kept it from arriving. Nothing was begun by it.
pub(super) async fn reference(upstream: &Upstream, picture: &Picture, desk: &Desk) -> Result<String, Fault> {
    let path = picture.path.clone();
    let made = desk.work(move || picture::within(read(&path)?, LARGEST).map_err(|error| unreadable(&error)));
    let (bytes, mime) = made.await??;
    take(upstream, bytes, mime).await
}

/// Takes a film's first frame there: a JPEG of exactly the film's size, which is all that upstreams are known to accept.
///
/// # Errors
/// As [`reference`].
pub(super) async fn frame(
    upstream: &Upstream,
    picture: &Picture,
    size: Size,
    desk: &Desk,
) -> Result<String, Fault> {
    let path = picture.path.clone();
    let wanted =
        Wanted { size, format: OutputFormat::Jpeg, compression: None, compressed: false, animation: None };
    let made = desk.work(move || picture::finish(read(&path)?, &wanted).map_err(|error| unreadable(&error)));
    take(upstream, made.await??.bytes, "image/jpeg").await
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| {
        let message = "a picture of the request is not there any more; nothing was charged";
        Fault::new(FaultClass::Internal, message).with_context(error.to_string())
    })
}

fn unreadable(error: &PictureError) -> Fault {
    let message = "a picture of the request cannot be read: send a PNG, JPEG, WebP or GIF";
    Fault::new(FaultClass::Invalid, message).with_context(error.to_string())
}

async fn take(upstream: &Upstream, bytes: Vec<u8>, mime: &'static str) -> Result<String, Fault> {
    let url = upstream.url("/v2/storage/image")?;
    let payload = Payload::Bytes(mime, bytes.into());
    let request = Request { method: Method::POST, url: &url, headers: &[], payload, asked: Asked::Upload };
    let note = upstream.ask(request).await?;
    let id = note.said.pointer("/images/0/id").and_then(serde_json::Value::as_str);
    id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID).map(str::to_owned).ok_or_else(|| {
        let message = "the address of the engine answers, but not as an engine does";
        Fault::new(FaultClass::Network, message).with_context("an upload was answered without an id")
    })
}
