//! A composition as data: a sky, forms from back to front, each with a fill. The rasteriser and the SVG writer both read
//! it. Lengths are in units of the short side, so that one composition fits every size.

use super::{
    color::{Rgb, sin},
    drawing::Detail,
};

/// A place, x to the right and y down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// From the left edge.
    pub x: f32,
    /// From the upper edge.
    pub y: f32,
}

/// A place from its coordinates.
pub(super) const fn at(x: f32, y: f32) -> Point {
    Point { x, y }
}

/// What a motif composes for: the sheet and the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet {
    /// Width in short sides, at least 1.
    pub width: f32,
    /// Height in short sides, at least 1.
    pub height: f32,
    /// The moment of an animation, 0 to 1; everything that moves is back where it was at 1.
    pub turn: f32,
    /// Factor on the number of forms.
    pub density: f32,
}

impl Sheet {
    /// `count` forms, more or fewer by the asked density, at least 2.
    pub fn count(&self, count: f32) -> usize {
        ((count * self.density) as usize).max(2)
    }
}

/// A colour with how much of it shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    /// The colour.
    pub rgb: Rgb,
    /// 0 shows nothing, 1 covers.
    pub alpha: f32,
}

impl Rgb {
    /// This colour, showing this much.
    pub const fn ink(self, alpha: f32) -> Ink {
        Ink { rgb: self, alpha }
    }
}

/// How a form is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fill {
    /// One ink.
    Flat(Ink),
    /// From one ink to another along a line.
    Linear { from: Point, to: Point, start: Ink, end: Ink },
    /// From an ink in the centre to another at the radius, falling off softly.
    Radial { center: Point, radius: f32, inner: Ink, outer: Ink },
}

/// A curve across the whole width: a base line and swings of (height, waves per unit, phase in turns).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wave {
    /// Where it lies on average, from the upper edge.
    pub base: f32,
    /// What swings around it.
    pub swings: Vec<(f32, f32, f32)>,
    /// 0 for rolling hills, 1 for pointed peaks.
    pub sharpness: f32,
}

impl Wave {
    /// Its height from the upper edge at `x`.
    pub fn y(&self, x: f32) -> f32 {
        self.swings.iter().fold(self.base, |y, &(height, frequency, phase)| {
            let turns = frequency * x + phase;
            let smooth = sin(turns);
            let peak = 4.0 * (turns - (turns + 0.5).floor()).abs() - 1.0;
            y + height * (smooth + (peak - smooth) * self.sharpness)
        })
    }

    /// The same curve, lower by `drop`.
    pub fn lowered(&self, drop: f32) -> Self {
        Self { base: self.base + drop, ..self.clone() }
    }
}

/// The outline of a form.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// A full circle.
    Disc { center: Point, radius: f32 },
    /// A circular line.
    Ring { center: Point, radius: f32, width: f32 },
    /// A rectangle with rounded corners.
    Rect { min: Point, max: Point, radius: f32 },
    /// Everything from one wave down to another, or down to the lower edge.
    Below { top: Wave, bottom: Option<Wave> },
}

/// One form with its fill.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    /// Its outline.
    pub form: Form,
    /// Its fill.
    pub fill: Fill,
    /// Shows only inside this one.
    pub clip: Option<Form>,
    /// Drawn from this detail on.
    pub detail: Detail,
}

impl Layer {
    /// A form with its fill, drawn at every detail.
    pub const fn new(form: Form, fill: Fill) -> Self {
        Self { form, fill, clip: None, detail: Detail::Low }
    }

    /// The same, showing only inside `form`.
    #[must_use]
    pub fn inside(mut self, form: Form) -> Self {
        self.clip = Some(form);
        self
    }

    /// The same, left out below this detail.
    #[must_use]
    pub const fn detail(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }
}

/// A soft light in the sky.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glow {
    /// Where it is brightest.
    pub center: Point,
    /// Where it ends.
    pub radius: f32,
    /// Its ink in the centre.
    pub ink: Ink,
}

/// A whole composition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scene {
    /// Colours from the upper to the lower edge, evenly spaced.
    pub sky: [Rgb; 5],
    /// Soft lights on the sky.
    pub glows: Vec<Glow>,
    /// Forms from back to front.
    pub layers: Vec<Layer>,
    /// What remains on a transparent background.
    pub cutout: Option<Form>,
}
