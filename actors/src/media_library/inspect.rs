//! What a file says it is, read from its first bytes: never from its name or a declared type, and never by decoding it.

use atelier_domain::size::Size;
use image::{ImageDecoder, ImageReader, metadata::Orientation};
use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
};

/// What stands before the pixels of a JPEG, at most: its decoder would read all of the file otherwise.
const JPEG_HEADERS: u64 = 4 << 20;

/// What a picture says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its media type.
    pub mime: &'static str,
    /// Its size as it is shown: an EXIF orientation is counted in.
    pub size: Size,
    /// Whether its pixels can be transparent.
    pub has_alpha: bool,
}

/// Looks at a file from its beginning; the text says why it is no picture that can be used.
pub(super) fn look(file: &mut File) -> Result<Look, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let mut first = Vec::new();
    file.take(64).read_to_end(&mut first).map_err(unreadable)?;
    let format = image::guess_format(&first)
        .map_err(|_| "it is not a picture: png, jpeg, webp and gif are understood".to_owned())?;
    let mime = match format {
        image::ImageFormat::Png => "image/png",
        image::ImageFormat::Jpeg => "image/jpeg",
        image::ImageFormat::WebP => "image/webp",
        image::ImageFormat::Gif => "image/gif",
        _ => return Err("pictures of this format are not understood: send png, jpeg, webp or gif".to_owned()),
    };
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let seen = if format == image::ImageFormat::Jpeg {
        let mut headers = Vec::new();
        file.take(JPEG_HEADERS).read_to_end(&mut headers).map_err(unreadable)?;
        seen(ImageReader::with_format(Cursor::new(headers), format))
    } else {
        seen(ImageReader::with_format(BufReader::new(&mut *file), format))
    };
    let (size, has_alpha) = seen.map_err(|error| format!("it is a damaged {mime} file: {error}"))?;
    Ok(Look { mime, size, has_alpha })
}

fn seen<R: io::BufRead + Seek>(reader: ImageReader<R>) -> Result<(Size, bool), image::ImageError> {
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    // A picture with a damaged EXIF block is shown as it lies, as browsers do.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let size = if turned { Size::new(height, width) } else { Size::new(width, height) };
    Ok((size, decoder.color_type().has_alpha()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::{DynamicImage, ImageFormat};
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    fn picture(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = DynamicImage::new_rgba8(30, 20);
        let picture = if format == ImageFormat::Jpeg { picture.to_rgb8().into() } else { picture };
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// The EXIF segment that turns a JPEG by a quarter.
    fn turned(jpeg: &[u8]) -> Vec<u8> {
        let exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let length = (exif.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat()
    }

    #[test]
    fn every_format_is_told_by_its_bytes_with_its_size_and_alpha() {
        for (format, mime, has_alpha) in [
            (ImageFormat::Png, "image/png", true),
            (ImageFormat::Jpeg, "image/jpeg", false),
            (ImageFormat::WebP, "image/webp", true),
            (ImageFormat::Gif, "image/gif", true),
        ] {
            let look = look(&mut file(&picture(format))).unwrap();
            assert_eq!(look, Look { mime, size: Size::new(30, 20), has_alpha });
        }
    }

    #[test]
    fn a_turned_photograph_has_the_size_that_is_seen() {
        let look = look(&mut file(&turned(&picture(ImageFormat::Jpeg)))).unwrap();
        assert_eq!(look.size, Size::new(20, 30));
    }

    #[test]
    fn what_is_no_picture_or_a_damaged_one_is_told_and_never_a_panic() {
        assert!(look(&mut file(b"")).unwrap_err().contains("not a picture"));
        assert!(look(&mut file(b"%PDF-1.7 and so on")).unwrap_err().contains("not a picture"));
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
            let whole = picture(format);
            for length in 0..whole.len().min(200) {
                let _ = look(&mut file(&whole[..length]));
            }
            let damaged = look(&mut file(&whole[..16.min(whole.len())]));
            assert!(damaged.unwrap_err().contains("damaged"), "{format:?}");
        }
    }
}
