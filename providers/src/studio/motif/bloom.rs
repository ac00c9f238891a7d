//! Flowers of translucent petals.

use super::super::{
    color::{cos, sin},
    drawing::{Detail, Rng},
    palette::Palette,
    scene::{Fill, Form, Glow, Layer, Point, Scene, Sheet, at},
};

/// Composes one flower on a square, a row of them on a long sheet.
pub(super) fn compose(scene: &mut Scene, sheet: &Sheet, palette: &Palette, rng: &mut Rng) {
    let corner = at(sheet.width * rng.range(0.0, 1.0), sheet.height);
    scene.glows.push(Glow { center: corner, radius: 1.1, ink: palette.accent.ink(0.3) });
    super::stars(scene, sheet, palette, 1.0, rng);
    let long = sheet.width.max(sheet.height);
    let flowers = ((long / 0.95) as usize).max(1);
    for i in 0..flowers {
        let along = long * (i as f32 + 0.5) / flowers as f32;
        let across = 0.44 + if flowers > 1 { rng.range(-0.08, 0.04) } else { 0.0 };
        let center = if sheet.width >= sheet.height { at(along, across) } else { at(0.5, along - 0.06) };
        let size = if flowers > 1 { rng.range(0.7, 0.95) } else { 1.0 };
        flower(scene, sheet, palette, (center, size), rng);
    }
}

fn flower(scene: &mut Scene, sheet: &Sheet, palette: &Palette, (center, size): (Point, f32), rng: &mut Rng) {
    scene.glows.push(Glow { center, radius: 0.62 * size, ink: palette.glow.ink(0.5) });
    let petals = [6usize, 8, 10, 12][rng.below(4)];
    let tilt = rng.range(0.0, 1.0);
    for (tier, reach, radius) in [(0u8, 0.235, 0.15), (1, 0.14, 0.105), (2, 0.07, 0.06)] {
        for i in 0..petals {
            let share = (i as f32 + 0.5 * f32::from(tier)) / petals as f32;
            // A breath runs round the flower. Turning it would change which petal lies on top.
            let angle = tilt + share + 0.012 * sin(sheet.turn);
            let reach = reach * (1.0 + 0.07 * sin(sheet.turn - share) * (1.0 + f32::from(tier)));
            let place = at(center.x + size * reach * cos(angle), center.y + size * reach * sin(angle));
            let color = match (tier, i % 2) {
                (0, 0) => palette.ramp(0.35),
                (0, _) => palette.ramp(0.75),
                (1, 0) => palette.accent,
                (1, _) => palette.accent.mix(palette.glow, 0.5),
                _ => palette.glow,
            };
            petal(scene, center, place, size * radius, color);
        }
    }
    let heart = Form::Disc { center, radius: 0.05 * size };
    scene.layers.push(Layer::new(heart, Fill::Flat(palette.dark.ink(0.55))));
    for (radius, detail) in
        [(0.062, Detail::Medium), (0.31, Detail::High), (0.405, Detail::Medium), (0.425, Detail::High)]
    {
        let ring = Form::Ring { center, radius: radius * size, width: 0.0025 };
        scene.layers.push(Layer::new(ring, Fill::Flat(palette.light.ink(0.4))).detail(detail));
    }
}

fn petal(scene: &mut Scene, heart: Point, center: Point, radius: f32, color: super::super::color::Rgb) {
    let toward_heart = at((heart.x + center.x) / 2.0, (heart.y + center.y) / 2.0);
    let fill = Fill::Radial {
        center: toward_heart,
        radius: radius * 2.2,
        inner: color.ink(0.2),
        outer: color.ink(0.72),
    };
    scene.layers.push(Layer::new(Form::Disc { center, radius }, fill));
    let edge = Form::Ring { center, radius, width: 0.002 };
    scene.layers.push(
        Layer::new(edge, Fill::Flat(super::super::color::Rgb([255; 3]).ink(0.3))).detail(Detail::Medium),
    );
}
