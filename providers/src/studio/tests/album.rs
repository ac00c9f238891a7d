//! Reference pictures for tests: files in a folder that goes away, and the requests that name them.

use super::super::{Edit, FileFormat, file};
use atelier_domain::{
    image::{InputFidelity, ReferenceUsage},
    reference::{Picture, References},
    size::Size,
};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use std::{io::Cursor, path::PathBuf, sync::Arc};

/// A folder of pictures.
pub(super) struct Album {
    folder: tempfile::TempDir,
}

impl Album {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Keeps bytes that claim to be a picture of this size.
    pub fn keep(&self, name: &str, bytes: &[u8], size: Size) -> Picture {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        Picture { path, mime: "image/png".into(), bytes: bytes.len() as u64, size }
    }

    /// Keeps a picture as a PNG.
    pub fn png(&self, name: &str, picture: &DynamicImage) -> Picture {
        let size = Size::new(picture.width(), picture.height());
        self.keep(name, &encoded(picture, ImageFormat::Png), size)
    }
}

pub(super) fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// An edit with all that the defaults give.
pub(super) fn references(images: Vec<Picture>, usage: ReferenceUsage) -> References<Picture> {
    References { images, mask: None, markup: None, usage, fidelity: Some(InputFidelity::High) }
}

/// A picture that is easy to tell from every drawing: a bright disc low on the left, on green over violet.
pub(super) fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (across, down) = (x as f32 / width as f32 - 0.3, y as f32 / height as f32 - 0.65);
        if across * across + down * down < 0.05 {
            Rgb([250, 235, 40])
        } else if y * 2 < height {
            Rgb([10, (90 + 60 * x / width) as u8, 30])
        } else {
            Rgb([110, 20, (120 + 60 * x / width) as u8])
        }
    })
}

/// Noise of every colour and alpha.
pub(super) fn noise(width: u32, height: u32, seed: u64) -> RgbaImage {
    let mut rng = super::super::drawing::Rng::new(seed);
    RgbaImage::from_fn(width, height, |_, _| Rgba((rng.next() as u32).to_le_bytes()))
}

/// Draws an edit of a size and opens the file again.
pub(super) fn drawn(
    references: &References<Picture>,
    prompt: &str,
    (width, height): (u32, u32),
) -> DynamicImage {
    let edit = Arc::new(Edit::read(references, Size::new(width, height), false).unwrap());
    let drawing = super::Drawing { edit: Some(edit), ..super::drawing(prompt, width, height) };
    image::load_from_memory(&file(&drawing, &super::fonts(), FileFormat::Png).unwrap()).unwrap()
}
