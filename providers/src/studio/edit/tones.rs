//! The colours of pictures, as a palette that a composition can be drawn with.

use super::super::{canvas::Canvas, color::Rgb};

/// Part of the pixels that count as the brightest, the darkest or the most colourful.
const EXTREME: usize = 20;

/// Colours found in pictures, and how much they count beside those of the prompt.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::studio) struct Tones {
    /// Means of five bands, from the upper edge to the lower.
    pub sky: [Rgb; 5],
    /// Means of the five fifths from the lightest to the darkest: together they are the picture's mean.
    pub shades: [Rgb; 5],
    /// The most colourful.
    pub accent: Rgb,
    /// The brightest.
    pub glow: Rgb,
    /// The darkest.
    pub dark: Rgb,
    /// The mean of all.
    pub mean: Rgb,
    /// 0 leaves the prompt's colours, 1 replaces them.
    pub share: f32,
}

/// Perceived brightness by Rec. 601, 0 to 255.
pub(in crate::studio) const fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((red as u32 * 77 + green as u32 * 150 + blue as u32 * 29) >> 8) as u8
}

fn mean(colors: &[[u8; 3]]) -> Rgb {
    let count = colors.len().max(1) as u64;
    Rgb([0, 1, 2].map(|i| {
        let sum: u64 = colors.iter().map(|color| u64::from(color[i])).sum();
        ((sum + count / 2) / count) as u8
    }))
}

fn colorfulness(color: [u8; 3]) -> u8 {
    let [red, green, blue] = color;
    red.max(green).max(blue) - red.min(green).min(blue)
}

impl Tones {
    /// The colours of all that is visible in these pictures; none when nothing is.
    pub fn of(pictures: &[Canvas], share: f32) -> Option<Self> {
        let visible = |pixels: &[u8]| -> Vec<[u8; 3]> {
            let seen = pixels.as_chunks::<4>().0.iter().filter(|pixel| pixel[3] >= 128);
            seen.map(|[red, green, blue, _]| [*red, *green, *blue]).collect()
        };
        let mut all: Vec<_> = pictures.iter().flat_map(|picture| visible(&picture.pixels)).collect();
        if all.is_empty() {
            return None;
        }
        let whole = mean(&all);
        let band = |number: usize| {
            let colors = pictures.iter().flat_map(|picture| {
                let rows = picture.height as usize;
                let rows = number * rows / 5..(number + 1) * rows / 5;
                visible(&picture.pixels[rows.start * picture.stride()..rows.end * picture.stride()])
            });
            let colors: Vec<_> = colors.collect();
            if colors.is_empty() { whole } else { mean(&colors) }
        };
        let few = (all.len() / EXTREME).max(1);
        // The colour itself is the last key: equal pictures give equal tones whatever the sort does with ties.
        all.sort_unstable_by_key(|color| (colorfulness(*color), *color));
        let accent = mean(&all[all.len() - few..]);
        all.sort_unstable_by_key(|color| (u8::MAX - luma(*color), *color));
        let fifth = |number: usize| {
            let (from, to) = (number * all.len() / 5, (number + 1) * all.len() / 5);
            if from < to { mean(&all[from..to]) } else { whole }
        };
        let (glow, dark) = (mean(&all[..few]), mean(&all[all.len() - few..]));
        let shades = [0, 1, 2, 3, 4].map(fifth);
        Some(Self { sky: [0, 1, 2, 3, 4].map(band), shades, accent, glow, dark, mean: whole, share })
    }

    /// A colour from light (0) to dark (1).
    pub fn shade(&self, t: f32) -> Rgb {
        let place = t.clamp(0.0, 1.0) * 4.0;
        let below = (place as usize).min(3);
        self.shades[below].mix(self.shades[below + 1], place - below as f32)
    }
}
