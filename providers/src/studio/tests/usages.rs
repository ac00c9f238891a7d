//! What a reference does to a picture, measured: where it shows, how it steers, what it colours.

use super::{
    super::{Detail, Edit, FileFormat, SOFTWARE, file, preview},
    album::{Album, drawn, photo, references},
    engine::{Bench, spec},
};
use atelier_domain::{
    engine::EngineEvent,
    image::{ImageSpec, InputFidelity, OutputFormat, ReferenceUsage},
    reference::{Picture, References},
    size::Size,
};
use image::{DynamicImage, GenericImageView, Rgb, RgbImage, Rgba, RgbaImage, imageops::FilterType};
use sha2::{Digest, Sha256};
use std::{slice::from_ref, sync::Arc};

const SIDES: (u32, u32) = (240, 180);
const USAGES: [ReferenceUsage; 3] =
    [ReferenceUsage::Subject, ReferenceUsage::Composition, ReferenceUsage::Style];
const PROMPTS: [&str; 5] = ["a rose garden, pastel", "dunes", "planet", "blue silk", "mosaic at night"];

fn plain(prompt: &str) -> DynamicImage {
    let drawing = super::drawing(prompt, SIDES.0, SIDES.1);
    image::load_from_memory(&file(&drawing, &super::fonts(), FileFormat::Png).unwrap()).unwrap()
}

fn edited(
    pictures: &[Picture],
    usage: ReferenceUsage,
    fidelity: InputFidelity,
    prompt: &str,
) -> DynamicImage {
    let references = References { fidelity: Some(fidelity), ..references(pictures.to_vec(), usage) };
    drawn(&references, prompt, SIDES)
}

