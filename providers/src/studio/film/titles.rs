//! What is written over a film: the prompt as a caption, and a running time code in the opposite corner.

use super::{
    super::{
        canvas::Canvas,
        fonts::FontBook,
        paint::Composition,
        palette::Palette,
        scene::{Fill, Form, Layer, at},
        text,
    },
    cel::Cel,
    planes::Planes,
};
use std::ops::Range;

/// Frames over which titles appear when the first frame must be somebody's picture.
const FADE_IN: u32 = 12;

/// A sheet and the even place of its upper left corner.
type Placed = (Cel, (usize, usize));

/// The titles of one shot.
pub(super) struct Titles {
    caption: Option<Placed>,
    time_code: Option<TimeCode>,
}

struct TimeCode {
    plate: Placed,
    /// `0` to `9`, then the colon; all of one size.
    characters: Vec<Cel>,
    /// Where the eight characters stand.
    places: Vec<(usize, usize)>,
}

impl Titles {
    /// The titles of a composition, for a picture of this size. A composition without a caption because text is unwanted
    /// (`wordless`) has no time code either.
    pub fn new(composition: &Composition, fonts: &FontBook, size: (u32, u32), wordless: bool) -> Self {
        let caption = composition.caption.as_ref().and_then(|caption| {
            let mut canvas = Canvas::new(size.0, size.1);
            caption.draw(&mut canvas, &composition.palette);
            cropped(&canvas)
        });
        let time_code = if wordless { None } else { TimeCode::new(&composition.palette, fonts, size) };
        Self { caption, time_code }
    }

    /// Writes on frame `frame` of the film, counted from its beginning.
    pub fn write(&self, picture: &mut Planes, frame: u32, fade: u32) {
        if fade == 0 {
            return;
        }
        if let Some((cel, place)) = &self.caption {
            cel.lay(picture, *place, fade);
        }
        if let Some(code) = &self.time_code {
            code.write(picture, frame, fade);
        }
    }
}

/// How much of the titles shows on frame `frame` after a picture that must stay untouched, of 256.
pub(super) fn fade_in(frame: u32) -> u32 {
    frame.min(FADE_IN) * 256 / FADE_IN
}

/// `mm:ss:ff` of a frame at 24 frames a second.
fn digits(frame: u32) -> [usize; 8] {
    let (minutes, seconds, frames) = (frame / 1440 % 100, frame / 24 % 60, frame % 24);
    let digit = |number: u32, ten: bool| (if ten { number / 10 } else { number % 10 }) as usize;
    [
        digit(minutes, true),
        digit(minutes, false),
        COLON,
        digit(seconds, true),
        digit(seconds, false),
        COLON,
        digit(frames, true),
        digit(frames, false),
    ]
}

/// Place of the colon among the characters.
const COLON: usize = 10;

impl TimeCode {
    /// Nothing when the picture has no room for it.
    fn new(palette: &Palette, fonts: &FontBook, (width, height): (u32, u32)) -> Option<Self> {
        let short = width.min(height) as f32;
        let size = (short * 0.042).max(12.0);
        let margin = even(short * 0.05);
        let advance = |c| text::advance(fonts, c, size);
        // Digits of equal width, and even places: nothing trembles when they change.
        let digit = even(('0'..='9').map(advance).fold(0.0, f32::max) + 1.0);
        let (colon, pad, tall) = (even(advance(':') * 0.9), even(size * 0.5), even(size * 1.5));
        let wide = pad * 2 + digit * 6 + colon * 2;
        let (left, top) = ((width as usize).checked_sub(wide + margin)?, margin);
        if top + tall > height as usize {
            return None;
        }
        let left = left & !1;
        let mut characters = Vec::new();
        for c in ('0'..='9').chain([':']) {
            let cell = if c == ':' { colon } else { digit };
            let mut canvas = Canvas::new(cell as u32, tall as u32);
            let place = at((cell as f32 - advance(c)) / 2.0, tall as f32 * 0.5 + size * 0.34);
            text::draw_character(&mut canvas, fonts, (c, size), place, palette.light.ink(1.0));
            characters.push(Cel::from_canvas(&canvas));
        }
        let mut places = Vec::new();
        let mut x = left + pad;
        for character in digits(0) {
            places.push((x, top));
            x += if character == COLON { colon } else { digit };
        }
        let mut canvas = Canvas::new(wide as u32, tall as u32);
        let unit = canvas.unit();
        let plate = Form::Rect { min: at(0.0, 0.0), max: at(wide as f32 / unit, 1.0), radius: 0.3 };
        canvas.draw(&Layer::new(plate, Fill::Flat(palette.dark.ink(0.86))));
        Some(Self { plate: (Cel::from_canvas(&canvas), (left, top)), characters, places })
    }

