//! Looking at pictures as a stranger would: decoded by another library than the one that may have made them.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;
use std::io::Cursor;

/// The bytes of an item of `data` that came in base64.
#[track_caller]
pub fn bytes_of(item: &Value) -> Vec<u8> {
    STANDARD.decode(item["b64_json"].as_str().unwrap_or_else(|| panic!("no b64_json: {item}"))).unwrap()
}

/// Decodes a picture, which must be in this format and have this size.
#[track_caller]
pub fn decoded(bytes: &[u8], format: ImageFormat, size: (u32, u32)) -> DynamicImage {
    assert_eq!(image::guess_format(bytes).unwrap(), format);
    let picture = image::load_from_memory_with_format(bytes, format).unwrap();
    assert_eq!((picture.width(), picture.height()), size);
    picture
}

/// Whether a picture shows anything at all.
pub fn is_drawn(picture: &DynamicImage) -> bool {
    let pixels = picture.to_rgba8();
    let first = pixels.get_pixel(0, 0);
    pixels.pixels().any(|pixel| pixel != first)
}

/// A picture of many colours, as PNG: another one for another seed.
pub fn drawn(width: u32, height: u32, seed: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let wave = |step: u32| ((x * step + y * (seed + 3)) * (seed * 7 + step) % 251) as u8;
        Rgb([wave(1), wave(2), (x * 255 / width) as u8])
    });
    encoded(&picture.into(), ImageFormat::Png)
}

/// The bytes of a picture in this format.
pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A mask that is opaque but for a rectangle: left, top, right, bottom.
pub fn with_hole(width: u32, height: u32, hole: (u32, u32, u32, u32)) -> Vec<u8> {
    let mask = RgbaImage::from_fn(width, height, |x, y| {
        Rgba([0, 0, 0, if is_within(x, y, hole) { 0 } else { 255 }])
    });
    encoded(&mask.into(), ImageFormat::Png)
}

fn is_within(x: u32, y: u32, (left, top, right, bottom): (u32, u32, u32, u32)) -> bool {
    (left..right).contains(&x) && (top..bottom).contains(&y)
}

/// How many pixels differ inside and outside of a rectangle.
pub fn different(one: &DynamicImage, two: &DynamicImage, hole: (u32, u32, u32, u32)) -> (usize, usize) {
    let (one, two) = (one.to_rgba8(), two.to_rgba8());
    assert_eq!(one.dimensions(), two.dimensions());
    let differ = one.enumerate_pixels().zip(two.pixels()).filter(|((_, _, a), b)| a != b);
    let places: Vec<_> = differ.map(|((x, y, _), _)| is_within(x, y, hole)).collect();
    let inside = places.iter().filter(|inside| **inside).count();
    (inside, places.len() - inside)
}
