//! A shift of all colours of a drawing toward a mean, so that it has the tone of its reference as well as its colours. One
//! straight line per channel, between black and white: nothing is clipped, and SVG can say the same.

use super::super::{canvas::Canvas, color::Rgb};

/// A straight line for each channel, in units of its full value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::studio) struct Lean {
    /// Factors on red, green and blue.
    pub slopes: [f32; 3],
    /// What is added to them.
    pub intercepts: [f32; 3],
}

impl Lean {
    /// Brings the mean of what is visible in `drawing` `share` of the way to `mean`.
    pub(super) fn new(drawing: &Canvas, mean: Rgb, share: f32) -> Self {
        let (mut slopes, mut intercepts) = ([1.0; 3], [0.0; 3]);
        let pixels = drawing.pixels.as_chunks::<4>().0;
        for channel in 0..3 {
            let sum: u64 = pixels.iter().map(|pixel| u64::from(pixel[channel])).sum();
            let own = sum as f32 / pixels.len().max(1) as f32 / 255.0;
            let step = (f32::from(mean.0[channel]) / 255.0 - own) * share;
            if step > 0.0 {
                intercepts[channel] = step / (1.0 - own).max(0.01);
                slopes[channel] = 1.0 - intercepts[channel];
            } else {
                slopes[channel] = 1.0 + step / own.max(0.01);
            }
        }
        Self { slopes: slopes.map(|slope| slope.max(0.0)), intercepts: intercepts.map(|part| part.min(1.0)) }
    }

    /// Shifts every pixel.
    pub fn shift(&self, canvas: &mut Canvas) {
        let table = |channel: usize| -> [u8; 256] {
            std::array::from_fn(|value| {
                let shifted = self.slopes[channel] * value as f32 + self.intercepts[channel] * 255.0;
                (shifted.clamp(0.0, 255.0) + 0.5) as u8
            })
        };
        let tables = [0, 1, 2].map(table);
        for pixel in canvas.pixels.as_chunks_mut::<4>().0 {
            for (channel, table) in pixel.iter_mut().zip(&tables) {
                *channel = table[usize::from(*channel)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_comes_to_lie_where_it_was_sent_and_black_and_white_stay_in_range() {
        let mut canvas = Canvas::new(4, 1);
        canvas
            .pixels
            .copy_from_slice(&[0, 0, 0, 255, 255, 255, 255, 255, 200, 40, 90, 255, 30, 80, 200, 255]);
        for mean in [[0; 3], [255; 3], [20, 128, 240], [121, 94, 136]] {
            for share in [1.0, 0.5] {
                let own = [0, 1, 2].map(|i| {
                    canvas.pixels.iter().skip(i).step_by(4).map(|v| f32::from(*v)).sum::<f32>() / 4.0
                });
                let mut shifted = canvas.clone();
                Lean::new(&canvas, Rgb(mean), share).shift(&mut shifted);
                for i in 0..3 {
                    let found =
                        shifted.pixels.iter().skip(i).step_by(4).map(|v| f32::from(*v)).sum::<f32>() / 4.0;
                    let wanted = own[i] + (f32::from(mean[i]) - own[i]) * share;
                    assert!((found - wanted).abs() <= 1.0, "{mean:?} {share}: {found} {wanted}");
                }
            }
        }
    }
}
