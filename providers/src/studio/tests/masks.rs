//! Edits of a region: what lies outside stays bit for bit, what lies inside is drawn anew.

use super::{
    super::{Edit, StudioError, drawing::Rng, file, preview},
    album::{Album, drawn, noise, photo, references},
    engine::{Bench, rejected, spec},
};
use atelier_domain::{
    engine::Engine,
    fault::FaultClass,
    image::{Background, ImageSpec, InputFidelity, OutputFormat, ReferenceUsage},
    reference::{Picture, References},
    size::Size,
};
use image::{AnimationDecoder, DynamicImage, Rgba, RgbaImage};
use std::sync::Arc;

const USAGES: [ReferenceUsage; 3] =
    [ReferenceUsage::Subject, ReferenceUsage::Composition, ReferenceUsage::Style];

/// Of the pixels that are drawn anew at least this share has another value.
const LEAST_CHANGED: f64 = 0.9;

/// A mask of a few ellipses and bars: 0 inside, 255 outside, with its own colours that must not matter.
fn random_mask(width: u32, height: u32, rng: &mut Rng) -> RgbaImage {
    let mut mask = RgbaImage::from_fn(width, height, |_, _| Rgba([rng.next() as u8, 0, 200, 255]));
    for _ in 0..=rng.below(3) {
        let (x, y) = (rng.range(0.1, 0.9) * width as f32, rng.range(0.1, 0.9) * height as f32);
        let (w, h) = (rng.range(0.08, 0.5) * width as f32, rng.range(0.08, 0.5) * height as f32);
        let round = rng.below(2) == 0;
        for (px, py, pixel) in mask.enumerate_pixels_mut() {
            let (dx, dy) = ((px as f32 - x) / w, (py as f32 - y) / h);
            if if round { dx * dx + dy * dy < 1.0 } else { dx.abs() < 1.0 && dy.abs() < 1.0 } {
                pixel.0[3] = 0;
            }
        }
    }
    mask
}

fn masked(first: Picture, mask: Picture, usage: ReferenceUsage) -> References<Picture> {
    References { mask: Some(mask), ..references(vec![first], usage) }
}

/// The share of freed pixels that changed; panics when any other one did.
fn changed(before: &RgbaImage, after: &RgbaImage, free: impl Fn(u32, u32) -> bool) -> f64 {
    assert_eq!(before.dimensions(), after.dimensions());
    let (mut inside, mut other) = (0u32, 0u32);
    for (x, y, pixel) in before.enumerate_pixels() {
        let now = after.get_pixel(x, y);
        if free(x, y) {
            inside += 1;
            other += u32::from(pixel != now);
        } else {
            assert_eq!(pixel, now, "outside, at {x},{y}");
        }
    }
    f64::from(other) / f64::from(inside.max(1))
}

#[tokio::test]
async fn outside_of_twenty_random_masks_no_bit_changes_and_inside_nearly_all_do() {
    let album = Album::new();
    let bench = Bench::new(0, false);
    let mut rng = Rng::new(2024);
    let drawing = super::drawing("mountains, night", 160, 120);
    let own = file(&drawing, &super::fonts(), super::FileFormat::Png).unwrap();
    let pictures: [DynamicImage; 4] = [
        photo(160, 120).into(),
        noise(160, 120, 5).into(),
        RgbaImage::from_pixel(160, 120, Rgba([200, 30, 30, 255])).into(),
        image::load_from_memory(&own).unwrap(),
    ];
    for round in 0..20 {
        let before = &pictures[round % 4];
        let mask = random_mask(160, 120, &mut rng);
        let (first, free) = (album.png("first.png", before), album.png("mask.png", &mask.clone().into()));
        for format in [OutputFormat::Png, OutputFormat::Webp] {
            let usage = USAGES[round % 3];
            let asked = ImageSpec {
                format,
                size: Size::new(160, 120),
                references: Some(masked(first.clone(), free.clone(), usage)),
                ..spec("mountains, night")
            };
            let output = bench.outputs(asked).await.remove(0);
            let after = image::load_from_memory(&output.bytes).unwrap().to_rgba8();
            let share = changed(&before.to_rgba8(), &after, |x, y| mask.get_pixel(x, y).0[3] == 0);
            assert!(share >= LEAST_CHANGED, "mask {round}, {format:?}, {usage:?}: {share}");
        }
    }
}

