//! Pictures as an upstream delivers them: a plain drawing of exactly the asked size, encoded once. A PNG also says in a text chunk
//! which prompt it is for, so that a test can tell whose result it has.

use bytes::Bytes;
use image::{
    DynamicImage, ImageFormat, Rgba, RgbaImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    io::Cursor,
    sync::{Mutex, PoisonError},
};

/// The longest side of a picture, in pixels.
pub const LONGEST_SIDE: u32 = 4096;

/// How many encoded pictures are kept.
const MOST_KEPT: usize = 256;

/// Where a PNG's text may stand: behind its signature and its header.
const AFTER_HEADER: usize = 33;

/// The keyword of the text chunk with the prompt.
pub const KEYWORD: &str = "prompt";

/// How a picture is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP, lossless.
    Webp,
}

impl Format {
    /// By its name in `output_format`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "png" => Some(Self::Png),
            "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }

    /// Its name in `output_format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// Its media type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// Which picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Drawing {
    /// Its width and height in pixels.
    pub size: (u32, u32),
    /// How it is encoded.
    pub format: Format,
    /// Which of several that look different.
    pub tone: u8,
    /// Whether its ground is transparent.
    pub clear: bool,
}

/// Pictures that were encoded before.
#[derive(Debug, Default)]
pub struct Pictures {
    kept: Mutex<HashMap<Drawing, Bytes>>,
}

impl Pictures {
    /// The encoded picture. None when it is larger than any upstream draws.
    pub fn get(&self, drawing: Drawing) -> Option<Bytes> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&drawing) {
            return Some(known.clone());
        }
        let bytes = Bytes::from(encode(drawing)?);
        if kept.len() == MOST_KEPT {
            kept.clear();
        }
        kept.insert(drawing, bytes.clone());
        Some(bytes)
    }

    /// The same for this prompt.
    pub fn signed(&self, drawing: Drawing, prompt: &str) -> Option<Bytes> {
        let bytes = self.get(drawing)?;
        Some(if drawing.format == Format::Png { with_text(&bytes, prompt) } else { bytes })
    }
}

fn encode(drawing: Drawing) -> Option<Vec<u8>> {
    let (width, height) = drawing.size;
    if width == 0 || height == 0 || width.max(height) > LONGEST_SIDE {
        return None;
    }
    let ground = if drawing.clear { Rgba([0, 0, 0, 0]) } else { Rgba([40, 72, drawing.tone, 255]) };
    let ink = Rgba([224, 160, drawing.tone.wrapping_mul(40), 255]);
    let inside = |at: u32, side: u32| at >= side / 4 && at < side - side / 4;
    let picture =
        RgbaImage::from_fn(
            width,
            height,
            |x, y| {
                if inside(x, width) && inside(y, height) { ink } else { ground }
            },
        );
    let picture = DynamicImage::ImageRgba8(picture);
    let picture = if drawing.clear { picture } else { picture.to_rgb8().into() };
    let mut file = Cursor::new(Vec::new());
    match drawing.format {
        // It is done once for each size, and then sent thousands of times.
        Format::Png => picture.write_with_encoder(PngEncoder::new_with_quality(
            &mut file,
            CompressionType::Best,
            FilterType::NoFilter,
        )),
        Format::Jpeg => picture.to_rgb8().write_to(&mut file, ImageFormat::Jpeg),
        Format::Webp => picture.write_to(&mut file, ImageFormat::WebP),
    }
    .ok()?;
    Some(file.into_inner())
}

/// A PNG with one more text chunk. Only Latin-1 may stand in it, so everything else is written as `?`.
fn with_text(png: &Bytes, text: &str) -> Bytes {
    let mut chunk = b"tEXt".to_vec();
    chunk.extend_from_slice(KEYWORD.as_bytes());
    chunk.push(0);
    chunk.extend(text.chars().take(2000).map(|letter| u8::try_from(letter).unwrap_or(b'?').max(b' ')));
    let length = u32::try_from(chunk.len() - 4).unwrap_or(0);
    let (before, after) = png.split_at(AFTER_HEADER.min(png.len()));
    let crc = crc32fast::hash(&chunk).to_be_bytes();
    [before, &length.to_be_bytes(), &chunk, &crc, after].concat().into()
}
