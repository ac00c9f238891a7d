//! A striped planet, its moons and their paths.

use super::super::{
    color::{cos, sin},
    drawing::{Detail, Rng},
    palette::Palette,
    scene::{Fill, Form, Glow, Layer, Point, Scene, Sheet, Wave, at},
};

/// Composes planets.
pub(super) fn compose(scene: &mut Scene, sheet: &Sheet, palette: &Palette, rng: &mut Rng) {
    super::stars(scene, sheet, palette, 1.0, rng);
    let center = at(sheet.width * rng.range(0.36, 0.64), sheet.height * rng.range(0.36, 0.46));
    let radius = rng.range(0.17, 0.23);
    scene.glows.push(Glow { center, radius: radius * 3.6, ink: palette.ramp(0.0).ink(0.75) });
    let far = at(sheet.width - center.x, sheet.height * rng.range(0.05, 0.95));
    scene.glows.push(Glow { center: far, radius: 0.9, ink: palette.accent.ink(0.22) });

    let paths = sheet.count(4.0).min(7);
    let moons: Vec<_> = (0..paths).map(|i| path(scene, sheet, palette, (center, radius, i), rng)).collect();
    planet(scene, sheet, palette, (center, radius), rng);
    for (place, size, i) in moons {
        let color = if i % 2 == 0 { palette.accent } else { palette.light };
        ball(scene, place, size, color, palette);
    }
}

/// One path around the planet; says where its moon stands and how large it is.
fn path(
    scene: &mut Scene,
    sheet: &Sheet,
    palette: &Palette,
    (center, radius, i): (Point, f32, usize),
    rng: &mut Rng,
) -> (Point, f32, usize) {
    let reach = radius * (1.45 + 0.55 * i as f32);
    let angle = rng.range(0.0, 1.0) + sheet.turn * if i == 0 { 2.0 } else { 1.0 };
    let size = rng.range(0.014, 0.034);
    let ring = Form::Ring { center, radius: reach, width: 0.0035 };
    let detail = if i < 2 { Detail::Low } else { Detail::Medium };
    scene
        .layers
        .push(Layer::new(ring, Fill::Flat(palette.light.ink(0.42 / (1.0 + 0.35 * i as f32)))).detail(detail));
    for echo in [-0.012, 0.012] {
        let ring = Form::Ring { center, radius: reach + echo, width: 0.0015 };
        scene.layers.push(Layer::new(ring, Fill::Flat(palette.light.ink(0.16))).detail(Detail::High));
    }
    (at(center.x + reach * cos(angle), center.y + reach * sin(angle)), size, i)
}

fn planet(
    scene: &mut Scene,
    sheet: &Sheet,
    palette: &Palette,
    (center, radius): (Point, f32),
    rng: &mut Rng,
) {
    let disc = Form::Disc { center, radius };
    let lit = at(center.x - radius * 0.45, center.y - radius * 0.5);
    let body = palette.accent.mix(palette.glow, 0.35);
    let fill = Fill::Radial {
        center: lit,
        radius: radius * 2.0,
        inner: body.ink(1.0),
        outer: palette.accent.ink(1.0),
    };
    scene.layers.push(Layer::new(disc.clone(), fill));
    for i in 0..6u8 {
        let y = center.y + radius * (-0.85 + 0.32 * f32::from(i) + rng.range(-0.05, 0.05));
        let swings = vec![(radius * 0.05, 1.6 / radius * 0.2, rng.range(0.0, 1.0) + sheet.turn)];
        let top = Wave { base: y, swings, sharpness: 0.0 };
        let bottom = top.lowered(radius * rng.range(0.07, 0.17));
        let ink = if i % 2 == 0 { palette.light.ink(0.26) } else { palette.ramp(0.4).ink(0.5) };
        let band = Form::Below { top, bottom: Some(bottom) };
        let detail = if i % 3 == 0 { Detail::Low } else { Detail::Medium };
        scene.layers.push(Layer::new(band, Fill::Flat(ink)).inside(disc.clone()).detail(detail));
    }
    shade(scene, center, radius, palette);
}

fn ball(scene: &mut Scene, center: Point, radius: f32, color: super::super::color::Rgb, palette: &Palette) {
    scene.layers.push(Layer::new(Form::Disc { center, radius }, Fill::Flat(color.ink(1.0))));
    shade(scene, center, radius, palette);
}

/// The night side: a soft shadow that grows away from the light at the upper left.
fn shade(scene: &mut Scene, center: Point, radius: f32, palette: &Palette) {
    let fill = Fill::Radial {
        center: at(center.x - radius * 0.5, center.y - radius * 0.55),
        radius: radius * 1.75,
        inner: palette.dark.ink(0.0),
        outer: palette.dark.ink(0.82),
    };
    scene.layers.push(Layer::new(Form::Disc { center, radius }, fill));
}
