//! Sizes and ratios of pictures: how they are written, and which a model family allows.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// Width and height in pixels, written `WxH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Size {
    /// A size of these sides.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Width times height.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// The longer side.
    pub fn long_side(self) -> u32 {
        self.width.max(self.height)
    }

    /// The shorter side.
    pub fn short_side(self) -> u32 {
        self.width.min(self.height)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a size: write WIDTHxHEIGHT, such as 1024x1024");
        let (width, height) = text.split_once(['x', 'X', '×']).ok_or_else(wrong)?;
        let side = |s: &str| match s.trim().parse::<u32>() {
            Ok(n) if (1..=65_536).contains(&n) => Ok(n),
            _ => Err(wrong()),
        };
        Ok(Self::new(side(width)?, side(height)?))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// A shape without a scale, written `W:H`, kept in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    width: u32,
    height: u32,
}

impl Ratio {
    /// The ratio of these sides; both at least 1.
    pub fn new(width: u32, height: u32) -> Option<Self> {
        if width == 0 || height == 0 {
            return None;
        }
        let (mut a, mut b) = (width, height);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Some(Self { width: width / a, height: height / a })
    }

    /// The same ratio turned by a quarter.
    pub const fn turned(self) -> Self {
        Self { width: self.height, height: self.width }
    }

    fn value(self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }
}

impl FromStr for Ratio {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once(':')
            .and_then(|(w, h)| Self::new(w.trim().parse().ok()?, h.trim().parse().ok()?))
            .ok_or_else(|| format!("{text:?} is not a ratio: write W:H, such as 16:9"))
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// How many pixels a named ratio asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// About one megapixel.
    OneK,
    /// About four.
    TwoK,
    /// About eight, the family's largest.
    FourK,
}

/// A wanted shape: a ratio at a tier. Written `16:9`, `wide`, `square`, `tall`, with an optional `1k-`, `2k-`, `4k-` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Its ratio.
    pub ratio: Ratio,
    /// Its tier.
    pub tier: Tier,
}

impl FromStr for Shape {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let (tier, rest) = match lower.split_once('-') {
            Some(("1k", rest)) => (Tier::OneK, rest),
            Some(("2k", rest)) => (Tier::TwoK, rest),
            Some(("4k", rest)) => (Tier::FourK, rest),
            _ => (Tier::OneK, lower.as_str()),
        };
        let named = match rest {
            "square" => Ratio::new(1, 1),
            "wide" | "landscape" => Ratio::new(16, 9),
            "tall" | "portrait" => Ratio::new(9, 16),
            other => other.parse().ok(),
        };
        let ratio = named.ok_or_else(|| {
            format!("{text:?} is not an aspect ratio: write W:H or square, wide, tall, with 2k- or 4k- before it for more pixels")
        })?;
        Ok(Self { ratio, tier })
    }
}

/// The shortest side of an edit that follows a smaller picture, in pixels.
const LEAST_FOLLOWED: u32 = 64;

/// Which sizes a model family makes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeRule {
    /// When not empty, only these.
    #[serde(default)]
    pub only: Vec<Size>,
    /// Each side is a multiple of this.
    #[serde(default = "one")]
    pub multiple_of: u32,
    /// The shortest side allowed.
    #[serde(default = "one")]
    pub min_side: u32,
    /// The longest side allowed.
    #[serde(default = "longest")]
    pub max_side: u32,
    /// Long side over short side, at most.
    #[serde(default = "steepest")]
    pub max_ratio: u32,
    /// The fewest pixels.
    #[serde(default)]
    pub min_pixels: u64,
    /// The most pixels.
    #[serde(default = "most")]
    pub max_pixels: u64,
    /// The usual size of each ratio at 1k, 2k and 4k; others are computed.
    #[serde(default)]
    pub tiers: Vec<(Ratio, Size, Size, Size)>,
}

