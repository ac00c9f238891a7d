//! Bands of silk drifting across the sheet.

use super::super::{
    drawing::{Detail, Rng},
    hints::Mood,
    palette::Palette,
    scene::{Fill, Form, Glow, Layer, Scene, Sheet, Wave, at},
};

/// How far the first ribbon lies above the last, in heights of the sheet.
const SPREAD: f32 = 0.74;

/// Composes ribbons from the upper edge to the lower.
pub(super) fn compose(scene: &mut Scene, sheet: &Sheet, palette: &Palette, rng: &mut Rng) {
    let light = at(sheet.width * rng.range(0.2, 0.8), sheet.height * rng.range(0.0, 0.3));
    let bright = if palette.mood == Mood::Night { 0.16 } else { 0.55 };
    scene.glows.push(Glow { center: light, radius: 0.9, ink: palette.glow.ink(bright) });
    let count = sheet.count(8.0).min(14);
    let (lift, calm) = (rng.range(0.05, 0.12), rng.range(0.3, 0.55));
    let shift = rng.range(0.0, 1.0);
    for i in 0..count {
        let spacing = 1.0 / (count - 1) as f32;
        let t = spacing * i as f32;
        let drift = sheet.turn * if i % 3 == 1 { -1.0 } else { 1.0 };
        // Neighbours share most of their curve: that is what makes them read as folds of one cloth.
        let swings = vec![
            (lift * (0.8 + 0.5 * t), calm, shift + 0.09 * i as f32 + drift),
            (lift * 0.45, calm * 2.1, rng.range(0.0, 0.35) - drift),
            (lift * 0.12, calm * 4.7, rng.range(0.0, 1.0) + drift),
        ];
        let top = Wave { base: sheet.height * (0.16 + SPREAD * t), swings, sharpness: 0.0 };
        cloth(scene, sheet, palette, (top, spacing, i), rng);
    }
}

fn cloth(
    scene: &mut Scene,
    sheet: &Sheet,
    palette: &Palette,
    (top, spacing, i): (Wave, f32, usize),
    rng: &mut Rng,
) {
    let t = spacing * i as f32;
    let depth = sheet.height * rng.range(0.16, 0.3);
    let color = if i % 4 == 2 { palette.accent.mix(palette.ramp(t), 0.35) } else { palette.ramp(t) };
    let pale = color.mix(palette.ramp((t - 0.5).max(0.0)), 0.7).mix(palette.glow, 0.12);
    let (start, end) = if i % 2 == 0 { (color, pale) } else { (pale, color) };
    for step in (1..4u8).rev() {
        let drop = -0.009 * f32::from(step * step);
        let shade = Form::Below { top: top.lowered(drop), bottom: Some(top.clone()) };
        scene.layers.push(Layer::new(shade, Fill::Flat(palette.dark.ink(0.07))).detail(Detail::Medium));
    }
    let fill = Fill::Linear {
        from: at(0.0, top.base),
        to: at(sheet.width, top.base + depth),
        start: start.ink(0.97),
        end: end.ink(0.88),
    };
    // Three ribbons further down the last of it is covered nearly for good.
    let bottom = (t + 3.5 * spacing < 1.0).then(|| top.lowered(3.5 * spacing * SPREAD * sheet.height));
    scene.layers.push(Layer::new(Form::Below { top: top.clone(), bottom }, fill));
    let mut line = |drop: f32, width: f32, alpha: f32, detail| {
        let form = Form::Below { top: top.lowered(drop), bottom: Some(top.lowered(drop + width)) };
        scene.layers.push(Layer::new(form, Fill::Flat(palette.light.ink(alpha))).detail(detail));
    };
    line(0.0, 0.004, 0.6, Detail::Low);
    line(0.016, 0.0025, 0.26, Detail::Medium);
    for fold in 2..5u8 {
        line(0.016 * f32::from(fold), 0.002, 0.2 - 0.035 * f32::from(fold), Detail::High);
    }
}