    fn write(&self, picture: &mut Planes, frame: u32, fade: u32) {
        self.plate.0.lay(picture, self.plate.1, fade);
        for (character, place) in digits(frame).into_iter().zip(&self.places) {
            if let Some(cel) = self.characters.get(character) {
                cel.lay(picture, *place, fade);
            }
        }
    }
}

/// The next even number of pixels.
fn even(length: f32) -> usize {
    ((length / 2.0).ceil() as usize) * 2
}

/// The part of a canvas that is drawn on; nothing when none is.
fn cropped(canvas: &Canvas) -> Option<Placed> {
    let width = canvas.width as usize;
    let drawn = |row: &[u8]| row.chunks_exact(4).any(|pixel| pixel[3] > 0);
    let rows: Vec<_> = canvas.pixels.chunks_exact(width * 4).map(drawn).collect();
    let columns: Vec<_> =
        (0..width).map(|x| canvas.pixels.chunks_exact(width * 4).any(|row| row[x * 4 + 3] > 0)).collect();
    let (rows, columns) = (bounds(&rows)?, bounds(&columns)?);
    let mut part = Canvas::new(columns.len() as u32, rows.len() as u32);
    for (y, row) in rows.clone().enumerate() {
        let start = (row * width + columns.start) * 4;
        let line = part.row_mut(y);
        line.copy_from_slice(&canvas.pixels[start..start + line.len()]);
    }
    Some((Cel::from_canvas(&part), (columns.start, rows.start)))
}

/// From the first set flag to the last, widened to even ends within the (even) whole.
fn bounds(flags: &[bool]) -> Option<Range<usize>> {
    let first = flags.iter().position(|flag| *flag)? & !1;
    let end = flags.iter().rposition(|flag| *flag)? + 1;
    Some(first..(end + end % 2).min(flags.len() & !1)).filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::{
            super::drawing::Rng,
            tests::{film, footage, made},
        },
        *,
    };

    /// Reads a time code as an eye would: which character is most like what is seen.
    fn read(code: &TimeCode, picture: &Planes) -> String {
        let seen = |(x, y): (usize, usize), cel: &Cel| -> u64 {
            let mut blank = Planes::new(picture.width(), picture.height());
            code.plate.0.lay(&mut blank, code.plate.1, 256);
            cel.lay(&mut blank, (x, y), 256);
            let rows = y..y + cel.cover.height;
            let apart = |row: usize| {
                let span = x..x + cel.cover.width;
                let pairs = blank.y.row(row)[span.clone()].iter().zip(&picture.y.row(row)[span]);
                pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
            };
            rows.map(apart).sum()
        };
        let likest = |place: &(usize, usize), among: Range<usize>| {
            among.min_by_key(|character| seen(*place, &code.characters[*character])).unwrap()
        };
        let digits = code.places.iter().enumerate().map(|(i, place)| match i {
            2 | 5 => likest(place, COLON..COLON + 1),
            _ => likest(place, 0..COLON),
        });
        digits.map(|c| char::from_digit(c as u32, 10).unwrap_or(':')).collect()
    }

    #[test]
    fn the_time_code_can_be_read_from_the_finished_film() {
        let film = film("dunes", (320, 180), 3);
        let reel = made(&film);
        let fonts = FontBook::new(Vec::new()).unwrap();
        let drawing = crate::studio::Drawing {
            width: 320,
            height: 180,
            ..crate::studio::tests::drawing("dunes", 320, 180)
        };
        let palette = crate::studio::palette::choose(&drawing, &mut Rng::new(1)).0;
        let code = TimeCode::new(&palette, &fonts, (320, 180)).unwrap();
        for (frame, text) in [(0, "00:00:00"), (23, "00:00:23"), (37, "00:01:13"), (68, "00:02:20")] {
            let seen = super::super::still(&footage(&reel.mp4), f64::from(frame) / 24.0).unwrap();
            assert_eq!(read(&code, &Planes::from_canvas(&seen)), text);
        }
    }

    #[test]
    fn the_time_code_counts_24_frames_to_a_second() {
        assert_eq!(digits(0), [0, 0, COLON, 0, 0, COLON, 0, 0]);
        assert_eq!(digits(23), [0, 0, COLON, 0, 0, COLON, 2, 3]);
        assert_eq!(digits(24 * 71 + 5), [0, 1, COLON, 1, 1, COLON, 0, 5]);
    }

    #[test]
    fn titles_are_not_on_the_first_frame_of_a_given_picture_and_soon_are() {
        assert_eq!((fade_in(0), fade_in(FADE_IN), fade_in(1000)), (0, 256, 256));
    }

    #[test]
    fn bounds_are_even_and_hold_every_flag() {
        assert_eq!(bounds(&[false, false, false, true, true, false]), Some(2..6));
        assert_eq!(bounds(&[false; 4]), None);
    }
}
