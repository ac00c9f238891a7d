//! Where the pixels of a stored picture go: cropped to fill another shape, and turned as its EXIF orientation says.

use super::super::area::Area;
use atelier_domain::size::Size;
use image::metadata::Orientation;

/// The middle of a picture in the shape of `target`, as large as it goes.
pub(in crate::studio) fn cover(picture: Size, target: Size) -> Area {
    let (across, down) = (u64::from(picture.width), u64::from(picture.height));
    let (w, h) = (u64::from(target.width), u64::from(target.height));
    let part = |side: u64, share: u64, of: u64, most: u32| {
        u32::try_from((side * share + of / 2) / of).unwrap_or(u32::MAX).clamp(1, most)
    };
    let (width, height) = if across * h >= down * w {
        (part(down, w, h, picture.width), picture.height)
    } else {
        (picture.width, part(across, h, w, picture.height))
    };
    Area { x: (picture.width - width) / 2, y: (picture.height - height) / 2, width, height }
}

/// How a stored picture is turned to be seen: its axes swapped first, then mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::studio) struct Turn {
    swapped: bool,
    mirrored_x: bool,
    mirrored_y: bool,
}

impl From<Orientation> for Turn {
    fn from(orientation: Orientation) -> Self {
        let (swapped, mirrored_x, mirrored_y) = match orientation {
            Orientation::NoTransforms => (false, false, false),
            Orientation::FlipHorizontal => (false, true, false),
            Orientation::Rotate180 => (false, true, true),
            Orientation::FlipVertical => (false, false, true),
            Orientation::Rotate90FlipH => (true, false, false),
            Orientation::Rotate90 => (true, true, false),
            Orientation::Rotate270FlipH => (true, true, true),
            Orientation::Rotate270 => (true, false, true),
        };
        Self { swapped, mirrored_x, mirrored_y }
    }
}

impl Turn {
    /// As it is stored.
    pub const NONE: Self = Self { swapped: false, mirrored_x: false, mirrored_y: false };

    /// The stored sides of what is shown with these, and the other way round.
    pub const fn stored_size(self, shown: Size) -> Size {
        if self.swapped { Size::new(shown.height, shown.width) } else { shown }
    }

    /// Where a rectangle of the shown picture lies in the stored one.
    pub const fn stored_crop(self, crop: Area, shown: Size) -> Area {
        let x = if self.mirrored_x { shown.width - crop.x - crop.width } else { crop.x };
        let y = if self.mirrored_y { shown.height - crop.y - crop.height } else { crop.y };
        if self.swapped {
            Area { x: y, y: x, width: crop.height, height: crop.width }
        } else {
            Area { x, y, ..crop }
        }
    }

    /// The place, in rows of the shown picture, of a pixel of a picture that is stored with these sides.
    pub const fn index(self, x: u32, y: u32, stored: Size) -> usize {
        let shown = self.stored_size(stored);
        let (x, y) = if self.swapped { (y, x) } else { (x, y) };
        let x = if self.mirrored_x { shown.width - 1 - x } else { x };
        let y = if self.mirrored_y { shown.height - 1 - y } else { y };
        y as usize * shown.width as usize + x as usize
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::{DynamicImage, GrayImage};

    #[test]
    fn a_turned_picture_is_the_one_that_another_library_turns() {
        let stored = Size::new(3, 2);
        let pixels: Vec<u8> = (0..6).collect();
        for orientation in (1..=8).map(|exif| Orientation::from_exif(exif).unwrap()) {
            let mut theirs = DynamicImage::from(GrayImage::from_raw(3, 2, pixels.clone()).unwrap());
            theirs.apply_orientation(orientation);
            let turn = Turn::from(orientation);
            let mut ours = vec![9; 6];
            for (at, pixel) in (0..).zip(&pixels) {
                ours[turn.index(at % 3, at / 3, stored)] = *pixel;
            }
            assert_eq!(ours, theirs.into_bytes(), "{orientation:?}");
        }
    }

    #[test]
    fn a_crop_of_the_shown_picture_is_found_in_the_stored_one() {
        let shown = Size::new(7, 4);
        let crop = Area { x: 1, y: 2, width: 3, height: 2 };
        for orientation in (1..=8).map(|exif| Orientation::from_exif(exif).unwrap()) {
            let turn = Turn::from(orientation);
            let (stored, found) = (turn.stored_size(shown), turn.stored_crop(crop, shown));
            let mut places: Vec<_> = (found.y..found.y + found.height)
                .flat_map(|y| (found.x..found.x + found.width).map(move |x| turn.index(x, y, stored)))
                .collect();
            places.sort_unstable();
            assert_eq!(places, [15, 16, 17, 22, 23, 24], "{orientation:?}");
        }
    }

    #[test]
    fn a_crop_has_the_shape_of_the_target_and_lies_in_the_middle() {
        for (picture, target, (x, y, width, height)) in [
            (Size::new(100, 100), Size::new(50, 50), (0, 0, 100, 100)),
            (Size::new(200, 100), Size::new(10, 10), (50, 0, 100, 100)),
            (Size::new(100, 301), Size::new(20, 10), (0, 125, 100, 50)),
            (Size::new(3, 1), Size::new(1, 4096), (1, 0, 1, 1)),
            (Size::new(65_535, 900), Size::new(4096, 4096), (32_317, 0, 900, 900)),
        ] {
            assert_eq!(cover(picture, target), Area { x, y, width, height }, "{picture} to {target}");
        }
    }
}
