//! Portraits: a frame of a video, cut square, for whoever is to be recognised by it.

use super::{
    super::{
        canvas::Canvas,
        encode::{FileFormat, encode},
    },
    FilmError, Footage,
    footage::still,
    picture::covering,
};

/// The side of a portrait, in pixels, at most.
const SIDE: u32 = 512;

/// The frame at a moment, in seconds from the beginning: its square middle, as WebP.
///
/// # Errors
/// [`FilmError::Footage`] when the video cannot be read or decoded.
pub fn portrait(footage: &Footage, at: f64) -> Result<Vec<u8>, FilmError> {
    let frame = still(footage, at)?;
    Ok(encode(&square(&frame), FileFormat::Webp)?)
}

fn square(frame: &Canvas) -> Canvas {
    let side = frame.width.min(frame.height).clamp(2, SIDE);
    covering(frame, side, side)
}