/// Mean difference per channel.
fn distance(a: &DynamicImage, b: &DynamicImage) -> f64 {
    let (a, b) = (a.to_rgb8(), b.to_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter().zip(b.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

fn mean(picture: &DynamicImage) -> [f64; 3] {
    let picture = picture.to_rgb8();
    [0, 1, 2].map(|i| {
        picture.pixels().map(|pixel| f64::from(pixel.0[i])).sum::<f64>() / picture.pixels().len() as f64
    })
}

/// Distance of the mean colours.
fn apart(a: &DynamicImage, b: &DynamicImage) -> f64 {
    mean(a).iter().zip(mean(b)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// Distance of the mean colours, whatever their brightness.
fn hues_apart(a: &DynamicImage, b: &DynamicImage) -> f64 {
    let hue = |picture| {
        let mean = mean(picture);
        mean.map(|channel| channel - mean.iter().sum::<f64>() / 3.0)
    };
    hue(a).iter().zip(hue(b)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// Pearson correlation of brightness, coarsely seen.
fn likeness(a: &DynamicImage, b: &DynamicImage) -> f64 {
    let coarse = |picture: &DynamicImage| -> Vec<f64> {
        let small = picture.resize_exact(24, 18, FilterType::Triangle).to_luma8();
        small.iter().map(|value| f64::from(*value)).collect()
    };
    let (a, b) = (coarse(a), coarse(b));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (ma, mb) = (mean(&a), mean(&b));
    let covariance: f64 = a.iter().zip(&b).map(|(x, y)| (x - ma) * (y - mb)).sum();
    let spread =
        |values: &[f64], mean: f64| values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>().sqrt();
    covariance / (spread(&a, ma) * spread(&b, mb))
}

/// The share of pixels whose colour is one of the photo's.
fn shown(picture: &DynamicImage) -> f64 {
    let near = |pixel: &Rgb<u8>| {
        let [r, g, b] = pixel.0;
        (r < 30 && (80..165).contains(&g) && (20..45).contains(&b))
            || ((95..125).contains(&r) && g < 35 && (110..195).contains(&b))
            || (r > 235 && g > 220 && b < 60)
    };
    let picture = picture.to_rgb8();
    picture.pixels().filter(|pixel| near(pixel)).count() as f64 / picture.pixels().len() as f64
}

#[test]
fn a_subject_stands_in_the_picture_and_closely_means_larger_and_truer() {
    let album = Album::new();
    let picture = album.png("photo.png", &photo(320, 240).into());
    for prompt in PROMPTS {
        let at = |fidelity| shown(&edited(from_ref(&picture), ReferenceUsage::Subject, fidelity, prompt));
        let (without, low, high) = (shown(&plain(prompt)), at(InputFidelity::Low), at(InputFidelity::High));
        assert!(without < 0.03 && high > 0.5, "{prompt}: {without} {high}");
        assert!(low < high, "{prompt}: {low} {high}");
        // Tinted, but still the same picture where it lies: two fifths of the sheet across its middle.
        let loose = edited(from_ref(&picture), ReferenceUsage::Subject, InputFidelity::Low, prompt);
        let best = (0..10).flat_map(|x| (0..10).map(move |y| (x * 9, y * 7))).map(|(x, y)| {
            let window = loose.crop_imm(x, y, 149, 112);
            likeness(&window, &photo(320, 240).into())
        });
        let best = best.fold(f64::MIN, f64::max);
        assert!(best > 0.65, "{prompt}: {best}");
    }
}

#[test]
fn sixteen_subjects_are_all_seen() {
    let album = Album::new();
    let colors: Vec<[u8; 3]> = (0..16u8).map(|i| [i * 16, 255 - i * 16, (i % 4) * 80]).collect();
    let pictures: Vec<_> = colors
        .iter()
        .enumerate()
        .map(|(i, color)| {
            album.png(&format!("{i}.png"), &RgbImage::from_pixel(30 + i as u32 * 3, 40, Rgb(*color)).into())
        })
        .collect();
    let result = edited(&pictures, ReferenceUsage::Subject, InputFidelity::High, "dunes").to_rgb8();
    for color in colors {
        let seen = result.pixels().filter(|pixel| pixel.0 == color).count();
        assert!(seen > 250, "{color:?}: {seen}");
    }
}

#[test]
fn a_composition_follows_light_and_shade_in_the_colours_of_the_prompt() {
    let album = Album::new();
    let original = DynamicImage::from(photo(320, 240));
    let picture = album.png("photo.png", &original);
    for prompt in PROMPTS {
        let before = likeness(&plain(prompt), &original);
        let at = |fidelity| edited(from_ref(&picture), ReferenceUsage::Composition, fidelity, prompt);
        let (low, high) = (at(InputFidelity::Low), at(InputFidelity::High));
        let (loose, close) = (likeness(&low, &original), likeness(&high, &original));
        assert!(loose > 0.6 && close > 0.75 && loose < close, "{prompt}: {before} {loose} {close}");
        assert!(shown(&high) < 0.05, "{prompt}: {}", shown(&high));
        let [ours, theirs] = [&high, &original].map(|picture| hues_apart(picture, &plain(prompt)));
        assert!(ours < theirs, "{prompt}: {ours} {theirs}");
    }
}

#[test]
fn a_style_brings_its_colours_and_leaves_the_arrangement() {
    let album = Album::new();
    let bright = RgbImage::from_fn(64, 64, |x, y| Rgb([250 - y as u8, 180, 60 + x as u8]));
    let originals = [DynamicImage::from(photo(320, 240)), bright.into(), plain("mountains, night")];
    for (i, original) in originals.iter().enumerate() {
        let picture = album.png("style.png", original);
        for prompt in PROMPTS {
            let at = |fidelity| edited(from_ref(&picture), ReferenceUsage::Style, fidelity, prompt);
            let (low, high) = (at(InputFidelity::Low), at(InputFidelity::High));
            let [without, loose, close] = [&plain(prompt), &low, &high].map(|result| apart(result, original));
            assert!(close < 10.0 && close < loose && loose < 40.0, "{i}, {prompt}: {loose} {close}");
            assert!(close < without / 4.0, "{i}, {prompt}: {without} {close}");
            // The reference's own arrangement is not taken over.
            assert!(likeness(&high, original) < 0.75, "{i}, {prompt}: {}", likeness(&high, original));
        }
    }
}

#[test]
fn edits_are_the_same_on_every_machine() {
    // If this fails without a change to the drawing code, a platform computes differently: find that, don't update.
    let album = Album::new();
    let picture = album.png("photo.png", &photo(320, 240).into());
    let mut prints = Vec::new();
    for usage in USAGES {
        for fidelity in [InputFidelity::Low, InputFidelity::High] {
            let pixels = edited(from_ref(&picture), usage, fidelity, "dunes").to_rgba8().into_raw();
            let digest = Sha256::digest(&pixels);
            prints.push(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
        }
    }
    assert_eq!(prints, GOLDEN);
}

const GOLDEN: [&str; 6] = [
    "bf68e38f14bfeb60",
    "a2fc0d196e096412",
    "aceb3ca1d35f7e48",
    "45a2035edc6cc337",
    "a8e652477cb91504",
    "0896a26b8de0b2c2",
];

#[test]
fn modes_references_and_outputs_all_differ() {
    let album = Album::new();
    let one = album.png("one.png", &photo(320, 240).into());
    let other = album.png("other.png", &DynamicImage::from(photo(320, 240)).fliph().huerotate(120));
    let mut results = vec![plain("dunes")];
    for usage in USAGES {
        for picture in [&one, &other] {
            results.push(edited(from_ref(picture), usage, InputFidelity::High, "dunes"));
        }
        results.push(edited(&[one.clone(), other.clone()], usage, InputFidelity::High, "dunes"));
        results.push(edited(from_ref(&one), usage, InputFidelity::Low, "dunes"));
    }
    for (i, result) in results.iter().enumerate() {
        for (j, other) in results[..i].iter().enumerate() {
            assert!(distance(result, other) > 1.0, "{i} and {j}: {}", distance(result, other));
        }
    }
}

#[tokio::test]
async fn the_same_edit_gives_the_same_bytes_and_n_edits_differ() {
    let album = Album::new();
    let picture = album.png("photo.png", &photo(64, 48).into());
    for usage in USAGES {
        let references = References { fidelity: None, ..references(vec![picture.clone()], usage) };
        let asked = ImageSpec { n: 3, references: Some(references), ..spec("fox") };
        let bench = Bench::new(0, false);
        let outputs = bench.outputs(asked.clone()).await;
        assert!(outputs == Bench::new(0, false).outputs(asked.clone()).await, "{usage:?}");
        assert_eq!(outputs.len(), 3);
        assert!(outputs[0].bytes != outputs[1].bytes && outputs[1].bytes != outputs[2].bytes, "{usage:?}");
        for other in [
            ImageSpec { seed: Some(5), ..asked.clone() },
            ImageSpec { style: Some("vintage".into()), ..asked.clone() },
            ImageSpec { negative_prompt: Some("text".into()), ..asked.clone() },
            ImageSpec { prompt: "a crow".into(), ..asked.clone() },
        ] {
            assert!(outputs[0].bytes != bench.outputs(other).await[0].bytes, "{usage:?}");
        }
        assert!(outputs[0].bytes.windows(SOFTWARE.len()).any(|window| window == SOFTWARE.as_bytes()));
    }
}

#[tokio::test]
async fn more_edits_at_once_than_there_are_threads_all_end() {
    let album = Album::new();
    let picture = album.png("photo.png", &photo(64, 48).into());
    let bench = Bench::new(0, false);
    let references = references(vec![picture], ReferenceUsage::Subject);
    let asked = ImageSpec { n: 3, references: Some(references), ..spec("fox") };
    let all = futures_util::future::join_all((0..8).map(|_| bench.outputs(asked.clone()))).await;
    assert!(all.iter().all(|outputs| outputs.len() == 3 && *outputs == all[0]));
}

#[tokio::test]
async fn edits_stream_previews_that_come_nearer() {
    let album = Album::new();
    let picture = album.png("photo.png", &photo(64, 48).into());
    for usage in USAGES {
        let bench = Bench::new(0, false);
        let asked = ImageSpec {
            partial_images: 3,
            size: Size::new(240, 180),
            references: Some(references(vec![picture.clone()], usage)),
            ..spec("dunes")
        };
        let whole = image::load_from_memory(&bench.outputs(asked).await[0].bytes).unwrap();
        let mut last = f64::INFINITY;
        for event in bench.events.lock().unwrap().iter() {
            let EngineEvent::Partial { bytes, index, .. } = event else { continue };
            let near = distance(&image::load_from_memory(bytes).unwrap(), &whole);
            assert!(near < last, "{usage:?}, preview {index}: {near} after {last}");
            last = near;
        }
        assert!(last.is_finite());
    }
}

#[test]
fn what_is_cut_out_keeps_its_outline() {
    let album = Album::new();
    let disc = |x: u32, y: u32| x.abs_diff(50).pow(2) + y.abs_diff(50).pow(2) < 1600;
    let cut = RgbaImage::from_fn(100, 100, |x, y| {
        if disc(x, y) { Rgba([0, 255, 255, 255]) } else { Rgba([255, 0, 255, 0]) }
    });
    let picture = album.png("cut.png", &cut.into());
    let result = edited(from_ref(&picture), ReferenceUsage::Subject, InputFidelity::High, "dunes").to_rgb8();
    let count = |color: [u8; 3]| result.pixels().filter(|pixel| pixel.0 == color).count();
    assert!(count([0, 255, 255]) > 5000, "{}", count([0, 255, 255]));
    assert_eq!(count([255, 0, 255]), 0, "colours under alpha 0 are not seen");
    let pale = |picture: &RgbImage| picture.pixels().filter(|pixel| pixel.0.iter().all(|v| *v > 215)).count();
    assert!(pale(&result) <= pale(&plain("dunes").to_rgb8()) + 50, "a frame was drawn around nothing");
    // On a transparent background the corners stay clear, and the cut-out covers.
    let references = references(vec![picture], ReferenceUsage::Subject);
    let edit = Arc::new(Edit::read(&references, Size::new(SIDES.0, SIDES.1), false).unwrap());
    let drawing =
        super::Drawing { edit: Some(edit), transparent: true, ..super::drawing("dunes", SIDES.0, SIDES.1) };
    let bytes = file(&drawing, &super::fonts(), FileFormat::Webp).unwrap();
    let clear = image::load_from_memory(&bytes).unwrap().to_rgba8();
    assert_eq!(clear.get_pixel(0, 0).0[3], 0);
    assert!(clear.pixels().filter(|pixel| pixel.0 == [0, 255, 255, 255]).count() > 5000);
}

#[test]
fn an_svg_holds_its_references_within_a_bound() {
    let album = Album::new();
    let (large, cut) = (photo(3000, 2000), RgbaImage::from_pixel(40, 40, Rgba([0, 255, 255, 90])));
    let (large, cut) = (album.png("large.png", &large.into()), album.png("cut.png", &cut.into()));
    let mask = album.png("mask.png", &RgbaImage::from_pixel(3000, 2000, Rgba([0, 0, 0, 0])).into());
    let mut cases: Vec<_> =
        USAGES.iter().map(|usage| references(vec![large.clone(), cut.clone()], *usage)).collect();
    cases.push(References { mask: Some(mask), ..references(vec![large, cut], ReferenceUsage::Subject) });
    // With a mask: the first image, the other one, and what masks.
    for (references, pictures) in cases.iter().zip([2, 1, 0, 3]) {
        let edit = Arc::new(Edit::read(references, Size::new(1536, 1024), false).unwrap());
        let drawing = super::Drawing { edit: Some(edit), ..super::drawing("dunes", 1536, 1024) };
        let text = String::from_utf8(file(&drawing, &super::fonts(), FileFormat::Svg).unwrap()).unwrap();
        assert!(text.len() < 2_000_000, "{}", text.len());
        let page = roxmltree::Document::parse(&text).unwrap();
        let images: Vec<_> = page
            .descendants()
            .filter(|node| node.tag_name().name() == "image")
            .map(|node| opened(node.attribute("href").unwrap()))
            .collect();
        assert_eq!(images.len(), pictures, "{:?}", references.usage);
        assert!(images.iter().all(|image| image.width() <= 1024 && image.height() <= 1024));
        let early = preview(&drawing, &super::fonts(), FileFormat::Svg, (0, 2)).unwrap();
        roxmltree::Document::parse(std::str::from_utf8(&early).unwrap()).unwrap();
    }
}

fn opened(uri: &str) -> DynamicImage {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let data = uri.split_once(";base64,").unwrap().1;
    image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap()
}

#[tokio::test]
async fn every_format_and_quality_of_an_edit_decodes_at_its_size() {
    let album = Album::new();
    let picture = album.png("photo.png", &photo(64, 48).into());
    let bench = Bench::new(0, false);
    for usage in USAGES {
        for format in [OutputFormat::Png, OutputFormat::Jpeg, OutputFormat::Webp, OutputFormat::Gif] {
            let references = Some(references(vec![picture.clone()], usage));
            let asked = ImageSpec { format, references, size: Size::new(96, 80), ..spec("fox") };
            let output = bench.outputs(asked).await.remove(0);
            assert_eq!(image::load_from_memory(&output.bytes).unwrap().dimensions(), (96, 80), "{format:?}");
            assert_eq!((output.width, output.height, output.mime), (96, 80, format.mime()));
        }
        let references = references(vec![picture.clone()], usage);
        let edit = Arc::new(Edit::read(&references, Size::new(96, 80), false).unwrap());
        let at = |detail| {
            let edit = Some(Arc::clone(&edit));
            let drawing = super::Drawing { edit, detail, ..super::drawing("dunes", 96, 80) };
            file(&drawing, &super::fonts(), FileFormat::Png).unwrap()
        };
        let [low, medium, high] = [Detail::Low, Detail::Medium, Detail::High].map(at);
        assert!(low != medium && medium != high && low != high, "{usage:?}");
    }
}

#[test]
fn odd_shapes_are_edited_without_harm() {
    let album = Album::new();
    let long = album.png("long.png", &photo(3000, 2).into());
    let dot = album.png("dot.png", &photo(1, 1).into());
    for (width, height) in [(1, 1), (16, 16), (3, 300), (300, 3), (513, 511)] {
        for usage in USAGES {
            for pictures in
                [vec![long.clone()], vec![dot.clone()], vec![long.clone(), dot.clone(), dot.clone()]]
            {
                for fidelity in [InputFidelity::Low, InputFidelity::High] {
                    let references =
                        References { fidelity: Some(fidelity), ..references(pictures.clone(), usage) };
                    drawn(&references, "fox", (width, height));
                    let mask = Some(pictures[0].clone());
                    drawn(&References { mask: mask.clone(), ..references.clone() }, "fox", (width, height));
                    drawn(&References { markup: mask, ..references }, "fox", (width, height));
                }
            }
        }
    }
}
