//! JPEG. Its segments are walked once without decoding: its sides, its orientation, and whether its end is there. The decoder
//! itself fills what is missing with grey, which must not pass for a picture. It gives the picture as a whole: 3 bytes per
//! pixel, and up to 6 more for the coefficients of a progressive one.

use super::{Trouble, check_size, rows::alone};
use atelier_domain::{reference::MAX_REFERENCE_SIDE, size::Size};
use image::metadata::Orientation;
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
};
use zune_core::{
    bytestream::{ZByteReaderTrait, ZCursor},
    colorspace::ColorSpace,
    options::DecoderOptions,
};
use zune_jpeg::JpegDecoder;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const EXIF: u8 = 0xe1;

/// Walks a whole file.
pub(super) fn survey(reader: &mut impl BufRead) -> Result<(Size, Orientation), Trouble> {
    let (mut size, mut orientation) = (None, Orientation::NoTransforms);
    if marker(reader)? != START {
        return Err(Trouble::damaged(&"no start of image"));
    }
    let mut next = marker(reader)?;
    loop {
        match next {
            END => {
                let size = size.ok_or_else(|| Trouble::damaged(&"no frame header"))?;
                return Ok((size, orientation));
            }
            // These stand alone.
            0x01 | 0xd0..=0xd7 => {}
            // All kinds of frames: what shares their range are Huffman tables, extensions and arithmetic tables.
            kind @ 0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let segment = segment(reader)?;
                let [depth, h1, h0, w1, w0, ..] = segment[..] else {
                    return Err(Trouble::damaged(&"a frame header is too short"));
                };
                if depth != 8 {
                    return Err(Trouble::new(
                        "it is a JPEG of more than 8 bits to a channel, which is not read",
                    ));
                }
                let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
                let found = Size::new(side(w1, w0), side(h1, h0));
                check_size(found).map_err(Trouble::new)?;
                size = size.or(Some(found));
            }
            EXIF => {
                let segment = segment(reader)?;
                let block = segment.strip_prefix(b"Exif\0\0");
                orientation = block.and_then(Orientation::from_exif_chunk).unwrap_or(orientation);
            }
            SCAN => {
                segment(reader)?;
                next = skip_scan(reader)?;
                continue;
            }
            _ => {
                segment(reader)?;
            }
        }
        next = marker(reader)?;
    }
}

/// Files up to this length are read before they are decoded, which is twice as fast as decoding them as they are read.
const READ_AHEAD: u64 = 8 << 20;

/// Hands every row to `take`, as 8-bit RGBA.
pub(super) fn rows(
    mut reader: BufReader<File>,
    size: Size,
    take: &mut dyn FnMut(u32, &[u8]),
) -> Result<(), Trouble> {
    let length = reader.get_ref().metadata().map_err(|error| Trouble::damaged(&error))?.len();
    if length > READ_AHEAD {
        return decode(reader, size, take);
    }
    let mut bytes = Vec::new();
    reader.by_ref().take(READ_AHEAD).read_to_end(&mut bytes).map_err(|error| Trouble::damaged(&error))?;
    decode(ZCursor::new(bytes), size, take)
}

fn decode<R: ZByteReaderTrait>(
    reader: R,
    size: Size,
    take: &mut dyn FnMut(u32, &[u8]),
) -> Result<(), Trouble> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(MAX_REFERENCE_SIDE as usize)
        .set_max_height(MAX_REFERENCE_SIDE as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let _alone = alone();
    let mut decoder = JpegDecoder::new_with_options(reader, options);
    decoder.decode_headers().map_err(|error| Trouble::damaged(&error))?;
    let sides = (size.width as usize, size.height as usize);
    let mut pixels = vec![0; sides.0 * sides.1 * 3];
    if decoder.dimensions() != Some(sides) || decoder.output_buffer_size() != Some(pixels.len()) {
        return Err(Trouble::damaged(&"the sides are not those of the header"));
    }
    decoder.decode_into(&mut pixels).map_err(|error| Trouble::damaged(&error))?;
    let mut rgba = Vec::with_capacity(sides.0 * 4);
    for (y, row) in (0..).zip(pixels.chunks_exact(sides.0 * 3)) {
        rgba.clear();
        rgba.extend(row.as_chunks().0.iter().flat_map(|[red, green, blue]| [*red, *green, *blue, 255]));
        take(y, &rgba);
    }
    Ok(())
}

fn byte(reader: &mut impl BufRead) -> Result<u8, Trouble> {
    let mut one = [0];
    reader.read_exact(&mut one).map_err(|error| Trouble::damaged(&error))?;
    Ok(one[0])
}

/// The next marker: stray bytes before it are passed over, as decoders do.
fn marker(reader: &mut impl BufRead) -> Result<u8, Trouble> {
    loop {
        while byte(reader)? != 0xff {}
        let mut kind = byte(reader)?;
        while kind == 0xff {
            kind = byte(reader)?;
        }
        if kind != 0 {
            return Ok(kind);
        }
    }
}

/// The body of a segment, at most 64 KiB.
fn segment(reader: &mut impl BufRead) -> Result<Vec<u8>, Trouble> {
    let length = u16::from_be_bytes([byte(reader)?, byte(reader)?]);
    let mut body = Vec::new();
    let body_length = u64::from(length.saturating_sub(2));
    reader.by_ref().take(body_length).read_to_end(&mut body).map_err(|error| Trouble::damaged(&error))?;
    if body.len() as u64 == body_length { Ok(body) } else { Err(Trouble::damaged(&"a segment is cut short")) }
}

/// Passes over the pixels of a scan; says which marker ended it.
fn skip_scan(reader: &mut impl BufRead) -> Result<u8, Trouble> {
    let mut after_ff = false;
    loop {
        let buffer = reader.fill_buf().map_err(|error| Trouble::damaged(&error))?;
        if buffer.is_empty() {
            return Err(Trouble::damaged(&"no end of image"));
        }
        let mut used = buffer.len();
        for (at, &byte) in buffer.iter().enumerate() {
            if after_ff && !matches!(byte, 0 | 0xd0..=0xd7 | 0xff) {
                used = at;
                break;
            }
            after_ff = byte == 0xff;
        }
        let stopped = used < buffer.len();
        reader.consume(used);
        if stopped {
            return byte(reader);
        }
    }
}