const fn one() -> u32 {
    1
}
const fn longest() -> u32 {
    4096
}
const fn steepest() -> u32 {
    8
}
const fn most() -> u64 {
    4096 * 4096
}

impl SizeRule {
    /// Says which part of the rule `size` breaks, if any (api.md §1, `bad_size`).
    pub fn check(&self, size: Size) -> Result<(), String> {
        if !self.only.is_empty() {
            if self.only.contains(&size) {
                return Ok(());
            }
            let legal: Vec<_> = self.only.iter().map(Size::to_string).collect();
            return Err(format!("size {size} is not made by this model: use one of {}", legal.join(", ")));
        }
        let multiple = self.multiple_of;
        if !size.width.is_multiple_of(multiple) || !size.height.is_multiple_of(multiple) {
            return Err(format!("size {size}: both sides must be multiples of {multiple}"));
        }
        if size.long_side() > self.max_side {
            return Err(format!("size {size}: the longest side may be {} pixels at most", self.max_side));
        }
        if size.short_side() < self.min_side {
            return Err(format!("size {size}: the shortest side must be {} pixels at least", self.min_side));
        }
        if u64::from(size.long_side()) > u64::from(size.short_side()) * u64::from(self.max_ratio) {
            return Err(format!(
                "size {size}: the sides may differ by a ratio of {}:1 at most",
                self.max_ratio
            ));
        }
        if size.pixels() < self.min_pixels {
            return Err(format!(
                "size {size}: {} pixels are fewer than the least, {}",
                size.pixels(),
                self.min_pixels
            ));
        }
        if size.pixels() > self.max_pixels {
            return Err(format!(
                "size {size}: {} pixels are more than the most, {}",
                size.pixels(),
                self.max_pixels
            ));
        }
        Ok(())
    }

    /// The legal size that a shape asks for.
    pub fn fit(&self, shape: Shape) -> Result<Size, String> {
        let size = if self.only.is_empty() {
            self.usual(shape).unwrap_or_else(|| self.computed(shape))
        } else {
            self.only
                .iter()
                .copied()
                .find(|s| Ratio::new(s.width, s.height) == Some(shape.ratio))
                .unwrap_or_else(|| self.nearest(shape))
        };
        self.check(size)?;
        Ok(size)
    }

    /// The size of an edit that follows its first picture: the picture's own, scaled down where it is more than the family makes,
    /// and scaled up where hardly anything could be seen. A family of few sizes uses the one of the nearest shape.
    pub fn following(&self, picture: Size) -> Size {
        if !self.only.is_empty() {
            let shape =
                Ratio::new(picture.width, picture.height).map(|ratio| Shape { ratio, tier: Tier::OneK });
            return shape.map_or(Size::new(1024, 1024), |shape| self.nearest(shape));
        }
        let (long, short) = (f64::from(picture.long_side()), f64::from(picture.short_side()));
        let pixels = picture.pixels() as f64;
        let most = (f64::from(self.max_side) / long).min((self.max_pixels as f64 / pixels).sqrt());
        let least = f64::from(LEAST_FOLLOWED) / short;
        let scale = 1.0_f64.max(least).min(most);
        let side = |length: u32| ((f64::from(length) * scale).floor() as u32).clamp(1, self.max_side);
        Size::new(side(picture.width), side(picture.height))
    }

    fn usual(&self, shape: Shape) -> Option<Size> {
        let pick = |(_, one, two, four): &(Ratio, Size, Size, Size)| match shape.tier {
            Tier::OneK => *one,
            Tier::TwoK => *two,
            Tier::FourK => *four,
        };
        let turn = |size: Size| Size::new(size.height, size.width);
        let straight = self.tiers.iter().find(|row| row.0 == shape.ratio).map(pick);
        straight.or_else(|| self.tiers.iter().find(|row| row.0 == shape.ratio.turned()).map(pick).map(turn))
    }

