//! Whom a film shows: the portrait of each character with its name, in a row in the upper left corner.

use super::{
    super::{
        canvas::Canvas,
        fonts::FontBook,
        form::FULL,
        palette::Palette,
        scene::{Fill, Form, Layer, at},
        text,
    },
    Figure,
    cel::Cel,
    picture::covering,
    planes::Planes,
};

/// The side of a portrait, the margin around the row, the gap in it, and the height of a name, in parts of the film's short side.
const SIDE: f32 = 0.2;
const MARGIN: f32 = 0.05;
const GAP: f32 = 0.02;
const NAME: f32 = 0.045;

/// The cast of one shot, in the colours of its palette.
pub(super) struct Cast(Vec<(Cel, (usize, usize))>);

impl Cast {
    /// The cast for a picture of this size; whoever has no room is left out.
    pub fn new(figures: &[Figure], palette: &Palette, fonts: &FontBook, size: (u32, u32)) -> Self {
        let short = size.0.min(size.1) as f32;
        let even = |part: f32| ((short * part / 2.0).ceil() as u32).max(1) * 2;
        let (side, margin, gap, name) = (even(SIDE), even(MARGIN), even(GAP), even(NAME));
        let places = (0..).map(|number| (margin + number * (side + gap), margin));
        let fits = |(x, y): (u32, u32)| x + side <= size.0 && y + side + name <= size.1;
        let placed = figures.iter().zip(places).filter(|(_, place)| fits(*place));
        Self(
            placed
                .map(|(figure, (x, y))| {
                    let sheet = drawn(figure, palette, fonts, (side, name));
                    (Cel::from_canvas(&sheet), (x as usize, y as usize))
                })
                .collect(),
        )
    }

    /// Lays the cast on a picture; `fade` of 256 shows it fully.
    pub fn show(&self, picture: &mut Planes, fade: u32) {
        for (cel, place) in &self.0 {
            cel.lay(picture, *place, fade);
        }
    }
}

fn drawn(figure: &Figure, palette: &Palette, fonts: &FontBook, (side, name): (u32, u32)) -> Canvas {
    let mut sheet = Canvas::new(side, side + name);
    let unit = sheet.unit();
    let plate = Form::Rect {
        min: at(0.0, 0.0),
        max: at(side as f32 / unit, (side + name) as f32 / unit),
        radius: 0.03,
    };
    sheet.draw(&Layer::new(plate, Fill::Flat(palette.dark.ink(1.0))));
    let rim = (side / 24).max(1);
    let inner = side.saturating_sub(rim * 2).max(2);
    sheet.lay(&covering(&figure.portrait, inner, inner), (rim, rim), |_, _| FULL);
    let size = name as f32 * 0.78;
    let baseline = side as f32 + name as f32 * 0.68;
    let mut x = rim as f32 * 2.0;
    for letter in figure.name.chars().filter(|letter| !letter.is_control()) {
        let advance = text::advance(fonts, letter, size);
        if x + advance > (side - rim) as f32 {
            break;
        }
        text::draw_character(&mut sheet, fonts, (letter, size), at(x, baseline), palette.light.ink(1.0));
        x += advance;
    }
    sheet
}
