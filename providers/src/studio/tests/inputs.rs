//! What strangers upload: every kind of file is read as another library reads it, and what is broken is refused by name.

use super::{
    super::{
        Edit, StudioError,
        reference::{Role, Source},
    },
    album::{Album, encoded, noise, photo, references},
};
use atelier_domain::{
    image::ReferenceUsage,
    reference::{MAX_REFERENCE_PIXELS, Picture},
    size::Size,
};
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageBuffer, ImageEncoder, ImageFormat,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
    metadata::Orientation,
};
use png::{BitDepth, ColorType};

const SIZE: Size = Size::new(37, 23);

fn pixels(picture: &Picture) -> Result<Vec<u8>, StudioError> {
    let source = Source::open(Role::Image(1), picture)?;
    Ok(source.cover(source.size())?.pixels)
}

/// What went wrong with a picture: it must be the picture's fault, and say which one it is.
fn reason(picture: Picture) -> String {
    let good = Album::new();
    let first = good.png("good.png", &photo(8, 8).into());
    let error =
        Edit::read(&references(vec![first, picture], ReferenceUsage::Subject), SIZE, false).unwrap_err();
    assert!(matches!(error, StudioError::Reference { role: Role::Image(2), .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with("reference image 2 cannot be read: "), "{message}");
    message
}

/// A PNG of any kind, with the samples given.
fn raw_png(
    size: Size,
    (color, depth): (ColorType, BitDepth),
    data: &[u8],
    more: impl Fn(&mut png::Info<'_>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut info = png::Info::with_size(size.width, size.height);
    (info.color_type, info.bit_depth) = (color, depth);
    more(&mut info);
    let interlaced = info.interlaced;
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    if interlaced {
        writer.write_chunk(png::chunk::IDAT, data).unwrap();
    } else {
        writer.write_image_data(data).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn every_kind_of_png_is_read_as_another_library_reads_it() {
    use {BitDepth::*, ColorType::*};
    let album = Album::new();
    let kinds = [
        (Grayscale, vec![One, Two, Four, Eight, Sixteen]),
        (GrayscaleAlpha, vec![Eight, Sixteen]),
        (Rgb, vec![Eight, Sixteen]),
        (Rgba, vec![Eight, Sixteen]),
        (Indexed, vec![One, Two, Four, Eight]),
    ];
    let random = noise(SIZE.width, SIZE.height * 4, 7).into_raw();
    for (color, depths) in kinds {
        for depth in depths {
            for clear in [false, true] {
                let line = (color.samples() * depth as usize * SIZE.width as usize).div_ceil(8);
                let data = &random[..line * SIZE.height as usize];
                let bytes = raw_png(SIZE, (color, depth), data, |info| match (color, clear) {
                    (Indexed, _) => {
                        let entries = 1 << depth as usize;
                        info.palette = Some(random[..entries * 3].to_vec().into());
                        info.trns = clear.then(|| random[..entries].to_vec().into());
                    }
                    (Grayscale, true) => info.trns = Some(vec![0, 1].into()),
                    _ => {}
                });
                let theirs = image::load_from_memory(&bytes).unwrap().to_rgba8().into_raw();
                let ours = pixels(&album.keep("p.png", &bytes, SIZE)).unwrap();
                assert!(ours == theirs, "{color:?} {depth:?}, tRNS {clear}");
            }
        }
    }
}

/// The seven passes of Adam7, as (first column, first row, columns apart, rows apart).
const PASSES: [(u32, u32, u32, u32); 7] =
    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

#[test]
fn an_interlaced_png_is_put_together() {
    let album = Album::new();
    for (width, height) in [(37, 23), (1, 1), (3, 5), (8, 8)] {
        let picture = noise(width, height, 3);
        let mut rows = Vec::new();
        for (x, y, dx, dy) in PASSES {
            for down in (y..height).step_by(dy as usize).filter(|_| x < width) {
                rows.push(0);
                rows.extend(
                    (x..width).step_by(dx as usize).flat_map(|across| picture.get_pixel(across, down).0),
                );
            }
        }
        let length = u16::try_from(rows.len()).unwrap();
        let stored =
            [&[0x78, 0x01, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &rows, &[0; 4]].concat();
        let size = Size::new(width, height);
        let bytes = raw_png(size, (ColorType::Rgba, BitDepth::Eight), &stored, |info| info.interlaced = true);
        assert!(pixels(&album.keep("i.png", &bytes, size)).unwrap() == picture.into_raw(), "{size}");
    }
}

#[test]
fn jpeg_webp_and_gif_are_read_as_another_library_reads_them() {
    let album = Album::new();
    let (colors, clear) = (DynamicImage::from(photo(37, 23)), DynamicImage::from(noise(37, 23, 1)));
    let mut cmyk = Vec::new();
    let samples = noise(37, 23, 2).into_raw();
    jpeg_encoder::Encoder::new(&mut cmyk, 90)
        .encode(&samples, 37, 23, jpeg_encoder::ColorType::Cmyk)
        .unwrap();
    let mut progressive = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 90);
    encoder.set_progressive(true);
    encoder.set_restart_interval(3);
    encoder.encode(colors.as_bytes(), 37, 23, jpeg_encoder::ColorType::Rgb).unwrap();
    let files = [
        ("jpeg", encoded(&colors, ImageFormat::Jpeg)),
        ("progressive jpeg", progressive),
        ("cmyk jpeg", cmyk),
        ("grey jpeg", encoded(&colors.to_luma8().into(), ImageFormat::Jpeg)),
        ("webp", encoded(&colors, ImageFormat::WebP)),
        ("webp with alpha", encoded(&clear, ImageFormat::WebP)),
        ("gif", encoded(&colors, ImageFormat::Gif)),
    ];
    for (name, bytes) in files {
        let theirs = image::load_from_memory(&bytes).unwrap().to_rgba8().into_raw();
        assert!(pixels(&album.keep(name, &bytes, SIZE)).unwrap() == theirs, "{name}");
    }
}

#[test]
fn the_first_frame_of_an_animation_stands_for_it() {
    let album = Album::new();
    let frames =
        [photo(37, 23), photo(37, 23)].map(|frame| image::Frame::new(DynamicImage::from(frame).into_rgba8()));
    let mut bytes = Vec::new();
    image::codecs::gif::GifEncoder::new(&mut bytes).encode_frames(frames).unwrap();
    let theirs = image::load_from_memory(&bytes).unwrap().to_rgba8().into_raw();
    assert!(pixels(&album.keep("a.gif", &bytes, SIZE)).unwrap() == theirs);
}

/// The EXIF block that says only how the picture is turned.
fn exif(orientation: Orientation) -> Vec<u8> {
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.extend([orientation.to_exif(), 0, 0, 0, 0, 0, 0]);
    block
}

/// What to do to an upright picture so that this orientation makes it upright again.
fn undone(orientation: Orientation) -> Orientation {
    match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        itself => itself,
    }
}

#[test]
fn all_eight_orientations_give_the_same_upright_picture() {
    let album = Album::new();
    // Blocks of one colour survive JPEG as they are, wherever the camera was held.
    let upright = DynamicImage::from(photo(12, 9)).resize_exact(96, 72, image::imageops::Nearest);
    let target = Size::new(50, 20);
    let mut seen: Vec<(ImageFormat, Vec<u8>)> = Vec::new();
    for orientation in (1..=8).map(|number| Orientation::from_exif(number).unwrap()) {
        let mut stored = upright.clone();
        stored.apply_orientation(undone(orientation));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let mut bytes = Vec::new();
            let (width, height) = stored.dimensions();
            match format {
                ImageFormat::Jpeg => {
                    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
                    encoder.set_exif_metadata(exif(orientation)).unwrap();
                    encoder.write_image(stored.as_bytes(), width, height, ExtendedColorType::Rgb8).unwrap();
                }
                ImageFormat::Png => {
                    let mut encoder = PngEncoder::new(&mut bytes);
                    encoder.set_exif_metadata(exif(orientation)).unwrap();
                    encoder.write_image(stored.as_bytes(), width, height, ExtendedColorType::Rgb8).unwrap();
                }
                _ => {
                    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
                    encoder.set_exif_metadata(exif(orientation)).unwrap();
                    encoder.write_image(stored.as_bytes(), width, height, ExtendedColorType::Rgb8).unwrap();
                }
            }
            let picture = album.keep("turned", &bytes, Size::new(96, 72));
            let source = Source::open(Role::Image(1), &picture).unwrap();
            assert_eq!(source.size(), Size::new(96, 72), "{format:?} {orientation:?}");
            let found = source.cover(target).unwrap().pixels;
            match seen.iter().find(|(other, _)| *other == format) {
                None => seen.push((format, found)),
                Some((ImageFormat::Jpeg, first)) => {
                    let apart = found.iter().zip(first).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                    assert!(apart <= 6, "{orientation:?}: {apart}");
                }
                Some((_, first)) => assert!(found == *first, "{format:?} {orientation:?}"),
            }
        }
    }
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let colors = DynamicImage::from(photo(90, 70));
    let mut progressive = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 90);
    encoder.set_progressive(true);
    encoder.encode(colors.as_bytes(), 90, 70, jpeg_encoder::ColorType::Rgb).unwrap();
    vec![
        ("png", encoded(&colors, ImageFormat::Png)),
        ("jpeg", encoded(&colors, ImageFormat::Jpeg)),
        ("progressive", progressive),
        ("webp", encoded(&colors, ImageFormat::WebP)),
        ("gif", encoded(&colors, ImageFormat::Gif)),
    ]
}

#[test]
fn a_file_that_was_cut_short_is_refused_by_name() {
    let album = Album::new();
    for (name, bytes) in samples() {
        // The last bytes of a PNG and a GIF say only that it ends.
        let whole = bytes.len() - 14;
        for part in 0..=40 {
            let cut = album.keep(name, &bytes[..whole * part / 40], Size::new(90, 70));
            reason(cut);
        }
    }
}

#[test]
fn damaged_files_are_refused_or_read_and_never_end_the_engine() {
    let album = Album::new();
    let mut rng = super::super::drawing::Rng::new(11);
    for (name, bytes) in samples() {
        let mut refused = 0;
        for _ in 0..150 {
            let mut damaged = bytes.clone();
            for _ in 0..=rng.below(6) {
                let reach = if rng.below(2) == 0 { 80 } else { damaged.len() };
                let at = rng.below(reach);
                damaged[at] = rng.next() as u8;
            }
            match pixels(&album.keep(name, &damaged, Size::new(90, 70))) {
                Ok(_) => {}
                Err(StudioError::Reference { .. }) => refused += 1,
                Err(other) => panic!("{name}: {other:?}"),
            }
        }
        assert!(refused > 20, "{name}: {refused}");
    }
}

#[test]
fn what_is_no_picture_is_refused_by_name() {
    let album = Album::new();
    let bmp = [b"BM".as_slice(), &[0; 60]].concat();
    for (name, bytes) in [("empty", &b""[..]), ("text", b"<svg/>"), ("zeros", &[0; 4096]), ("bmp", &bmp)] {
        let message = reason(album.keep(name, bytes, SIZE));
        assert!(message.ends_with("it is not a PNG, JPEG, WebP or GIF file"), "{name}: {message}");
    }
}

#[test]
fn a_header_that_promises_too_much_is_refused_before_anything_is_decoded() {
    let album = Album::new();
    let png = |width, height| {
        let mut bytes = Vec::new();
        png::Encoder::new(&mut bytes, width, height).write_header().unwrap();
        bytes
    };
    let patched = |format, at: usize, sides: &[u8]| {
        let mut bytes = encoded(&photo(90, 70).into(), format);
        bytes[at..at + sides.len()].copy_from_slice(sides);
        bytes
    };
    let jpeg = encoded(&photo(90, 70).into(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap() + 5;
    for (name, bytes) in [
        ("a little too many pixels", png(8000, 8001)),
        ("a side too long", png(65_536, 1)),
        ("as large as there is", png(u32::MAX >> 1, u32::MAX >> 1)),
        ("jpeg", patched(ImageFormat::Jpeg, frame, &[0xff, 0xfe, 0xff, 0xfe])),
        ("gif", patched(ImageFormat::Gif, 6, &[0xff; 4])),
        ("webp", patched(ImageFormat::WebP, 21, &[0xff, 0xff, 0xff, 0x0f])),
    ] {
        let message = reason(album.keep(name, &bytes, SIZE));
        assert!(message.contains(&format!("at most {MAX_REFERENCE_PIXELS} in all")), "{name}: {message}");
    }
    // The largest that is allowed fails only because its pixels are not there.
    let message = reason(album.keep("most", &png(8000, 8000), SIZE));
    assert!(message.contains("cut short or damaged"), "{message}");
}

#[test]
fn a_file_that_is_gone_is_our_fault_and_not_the_pictures() {
    let album = Album::new();
    let mut picture = album.png("p.png", &photo(8, 8).into());
    picture.path = album.path("elsewhere.png");
    let error = Edit::read(&references(vec![picture], ReferenceUsage::Style), SIZE, false).unwrap_err();
    assert!(matches!(error, StudioError::Missing { role: Role::Image(1), .. }), "{error:?}");
}

#[test]
fn sixteen_bits_are_rounded_to_the_nearest_of_eight() {
    let album = Album::new();
    let ramp =
        ImageBuffer::<image::Luma<u16>, _>::from_fn(256, 256, |x, y| image::Luma([(y * 256 + x) as u16]));
    let picture = album.png("ramp.png", &ramp.into());
    let found = pixels(&picture).unwrap();
    for (value, pixel) in (0u16..=u16::MAX).zip(found.chunks(4)) {
        let nearest = (f64::from(value) / 257.0).round() as u8;
        assert_eq!(pixel, [nearest, nearest, nearest, 255], "{value}");
    }
}
