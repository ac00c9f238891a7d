//! Ridges fading into the distance under a sun or moon.

use super::super::{
    color::{cos, sin},
    drawing::{Detail, Rng},
    hints::Mood,
    palette::Palette,
    scene::{Fill, Form, Layer, Scene, Sheet, Wave, at},
};

/// Composes ridges; `sharpness` 0 rolls, 1 points.
pub(super) fn compose(scene: &mut Scene, sheet: &Sheet, palette: &Palette, sharpness: f32, rng: &mut Rng) {
    let center = at(sheet.width * rng.range(0.22, 0.78), sheet.height * rng.range(0.2, 0.36));
    let radius = rng.range(0.075, 0.15);
    let center = at(center.x, center.y + 0.02 * sin(sheet.turn));
    if matches!(palette.mood, Mood::Night | Mood::Dusk) {
        super::stars(scene, sheet, palette, 0.6, rng);
    }
    for (i, detail) in [Detail::Medium, Detail::High, Detail::High].into_iter().enumerate() {
        let radius = radius * (1.55 + 0.55 * i as f32) * (1.0 + 0.02 * cos(sheet.turn));
        let ring = Form::Ring { center, radius, width: 0.003 };
        scene
            .layers
            .push(Layer::new(ring, Fill::Flat(palette.glow.ink(0.4 - 0.1 * i as f32))).detail(detail));
    }
    super::sun(scene, center, radius, palette);
    ridges(scene, sheet, palette, sharpness, rng);
}

fn ridges(scene: &mut Scene, sheet: &Sheet, palette: &Palette, sharpness: f32, rng: &mut Rng) {
    let count = sheet.count(6.0).min(10);
    let first = rng.range(0.44, 0.52);
    for i in 0..count {
        let t = i as f32 / (count - 1) as f32;
        let base = sheet.height * (first + (0.93 - first) * (0.35 * t + 0.65 * t * t));
        let rise = (0.05 + 0.055 * t) * (1.0 + 0.9 * sharpness * (1.0 - 0.5 * t));
        let slow = rng.range(0.45, 0.8) * (1.0 + 0.9 * sharpness);
        let drift = sheet.turn * if i % 2 == 0 { 1.0 } else { -1.0 };
        let mut swing =
            |height: f32, frequency: f32| (rise * height, slow * frequency, rng.range(0.0, 1.0) + drift);
        let swings = vec![swing(1.0, 1.0), swing(0.5, 1.9), swing(0.22, 4.3), swing(0.09, 9.1)];
        let top = Wave { base, swings, sharpness };
        let color = palette.ramp(t);
        let mist = color.mix(palette.sky[4], 0.5 * (1.0 - t));
        let fill = Fill::Linear {
            from: at(0.0, base - rise),
            to: at(0.0, base + rise * 2.4),
            start: color.ink(1.0),
            end: mist.ink(1.0),
        };
        scene.layers.push(Layer::new(Form::Below { top: top.clone(), bottom: None }, fill));
        if sharpness > 0.0 && t < 0.7 {
            snow(scene, palette, &top, rise, t);
        }
        contours(scene, palette, &top, t);
    }
}

/// Whatever rises above a ragged snow line is white.
fn snow(scene: &mut Scene, palette: &Palette, top: &Wave, rise: f32, t: f32) {
    let swings = vec![(rise * 0.1, 9.0, 0.0), (rise * 0.06, 23.0, 0.4)];
    let line = Wave { base: top.base - rise * 0.5, swings, sharpness: 0.9 };
    let fill = Fill::Flat(palette.light.ink(0.8 - 0.35 * t));
    scene.layers.push(Layer::new(Form::Below { top: top.clone(), bottom: Some(line) }, fill));
}

/// A rim of light on the ridge, and fine lines that follow it downhill.
fn contours(scene: &mut Scene, palette: &Palette, top: &Wave, t: f32) {
    let line = |drop: f32, width: f32| Form::Below {
        top: top.lowered(drop),
        bottom: Some(top.lowered(drop + width)),
    };
    let rim = Fill::Flat(palette.glow.ink(0.34 - 0.2 * t));
    scene.layers.push(Layer::new(line(0.0, 0.004), rim).detail(Detail::Medium));
    for i in 1..4u8 {
        let drop = 0.014 * f32::from(i) * (1.0 + t);
        let ink = palette.light.ink(0.1 - 0.02 * f32::from(i));
        scene.layers.push(Layer::new(line(drop, 0.0025), Fill::Flat(ink)).detail(Detail::High));
    }
}
