//! Files that other libraries wrote, made into others, and read again.
#![allow(clippy::unwrap_used)]

use super::*;
use image::{ImageFormat, Rgba, RgbaImage};

/// Three bands, of which the middle one is a square; the lower half is half transparent.
fn picture(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, |x, y| {
        let red = if (width / 3..2 * width / 3).contains(&x) { 255 } else { 0 };
        Rgba([red, 0, 255 - red, if y < height / 2 { 255 } else { 128 }])
    }))
}

fn file(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = picture(width, height);
    let picture =
        if format == ImageFormat::Jpeg { DynamicImage::ImageRgb8(picture.to_rgb8()) } else { picture };
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn wanted(width: u32, height: u32, format: OutputFormat) -> Wanted {
    Wanted { size: Size::new(width, height), format, compression: None, compressed: false, animation: None }
}

#[test]
fn what_fits_is_passed_on_untouched() {
    for (format, kind) in [
        (OutputFormat::Png, ImageFormat::Png),
        (OutputFormat::Jpeg, ImageFormat::Jpeg),
        (OutputFormat::Webp, ImageFormat::WebP),
        (OutputFormat::Gif, ImageFormat::Gif),
    ] {
        let bytes = file(48, 32, kind);
        let finished = finish(bytes.clone(), &wanted(48, 32, format)).unwrap();
        assert!(finished.bytes == bytes && finished.mime == format.mime(), "{kind:?} was made anew");
        assert!(fits(&bytes, &wanted(48, 32, format)) && !fits(&bytes[..20], &wanted(48, 32, format)));
    }
    let svg = br#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="64" height="32px"><g/></svg>"#;
    let finished = finish(svg.to_vec(), &wanted(128, 64, OutputFormat::Svg)).unwrap();
    assert_eq!((&finished.bytes[..], finished.size), (&svg[..], Size::new(64, 32)));
}

#[test]
fn every_format_and_size_becomes_every_other() {
    for from in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        for to in [OutputFormat::Png, OutputFormat::Jpeg, OutputFormat::Webp, OutputFormat::Gif] {
            for (width, height) in [(96, 32), (31, 31), (192, 64)] {
                let (bytes, wanted) = (file(96, 32, from), wanted(width, height, to));
                let fits = fits(&bytes, &wanted);
                let finished = finish(bytes.clone(), &wanted).unwrap();
                assert_eq!(fits, finished.bytes == bytes, "{from:?} to {to:?} is work, or is none");
                let read = image::load_from_memory(&finished.bytes).unwrap();
                let found = (Size::new(read.width(), read.height()), probe(&finished.bytes).unwrap().0);
                assert_eq!(found, (Size::new(width, height), Kind::of(to)), "{from:?} to {to:?}");
                assert_eq!(finished.size, Size::new(width, height));
            }
        }
    }
}

#[test]
fn a_picture_of_another_shape_is_cut_evenly_and_not_stretched() {
    let finished = finish(file(90, 30, ImageFormat::Png), &wanted(60, 60, OutputFormat::Png)).unwrap();
    let square = image::load_from_memory(&finished.bytes).unwrap().into_rgba8();
    for x in [4, 30, 55] {
        assert!(square.get_pixel(x, 10).0[0] > 200, "the middle band should be all that is left, at {x}");
    }
    assert!(square.get_pixel(30, 50).0[3] < 140, "alpha was lost");
}

#[test]
fn transparent_pixels_lie_on_white_where_there_is_no_alpha() {
    let finished = finish(file(48, 48, ImageFormat::Png), &wanted(48, 48, OutputFormat::Jpeg)).unwrap();
    let flat = image::load_from_memory(&finished.bytes).unwrap().into_rgb8();
    let [red, green, _] = flat.get_pixel(24, 40).0;
    assert!(red > 245 && (115..140).contains(&green), "{red} {green}");
}

#[test]
fn compression_is_honoured_unless_the_maker_has_done_so() {
    let bytes = file(256, 256, ImageFormat::Jpeg);
    let asked = Wanted { compression: Some(10), ..wanted(256, 256, OutputFormat::Jpeg) };
    let small = finish(bytes.clone(), &asked).unwrap().bytes;
    assert!(small.len() < bytes.len() && small != bytes);
    assert_eq!(finish(bytes.clone(), &Wanted { compressed: true, ..asked }).unwrap().bytes, bytes);
}

