//! Fills measured in pixels, and the two ways to blend them. Both loops are plain 16-bit integer lanes: fast, and the same
//! on every machine.

use super::scene::{Fill, Ink, Point};

/// An ink ready to blend: red, green, blue, and alpha 0 to 256.
pub(super) type Dab = [u16; 4];

/// Entries of a gradient's table.
const STEPS: u16 = 256;

/// A fill, with its gradient tabulated.
#[derive(Debug)]
pub(super) enum Brush {
    /// One ink.
    Flat(Dab),
    /// Table steps at the origin, per column and per row.
    Linear { table: Vec<Dab>, origin: f32, per_x: f32, per_y: f32 },
    /// Table steps per squared pixel of distance.
    Radial { table: Vec<Dab>, center: Point, scale: f32 },
}

/// An ink in the integers of the blend loops.
pub(super) fn dab(ink: Ink) -> Dab {
    let [r, g, b] = ink.rgb.0.map(u16::from);
    [r, g, b, (ink.alpha.clamp(0.0, 1.0) * 256.0) as u16]
}

impl Brush {
    /// Measures a fill for a sheet with `unit` pixels to the short side.
    pub fn new(fill: Fill, unit: f32) -> Self {
        match fill {
            Fill::Flat(ink) => Self::Flat(dab(ink)),
            Fill::Linear { from, to, start, end } => {
                let (dx, dy) = ((to.x - from.x) * unit, (to.y - from.y) * unit);
                let length = (dx * dx + dy * dy).max(1e-6);
                let (per_x, per_y) = (dx / length * f32::from(STEPS), dy / length * f32::from(STEPS));
                let origin = (0.5 - from.x * unit) * per_x + (0.5 - from.y * unit) * per_y;
                Self::Linear { table: table(|t| t, start, end), origin, per_x, per_y }
            }
            Fill::Radial { center, radius, inner, outer } => {
                let radius = (radius * unit).max(1e-3);
                let center = Point { x: center.x * unit - 0.5, y: center.y * unit - 0.5 };
                let table = table(|t| 1.0 - (1.0 - t) * (1.0 - t), inner, outer);
                Self::Radial { table, center, scale: f32::from(STEPS) / (radius * radius) }
            }
        }
    }

    /// Its inks for the pixels from (x, y) to the right.
    pub fn load(&self, dabs: &mut [Dab], x: usize, y: usize) {
        let last = i32::from(STEPS) - 1;
        match self {
            Self::Flat(dab) => dabs.fill(*dab),
            Self::Linear { table, origin, per_x, per_y } => {
                let start = origin + per_y * y as f32 + per_x * x as f32;
                let at = |place: f32| table[(place as i32).clamp(0, last) as usize];
                if *per_x == 0.0 {
                    dabs.fill(at(start));
                } else {
                    dabs.iter_mut().enumerate().for_each(|(i, dab)| *dab = at(start + per_x * i as f32));
                }
            }
            Self::Radial { table, center, scale } => {
                let dy = y as f32 - center.y;
                let left = x as f32 - center.x;
                for (i, dab) in dabs.iter_mut().enumerate() {
                    let dx = left + i as f32;
                    *dab = table[(((dx * dx + dy * dy) * scale) as i32).clamp(0, last) as usize];
                }
            }
        }
    }
}

fn table(curve: impl Fn(f32) -> f32, start: Ink, end: Ink) -> Vec<Dab> {
    let steps = (0..STEPS).map(|i| curve((f32::from(i) + 0.5) / f32::from(STEPS)));
    steps
        .map(|t| {
            dab(Ink { rgb: start.rgb.mix(end.rgb, t), alpha: start.alpha + (end.alpha - start.alpha) * t })
        })
        .collect()
}

/// Blends onto pixels whose alpha is 255 and stays so.
pub(super) fn blend_solid(pixels: &mut [u8], coverage: &[u16], dabs: &[Dab]) {
    for ((pixel, covered), &[r, g, b, alpha]) in pixels.chunks_exact_mut(4).zip(coverage).zip(dabs) {
        let alpha = ((u32::from(alpha) * u32::from(*covered)) >> 8) as u16;
        for (channel, ink) in pixel.iter_mut().zip([r, g, b, 255]) {
            *channel = ((u16::from(*channel) * (256 - alpha) + ink * alpha + 128) >> 8) as u8;
        }
    }
}

/// Blends onto pixels of any alpha: the source-over rule for straight alpha.
pub(super) fn blend_over(pixels: &mut [u8], coverage: &[u16], dabs: &[Dab]) {
    for ((pixel, covered), &[r, g, b, alpha]) in pixels.chunks_exact_mut(4).zip(coverage).zip(dabs) {
        let alpha = (u32::from(alpha) * u32::from(*covered)) >> 8;
        if alpha == 0 {
            continue;
        }
        let under = u32::from(pixel[3]) * (256 - alpha);
        let over = 255 * alpha;
        let total = under + over;
        for (channel, ink) in pixel[..3].iter_mut().zip([r, g, b]) {
            *channel = ((u32::from(*channel) * under + u32::from(ink) * over + total / 2) / total) as u8;
        }
        pixel[3] = ((total + 128) >> 8).min(255) as u8;
    }
}
