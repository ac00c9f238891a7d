//! Files: every format is read back by somebody else's decoder.

use super::{super::*, drawing, fonts};
use image::{AnimationDecoder, GenericImageView, ImageFormat, codecs::gif::GifDecoder};

const FORMATS: [(FileFormat, ImageFormat); 4] = [
    (FileFormat::Png, ImageFormat::Png),
    (FileFormat::Jpeg(90), ImageFormat::Jpeg),
    (FileFormat::Webp, ImageFormat::WebP),
    (FileFormat::Gif(Motion { frames: 3, frame_ms: 200 }), ImageFormat::Gif),
];

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn every_format_decodes_at_the_asked_size_and_says_what_made_it() {
    for (format, kind) in FORMATS {
        for transparent in [false, true] {
            let drawing = Drawing { transparent, ..drawing("a fox", 200, 120) };
            let bytes = file(&drawing, &fonts(), format).unwrap();
            assert_eq!(image::guess_format(&bytes).unwrap(), kind);
            let picture = image::load_from_memory(&bytes).unwrap();
            assert_eq!(picture.dimensions(), (200, 120), "{kind:?}");
            let clear = picture.get_pixel(0, 0).0[3] == 0;
            assert_eq!(clear, transparent && kind != ImageFormat::Jpeg, "{kind:?}");
            assert!(contains(&bytes, SOFTWARE), "{kind:?}");
        }
    }
}

#[test]
fn a_preview_has_the_size_and_format_of_the_picture() {
    for (format, kind) in FORMATS {
        let bytes = preview(&drawing("a fox", 200, 120), &fonts(), format, (0, 2)).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), kind);
        assert_eq!(image::load_from_memory(&bytes).unwrap().dimensions(), (200, 120));
    }
}

#[test]
fn lossless_formats_hold_exactly_the_painted_pixels() {
    let drawing = Drawing { transparent: true, ..drawing("a fox", 96, 96) };
    let painted = paint(&drawing, &fonts(), 0.0).unwrap();
    for format in [FileFormat::Png, FileFormat::Webp] {
        let read = image::load_from_memory(&file(&drawing, &fonts(), format).unwrap())
            .unwrap()
            .to_rgba8()
            .into_raw();
        assert!(read == painted.pixels, "{format:?}");
    }
}

#[test]
fn jpeg_lies_on_white_and_grows_with_quality() {
    let drawing = Drawing { transparent: true, ..drawing("a fox", 128, 128) };
    let sizes = [0, 50, 90, 100].map(|quality| {
        let bytes = file(&drawing, &fonts(), FileFormat::Jpeg(quality)).unwrap();
        if quality >= 90 {
            let corner = image::load_from_memory(&bytes).unwrap().to_rgb8().get_pixel(0, 0).0;
            assert!(corner.iter().all(|channel| *channel > 250), "{corner:?}");
        }
        bytes.len()
    });
    assert!(sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
}

#[test]
fn gif_has_the_asked_frames_and_delays_and_moves() {
    let motion = Motion { frames: 5, frame_ms: 124 };
    let bytes = file(&drawing("silk", 120, 80), &fonts(), FileFormat::Gif(motion)).unwrap();
    let decoder = GifDecoder::new(std::io::Cursor::new(&bytes)).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 5);
    assert!(frames.iter().all(|frame| frame.delay().numer_denom_ms() == (120, 1)));
    assert!(frames.windows(2).all(|pair| pair[0].buffer() != pair[1].buffer()));
    assert!(contains(&bytes, "NETSCAPE2.0"), "it loops");
    let most =
        file(&drawing("x", 16, 16), &fonts(), FileFormat::Gif(Motion { frames: 200, frame_ms: u32::MAX }))
            .unwrap();
    let decoder = GifDecoder::new(std::io::Cursor::new(most)).unwrap();
    assert_eq!(decoder.into_frames().collect_frames().unwrap().len(), 16);
}

#[test]
fn svg_is_well_formed_for_every_motif_and_any_text() {
    for prompt in
        ["<b>\"bold\" & 'sly'</b> ]]>\u{0}\u{b}\u{fffe}", "dunes", "peak", "planet", "silk", "mosaic", "rose"]
    {
        for transparent in [false, true] {
            let drawing = Drawing { transparent, ..drawing(prompt, 320, 200) };
            let bytes = file(&drawing, &fonts(), FileFormat::Svg).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            let page = roxmltree::Document::parse(&text).unwrap();
            let svg = page.root_element();
            assert_eq!(svg.tag_name().name(), "svg");
            let attribute = |name| svg.attribute(name).unwrap();
            assert_eq!(
                [attribute("width"), attribute("height"), attribute("viewBox")],
                ["320", "200", "0 0 320 200"]
            );
            let named = |name| svg.descendants().find(|node| node.tag_name().name() == name).unwrap();
            assert_eq!(named("metadata").text(), Some(SOFTWARE));
            let shown: String = named("text")
                .descendants()
                .filter_map(|node| node.text().filter(|_| node.is_text()))
                .collect();
            let (shown, asked) =
                (shown.replace(' ', ""), prompt.replace([' ', '\u{0}', '\u{b}', '\u{fffe}'], ""));
            assert_eq!(shown, asked);
            for node in svg.descendants().flat_map(|node| node.attributes()) {
                assert!(!node.value().contains("NaN") && !node.value().contains("inf"), "{node:?}");
            }
        }
    }
}

#[test]
fn svg_previews_hold_a_part_of_the_shapes() {
    let drawing = drawing("dunes", 320, 200);
    let count = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        roxmltree::Document::parse(&text).unwrap().descendants().count()
    };
    let shares: Vec<_> = (0..3)
        .map(|index| count(preview(&drawing, &fonts(), FileFormat::Svg, (index, 3)).unwrap()))
        .collect();
    let whole = count(file(&drawing, &fonts(), FileFormat::Svg).unwrap());
    assert!(shares.is_sorted_by(|a, b| a < b) && shares[2] < whole, "{shares:?} of {whole}");
}
