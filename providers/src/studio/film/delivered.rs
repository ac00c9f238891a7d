//! Films that other engines have made, as outputs: looked at, never made anew.

use super::{Footage, outline, stills};
use atelier_domain::{
    engine::{Companion, Output},
    media::Variant,
    size::Size,
};
use std::sync::Arc;

/// A finished video, with what its file says of itself. One that cannot be decoded here is passed on without stills.
///
/// # Errors
/// Why it is no video, for the log.
pub fn delivered(bytes: Vec<u8>, asked: Size) -> Result<Output, String> {
    let bytes: Arc<[u8]> = bytes.into();
    let footage = Footage::Bytes(Arc::clone(&bytes));
    let (mime, facts) = match &*bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => {
            let facts = outline(&footage).map_err(|error| format!("an MP4 that cannot be read: {error}"))?;
            ("video/mp4", Some(facts))
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => ("video/webm", None),
        _ => return Err("the file is no video".into()),
    };
    let companions = stills(&footage).map(|(thumbnail, spritesheet)| {
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
