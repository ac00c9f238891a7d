//! PNG, decoded row by row: what is held is a row, not a picture. Only an interlaced one, whose rows come in seven rounds,
//! is put together first.

use super::{Trouble, check_size};
use atelier_domain::size::Size;
use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, InterlaceInfo, Limits, Reader, Transformations};
use std::io::{BufRead, Seek};

/// What the decoder may allocate beside the pixels: a few rows and the chunks before them.
const LIMITS: Limits = Limits { bytes: 8 << 20 };

fn decoder<R: BufRead + Seek>(reader: R) -> Decoder<R> {
    let mut decoder = Decoder::new_with_limits(reader, LIMITS);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Not `STRIP_16`: it cuts, and 16-bit samples are rounded here as elsewhere.
    decoder.set_transformations(Transformations::EXPAND);
    decoder
}

/// Sides and orientation.
pub(super) fn header<R: BufRead + Seek>(reader: R) -> Result<(Size, Orientation), Trouble> {
    let mut decoder = decoder(reader);
    let info = decoder.read_header_info().map_err(|error| Trouble::damaged(&error))?;
    let size = Size::new(info.width, info.height);
    check_size(size).map_err(Trouble::new)?;
    let reader = decoder.read_info().map_err(|error| Trouble::damaged(&error))?;
    let exif = reader.info().exif_metadata.as_deref();
    Ok((size, exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)))
}

/// Hands every row to `take`, as 8-bit RGBA.
pub(super) fn rows<R: BufRead + Seek>(
    reader: R,
    size: Size,
    take: &mut dyn FnMut(u32, &[u8]),
) -> Result<(), Trouble> {
    let reader = decoder(reader).read_info().map_err(|error| Trouble::damaged(&error))?;
    let info = reader.info();
    // The still of an animated PNG may be announced smaller than the picture; that is an error, and would be a wrong row.
    let partial =
        info.frame_control.is_some_and(|frame| (frame.width, frame.height) != (size.width, size.height));
    if (info.width, info.height) != (size.width, size.height) || partial {
        return Err(Trouble::damaged(&"the sides are not those of the header"));
    }
    if info.interlaced { interlaced(reader, size, take) } else { straight(reader, size, take) }
}

fn straight<R: BufRead + Seek>(
    mut reader: Reader<R>,
    size: Size,
    take: &mut dyn FnMut(u32, &[u8]),
) -> Result<(), Trouble> {
    let format = reader.output_color_type();
    let mut rgba = Vec::with_capacity(size.width as usize * 4);
    for y in 0..size.height {
        let row = reader.next_row().map_err(|error| Trouble::damaged(&error))?;
        let row = row.ok_or_else(|| Trouble::damaged(&"rows are missing"))?;
        widen(row.data(), format, &mut rgba)?;
        take(y, &rgba);
    }
    // Asks for the row after the last one, which checks the end of the data.
    reader.next_row().map_err(|error| Trouble::damaged(&error))?;
    Ok(())
}

fn interlaced<R: BufRead + Seek>(
    mut reader: Reader<R>,
    size: Size,
    take: &mut dyn FnMut(u32, &[u8]),
) -> Result<(), Trouble> {
    let _alone = super::rows::alone();
    let format = reader.output_color_type();
    let stride = size.width as usize * 4;
    let mut whole = vec![0; stride * size.height as usize];
    let mut rgba = Vec::with_capacity(stride);
    while let Some(row) = reader.next_interlaced_row().map_err(|error| Trouble::damaged(&error))? {
        let InterlaceInfo::Adam7(place) = row.interlace() else {
            return Err(Trouble::damaged(&"a row without its place"));
        };
        widen(row.data(), format, &mut rgba)?;
        png::expand_interlaced_row(&mut whole, stride, &rgba, place, 32);
    }
    for (y, row) in (0..).zip(whole.chunks_exact(stride)) {
        take(y, row);
    }
    Ok(())
}

/// A row of any format as 8-bit RGBA.
fn widen(row: &[u8], (color, depth): (ColorType, BitDepth), rgba: &mut Vec<u8>) -> Result<(), Trouble> {
    rgba.clear();
    let wide = depth == BitDepth::Sixteen;
    if !wide && depth != BitDepth::Eight {
        return Err(Trouble::damaged(&"samples that were not expanded"));
    }
    // 65535 is 255 times 257: the nearest of the 256 levels.
    let narrow = |high: u8, low: u8| ((u32::from(u16::from_be_bytes([high, low])) + 128) / 257) as u8;
    match (color, wide) {
        (ColorType::Rgba, false) => rgba.extend_from_slice(row),
        (ColorType::Rgb, false) => {
            rgba.extend(row.as_chunks().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]))
        }
        (ColorType::Grayscale, false) => rgba.extend(row.iter().flat_map(|v| [*v, *v, *v, 255])),
        (ColorType::GrayscaleAlpha, false) => {
            rgba.extend(row.as_chunks().0.iter().flat_map(|[v, a]| [*v, *v, *v, *a]));
        }
        (ColorType::Rgba, true) => {
            rgba.extend(row.as_chunks().0.iter().map(|[high, low]| narrow(*high, *low)));
        }
        (ColorType::Rgb, true) => rgba.extend(
            row.as_chunks()
                .0
                .iter()
                .flat_map(|[r, s, g, h, b, c]| [narrow(*r, *s), narrow(*g, *h), narrow(*b, *c), 255]),
        ),
        (ColorType::Grayscale, true) => rgba.extend(row.as_chunks().0.iter().flat_map(|[high, low]| {
            let v = narrow(*high, *low);
            [v, v, v, 255]
        })),
        (ColorType::GrayscaleAlpha, true) => {
            rgba.extend(row.as_chunks().0.iter().flat_map(|[high, low, a, b]| {
                let v = narrow(*high, *low);
                [v, v, v, narrow(*a, *b)]
            }));
        }
        (ColorType::Indexed, _) => return Err(Trouble::damaged(&"a palette that was not expanded")),
    }
    Ok(())
}
