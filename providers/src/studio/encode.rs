//! From a drawing to a file, in the asked format. Every file says what made it.

use super::{
    canvas::{Canvas, on_white},
    drawing::Drawing,
    fonts::FontBook,
    gif::{self, Motion},
    paint::{Composition, StudioError},
    partial, svg,
};
use image::{ExtendedColorType, ImageEncoder, codecs::webp::WebPEncoder};
use jpeg_encoder::{ColorType, SamplingFactor};

/// What files say about themselves, where their format has a place for it.
pub const SOFTWARE: &str = "Atelier studio (drawing engine)";

/// The file to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Lossless, with alpha.
    Png,
    /// On white where the picture is transparent; 0 to 100, where 100 is the best picture.
    Jpeg(u8),
    /// Lossless, with alpha.
    Webp,
    /// Animated, with one bit of alpha.
    Gif(Motion),
    /// The composition as shapes.
    Svg,
}

/// Draws and encodes one picture.
///
/// # Errors
/// [`StudioError`] when the size is illegal or the encoder fails.
pub fn file(drawing: &Drawing, fonts: &FontBook, format: FileFormat) -> Result<Vec<u8>, StudioError> {
    if let FileFormat::Gif(motion) = format {
        return gif::animate(drawing, fonts, motion);
    }
    let composition = Composition::new(drawing, fonts, 0.0)?;
    match format {
        FileFormat::Svg => Ok(svg::write(drawing, &composition, 1.0)?.into_bytes()),
        _ => encode(&composition.paint(drawing), format),
    }
}

/// Draws and encodes preview `index` of `count`: same size, same format, coarser.
///
/// # Errors
/// As [`file()`].
pub fn preview(
    drawing: &Drawing,
    fonts: &FontBook,
    format: FileFormat,
    (index, count): (u8, u8),
) -> Result<Vec<u8>, StudioError> {
    let composition = Composition::new(drawing, fonts, 0.0)?;
    match format {
        FileFormat::Svg => {
            let share = f32::from(index + 1) / f32::from(count + 1);
            Ok(svg::write(drawing, &composition, share.min(0.99))?.into_bytes())
        }
        _ => encode(&partial::paint(&composition, drawing, index, count), format),
    }
}

/// Encodes a painted picture; what has no pixels (SVG) is refused.
///
/// # Errors
/// [`StudioError::Encode`].
pub(super) fn encode(canvas: &Canvas, format: FileFormat) -> Result<Vec<u8>, StudioError> {
    match format {
        FileFormat::Png => png(canvas).map_err(|error| failed("png", &error)),
        FileFormat::Jpeg(quality) => jpeg(canvas, quality),
        FileFormat::Webp => webp(canvas).map_err(|error| failed("webp", &error)),
        FileFormat::Gif(_) => gif::still(canvas),
        FileFormat::Svg => Err(StudioError::Encode { format: "svg", reason: "pixels are not shapes".into() }),
    }
}

fn failed(format: &'static str, error: &dyn std::error::Error) -> StudioError {
    StudioError::Encode { format, reason: error.to_string() }
}

fn png(canvas: &Canvas) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, canvas.width, canvas.height);
    encoder.set_color(if canvas.is_opaque() { png::ColorType::Rgb } else { png::ColorType::Rgba });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.add_text_chunk("Software".into(), SOFTWARE.into())?;
    let mut writer = encoder.write_header()?;
    if canvas.is_opaque() {
        writer.write_image_data(&flat(canvas))?;
    } else {
        writer.write_image_data(&canvas.pixels)?;
    }
    writer.finish()?;
    Ok(bytes)
}

fn jpeg(canvas: &Canvas, quality: u8) -> Result<Vec<u8>, StudioError> {
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    let mut bytes = Vec::new();
    // The encoder counts from 1.
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality.clamp(1, 100));
    encoder.set_sampling_factor(if quality >= 95 {
        SamplingFactor::R_4_4_4
    } else {
        SamplingFactor::R_4_2_0
    });
    let (width, height) = (side(canvas.width), side(canvas.height));
    encoder.encode(&flat(canvas), width, height, ColorType::Rgb).map_err(|error| failed("jpeg", &error))?;
    Ok(commented(bytes))
}

/// Inserts a comment segment after the JFIF header, which must stay first.
fn commented(bytes: Vec<u8>) -> Vec<u8> {
    let [0xff, 0xd8, 0xff, 0xe0, high, low, ..] = bytes[..] else { return bytes };
    let header = 4 + usize::from(u16::from_be_bytes([high, low]));
    let Some((head, tail)) = bytes.split_at_checked(header) else { return bytes };
    let length = (SOFTWARE.len() as u16 + 2).to_be_bytes();
    [head, &[0xff, 0xfe], &length, SOFTWARE.as_bytes(), tail].concat()
}

fn webp(canvas: &Canvas) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder.set_exif_metadata(exif()).map_err(image::ImageError::Unsupported)?;
    let (width, height) = (canvas.width, canvas.height);
    if canvas.is_opaque() {
        encoder.write_image(&flat(canvas), width, height, ExtendedColorType::Rgb8)?;
    } else {
        encoder.write_image(&canvas.pixels, width, height, ExtendedColorType::Rgba8)?;
    }
    Ok(bytes)
}

/// The smallest EXIF block: one directory with one entry, 0x0131 `Software`, as text.
fn exif() -> Vec<u8> {
    let text = [SOFTWARE.as_bytes(), &[0]].concat();
    let mut block = b"II\x2a\0\x08\0\0\0\x01\0\x31\x01\x02\0".to_vec();
    block.extend((text.len() as u32).to_le_bytes());
    block.extend(26u32.to_le_bytes());
    block.extend([0; 4]);
    block.extend(text);
    block
}

/// Three channels: transparent pixels are laid on white.
fn flat(canvas: &Canvas) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(canvas.pixels.len() / 4 * 3);
    for pixel in canvas.pixels.as_chunks::<4>().0 {
        let [red, green, blue, _] = on_white(*pixel);
        rgb.extend([red, green, blue]);
    }
    rgb
}
