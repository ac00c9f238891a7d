//! Sixteen references of 50 MB each are drawn from within 64 MB of memory.
#![cfg(target_os = "linux")]

use super::{
    super::{Edit, FileFormat, file},
    album::{Album, references},
};
use atelier_domain::{image::ReferenceUsage, reference::Picture, size::Size};
use std::{io::Write, path::Path, process::Command, sync::Arc};

/// Set in the process whose memory is measured: a process of its own, since tests run side by side.
const MEASURED: &str = "ATELIER_MEASURES_AN_EDIT_OF";
const SIDE: u32 = 4096;
const COUNT: usize = 16;
const BUDGET_KB: u64 = 64 << 10;

/// The most memory that this process has held so far, in KiB.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Noise, stored: as large as a picture of this size gets.
fn write_noise(path: &Path) -> u64 {
    let out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(out, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let mut rng = super::super::drawing::Rng::new(1);
    let mut row = vec![0; SIDE as usize * 3];
    for _ in 0..SIDE {
        row.chunks_mut(8).for_each(|part| part.copy_from_slice(&rng.next().to_le_bytes()[..part.len()]));
        rows.write_all(&row).unwrap();
    }
    rows.finish().unwrap();
    std::fs::metadata(path).unwrap().len()
}

fn edit(folder: &Path) -> u64 {
    let size = Size::new(SIDE, SIDE);
    let pictures = (0..COUNT).map(|i| {
        let path = folder.join(format!("{i}.png"));
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

#[test]
fn sixteen_references_of_fifty_megabytes_fit_into_sixty_four() {
    if let Some(folder) = std::env::var_os(MEASURED) {
        let grown = edit(Path::new(&folder));
        assert!(grown < BUDGET_KB, "{grown} KiB");
        return;
    }
    let album = Album::new();
    let bytes = write_noise(&album.path("0.png"));
    assert!(bytes > 50_000_000, "{bytes}");
    for i in 1..COUNT {
        std::fs::hard_link(album.path("0.png"), album.path(&format!("{i}.png"))).unwrap();
    }
    let name = "studio::tests::budget::sixteen_references_of_fifty_megabytes_fit_into_sixty_four";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(MEASURED, album.path("0.png").parent().unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}
