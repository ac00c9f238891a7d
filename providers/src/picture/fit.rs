//! A picture at another size.

use atelier_domain::size::Size;
use image::{DynamicImage, imageops::FilterType};

/// The picture at exactly this size: as large as to cover it, and what is too much cut off evenly, so that nothing is stretched.
pub(super) fn covering(picture: DynamicImage, size: Size) -> DynamicImage {
    if (picture.width(), picture.height()) == (size.width, size.height) {
        return picture;
    }
    // Eight bits are what is written in the end, and a half or a quarter of what 16 bits and floats take.
    let picture = match picture {
        DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => picture,
        other if other.color().has_alpha() => DynamicImage::ImageRgba8(other.into_rgba8()),
        other => DynamicImage::ImageRgb8(other.into_rgb8()),
    };
    let (across, down) = (
        u64::from(picture.width()) * u64::from(size.height),
        u64::from(picture.height()) * u64::from(size.width),
    );
    let part = |length: u64, of: u32| ((length + u64::from(of) / 2) / u64::from(of)).max(1) as u32;
    let (width, height) = if across > down {
        (part(down, size.height), picture.height())
    } else {
        (picture.width(), part(across, size.width))
    };
    let (left, top) = ((picture.width() - width) / 2, (picture.height() - height) / 2);
    let picture = picture.crop_imm(left, top, width, height);
    let shrinks = size.width < width;
    picture.resize_exact(
        size.width,
        size.height,
        if shrinks { FilterType::Lanczos3 } else { FilterType::CatmullRom },
    )
}