#[test]
fn half_a_mask_is_half_a_change() {
    let album = Album::new();
    let first = album.png("first.png", &photo(120, 90).into());
    let flat = |alpha| {
        album.png(&format!("{alpha}.png"), &RgbaImage::from_pixel(120, 90, Rgba([9, 9, 9, alpha])).into())
    };
    let at = |alpha| {
        drawn(&masked(first.clone(), flat(alpha), ReferenceUsage::Subject), "fox", (120, 90)).to_rgba8()
    };
    let (new, half, old) = (at(0), at(128), at(255));
    assert!(old == DynamicImage::from(photo(120, 90)).to_rgba8(), "a mask that covers all frees nothing");
    for ((half, old), new) in half.iter().zip(old.iter()).zip(new.iter()) {
        let between = (f64::from(*old) * 128.0 + f64::from(*new) * 127.0) / 255.0;
        assert!((f64::from(*half) - between).abs() <= 1.0, "{old} {half} {new}");
    }
}

#[test]
fn at_another_size_picture_and_mask_are_scaled_together_and_edges_stay_sharp() {
    let album = Album::new();
    let mask = RgbaImage::from_fn(60, 40, |x, y| {
        Rgba([0, 0, 0, if (13..30).contains(&x) && (7..22).contains(&y) { 0 } else { 255 }])
    });
    let whole = album.png("whole.png", &RgbaImage::from_pixel(60, 40, Rgba([0, 0, 0, 255])).into());
    let first = album.png("first.png", &photo(60, 40).into());
    let mask_file = album.png("mask.png", &mask.clone().into());
    for (width, height) in [(120, 80), (240, 240), (30, 20), (60, 20)] {
        let at = |mask: &Picture| {
            drawn(&masked(first.clone(), mask.clone(), ReferenceUsage::Subject), "fox", (width, height))
                .to_rgba8()
        };
        // The part of the mask that the output shows, and the nearest of its pixels.
        let scale = (f64::from(width) / 60.0).max(f64::from(height) / 40.0);
        let near = |at: u32, target: u32, source: u32| {
            let shown = (f64::from(target) / scale).round();
            let first = ((f64::from(source) - shown) / 2.0).floor();
            (first + (f64::from(at) + 0.5) * shown / f64::from(target)) as u32
        };
        let share = changed(&at(&whole), &at(&mask_file), |x, y| {
            mask.get_pixel(near(x, width, 60), near(y, height, 40)).0[3] == 0
        });
        assert!(share >= LEAST_CHANGED, "{width}x{height}: {share}");
    }
}

#[test]
fn the_first_image_decides_and_the_others_are_laid_into_the_region() {
    let album = Album::new();
    let first = album.png("first.png", &photo(200, 160).into());
    let loud = album.png("loud.png", &RgbaImage::from_pixel(50, 50, Rgba([0, 255, 255, 255])).into());
    let mask = RgbaImage::from_fn(200, 160, |x, _| Rgba([0, 0, 0, if x < 120 { 0 } else { 255 }]));
    let mask_file = album.png("mask.png", &mask.clone().into());
    let edit = References { mask: Some(mask_file), ..references(vec![first, loud], ReferenceUsage::Subject) };
    let after = drawn(&edit, "fox", (200, 160)).to_rgba8();
    let before = DynamicImage::from(photo(200, 160)).to_rgba8();
    assert!(changed(&before, &after, |x, y| mask.get_pixel(x, y).0[3] == 0) >= LEAST_CHANGED);
    let laid = after.pixels().filter(|pixel| pixel.0 == [0, 255, 255, 255]).count();
    assert!(laid > 3000, "{laid}");
}

