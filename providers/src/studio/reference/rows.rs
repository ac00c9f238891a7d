//! From a file to rows of 8-bit RGBA. PNG comes row by row; the decoders of the other formats give the whole picture, 3 or 4
//! bytes per pixel, and do so for one picture at a time.

use super::{
    Trouble,
    header::{Header, Kind},
    jpeg, png,
};
use atelier_domain::{
    reference::{MAX_REFERENCE_PIXELS, MAX_REFERENCE_SIDE},
    size::Size,
};
use image::{
    ColorType, ImageDecoder, Limits,
    codecs::{gif::GifDecoder, webp::WebPDecoder},
};
use std::{
    fs::File,
    io::BufReader,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Held while a picture is decoded whole: however many jobs there are, only one such picture is in memory.
static WHOLE: Mutex<()> = Mutex::new(());

/// Waits until no other picture is decoded whole.
pub(super) fn alone() -> MutexGuard<'static, ()> {
    // What it guards is memory, which a panic frees.
    WHOLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands every stored row to `take`, from the top.
pub(super) fn read(file: File, header: &Header, take: &mut dyn FnMut(u32, &[u8])) -> Result<(), Trouble> {
    let reader = BufReader::new(file);
    let stored = header.stored;
    match header.kind {
        Kind::Png => png::rows(reader, stored, take),
        Kind::Jpeg => jpeg::rows(reader, stored, take),
        Kind::Webp => whole(|| WebPDecoder::new(reader), stored, take),
        Kind::Gif => whole(|| GifDecoder::new(reader), stored, take),
    }
}

fn whole<D: ImageDecoder>(
    open: impl FnOnce() -> image::ImageResult<D>,
    stored: Size,
    take: &mut dyn FnMut(u32, &[u8]),
) -> Result<(), Trouble> {
    let _alone = alone();
    let (color, pixels) = decoded(open, stored).map_err(|error| Trouble::damaged(&error))?;
    let channels = usize::from(color.channel_count());
    let mut rgba = Vec::with_capacity(stored.width as usize * 4);
    for (y, row) in (0..).zip(pixels.chunks_exact(stored.width as usize * channels)) {
        rgba.clear();
        match color {
            ColorType::Rgba8 => rgba.extend_from_slice(row),
            ColorType::Rgb8 => rgba.extend(row.as_chunks().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255])),
            other => {
                return Err(Trouble {
                    detail: format!("{other:?}"),
                    ..Trouble::new("its colours are not read here")
                });
            }
        }
        take(y, &rgba);
    }
    Ok(())
}

fn decoded<D: ImageDecoder>(
    open: impl FnOnce() -> image::ImageResult<D>,
    stored: Size,
) -> Result<(ColorType, Vec<u8>), Box<dyn std::error::Error>> {
    let mut decoder = open()?;
    if decoder.dimensions() != (stored.width, stored.height) {
        return Err("the sides are not those of the header".into());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_REFERENCE_SIDE);
    limits.max_image_height = Some(MAX_REFERENCE_SIDE);
    limits.max_alloc = Some(MAX_REFERENCE_PIXELS * 4);
    decoder.set_limits(limits)?;
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes())?];
    let color = decoder.color_type();
    decoder.read_image(&mut pixels)?;
    Ok((color, pixels))
}
