//! Pictures laid into a composition: framed and as they are when the result is to keep close to them, else with soft edges
//! and a tint of the palette.

use super::{
    area::Area,
    canvas::Canvas,
    color::Rgb,
    drawing::Rng,
    edit::{Edit, luma},
    form::FULL,
    paint::Composition,
    palette::Palette,
    scene::{Fill, Form, Ink, Layer, at},
};

/// How much of the palette tints a picture that is kept loosely, in parts of 256.
const TINT: u16 = 72;
/// Radius of the corners, and width of the soft edge, in parts of a picture's short side.
const CORNER: f32 = 0.045;
const SOFT: f32 = 0.09;

/// How the insets of one output lie on its sheet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shift {
    /// Pixels of the sheet to the right.
    x: i32,
    /// Pixels of the sheet down.
    y: i32,
}

impl Shift {
    /// A small step aside, by chance, so that no two outputs are arranged alike. None leaves the room.
    pub fn new(edit: &Edit, room: Area, entropy: u64) -> Self {
        let mut rng = Rng::new(entropy ^ 0x5e7a_51de);
        let taken = edit.insets().map(|(_, place)| place).reduce(Area::joined);
        let Some(taken) = taken else { return Self::default() };
        let ((right, below), (end_x, end_y)) = (taken.end(), room.end());
        let mut step = |before: u32, after: u32| {
            let free = before.min(after) as f32 * 0.8;
            rng.range(-free, free) as i32
        };
        Self {
            x: step(taken.x.saturating_sub(room.x), end_x.saturating_sub(right)),
            y: step(taken.y.saturating_sub(room.y), end_y.saturating_sub(below)),
        }
    }

    /// Where a place comes to lie.
    pub const fn moved(self, place: Area) -> Area {
        Area { x: place.x.saturating_add_signed(self.x), y: place.y.saturating_add_signed(self.y), ..place }
    }
}

/// Lays the insets of an edit on a canvas of the sheet's shape.
pub(super) fn paint(canvas: &mut Canvas, edit: &Edit, composition: &Composition) {
    let size = canvas.size();
    for (picture, place) in edit.insets() {
        let place = composition.shift.moved(place).scaled(composition.sheet, size);
        let picture = picture.resized(place.size());
        if !picture.is_opaque() {
            // What was cut out has its own outline: a frame would say that it was a rectangle.
            lay(canvas, &picture, place, (edit, &composition.palette), |_, _| FULL);
            continue;
        }
        let short = place.width.min(place.height) as f32;
        if edit.is_close() {
            for layer in frame(place, canvas.unit(), &composition.palette) {
                canvas.draw(&layer);
            }
        }
        let fade = if edit.is_close() { 1.0 } else { (short * SOFT).max(1.0) };
        let radius = short * if edit.is_close() { CORNER } else { CORNER + SOFT };
        lay(canvas, &picture, place, (edit, &composition.palette), |x, y| {
            let depth = place.depth(radius, x as f32, y as f32);
            let seen = if fade > 1.0 { depth / fade } else { depth + 0.5 };
            (seen.clamp(0.0, 1.0) * f32::from(FULL)) as u16
        });
    }
}

fn lay(
    canvas: &mut Canvas,
    picture: &Canvas,
    place: Area,
    (edit, palette): (&Edit, &Palette),
    cover: impl Fn(u32, u32) -> u16,
) {
    if edit.is_close() {
        canvas.lay(picture, (place.x, place.y), cover);
    } else {
        canvas.lay(&tinted(picture, palette), (place.x, place.y), cover);
    }
}

/// Leans every pixel to the palette's colour of the same brightness.
pub(super) fn tinted(picture: &Canvas, palette: &Palette) -> Canvas {
    let tones: Vec<Rgb> =
        (0..=u8::MAX).map(|brightness| palette.tone(f32::from(brightness) / 255.0)).collect();
    let mut tinted = picture.clone();
    for pixel in tinted.pixels.as_chunks_mut::<4>().0 {
        let Rgb(tone) = tones[usize::from(luma([pixel[0], pixel[1], pixel[2]]))];
        for (channel, tone) in pixel.iter_mut().zip(tone) {
            *channel = ((u16::from(*channel) * (256 - TINT) + u16::from(tone) * TINT + 128) >> 8) as u8;
        }
    }
    tinted
}

/// The outline of an inset, larger by `grow` and lower by `drop` pixels, in units of the sheet's short side.
pub(super) fn outline(place: Area, unit: f32, (grow, drop): (f32, f32)) -> Form {
    let (right, below) = place.end();
    Form::Rect {
        min: at((place.x as f32 - grow) / unit, (place.y as f32 - grow + drop) / unit),
        max: at((right as f32 + grow) / unit, (below as f32 + grow + drop) / unit),
        radius: (place.size().short_side() as f32 * CORNER + grow) / unit,
    }
}

/// A shadow and a light rim.
pub(super) fn frame(place: Area, unit: f32, palette: &Palette) -> [Layer; 4] {
    let short = place.size().short_side() as f32;
    let rect =
        |grow: f32, drop: f32, ink: Ink| Layer::new(outline(place, unit, (grow, drop)), Fill::Flat(ink));
    let (step, shadow) = (short * 0.012, palette.dark.ink(0.16));
    [
        rect(step * 2.6, step, shadow),
        rect(step * 1.8, step, shadow),
        rect(step, step, shadow),
        rect((short * 0.006).max(0.75), 0.0, palette.light.ink(0.9)),
    ]
}