#[test]
fn marks_are_drawn_over_with_their_surroundings_and_nothing_else_is() {
    let album = Album::new();
    let (width, height) = (240, 160);
    let before = DynamicImage::from(photo(width, height));
    let stroke =
        |x: u32, y: u32| (x.abs_diff(60) < 2 && y.abs_diff(70) < 30) || (x.abs_diff(70) < 12 && y == 90);
    let ink = Rgba([255, 0, 0, 255]);
    let markup =
        RgbaImage::from_fn(width, height, |x, y| if stroke(x, y) { ink } else { Rgba([255, 255, 0, 0]) });
    let edit = References {
        markup: Some(album.png("markup.png", &markup.into())),
        ..references(vec![album.png("first.png", &before)], ReferenceUsage::Subject)
    };
    let after = drawn(&edit, "a lighthouse", (width, height)).to_rgba8();
    // The marks reach from (58, 40) to (82, 99); a cell of the grid is 4 pixels.
    let near = |x: u32, y: u32| (46..94).contains(&x) && (28..112).contains(&y);
    let share = changed(&before.to_rgba8(), &after, near);
    assert!(share > 0.5, "{share}");
    let marked = changed(&before.to_rgba8(), &after, |_, _| true);
    assert!(marked > 0.05, "{marked}");
    for (x, y, pixel) in after.enumerate_pixels().filter(|(x, y, _)| stroke(*x, *y)) {
        assert!(*pixel != ink && pixel != before.to_rgba8().get_pixel(x, y), "{x},{y}: {pixel:?}");
    }
    assert!(after.pixels().all(|pixel| *pixel != ink), "a mark survived");
    let empty = album.png("empty.png", &RgbaImage::new(width, height).into());
    let untouched = drawn(&References { markup: Some(empty), ..edit }, "a lighthouse", (width, height));
    assert!(untouched.to_rgba8() == before.to_rgba8());
}

#[test]
fn a_transparent_region_and_an_opaque_result_are_both_had() {
    let album = Album::new();
    let first = album.png("first.png", &noise(100, 100, 9).into());
    let mask = album.png("mask.png", &random_mask(100, 100, &mut Rng::new(1)).into());
    let references = masked(first, mask, ReferenceUsage::Subject);
    let edit = Arc::new(Edit::read(&references, Size::new(100, 100), false).unwrap());
    let drawing = super::Drawing { edit: Some(edit), transparent: true, ..super::drawing("fox", 100, 100) };
    let bytes = file(&drawing, &super::fonts(), super::FileFormat::Png).unwrap();
    let clear = image::load_from_memory(&bytes).unwrap().to_rgba8();
    assert!(clear.pixels().any(|pixel| pixel.0[3] == 0), "the corners of the region are clear");
    let edit = Arc::new(Edit::read(&references, Size::new(100, 100), true).unwrap());
    let drawing = super::Drawing { edit: Some(edit), ..super::drawing("fox", 100, 100) };
    let bytes = file(&drawing, &super::fonts(), super::FileFormat::Png).unwrap();
    assert!(!image::load_from_memory(&bytes).unwrap().color().has_alpha());
}

#[tokio::test]
async fn references_that_do_not_go_together_are_refused_at_once() {
    let album = Album::new();
    let bench = Bench::new(0, false);
    let first = album.png("first.png", &photo(60, 40).into());
    let other = album.png("other.png", &photo(40, 60).into());
    let good = references(vec![first.clone()], ReferenceUsage::Subject);
    let huge = Picture { size: Size::new(9000, 9000), ..first.clone() };
    let cases = [
        (References { images: Vec::new(), ..good.clone() }, "1 to 16 images, not 0"),
        (References { images: vec![first.clone(); 17], ..good.clone() }, "1 to 16 images, not 17"),
        (References { mask: Some(other.clone()), ..good.clone() }, "this one has 40x60"),
        (References { markup: Some(other.clone()), ..good.clone() }, "this one has 40x60"),
        (
            References { mask: Some(first.clone()), markup: Some(first.clone()), ..good.clone() },
            "a mask or a markup, not both",
        ),
        (
            References { images: vec![first.clone(), huge], ..good.clone() },
            "reference image 2 cannot be read",
        ),
    ];
    for (references, message) in cases {
        let asked = ImageSpec { references: Some(references), ..spec("fox") };
        let fault = rejected(Arc::clone(&bench.engine).submit(bench.call(asked, 1)).await);
        assert!(fault.class == FaultClass::Invalid && fault.message.contains(message), "{fault:?}");
    }
}

