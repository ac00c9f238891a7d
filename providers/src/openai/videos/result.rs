//! Bringing a finished video home: from the upstream's own route, or from the address that it names.

use super::{
    super::{
        engine::Desk,
        error::Asked,
        upstream::{Upstream, broken_off},
    },
    Handle, unusable,
};
use crate::{
    outbound::{Broken, Place},
    studio::film::{self, Footage},
};
use atelier_domain::{
    engine::{Call, Companion, Output, Polled, Task},
    fault::{Fault, FaultClass},
    media::Variant,
    size::Size,
};
use serde_json::Value;
use std::sync::Arc;

/// The longest file: minutes at a bit rate that nobody uses.
const LONGEST_FILE: usize = 512 << 20;

/// Gets the file. While it cannot be had, the job is polled again.
///
/// # Errors
/// What keeps it from being had for now.
pub(super) async fn bring(
    upstream: &Upstream,
    handle: &Handle,
    said: &Value,
    (call, desk): (&Call, &Desk),
) -> Result<Polled, Fault> {
    let has_variant = upstream.dialect.videos.as_ref().is_some_and(|wire| wire.has_variant);
    let path = match handle.path(if has_variant { "/content?variant=video" } else { "/content" }) {
        Ok(path) => path,
        Err(fault) => return Ok(Polled::Failed(fault)),
    };
    let own = upstream.url(&path)?;
    let ((bytes, held), from) = match (get(upstream, own.as_str()).await, named(said)) {
        (Ok(Got::File(file)), _) => (file, "its own route"),
        (Ok(Got::Elsewhere(url)), _) => match get(upstream, &url).await? {
            Got::File(file) => (file, "an address that it named"),
            Got::Elsewhere(_) | Got::Never(_) => return Ok(unusable("a link that leads to a link".into())),
        },
        (Ok(Got::Never(what)), None) => return Ok(unusable(what)),
        // The route is missing or does not have this file: what the object names may.
        (Ok(Got::Never(_)) | Err(_), Some(url)) => match get(upstream, &url).await? {
            Got::File(file) => (file, "an address that it named"),
            Got::Elsewhere(_) => return Ok(unusable("a link that leads to a link".into())),
            Got::Never(what) => return Ok(unusable(what)),
        },
        (Err(fault), None) => return Err(fault),
    };
    let size = match &*call.task {
        Task::Video(spec) => spec.size,
        Task::Image(spec) => spec.size,
    };
    let output = desk.work(move || finished(bytes, size)).await?;
    drop(held);
    Ok(output
        .map_or_else(|what| unusable(format!("from {from}: {what}")), |output| Polled::Done(vec![output])))
}

enum Got {
    File((Vec<u8>, Place)),
    /// Some gateways answer with a link instead of the file.
    Elsewhere(String),
    /// It will not become better.
    Never(String),
}

async fn get(upstream: &Upstream, url: &str) -> Result<Got, Fault> {
    let answer = match upstream.download(url).await {
        Ok(answer) => answer,
        Err(fault) if fault.class == FaultClass::JobLost => return Ok(Got::Never(fault.context)),
        Err(fault) => return Err(fault),
    };
    let place = answer.place().to_owned();
    let (bytes, held) = match answer.read(LONGEST_FILE).await {
        Ok(held) => held.into_parts(),
        Err(broken @ Broken::TooLarge(_)) => {
            return Ok(Got::Never(format!("{place}: {broken}")));
        }
        Err(broken) => return Err(broken_off(&broken, &place, Asked::Look)),
    };
    if bytes.trim_ascii_start().starts_with(b"{") {
        let said = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        return Ok(named(&said).map_or_else(|| Got::Never("JSON instead of a video".into()), Got::Elsewhere));
    }
    Ok(Got::File((bytes, held)))
}

/// The address of the file, wherever an object names it.
fn named(said: &Value) -> Option<String> {
    const PLACES: &[&str] = &[
        "/url",
        "/video_url",
        "/output_url",
        "/result_url",
        "/video/url",
        "/urls/0",
        "/data/0/url",
        "/metadata/url",
        "/content/video_url",
    ];
    let text = |place: &&str| said.pointer(place).and_then(Value::as_str).filter(|url| !url.is_empty());
    PLACES.iter().find_map(text).map(str::to_owned)
}

/// A finished video, with what its file says of itself. One that cannot be decoded here is passed on without stills.
pub(crate) fn finished(bytes: Vec<u8>, asked: Size) -> Result<Output, String> {
    let bytes: Arc<[u8]> = bytes.into();
    let footage = Footage::Bytes(Arc::clone(&bytes));
    let (mime, facts) = match &*bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => {
            let facts =
                film::outline(&footage).map_err(|error| format!("an MP4 that cannot be read: {error}"))?;
            ("video/mp4", Some(facts))
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => ("video/webm", None),
        _ => return Err("the file is no video".into()),
    };
    let companions = film::stills(&footage).map(|(thumbnail, spritesheet)| {
        vec![
            Companion { variant: Variant::Thumbnail, bytes: thumbnail, mime: "image/webp" },
            Companion { variant: Variant::Spritesheet, bytes: spritesheet, mime: "image/jpeg" },
        ]
    });
    let size = facts.map(|facts| Size::new(facts.width, facts.height)).filter(|size| size.pixels() > 0);
    let size = size.unwrap_or(asked);
    Ok(Output {
        bytes: bytes.to_vec(),
        mime,
        width: size.width,
        height: size.height,
        revised_prompt: None,
        companions: companions.unwrap_or_default(),
        seconds: facts.map(|facts| facts.seconds).filter(|seconds| *seconds > 0.0),
        usage: None,
    })
}
