//! Pixels inside of a vector document, as data URIs of bounded size.

use super::{
    canvas::Canvas,
    encode::{FileFormat, encode},
    paint::StudioError,
};
use atelier_domain::size::Size;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The longest side of an embedded picture, in pixels.
const LONGEST: u32 = 1024;
/// Pictures up to this side are enlarged so much that JPEG would show; as PNG they are small enough.
const COARSE: u32 = 128;
/// The JPEG quality of embedded pictures without alpha.
const QUALITY: u8 = 88;

/// A picture as a data URI, made smaller when it is larger than what `share` pictures of one document may be.
pub(super) fn uri(canvas: &Canvas, share: usize) -> Result<String, StudioError> {
    // Sixteen pictures of a quarter of the side weigh as much as one.
    let longest = (LONGEST as f32 / (share.max(1) as f32).sqrt()) as u32;
    let long = canvas.size().long_side().max(1);
    let part = |side: u32| {
        if long <= longest {
            side
        } else {
            (u64::from(side) * u64::from(longest) / u64::from(long)).max(1) as u32
        }
    };
    let small = canvas.resized(Size::new(part(canvas.width), part(canvas.height)));
    let (mime, format) = if small.is_opaque() && small.size().long_side() > COARSE {
        ("image/jpeg", FileFormat::Jpeg(QUALITY))
    } else {
        ("image/png", FileFormat::Png)
    };
    Ok(format!("data:{mime};base64,{}", STANDARD.encode(encode(&small, format)?)))
}
