//! Single pictures of a film, collected while it is made: a thumbnail and a sheet of frames.

use super::{
    super::encode::{FileFormat, encode},
    FilmError,
    footage::{Clip, Footage, Player},
    planes::{Matrix, Planes},
};

/// The longest side of a thumbnail, in pixels.
const THUMBNAIL: usize = 640;
/// Frames across and down on a sheet.
const GRID: usize = 5;
/// The longest side of one frame on a sheet, in pixels.
const TILE: usize = 256;
/// Quality of the sheet's JPEG.
const SHEET_QUALITY: u8 = 85;

/// Collects stills from the frames of one film.
pub(super) struct Stills {
    frames: u32,
    thumbnail: Option<Planes>,
    sheet: Planes,
    tile: (usize, usize),
}

impl Stills {
    /// For a film of so many frames of this size.
    pub fn new(width: usize, height: usize, frames: u32) -> Self {
        let tile = within(width, height, TILE);
        Self { frames, thumbnail: None, sheet: Planes::new(tile.0 * GRID, tile.1 * GRID), tile }
    }

    /// Looks at a frame.
    pub fn see(&mut self, frame: u32, picture: &Planes) {
        if frame == self.frames / 3 {
            let (width, height) = within(picture.width(), picture.height(), THUMBNAIL);
            self.thumbnail = Some(picture.reduced(width, height));
        }
        let wanted = |cell: usize| (cell as u32 * self.frames) / (GRID * GRID) as u32;
        let mut small = None;
        for cell in (0..GRID * GRID).filter(|cell| wanted(*cell) == frame) {
            let small = small.get_or_insert_with(|| picture.reduced(self.tile.0, self.tile.1));
            self.sheet.paste(small, ((cell % GRID) * self.tile.0, (cell / GRID) * self.tile.1));
        }
    }

    /// Whether [`Self::see`] would do anything with this frame.
    pub fn wants(&self, frame: u32) -> bool {
        let cells = (GRID * GRID) as u32;
        frame == self.frames / 3 || (0..cells).any(|cell| cell * self.frames / cells == frame)
    }

    /// The thumbnail as WebP and the sheet as JPEG, from frames of these colours.
    ///
    /// # Errors
    /// [`FilmError::Studio`] when an encoder fails.
    pub fn finish(self, matrix: Matrix) -> Result<(Vec<u8>, Vec<u8>), FilmError> {
        let thumbnail = self.thumbnail.as_ref().unwrap_or(&self.sheet).to_canvas(matrix);
        let sheet = self.sheet.to_canvas(matrix);
        Ok((encode(&thumbnail, FileFormat::Webp)?, encode(&sheet, FileFormat::Jpeg(SHEET_QUALITY))?))
    }
}

/// The thumbnail (WebP) and the sheet (JPEG) of a video that was made elsewhere.
///
/// # Errors
/// [`FilmError::Footage`] when it cannot be decoded.
pub fn stills(footage: &Footage) -> Result<(Vec<u8>, Vec<u8>), FilmError> {
    let mut clip = Clip::open(footage)?;
    let (seconds, mut player) = (clip.seconds(), Player::at(0));
    let (width, height, matrix) = {
        let first = player.frame(&mut clip, 0.0)?.clone();
        (first.width(), first.height(), clip.matrix(&first))
    };
    // As if it had just so many frames that every still has one of its own.
    let moments = (GRID * GRID * 3) as u32;
    let mut stills = Stills::new(width, height, moments);
    for moment in 0..moments {
        if !stills.wants(moment) {
            continue;
        }
        let at = seconds * f64::from(moment) / f64::from(moments);
        let frame = player.frame(&mut clip, at)?;
        if (frame.width(), frame.height()) == (width, height) {
            stills.see(moment, frame);
        }
    }
    stills.finish(matrix)
}

/// The largest even size of the same shape whose sides are at most `longest`; never larger than it was.
fn within(width: usize, height: usize, longest: usize) -> (usize, usize) {
    let most = width.max(height).max(longest);
    let side = |side: usize| ((side * longest / most) & !1).max(2);
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stills_keep_their_shape_and_are_never_enlarged() {
        assert_eq!(within(1280, 720, 640), (640, 360));
        assert_eq!(within(720, 1280, 256), (144, 256));
        assert_eq!(within(64, 48, 640), (64, 48));
        assert_eq!(within(1920, 32, 256), (256, 4));
    }
}
