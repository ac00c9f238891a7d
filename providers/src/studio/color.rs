//! Colour that is the same on every machine: OKLCH to sRGB and a sine made of additions, multiplications and square
//! roots only, because `cos` and `powf` of the platform's maths library differ in their last bits.

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rgb(pub [u8; 3]);

/// A colour in OKLCH: lightness 0–1, chroma 0–0.37, hue in turns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lch {
    /// Perceived lightness.
    pub l: f32,
    /// Colourfulness.
    pub c: f32,
    /// Hue in turns; 0.08 is red, 0.4 green, 0.72 blue.
    pub h: f32,
}

/// Sine of an angle in turns, within 0.001 of the true one.
pub(super) fn sin(turns: f32) -> f32 {
    let x = turns - (turns + 0.5).floor();
    let parabola = 8.0 * x - 16.0 * x * x.abs();
    0.225 * (parabola * parabola.abs() - parabola) + parabola
}

/// Cosine of an angle in turns.
pub(super) fn cos(turns: f32) -> f32 {
    sin(turns + 0.25)
}

impl Rgb {
    /// The colour `t` of the way to `other`, in sRGB as SVG and the rasteriser both blend.
    pub fn mix(self, other: Self, t: f32) -> Self {
        let [a, b] = [self.0.map(f32::from), other.0.map(f32::from)];
        Self([0, 1, 2].map(|i| (a[i] + (b[i] - a[i]) * t + 0.5) as u8))
    }
}

impl Lch {
    /// A colour from its parts.
    pub const fn new(l: f32, c: f32, h: f32) -> Self {
        Self { l, c, h }
    }

    /// The colour `t` of the way to `other`, the short way round the hues.
    pub fn mix(self, other: Self, t: f32) -> Self {
        let way = other.h - self.h;
        let way = way - (way + 0.5).floor();
        Self::new(self.l + (other.l - self.l) * t, self.c + (other.c - self.c) * t, self.h + way * t)
    }

    /// The nearest sRGB colour of this lightness and hue: chroma gives way until it exists.
    pub fn rgb(self) -> Rgb {
        let l = self.l.clamp(0.0, 1.0);
        let (a, b) = (cos(self.h), sin(self.h));
        let steps = 24u8;
        for step in 0..steps {
            let chroma = self.c * f32::from(steps - step) / f32::from(steps);
            let linear = linear_srgb(l, a * chroma, b * chroma);
            if linear.iter().all(|v| (-0.0005..=1.0005).contains(v)) {
                return Rgb(linear.map(encode));
            }
        }
        Rgb(linear_srgb(l, 0.0, 0.0).map(encode))
    }
}

fn linear_srgb(lightness: f32, a: f32, b: f32) -> [f32; 3] {
    let cube = |v: f32| v * v * v;
    let l = cube(lightness + 0.396_337_78 * a + 0.215_803_76 * b);
    let m = cube(lightness - 0.105_561_346 * a - 0.063_854_17 * b);
    let s = cube(lightness - 0.089_484_18 * a - 1.291_485_5 * b);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
}

/// The sRGB transfer curve by nested square roots, within a quarter of an 8-bit step where it matters.
fn encode(linear: f32) -> u8 {
    let x = linear.clamp(0.0, 1.0);
    let (r2, r4) = (x.sqrt(), x.sqrt().sqrt());
    let curve = 0.585_122_4 * r2 + 0.783_140_36 * r4 - 0.368_262_74 * r4.sqrt();
    let value = if x < 0.003_130_8 { 12.92 * x } else { curve };
    (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_oklch_colours_come_out_within_two_steps() {
        for (lch, want) in [
            (Lch::new(1.0, 0.0, 0.0), [255, 255, 255]),
            (Lch::new(0.0, 0.0, 0.0), [0, 0, 0]),
            (Lch::new(0.70, 0.12, 0.08), [223, 128, 115]),
            (Lch::new(0.60, 0.10, 0.40), [89, 144, 89]),
            (Lch::new(0.35, 0.08, 0.72), [32, 58, 100]),
            (Lch::new(0.85, 0.09, 0.25), [229, 204, 137]),
        ] {
            let got = lch.rgb().0;
            assert!(got.iter().zip(want).all(|(g, w): (&u8, u8)| g.abs_diff(w) <= 2), "{lch:?}: {got:?}");
        }
    }

    #[test]
    fn colours_that_no_screen_has_keep_their_lightness_and_lose_chroma() {
        let [r, g, b] = Lch::new(0.5, 0.37, 0.72).rgb().0;
        assert!(b > 200 && r < 110 && g < 110, "{r} {g} {b}");
    }

    #[test]
    fn sine_stays_close_to_the_real_one() {
        for i in -300i16..300 {
            let turns = f32::from(i) / 100.0;
            assert!((sin(turns) - (turns * std::f32::consts::TAU).sin()).abs() < 0.002, "{turns}");
        }
    }
}
