//! A mosaic of squares with quarter circles, discs and rings.

use super::super::{
    color::{Rgb, sin},
    drawing::{Detail, Rng},
    palette::Palette,
    scene::{Fill, Form, Layer, Point, Scene, Sheet, at},
};

/// How far a tile reaches under its right and lower neighbours.
const SEAM: f32 = 0.006;

/// Composes a mosaic that fills the sheet.
pub(super) fn compose(scene: &mut Scene, sheet: &Sheet, palette: &Palette, rng: &mut Rng) {
    let across = [3.0, 4.0, 5.0][rng.below(3)] * if sheet.density > 1.2 { 1.5 } else { 1.0 };
    let columns = (sheet.width * across + 0.5) as usize;
    let rows = (sheet.height * across + 0.5) as usize;
    let side = at(sheet.width / columns as f32, sheet.height / rows as f32);
    let colors = [
        palette.ramp(0.05),
        palette.ramp(0.4),
        palette.ramp(0.75),
        palette.ramp(1.0),
        palette.accent,
        palette.glow,
        palette.accent.mix(palette.light, 0.55),
    ];
    let mut last = colors.len();
    for cell in 0..columns * rows {
        let (column, row) = (cell % columns, cell / columns);
        let ground = other_than(last, colors.len(), rng);
        let figure = other_than(ground, colors.len(), rng);
        last = ground;
        let min = at(column as f32 * side.x, row as f32 * side.y);
        let tile = Tile {
            min,
            max: at(min.x + side.x, min.y + side.y),
            figure: colors[figure],
            light: palette.light,
        };
        let phase = rng.range(0.0, 1.0);
        let breath = 0.94 + 0.06 * sin(phase + sheet.turn);
        // A hair too large, so that the sky does not shine through the seams.
        let square = Form::Rect { min, max: at(tile.max.x + SEAM, tile.max.y + SEAM), radius: 0.0 };
        scene.layers.push(Layer::new(square, Fill::Flat(colors[ground].ink(1.0))));
        tile.draw(scene, rng.below(10), breath);
    }
}

fn other_than(not: usize, count: usize, rng: &mut Rng) -> usize {
    let choice = rng.below(count);
    if choice == not { (choice + 1 + rng.below(count - 1)) % count } else { choice }
}

struct Tile {
    min: Point,
    max: Point,
    figure: Rgb,
    light: Rgb,
}

impl Tile {
    fn square(&self) -> Form {
        Form::Rect { min: self.min, max: self.max, radius: 0.0 }
    }

    fn draw(&self, scene: &mut Scene, kind: usize, breath: f32) {
        let side = (self.max.x - self.min.x).min(self.max.y - self.min.y);
        let middle = at((self.min.x + self.max.x) / 2.0, (self.min.y + self.max.y) / 2.0);
        let corners = [self.min, at(self.max.x, self.min.y), self.max, at(self.min.x, self.max.y)];
        let mut add = |layer: Layer, detail| scene.layers.push(layer.detail(detail));
        match kind {
            0..=4 => {
                let center = corners[kind % 4];
                add(self.disc(center, side * breath, 1.0), Detail::Low);
                add(self.ring(center, side * breath * 0.66), Detail::Medium);
                add(self.ring(center, side * breath * 0.33), Detail::High);
            }
            5 | 6 => {
                for center in [corners[kind % 2], corners[kind % 2 + 2]] {
                    add(self.disc(center, side * 0.5 * breath, 1.0), Detail::Low);
                    add(self.ring(center, side * 0.28 * breath), Detail::High);
                }
            }
            7 => {
                add(self.disc(middle, side * 0.38 * breath, 1.0), Detail::Low);
                add(self.ring(middle, side * 0.24 * breath), Detail::Medium);
            }
            8 => {
                for (size, detail) in [(0.42, Detail::Low), (0.28, Detail::Medium), (0.14, Detail::Medium)] {
                    add(self.disc(middle, side * size * breath, 0.55), detail);
                }
            }
            _ => {
                for i in 0..16u8 {
                    let step = |n: u8| (f32::from(n) + 0.5) / 4.0;
                    let place = at(self.min.x + side * step(i % 4), self.min.y + side * step(i / 4));
                    add(self.disc(place, side * 0.055 * breath, 0.9), Detail::Low);
                }
            }
        }
    }

    fn disc(&self, center: Point, radius: f32, alpha: f32) -> Layer {
        Layer::new(Form::Disc { center, radius }, Fill::Flat(self.figure.ink(alpha))).inside(self.square())
    }

    fn ring(&self, center: Point, radius: f32) -> Layer {
        let ring = Form::Ring { center, radius, width: 0.006 };
        Layer::new(ring, Fill::Flat(self.light.ink(0.5))).inside(self.square())
    }
}