#[test]
fn a_mask_whose_file_has_another_size_than_was_said_is_refused() {
    let album = Album::new();
    let first = album.png("first.png", &photo(60, 40).into());
    let lying = Picture { size: first.size, ..album.png("mask.png", &photo(40, 60).into()) };
    let error =
        Edit::read(&masked(first, lying, ReferenceUsage::Style), Size::new(64, 64), false).unwrap_err();
    assert!(matches!(error, StudioError::References(_)), "{error}");
}

#[test]
fn a_broken_mask_is_called_the_mask() {
    let album = Album::new();
    let first = album.png("first.png", &photo(60, 40).into());
    let broken = album.keep("mask.png", b"\x89PNG\r\n\x1a\n and no more", Size::new(60, 40));
    let error =
        Edit::read(&masked(first, broken, ReferenceUsage::Style), Size::new(64, 64), false).unwrap_err();
    assert_eq!(error.to_string(), "the mask cannot be read: the file is cut short or damaged");
}

#[test]
fn an_edited_gif_moves_inside_of_its_region_only() {
    let album = Album::new();
    let mask = RgbaImage::from_fn(120, 90, |x, _| Rgba([0, 0, 0, if x < 60 { 0 } else { 255 }]));
    let references = masked(
        album.png("first.png", &photo(120, 90).into()),
        album.png("mask.png", &mask.into()),
        ReferenceUsage::Subject,
    );
    let edit = Arc::new(Edit::read(&references, Size::new(120, 90), false).unwrap());
    let drawing = super::Drawing { edit: Some(edit), ..super::drawing("dunes", 120, 90) };
    let motion = super::super::Motion { frames: 4, frame_ms: 100 };
    let bytes = file(&drawing, &super::fonts(), super::FileFormat::Gif(motion)).unwrap();
    let decoder = image::codecs::gif::GifDecoder::new(std::io::Cursor::new(bytes)).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 4);
    for pair in frames.windows(2) {
        assert!(changed(pair[0].buffer(), pair[1].buffer(), |x, _| x < 60) > 0.005);
    }
    let preview = preview(&drawing, &super::fonts(), super::FileFormat::Png, (0, 2)).unwrap();
    let preview = image::load_from_memory(&preview).unwrap().to_rgba8();
    let before = DynamicImage::from(photo(120, 90)).to_rgba8();
    assert!(changed(&before, &preview, |x, _| x < 60) > LEAST_CHANGED, "a preview keeps the rest too");
}

#[tokio::test]
async fn a_damaged_reference_fails_the_job_as_invalid_and_keeps_the_decoders_words_for_the_log() {
    let album = Album::new();
    let bench = Bench::new(0, false);
    let picture = album.keep("p.png", b"\x89PNG\r\n\x1a\n and no more", Size::new(60, 40));
    let references =
        References { fidelity: Some(InputFidelity::Low), ..references(vec![picture], USAGES[0]) };
    let asked = ImageSpec { background: Background::Opaque, references: Some(references), ..spec("fox") };
    let (handle, _) = bench.accepted(asked.clone()).await;
    match bench.poll(asked, &handle).await {
        atelier_domain::engine::Polled::Failed(fault) => {
            assert_eq!(fault.class, FaultClass::Invalid);
            assert_eq!(fault.message, "reference image 1 cannot be read: the file is cut short or damaged");
            assert!(!fault.context.is_empty());
        }
        other => panic!("{other:?}"),
    }
}
