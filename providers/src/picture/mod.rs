//! Pictures of other engines, made into what was asked for: another size, another file format. A picture that fits already is
//! passed on byte for byte, with whatever its maker wrote into it; one that is made anew keeps its pixels and nothing else.
//!
//! Everything here is a pure function of bytes. It takes time: callers run it where blocking is allowed.

mod encode;
mod fit;
mod probe;
#[cfg(test)]
mod tests;

pub(crate) use probe::{Kind, probe};

use atelier_domain::{
    image::{Animation, OutputFormat},
    reference::MAX_REFERENCE_PIXELS,
    size::Size,
};
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use std::io::Cursor;

/// Memory that one decoder may take, in bytes: four channels of 16 bits of the largest picture.
const DECODER_MEMORY: u64 = MAX_REFERENCE_PIXELS * 8;

/// Why a picture is none, or cannot be made into what was asked. The text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PictureError {
    /// The bytes are no picture that is known here.
    #[error("the bytes are no picture: {0}")]
    Unknown(&'static str),
    /// It is larger than anything that was asked for.
    #[error("the picture has {0}x{1} pixels, which is more than is read")]
    TooLarge(u32, u32),
    /// It cannot be decoded.
    #[error("the picture cannot be decoded: {0}")]
    Damaged(String),
    /// Nobody makes shapes of pixels.
    #[error("a picture of pixels was asked for as SVG, or the reverse")]
    OtherNature,
    /// It cannot be written.
    #[error("the picture cannot be encoded: {0}")]
    Encode(String),
}

/// What a picture should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its exact size.
    pub size: Size,
    /// Its file format.
    pub format: OutputFormat,
    /// 0–100 for JPEG; none for the best. Nothing else has a choice here.
    pub compression: Option<u8>,
    /// Whether a file of the right format and size was already made with that compression.
    pub compressed: bool,
    /// How long each frame of an animation shows.
    pub animation: Option<Animation>,
}

/// A picture as it was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub mime: &'static str,
    /// Its size; that of an SVG is what it says of itself.
    pub size: Size,
}

/// Whether a file is what was wanted, byte for byte: [`finish`] passes it on then.
pub(crate) fn fits(bytes: &[u8], wanted: &Wanted) -> bool {
    probe(bytes).is_ok_and(|(kind, size)| is_wanted(kind, size, wanted))
}

fn is_wanted(kind: Kind, size: Option<Size>, wanted: &Wanted) -> bool {
    let right_pressure = wanted.compressed || kind != Kind::Jpeg || wanted.compression.is_none();
    kind == Kind::of(wanted.format) && right_pressure && (kind == Kind::Svg || size == Some(wanted.size))
}

/// Makes of a file what was wanted.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn finish(bytes: Vec<u8>, wanted: &Wanted) -> Result<Finished, PictureError> {
    let (kind, size) = probe(&bytes)?;
    let mime = wanted.format.mime();
    match kind {
        _ if is_wanted(kind, size, wanted) => Ok(Finished { bytes, mime, size: size.unwrap_or(wanted.size) }),
        Kind::Svg => Err(PictureError::OtherNature),
        _ if wanted.format == OutputFormat::Svg => Err(PictureError::OtherNature),
        Kind::Gif if wanted.format == OutputFormat::Gif => {
            let bytes = encode::refit_animation(&bytes, wanted)?;
            Ok(Finished { bytes, mime, size: wanted.size })
        }
        _ => {
            let picture = fit::covering(decode(&bytes)?, wanted.size);
            let bytes = encode::still(&picture, wanted)?;
            Ok(Finished { bytes, mime, size: wanted.size })
        }
    }
}

/// A picture that a film begins with, at exactly the film's size, as PNG.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn first_frame(bytes: &[u8], size: Size) -> Result<Vec<u8>, PictureError> {
    probe(bytes)?;
    let picture = fit::covering(decode(bytes)?, size);
    encode::png(&DynamicImage::ImageRgb8(encode::on_white(&picture)))
}

/// A picture for an upstream that takes PNG, JPEG and WebP of at most so many bytes: one that fits is passed on as it is, another
/// becomes a JPEG, smaller if it must be.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn within(bytes: Vec<u8>, most: usize) -> Result<(Vec<u8>, &'static str), PictureError> {
    let (kind, _) = probe(&bytes)?;
    let mime = match kind {
        Kind::Png => "image/png",
        Kind::Jpeg => "image/jpeg",
        Kind::Webp => "image/webp",
        Kind::Gif => "",
        Kind::Svg => return Err(PictureError::OtherNature),
    };
    if !mime.is_empty() && bytes.len() <= most {
        return Ok((bytes, mime));
    }
    let mut picture = decode(&bytes)?;
    for side in [u32::MAX, 3072, 2048, 1536, 1024] {
        if picture.width().max(picture.height()) > side {
            picture = picture.resize(side, side, image::imageops::FilterType::Lanczos3);
        }
        let file = encode::jpeg(&picture, 90)?;
        if file.len() <= most {
            return Ok((file, "image/jpeg"));
        }
    }
    Err(PictureError::Encode("it is too large however small it is made".into()))
}

/// A mask whose alpha says where to paint, as one whose white says it.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn white_mask(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    probe(bytes)?;
    let mut mask = decode(bytes)?.into_luma_alpha8();
    for pixel in mask.pixels_mut() {
        let [_, alpha] = pixel.0;
        pixel.0 = [255 - alpha, 255];
    }
    encode::png(&DynamicImage::ImageLuma8(DynamicImage::ImageLumaA8(mask).into_luma8()))
}

/// The pixels of a file, the way up that it says.
fn decode(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let damaged = |error: &dyn std::fmt::Display| PictureError::Damaged(error.to_string());
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_MEMORY);
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| damaged(&error))?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| damaged(&error))?;
    let orientation = decoder.orientation().map_err(|error| damaged(&error))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| damaged(&error))?;
    picture.apply_orientation(orientation);
    Ok(picture)
}