#[test]
fn an_animation_stays_one_at_another_size() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for red in [0, 128, 255] {
        let frame = RgbaImage::from_pixel(40, 40, Rgba([red, 0, 0, 255]));
        encoder.encode_frame(image::Frame::new(frame)).unwrap();
    }
    drop(encoder);
    let finished = finish(bytes, &wanted(20, 24, OutputFormat::Gif)).unwrap();
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(&finished.bytes[..]).unwrap();
    let (mut reds, size) = (Vec::new(), (decoder.width(), decoder.height()));
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        reds.push(frame.buffer[0]);
    }
    assert_eq!(size, (20, 24));
    assert!(reds.len() == 3 && reds[0] < 20 && reds[2] > 230, "{reds:?}");
}

#[test]
fn what_is_no_picture_is_refused_however_it_begins() {
    let cut = |format| {
        let bytes = file(64, 64, format);
        bytes[..bytes.len() / 2].to_vec()
    };
    let huge = {
        let mut bytes = file(8, 8, ImageFormat::Png);
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        bytes
    };
    for bytes in [
        Vec::new(),
        b"<!DOCTYPE html><html><body><svg></svg></body></html>".to_vec(),
        b"{\"error\":\"no\"}".to_vec(),
        b"\x89PNG\r\n\x1a\nIEND".to_vec(),
        b"<svg width='8'".to_vec(),
        cut(ImageFormat::Png),
        cut(ImageFormat::Jpeg),
        cut(ImageFormat::WebP),
        cut(ImageFormat::Gif),
        huge,
    ] {
        let outcome = finish(bytes.clone(), &wanted(8, 8, OutputFormat::Png));
        assert!(outcome.is_err(), "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(30)]));
    }
    assert_eq!(
        finish(file(8, 8, ImageFormat::Png), &wanted(8, 8, OutputFormat::Svg)),
        Err(PictureError::OtherNature)
    );
}

#[test]
fn a_mask_of_alpha_becomes_one_of_white() {
    let mut mask = RgbaImage::from_pixel(4, 1, Rgba([9, 9, 9, 255]));
    mask.put_pixel(1, 0, Rgba([9, 9, 9, 0]));
    let mut bytes = Cursor::new(Vec::new());
    mask.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let white = image::load_from_memory(&white_mask(bytes.get_ref()).unwrap()).unwrap();
    assert_eq!(white.color(), image::ColorType::L8);
    assert_eq!(white.into_luma8().into_raw(), [0, 255, 0, 0]);
}

#[test]
fn a_first_frame_has_the_film_s_size_and_no_alpha() {
    let frame =
        image::load_from_memory(&first_frame(&file(90, 30, ImageFormat::Png), Size::new(64, 36)).unwrap());
    let frame = frame.unwrap();
    assert_eq!((frame.width(), frame.height(), frame.color()), (64, 36, image::ColorType::Rgb8));
}

#[test]
fn a_picture_for_an_upstream_stays_as_it_is_while_it_fits_and_is_a_smaller_jpeg_otherwise() {
    for (kind, mime) in [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        let bytes = file(64, 48, kind);
        assert_eq!(within(bytes.clone(), 1 << 20).unwrap(), (bytes, mime));
    }
    let of_gif = within(file(64, 48, ImageFormat::Gif), 1 << 20).unwrap();
    assert_eq!((of_gif.1, probe(&of_gif.0).unwrap().1), ("image/jpeg", Some(Size::new(64, 48))));
    let noise = RgbaImage::from_fn(2400, 1200, |x, y| {
        let grain =
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(2_246_822_519) >> 24;
        Rgba([grain as u8, (grain / 2) as u8, (255 - grain) as u8, 255])
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgba8(noise).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let (small, mime) = within(bytes.into_inner(), 1 << 20).unwrap();
    let size = probe(&small).unwrap().1.unwrap();
    assert!(small.len() <= 1 << 20 && mime == "image/jpeg", "{} bytes of {mime}", small.len());
    assert!(size.width < 2400 && size.width == 2 * size.height, "{size}");
}
