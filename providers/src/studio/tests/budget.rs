//! Sixteen references of 50 MB each are drawn from within 64 MiB of memory.
#![cfg(target_os = "linux")]

use super::{
    super::{Edit, FileFormat, file},
    album::{Album, references},
};
use atelier_domain::{image::ReferenceUsage, reference::Picture, size::Size};
use std::{fs::File, io::BufWriter, path::Path, process::Command, sync::Arc};

/// Set in the process whose memory is measured: a process of its own, since tests run side by side.
const MEASURED: &str = "ATELIER_MEASURES_AN_EDIT_OF";
const SIDE: u32 = 4096;
const LEAST_BYTES: u64 = 30_000_000;
const BUDGET_KB: u64 = 64 << 10;

/// The most memory that this process has held so far, in KiB.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Noise: as large as a picture of this size gets.
fn noise() -> Vec<u8> {
    let mut rng = super::super::drawing::Rng::new(1);
    let mut pixels = vec![0; SIDE as usize * SIDE as usize * 3];
    pixels.as_chunks_mut::<8>().0.iter_mut().for_each(|part| *part = rng.next().to_le_bytes());
    pixels
}

fn png(path: &Path) {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path).unwrap()), SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.write_header().unwrap().write_image_data(&noise()).unwrap();
}

fn jpeg(path: &Path) {
    let mut encoder = jpeg_encoder::Encoder::new_file(path, 100).unwrap();
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_4_4);
    let side = u16::try_from(SIDE).unwrap();
    encoder.encode(&noise(), side, side, jpeg_encoder::ColorType::Rgb).unwrap();
}

fn edit(folder: &Path) -> u64 {
    let size = Size::new(SIDE, SIDE);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let pictures = files.map(|path| {
        let bytes = std::fs::metadata(&path).unwrap().len();
        Picture { path, mime: "image/png".into(), bytes, size }
    });
    let references = references(pictures.collect(), ReferenceUsage::Subject);
    let before = peak_kb();
    let edit = Some(Arc::new(Edit::read(&references, Size::new(1024, 1024), false).unwrap()));
    let drawing = super::Drawing { edit, ..super::drawing("dunes", 1024, 1024) };
    let bytes = file(&drawing, &super::fonts(), FileFormat::Png).unwrap();
    assert!(bytes.len() > 100_000);
    peak_kb() - before
}

/// Writes a file, and measures in a process of its own what drawing from `count` like it takes.
fn measure(name: &str, count: usize, write: fn(&Path)) {
    if let Some(folder) = std::env::var_os(MEASURED) {
        let grown = edit(Path::new(&folder));
        assert!(grown < BUDGET_KB, "{grown} KiB");
        return;
    }
    let album = Album::new();
    write(&album.path("0"));
    let bytes = std::fs::metadata(album.path("0")).unwrap().len();
    assert!(bytes > LEAST_BYTES, "{bytes}");
    for i in 1..count {
        std::fs::hard_link(album.path("0"), album.path(&i.to_string())).unwrap();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("studio::tests::budget::{name}"), "--nocapture"])
        .env(MEASURED, album.path("0").parent().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let complaint = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("1 passed"), "{said}{complaint}");
}

#[test]
fn sixteen_png_of_fifty_megabytes_fit_into_sixty_four() {
    measure("sixteen_png_of_fifty_megabytes_fit_into_sixty_four", 16, png);
}

#[test]
fn jpeg_of_as_many_pixels_fit_too() {
    // Two, since each takes two seconds; they do not add up.
    measure("jpeg_of_as_many_pixels_fit_too", 2, jpeg);
}
