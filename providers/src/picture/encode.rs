//! From pixels to a file.

use super::{PictureError, Wanted, fit};
use atelier_domain::image::OutputFormat;
use image::{
    AnimationDecoder as _, DynamicImage, Frame, ImageFormat, RgbImage,
    codecs::{
        gif::{GifDecoder, GifEncoder, Repeat},
        png::{CompressionType, FilterType, PngEncoder},
    },
};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use std::io::Cursor;

/// JPEG quality when nobody asks for one.
const JPEG_QUALITY: u8 = 100;
/// Frames of an animation that are read; the API asks for 16 at most.
const MAX_FRAMES: usize = 64;

fn failed(error: &dyn std::fmt::Display) -> PictureError {
    PictureError::Encode(error.to_string())
}

/// A file of one picture.
pub(super) fn still(picture: &DynamicImage, wanted: &Wanted) -> Result<Vec<u8>, PictureError> {
    match wanted.format {
        OutputFormat::Png => png(picture),
        OutputFormat::Jpeg => jpeg(picture, wanted.compression.unwrap_or(JPEG_QUALITY)),
        OutputFormat::Webp => webp(picture),
        OutputFormat::Gif => animation([Ok(Frame::new(picture.to_rgba8()))]),
        OutputFormat::Svg => Err(PictureError::OtherNature),
    }
}

/// The same animation at another size, frame by frame.
pub(super) fn refit_animation(bytes: &[u8], wanted: &Wanted) -> Result<Vec<u8>, PictureError> {
    let damaged = |error: image::ImageError| PictureError::Damaged(error.to_string());
    let frames = GifDecoder::new(Cursor::new(bytes)).map_err(damaged)?.into_frames().take(MAX_FRAMES);
    animation(frames.map(|frame| {
        let frame = frame.map_err(damaged)?;
        let delay = frame.delay();
        let picture = fit::covering(DynamicImage::ImageRgba8(frame.into_buffer()), wanted.size);
        Ok(Frame::from_parts(picture.into_rgba8(), 0, 0, delay))
    }))
}

fn animation(frames: impl IntoIterator<Item = Result<Frame, PictureError>>) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    // The slowest speed learns the palette from every tenth pixel; a photograph bands below it.
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
    encoder.set_repeat(Repeat::Infinite).map_err(|error| failed(&error))?;
    for frame in frames {
        encoder.encode_frame(frame?).map_err(|error| failed(&error))?;
    }
    drop(encoder);
    Ok(bytes)
}

/// A PNG.
pub(super) fn png(picture: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
    picture.write_with_encoder(encoder).map_err(|error| failed(&error))?;
    Ok(bytes)
}

fn webp(picture: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let picture = if picture.color().has_alpha() {
        DynamicImage::ImageRgba8(picture.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(picture.to_rgb8())
    };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::WebP).map_err(|error| failed(&error))?;
    Ok(bytes.into_inner())
}

/// A JPEG; transparent pixels lie on white.
pub(super) fn jpeg(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, PictureError> {
    let flat = on_white(picture);
    let side = |pixels: u32| u16::try_from(pixels).map_err(|error| failed(&error));
    let (width, height) = (side(flat.width())?, side(flat.height())?);
    let mut bytes = Vec::new();
    // The encoder counts from 1.
    let mut encoder = Encoder::new(&mut bytes, quality.clamp(1, 100));
    let sampling = if quality >= 95 { SamplingFactor::R_4_4_4 } else { SamplingFactor::R_4_2_0 };
    encoder.set_sampling_factor(sampling);
    encoder.encode(&flat, width, height, ColorType::Rgb).map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Three channels: transparent pixels lie on white.
pub(super) fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    let mut flat = RgbImage::new(rgba.width(), rgba.height());
    for (pixel, source) in flat.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = source.0.map(u32::from);
        pixel.0 = [red, green, blue].map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    flat
}
