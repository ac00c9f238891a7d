//! The kinds of composition, one file each. A motif is a pure function of chance, palette and sheet; it never asks for a
//! random number whose count depends on the moment of an animation, so that all frames show the same picture.

mod bloom;
mod hills;
mod orbits;
mod ribbons;
mod tiles;

use super::{
    drawing::{Detail, Drawing, Rng},
    hints::{Mood, Motif},
    palette::{self, Palette},
    scene::{Fill, Form, Glow, Layer, Point, Scene, Sheet, at},
};

/// Composes a drawing at a moment of its animation (0 for a still).
pub(super) fn compose(drawing: &Drawing, turn: f32) -> (Scene, Palette) {
    let mut rng = Rng::new(drawing.entropy());
    let (mut palette, motif) = palette::choose(drawing, &mut rng);
    if let Some(edit) = &drawing.edit {
        palette = edit.toned(palette);
    }
    let size = drawing.sheet().size();
    let short = size.short_side().max(1) as f32;
    let sheet = Sheet {
        width: size.width as f32 / short,
        height: size.height as f32 / short,
        turn,
        density: [0.65, 1.0, 1.5][usize::from(drawing.density.clamp(1, 3)) - 1],
    };
    let mut scene = Scene { sky: palette.sky, glows: Vec::new(), layers: Vec::new(), cutout: None };
    match motif {
        Motif::Hills => hills::compose(&mut scene, &sheet, &palette, 0.0, &mut rng),
        Motif::Peaks => hills::compose(&mut scene, &sheet, &palette, 0.85, &mut rng),
        Motif::Orbits => orbits::compose(&mut scene, &sheet, &palette, &mut rng),
        Motif::Ribbons => ribbons::compose(&mut scene, &sheet, &palette, &mut rng),
        Motif::Tiles => tiles::compose(&mut scene, &sheet, &palette, &mut rng),
        Motif::Bloom => bloom::compose(&mut scene, &sheet, &palette, &mut rng),
    }
    scene.layers.retain(|layer| layer.detail <= drawing.detail);
    if drawing.transparent {
        let inset = 0.05;
        scene.cutout = Some(Form::Rect {
            min: at(inset, inset),
            max: at(sheet.width - inset, sheet.height - inset),
            radius: rng.range(0.24, 0.5 - inset),
        });
    }
    (scene, palette)
}

/// Specks of light over the upper part of the sheet: a few at medium detail, many at high.
fn stars(scene: &mut Scene, sheet: &Sheet, palette: &Palette, depth: f32, rng: &mut Rng) {
    let dim = if palette.mood == Mood::Night { 0.9 } else { 0.45 };
    for i in 0..((90.0 * sheet.width * sheet.height) as usize).min(600) {
        let center = at(rng.range(0.0, sheet.width), rng.range(0.0, sheet.height * depth));
        let size = rng.range(0.0, 1.0);
        let phase = rng.range(0.0, 1.0);
        let twinkle = 0.65 + 0.35 * super::color::sin(phase + sheet.turn);
        let ink = palette.light.ink(dim * twinkle * (0.35 + 0.65 * size));
        let star = Form::Disc { center, radius: 0.0009 + 0.0026 * size * size * size };
        let detail = if i % 3 == 0 { Detail::Medium } else { Detail::High };
        scene.layers.push(Layer::new(star, Fill::Flat(ink)).detail(detail));
    }
}

/// A disc of light with its halo in the sky.
fn sun(scene: &mut Scene, center: Point, radius: f32, palette: &Palette) {
    scene.glows.push(Glow { center, radius: radius * 6.0, ink: palette.glow.ink(0.42) });
    scene.glows.push(Glow { center, radius: radius * 2.6, ink: palette.glow.ink(0.5) });
    let edge = match palette.mood {
        Mood::Night => palette.glow.mix(palette.sky[0], 0.35),
        _ => palette.sky[4].mix(palette.glow, 0.3),
    };
    let fill =
        Fill::Radial { center, radius: radius * 1.5, inner: palette.glow.ink(1.0), outer: edge.ink(1.0) };
    scene.layers.push(Layer::new(Form::Disc { center, radius }, fill));
}