    fn computed(&self, shape: Shape) -> Size {
        let budget: u64 = match shape.tier {
            Tier::OneK => 1 << 20,
            Tier::TwoK => 1 << 22,
            Tier::FourK => 1 << 23,
        };
        let pixels = budget.clamp(self.min_pixels, self.max_pixels) as f64;
        let side = |length: f64| {
            let step = f64::from(self.multiple_of);
            ((length / step).floor() * step)
                .clamp(f64::from(self.min_side.max(self.multiple_of)), f64::from(self.max_side))
                as u32
        };
        let ratio = shape.ratio.value();
        Size::new(side((pixels * ratio).sqrt()), side((pixels / ratio).sqrt()))
    }

    fn nearest(&self, shape: Shape) -> Size {
        let distance = |s: &Size| (f64::from(s.width) / f64::from(s.height) / shape.ratio.value()).ln().abs();
        let closest = self.only.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        closest.copied().unwrap_or(Size::new(1024, 1024))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn gpt_image() -> SizeRule {
        toml::from_str(
            "multiple_of = 16\nmax_side = 4096\nmax_ratio = 3\nmin_pixels = 655360\nmax_pixels = 8294400\n\
             tiers = [[\"16:9\", \"1280x720\", \"2560x1440\", \"3840x2160\"]]",
        )
        .unwrap()
    }

    #[test]
    fn each_broken_part_of_the_rule_is_named() {
        let rule = gpt_image();
        for (size, part) in [
            ("1000x1000", "multiples of 16"),
            ("1024x1000", "multiples of 16"),
            ("4112x2048", "longest side"),
            ("3200x1024", "ratio"),
            ("512x512", "fewer"),
            ("4096x4096", "more than"),
        ] {
            let message = rule.check(size.parse().unwrap()).unwrap_err();
            assert!(message.contains(part), "{size}: {message}");
        }
        for legal in ["1024x1024", "3840x2160", "2880x2880", "1536x1024"] {
            rule.check(legal.parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn shapes_find_their_legal_size() {
        let rule = gpt_image();
        for (shape, size) in [
            ("wide", "1280x720"),
            ("9:16", "720x1280"),
            ("4k-wide", "3840x2160"),
            ("2k-tall", "1440x2560"),
            ("1:1", "1024x1024"),
        ] {
            assert_eq!(rule.fit(shape.parse().unwrap()).unwrap().to_string(), size, "{shape}");
        }
        assert!(rule.fit("8:1".parse().unwrap()).is_err());
        assert!("round".parse::<Shape>().is_err());
    }

    #[test]
    fn an_edit_follows_its_picture_within_what_the_family_makes() {
        let rule = gpt_image();
        for (picture, size) in [
            ("1024x768", "1024x768"),
            ("501x333", "501x333"),
            ("8000x6000", "3325x2494"),
            ("9000x100", "4096x45"),
            ("8x6", "85x64"),
        ] {
            assert_eq!(rule.following(picture.parse().unwrap()).to_string(), size, "{picture}");
        }
        let few = SizeRule { only: vec![Size::new(1024, 1024), Size::new(1792, 1024)], ..rule };
        assert_eq!(few.following(Size::new(1600, 900)), Size::new(1792, 1024));
    }

    proptest::proptest! {
        #[test]
        fn every_shape_within_the_ratio_gets_a_legal_size(w in 1u32..40, h in 1u32..40, tier in 0usize..3) {
            let rule = gpt_image();
            let shape = Shape { ratio: Ratio::new(w, h).unwrap(), tier: [Tier::OneK, Tier::TwoK, Tier::FourK][tier] };
            // Rounding down to 16 can push a ratio at the very edge over it; away from the edge every shape fits.
            if w.max(h) * 10 <= w.min(h) * 28 {
                proptest::prop_assert!(rule.fit(shape).is_ok(), "{:?}", rule.fit(shape));
            }
        }

        #[test]
        fn any_text_is_a_size_or_a_clear_error(text in ".{0,40}") {
            let _ = text.parse::<Size>();
            let _ = text.parse::<Shape>();
        }
    }
}
