//! What a file is, and how large: by its bytes, whatever anybody says about it. A file that ends too early is none.

use super::{MAX_REFERENCE_PIXELS, PictureError};
use atelier_domain::{image::OutputFormat, size::Size};
use image::{ImageDecoder, ImageReader, metadata::Orientation};
use std::io::Cursor;

/// Bytes of an SVG that are looked at for its size.
const SVG_HEAD: usize = 4096;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
    /// Shapes.
    Svg,
}

impl Kind {
    /// What a file of this format is.
    pub const fn of(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Png => Self::Png,
            OutputFormat::Jpeg => Self::Jpeg,
            OutputFormat::Webp => Self::Webp,
            OutputFormat::Gif => Self::Gif,
            OutputFormat::Svg => Self::Svg,
        }
    }
}

/// Kind and size of a file; an SVG may not say its size.
///
/// # Errors
/// [`PictureError::Unknown`], [`PictureError::TooLarge`], [`PictureError::Damaged`].
pub(crate) fn probe(bytes: &[u8]) -> Result<(Kind, Option<Size>), PictureError> {
    let (kind, ends) = match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => (Kind::Png, has(bytes, b"IEND")),
        [0xff, 0xd8, 0xff, ..] => (Kind::Jpeg, has(bytes, &[0xff, 0xd9])),
        [b'R', b'I', b'F', b'F', a, b, c, d, b'W', b'E', b'B', b'P', ..] => {
            let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d])) + 8;
            (Kind::Webp, bytes.len() as u64 >= length)
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => (Kind::Gif, has(bytes, b";")),
        _ => return svg(bytes),
    };
    if !ends {
        return Err(PictureError::Damaged("it is cut off".into()));
    }
    let damaged = |error: &dyn std::fmt::Display| PictureError::Damaged(error.to_string());
    let reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| damaged(&error))?;
    let mut decoder = reader.into_decoder().map_err(|error| damaged(&error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::Damaged("it has no pixels".into()));
    }
    if u64::from(width) * u64::from(height) > MAX_REFERENCE_PIXELS {
        return Err(PictureError::TooLarge(width, height));
    }
    let lies = matches!(
        decoder.orientation(),
        Ok(Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH)
    );
    Ok((kind, Some(if lies { Size::new(height, width) } else { Size::new(width, height) })))
}

/// Whether the end of the file holds these bytes. Some writers pad after them.
fn has(bytes: &[u8], end: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(64)..];
    tail.windows(end.len()).any(|window| window == end)
}

fn svg(bytes: &[u8]) -> Result<(Kind, Option<Size>), PictureError> {
    let unknown = PictureError::Unknown("neither PNG, JPEG, WebP, GIF nor SVG");
    let head = bytes.get(..SVG_HEAD).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let starts = ["<?xml", "<!--", "<!DOCTYPE svg", "<svg"].iter().any(|start| head.starts_with(start));
    let root = head.find("<svg").filter(|_| starts).and_then(|at| head[at..].split('>').next());
    let Some(root) = root else { return Err(unknown) };
    if !String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(64)..]).contains("</svg>") {
        return Err(PictureError::Damaged("it is cut off".into()));
    }
    let size = match (number(root, "width"), number(root, "height")) {
        (Some(width), Some(height)) => Some(Size::new(width, height)),
        _ => None,
    };
    Ok((Kind::Svg, size))
}

/// A plain number of pixels in an attribute.
fn number(root: &str, name: &str) -> Option<u32> {
    let value = root.split(&format!(" {name}=")[..]).nth(1)?;
    let value = value.strip_prefix(['"', '\''])?.split(['"', '\'']).next()?;
    let pixels: f64 = value.trim_end_matches("px").parse().ok()?;
    (1.0..=65_535.0).contains(&pixels).then_some(pixels.round() as u32)
}
