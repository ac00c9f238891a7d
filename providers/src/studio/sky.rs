//! The backdrop: a gradient and soft lights, computed on a coarse grid and interpolated in integers, since nothing in it
//! changes faster than that.

use super::{canvas::Canvas, scene::Scene};

/// Pixels between two grid points.
const STEP: usize = 16;

/// Ordered dither in 1/256 of a colour step: turns the bands of a slow gradient into a texture too fine to see.
const BAYER: [[u8; 4]; 4] = [[8, 136, 40, 168], [200, 72, 232, 104], [56, 184, 24, 152], [248, 120, 216, 88]];

/// A colour with 8 bits after the point.
type Fine = [i32; 3];

/// Covers the canvas.
pub(super) fn paint(canvas: &mut Canvas, scene: &Scene, dither: bool) {
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let unit = canvas.unit();
    let columns = width / STEP + 2;
    let grid_row = |j: usize| -> Vec<Fine> {
        let y = (j * STEP) as f32;
        (0..columns).map(|i| color(scene, (i * STEP) as f32 / unit, y / unit, y / height as f32)).collect()
    };
    let mut below = grid_row(0);
    for j in 0..height.div_ceil(STEP) {
        let above = std::mem::replace(&mut below, grid_row(j + 1));
        for step in 0..STEP.min(height - j * STEP) {
            let y = j * STEP + step;
            let line: Vec<Fine> = above.iter().zip(&below).map(|(a, b)| mix(*a, *b, step as i32)).collect();
            let thresholds = if dither { BAYER[y % 4] } else { [128; 4] };
            for (x, block) in canvas.row_mut(y).chunks_mut(STEP * 4).enumerate() {
                fill(block, line[x], line[x + 1], thresholds);
            }
        }
    }
    canvas.mark_opaque();
}

fn fill(block: &mut [u8], left: Fine, right: Fine, thresholds: [u8; 4]) {
    for (x, pixel) in block.chunks_exact_mut(4).enumerate() {
        let color = mix(left, right, x as i32);
        let lift = i32::from(thresholds[x % 4]);
        let [r, g, b] = color.map(|v| ((v + lift) >> 8).clamp(0, 255) as u8);
        pixel.copy_from_slice(&[r, g, b, 255]);
    }
}

fn mix(a: Fine, b: Fine, step: i32) -> Fine {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * step / STEP as i32)
}

fn color(scene: &Scene, x: f32, y: f32, down: f32) -> Fine {
    let bands = (scene.sky.len() - 1) as f32;
    let place = down.clamp(0.0, 1.0) * bands;
    let band = (place as usize).min(scene.sky.len() - 2);
    let t = place - band as f32;
    let [a, b] = [scene.sky[band], scene.sky[band + 1]].map(|rgb| rgb.0.map(f32::from));
    let mut color = [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t);
    for glow in &scene.glows {
        let (dx, dy) = (x - glow.center.x, y - glow.center.y);
        let rest = (1.0 - (dx * dx + dy * dy) / (glow.radius * glow.radius)).max(0.0);
        let alpha = glow.ink.alpha * rest * rest;
        color = [0, 1, 2].map(|i| color[i] + (f32::from(glow.ink.rgb.0[i]) - color[i]) * alpha);
    }
    color.map(|v| (v * 256.0) as i32)
}
