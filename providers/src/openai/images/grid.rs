//! The size that is asked of an upstream for the size that was asked of us.

use super::super::dialect::Grid;
use atelier_domain::size::Size;

impl Grid {
    /// The legal size nearest to `asked`: its own shape where that is legal, as many pixels where those are.
    pub fn nearest(&self, asked: Size) -> Size {
        let (mut width, mut height) = (f64::from(asked.width.max(1)), f64::from(asked.height.max(1)));
        let ratio = f64::from(self.max_ratio);
        // The short side grows: what is added is cut off again.
        width = width.max(height / ratio);
        height = height.max(width / ratio);
        let pixels = width * height;
        let most =
            (f64::from(self.max_side) / width.max(height)).min((self.max_pixels as f64 / pixels).sqrt());
        let least = (self.min_pixels as f64 / pixels).sqrt();
        let scale = 1.0_f64.max(least).min(most);
        let step = f64::from(self.step);
        let side =
            |length: f64, round: fn(f64) -> f64| (round(length * scale / step) * step).max(step) as u32;
        let sized = |round| Size::new(side(width, round), side(height, round));
        // Rounding may cross a bound: then the other way round does not.
        let candidates = [sized(f64::round), sized(f64::floor), sized(f64::ceil)];
        let legal = candidates.into_iter().find(|size| self.allows(*size));
        legal.unwrap_or_else(|| self.squeezed(candidates[0]))
    }

    fn allows(&self, size: Size) -> bool {
        let (long, short) = (size.long_side(), size.short_side());
        long <= self.max_side
            && u64::from(long) <= u64::from(short) * u64::from(self.max_ratio)
            && (self.min_pixels..=self.max_pixels).contains(&size.pixels())
    }

    /// At the very corner of the rule, where no rounding of both sides is legal: one side gives way.
    fn squeezed(&self, size: Size) -> Size {
        let is_wide = size.width >= size.height;
        let turned =
            |long: u32, short: u32| if is_wide { Size::new(long, short) } else { Size::new(short, long) };
        let (mut long, mut short) = (size.long_side().min(self.max_side), size.short_side());
        long = (long / self.step * self.step).max(self.step);
        while u64::from(long) > u64::from(short) * u64::from(self.max_ratio) {
            short += self.step;
        }
        while u64::from(long) * u64::from(short) < self.min_pixels {
            short += self.step;
        }
        while u64::from(long) * u64::from(short) > self.max_pixels && long > short {
            long -= self.step;
        }
        turned(long, short)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::Dialect;
    use atelier_domain::size::{Size, SizeRule};

    fn openai() -> SizeRule {
        let text =
            "multiple_of = 16\nmax_side = 3840\nmax_ratio = 3\nmin_pixels = 655360\nmax_pixels = 8294400";
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_nearest_size_is_near() {
        let grid = Dialect::named("openai").unwrap().images.grid;
        for (asked, near) in [
            ("1024x1024", "1024x1024"),
            ("1536x864", "1536x864"),
            ("3840x2160", "3840x2160"),
            ("4096x2048", "3840x1920"),
            ("1000x1000", "1008x1008"),
            ("512x512", "816x816"),
            ("256x256", "816x816"),
            ("3000x500", "3008x1008"),
        ] {
            assert_eq!(grid.nearest(asked.parse().unwrap()).to_string(), near, "{asked}");
        }
        let free = Dialect::named("sd-server").unwrap().images.grid;
        for (asked, near) in [("512x512", "512x512"), ("501x333", "496x336"), ("1x1", "16x16")] {
            assert_eq!(free.nearest(asked.parse().unwrap()).to_string(), near, "{asked}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_size_has_a_legal_one(width in 1u32..9000, height in 1u32..9000) {
            let near = Dialect::named("openai").unwrap().images.grid.nearest(Size::new(width, height));
            proptest::prop_assert!(openai().check(near).is_ok(), "{width}x{height} became {near}");
        }
    }
}
