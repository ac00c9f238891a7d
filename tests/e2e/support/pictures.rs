//! Looking at pictures as a stranger would: decoded by another library than the one that may have made them.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat};
use serde_json::Value;

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
