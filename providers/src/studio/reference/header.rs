//! What a picture says about itself before a pixel of it is decoded.

use super::{Trouble, check_size, jpeg, png};
use atelier_domain::size::Size;
use image::{
    ImageDecoder, ImageFormat,
    codecs::{gif::GifDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use std::io::{BufRead, Read, Seek, SeekFrom};

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// PNG; the still of an animated one.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// WebP; the first frame of an animated one.
    Webp,
    /// GIF; its first frame.
    Gif,
}

/// Format, sides as stored, and how it is turned to be seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Its format, as its bytes say.
    pub kind: Kind,
    /// Sides as stored, within the bounds.
    pub stored: Size,
    /// How it is to be seen.
    pub orientation: Orientation,
}

impl Header {
    /// Sides as it is shown.
    pub fn shown(&self) -> Size {
        super::Turn::from(self.orientation).stored_size(self.stored)
    }
}

/// Bytes that tell the formats apart.
const MAGIC: usize = 16;

/// Reads what comes before the pixels.
pub(super) fn read<R: BufRead + Seek>(reader: &mut R) -> Result<Header, Trouble> {
    let kind = sniff(reader)?;
    let (stored, orientation) = match kind {
        Kind::Png => png::header(reader)?,
        Kind::Jpeg => jpeg::survey(reader)?,
        Kind::Webp => asked(WebPDecoder::new(reader))?,
        Kind::Gif => asked(GifDecoder::new(reader))?,
    };
    check_size(stored).map_err(Trouble::new)?;
    Ok(Header { kind, stored, orientation })
}

fn sniff<R: BufRead + Seek>(reader: &mut R) -> Result<Kind, Trouble> {
    let mut magic = Vec::with_capacity(MAGIC);
    reader
        .by_ref()
        .take(MAGIC as u64)
        .read_to_end(&mut magic)
        .and_then(|_| reader.seek(SeekFrom::Start(0)))
        .map_err(|error| Trouble::damaged(&error))?;
    match image::guess_format(&magic) {
        Ok(ImageFormat::Png) => Ok(Kind::Png),
        Ok(ImageFormat::Jpeg) => Ok(Kind::Jpeg),
        Ok(ImageFormat::WebP) => Ok(Kind::Webp),
        Ok(ImageFormat::Gif) => Ok(Kind::Gif),
        _ => Err(Trouble::new("it is not a PNG, JPEG, WebP or GIF file")),
    }
}

/// An orientation that cannot be read is none: what matters are the pixels.
fn asked<D: ImageDecoder>(decoder: image::ImageResult<D>) -> Result<(Size, Orientation), Trouble> {
    let mut decoder = decoder.map_err(|error| Trouble::damaged(&error))?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    check_size(size).map_err(Trouble::new)?;
    Ok((size, decoder.orientation().unwrap_or(Orientation::NoTransforms)))
}
