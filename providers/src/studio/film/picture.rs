//! Pictures that a film begins with: read from whatever was sent, and fitted to the film.

use super::{super::canvas::Canvas, FilmError};
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, imageops};
use std::io::Cursor;

/// The longest side that is read, in pixels.
const MAX_PICTURE_SIDE: u32 = 16_384;
/// Memory that a decoder may take, in bytes.
const MAX_PICTURE_MEMORY: u64 = 512 << 20;

/// Reads a PNG, JPEG, WebP or GIF (its first frame), the way up that it says; transparent pixels lie on white.
///
/// # Errors
/// [`FilmError::Footage`] when it is none of these, damaged or too large.
pub fn read_picture(bytes: &[u8]) -> Result<Canvas, FilmError> {
    let wrong = |context: &dyn std::fmt::Display| {
        let reason = "the picture cannot be read: send a PNG, JPEG, WebP or GIF";
        FilmError::footage(reason, context.to_string())
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_PICTURE_SIDE);
    limits.max_image_height = Some(MAX_PICTURE_SIDE);
    limits.max_alloc = Some(MAX_PICTURE_MEMORY);
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| wrong(&error))?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| wrong(&error))?;
    let orientation = decoder.orientation().map_err(|error| wrong(&error))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| wrong(&error))?;
    picture.apply_orientation(orientation);
    let picture = picture.into_rgba8();
    let mut canvas = Canvas::new(picture.width(), picture.height());
    for (pixel, read) in canvas.pixels.chunks_exact_mut(4).zip(picture.pixels()) {
        let alpha = u32::from(read.0[3]);
        for (channel, value) in pixel.iter_mut().zip(&read.0[..3]) {
            *channel = ((u32::from(*value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
        pixel[3] = 255;
    }
    canvas.mark_opaque();
    Ok(canvas)
}

/// The picture at exactly this size: as large as to cover it, and what is too much cut off evenly.
pub(super) fn covering(picture: &Canvas, width: u32, height: u32) -> Canvas {
    if (picture.width, picture.height) == (width, height) {
        return picture.clone();
    }
    let (across, down) =
        (u64::from(picture.width) * u64::from(height), u64::from(picture.height) * u64::from(width));
    let (part_width, part_height) = if across > down {
        ((down + u64::from(height) / 2) / u64::from(height), u64::from(picture.height))
    } else {
        (u64::from(picture.width), (across + u64::from(width) / 2) / u64::from(width))
    };
    let (part_width, part_height) = (part_width.max(1) as u32, part_height.max(1) as u32);
    let Some(whole) = image::RgbaImage::from_raw(picture.width, picture.height, picture.pixels.clone())
    else {
        return Canvas::new(width, height);
    };
    let (left, top) = ((picture.width - part_width) / 2, (picture.height - part_height) / 2);
    let part = imageops::crop_imm(&whole, left, top, part_width, part_height).to_image();
    let fitted = imageops::resize(&part, width, height, imageops::FilterType::CatmullRom);
    let mut canvas = Canvas::new(width, height);
    canvas.pixels = fitted.into_raw();
    if picture.is_opaque() {
        canvas.mark_opaque();
    }
    canvas
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_picture_is_cut_evenly_and_never_stretched() {
        // Three bands: the middle one is a square, and all that a square film can show.
        let mut wide = Canvas::new(90, 30);
        for (i, pixel) in wide.pixels.chunks_exact_mut(4).enumerate() {
            pixel.copy_from_slice(if (30..60).contains(&(i % 90)) {
                &[255, 255, 255, 255]
            } else {
                &[0, 0, 0, 255]
            });
        }
        let square = covering(&wide, 64, 64);
        let middle = |x: usize| square.pixels[(32 * 64 + x) * 4];
        assert!(middle(2) > 200 && middle(32) == 255 && middle(61) > 200);
        assert_eq!(covering(&wide, 90, 30), wide);
        for (width, height) in [(32, 1920), (1920, 32), (2, 2)] {
            let fitted = covering(&wide, width, height);
            assert_eq!(fitted.pixels.len(), (width * height * 4) as usize);
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        for bytes in [&b""[..], b"GIF89a", b"\x89PNG\r\n\x1a\n\0\0\0", &[0xff; 100]] {
            assert!(matches!(read_picture(bytes), Err(FilmError::Footage { .. })));
        }
    }
}
