//! What the two flavours make: names, sizes and lengths, as data. Adobe's own numbers run one ahead of the names in its shop: its
//! `nano-banana-3` is sold as Nano Banana 2 and is Gemini 3.1.

use atelier_domain::{job::JobKind, size::Size};

/// A model of the web back end, as requests name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebModel {
    pub id: String,
    pub version: String,
}

/// Names of the catalogue, and what they are at the web back end. Clients of older gateways take `sora-2-pro` for another name of Sora 2.
const NAMED: &[(&str, &str, &str)] = &[
    ("gpt-image-2", "gpt-image", "2"),
    ("nano-banana-3", "gemini-flash", "nano-banana-3"),
    ("gemini-2.5", "gemini-flash", "nano-banana"),
    ("sora-2", "sora", "sora-2"),
    ("sora-2-pro", "sora", "sora-2"),
];

impl WebModel {
    /// The model of a name of the catalogue, or of an exact one: `id:version`.
    pub fn named(name: &str) -> Option<Self> {
        let known = NAMED.iter().find(|(known, ..)| *known == name).map(|(_, id, version)| (*id, *version));
        let (id, version) = known.or_else(|| name.split_once(':'))?;
        let plain = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        (plain(id) && plain(version)).then(|| Self { id: id.to_owned(), version: version.to_owned() })
    }

    /// The catalogue's names of it.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let is_it = |known: &&(&str, &str, &str)| known.1 == self.id && known.2 == self.version;
        NAMED.iter().filter(is_it).map(|(name, ..)| *name)
    }

    /// What clients call it when the catalogue does not know it.
    pub fn exact_name(&self) -> String {
        let maker = self.id.split(['-', '_']).next().unwrap_or_default();
        if self.version.starts_with(maker) {
            self.version.clone()
        } else {
            format!("{}-{}", self.id, self.version)
        }
    }

    /// What it makes, by its name, where discovery does not say.
    pub fn kind(&self) -> JobKind {
        const FILMS: &[&str] = &["sora", "veo", "kling", "luma", "ray", "pika", "hailuo", "wan"];
        let films = FILMS.iter().any(|maker| self.id.starts_with(maker)) || self.id.contains("video");
        if films { JobKind::Video } else { JobKind::Image }
    }

    /// Its sizes, when it makes pictures.
    pub fn sizes(&self) -> Sizes {
        match (self.id.as_str(), self.version.as_str()) {
            ("gpt-image", _) => Sizes { rows: GPT, tiers: 3 },
            (_, "nano-banana-3") => Sizes { rows: GEMINI, tiers: 3 },
            // Of the older one only the first tier is known.
            (_, "nano-banana") => Sizes { rows: GEMINI_TEN, tiers: 1 },
            _ => Sizes { rows: GEMINI_TEN, tiers: 3 },
        }
    }
}

/// A ratio, and the size of it at 1K, 2K and 4K.
type Row = ((u32, u32), [(u32, u32); 3]);

/// The sizes of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    rows: &'static [Row],
    tiers: usize,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub size: Size,
    /// `16:9` is 16 and 9.
    pub ratio: (u32, u32),
    /// 1, 2 or 4.
    pub k: u8,
}

impl Sizes {
    /// The size of the nearest shape that is at least as large as what is wanted, or the largest.
    pub fn nearest(&self, wanted: Size) -> Choice {
        let shape = |width: u32, height: u32| (f64::from(width.max(1)) / f64::from(height.max(1))).ln();
        let far = |row: &Row| (shape(row.0.0, row.0.1) - shape(wanted.width, wanted.height)).abs();
        let first = &self.rows[0];
        let (ratio, sizes) =
            self.rows.iter().fold(first, |best, row| if far(row) < far(best) { row } else { best });
        let covers = |size: &(u32, u32)| size.0 >= wanted.width && size.1 >= wanted.height;
        let last = self.tiers.clamp(1, 3) - 1;
        let tier = sizes[..=last].iter().position(covers).unwrap_or(last);
        let (width, height) = sizes[tier];
        Choice { size: Size::new(width, height), ratio: *ratio, k: [1, 2, 4][tier] }
    }
}

/// GPT Image 2. It also makes 21:9, of which there is no upright one.
const GPT: &[Row] = &[
    ((1, 1), [(1024, 1024), (2048, 2048), (2880, 2880)]),
    ((5, 4), [(1120, 896), (2240, 1792), (3200, 2560)]),
    ((4, 5), [(896, 1120), (1792, 2240), (2560, 3200)]),
    ((4, 3), [(1152, 864), (2304, 1728), (3264, 2448)]),
    ((3, 4), [(864, 1152), (1728, 2304), (2448, 3264)]),
    ((3, 2), [(1248, 832), (2496, 1664), (3504, 2336)]),
    ((2, 3), [(832, 1248), (1664, 2496), (2336, 3504)]),
    ((16, 9), [(1280, 720), (2560, 1440), (3840, 2160)]),
    ((9, 16), [(720, 1280), (1440, 2560), (2160, 3840)]),
    ((21, 9), [(1456, 624), (3024, 1296), (3696, 1584)]),
];

/// Gemini 3.1: fourteen ratios, of which 21:9 has no upright one.
const GEMINI: &[Row] = &[
    GEMINI_TEN[0],
    GEMINI_TEN[1],
    GEMINI_TEN[2],
    GEMINI_TEN[3],
    GEMINI_TEN[4],
    GEMINI_TEN[5],
    GEMINI_TEN[6],
    GEMINI_TEN[7],
    GEMINI_TEN[8],
    GEMINI_TEN[9],
    ((4, 1), [(2048, 512), (4096, 1024), (8192, 2048)]),
    ((1, 4), [(512, 2048), (1024, 4096), (2048, 8192)]),
    ((8, 1), [(3072, 384), (6144, 768), (12_288, 1536)]),
    ((1, 8), [(384, 3072), (768, 6144), (1536, 12_288)]),
];

/// Gemini's other generations.
const GEMINI_TEN: &[Row] = &[
    ((1, 1), [(1024, 1024), (2048, 2048), (4096, 4096)]),
    ((5, 4), [(1120, 896), (2240, 1792), (4480, 3584)]),
    ((4, 5), [(896, 1120), (1792, 2240), (3584, 4480)]),
    ((4, 3), [(1152, 864), (2048, 1536), (4096, 3072)]),
    ((3, 4), [(864, 1152), (1536, 2048), (3072, 4096)]),
    ((3, 2), [(1248, 832), (2496, 1664), (4992, 3328)]),
    ((2, 3), [(832, 1248), (1664, 2496), (3328, 4992)]),
    ((16, 9), [(1360, 768), (2752, 1536), (5504, 3072)]),
    ((9, 16), [(768, 1360), (1536, 2752), (3072, 5504)]),
    ((21, 9), [(1456, 624), (2912, 1248), (5824, 2496)]),
];

/// A model of Firefly Services.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServicesModel {
    /// The catalogue's name.
    pub name: &'static str,
    /// `x-model-version`.
    pub version: &'static str,
    /// What it makes.
    pub kind: JobKind,
    /// Its sizes, the usual one first.
    pub sizes: &'static [(u32, u32)],
}

const IMAGE_4: &[(u32, u32)] = &[(2048, 2048), (2304, 1792), (1792, 2304), (2688, 1536), (1440, 2560)];

/// All of them.
pub(super) static SERVICES: &[ServicesModel] = &[
    ServicesModel {
        name: "firefly-image-4",
        version: "image4_standard",
        kind: JobKind::Image,
        sizes: IMAGE_4,
    },
    ServicesModel {
        name: "firefly-image-4-ultra",
        version: "image4_ultra",
        kind: JobKind::Image,
        sizes: IMAGE_4,
    },
    ServicesModel {
        name: "firefly-image-3",
        version: "image3",
        kind: JobKind::Image,
        sizes: &[
            (1024, 1024),
            (1152, 896),
            (896, 1152),
            (1344, 768),
            (1344, 756),
            (2048, 2048),
            (2304, 1792),
            (1792, 2304),
            (2688, 1536),
            (2688, 1512),
            (1440, 2560),
        ],
    },
    ServicesModel {
        name: "firefly-video-1",
        version: "video1_standard",
        kind: JobKind::Video,
        sizes: &[
            (1280, 720),
            (720, 1280),
            (1920, 1080),
            (1080, 1920),
            (960, 540),
            (540, 960),
            (1080, 1080),
            (720, 720),
            (540, 540),
        ],
    },
];

impl ServicesModel {
    /// The model of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SERVICES.iter().find(|model| model.name == name || model.version == name)
    }

    /// The size that loses least: of the nearest shape, and there the smallest that covers what is wanted, or the largest.
    pub fn nearest(&self, wanted: Size) -> Size {
        let shape = |width: u32, height: u32| (f64::from(width.max(1)) / f64::from(height.max(1))).ln();
        let far = |size: &(u32, u32)| (shape(size.0, size.1) - shape(wanted.width, wanted.height)).abs();
        let nearest = self.sizes.iter().map(far).fold(f64::INFINITY, f64::min);
        let mut alike: Vec<_> = self.sizes.iter().filter(|size| far(size) < nearest + 0.02).collect();
        alike.sort_unstable();
        let covers = |size: &&&(u32, u32)| size.0 >= wanted.width && size.1 >= wanted.height;
        let chosen = alike.iter().find(covers).or(alike.last()).map_or(self.sizes[0], |size| **size);
        Size::new(chosen.0, chosen.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(name: &str) -> WebModel {
        WebModel::named(name).unwrap_or_else(|| WebModel { id: String::new(), version: String::new() })
    }

    #[test]
    fn a_size_is_the_smallest_of_its_shape_that_covers_what_is_wanted() {
        for (model, wanted, size, ratio, k) in [
            ("gpt-image-2", (1024, 1024), (1024, 1024), (1, 1), 1),
            ("gpt-image-2", (1536, 1024), (2496, 1664), (3, 2), 2),
            ("gpt-image-2", (1024, 1536), (1664, 2496), (2, 3), 2),
            ("gpt-image-2", (3840, 2160), (3840, 2160), (16, 9), 4),
            ("gpt-image-2", (4096, 1408), (3696, 1584), (21, 9), 4),
            ("nano-banana-3", (1280, 720), (1360, 768), (16, 9), 1),
            ("nano-banana-3", (3072, 384), (3072, 384), (8, 1), 1),
            ("nano-banana-3", (300, 1200), (512, 2048), (1, 4), 1),
            ("gemini-2.5", (4096, 4096), (1024, 1024), (1, 1), 1),
            ("gemini-flash:nano-banana-2", (3072, 384), (5824, 2496), (21, 9), 4),
        ] {
            let choice = web(model).sizes().nearest(Size::new(wanted.0, wanted.1));
            assert_eq!(
                (choice.size, choice.ratio, choice.k),
                (Size::new(size.0, size.1), ratio, k),
                "{model} {wanted:?}"
            );
        }
    }

    #[test]
    fn every_size_of_gpt_image_keeps_the_rule_of_its_family() {
        for (_, sizes) in GPT {
            for (width, height) in sizes {
                let (long, short) = (*width.max(height), *width.min(height));
                let pixels = u64::from(*width) * u64::from(*height);
                assert!(width % 16 == 0 && height % 16 == 0 && long <= 4096 && long <= 3 * short);
                assert!((655_360..=8_294_400).contains(&pixels), "{width}x{height}");
            }
        }
    }

    #[test]
    fn exact_names_read_like_names_and_lead_nowhere_else() {
        for (id, version, name) in [
            ("flux", "fluxPro", "fluxPro"),
            ("flux", "2", "flux-2"),
            ("kling", "kling_v3_standard_i2v", "kling_v3_standard_i2v"),
            ("veo", "3.1-generate", "veo-3.1-generate"),
        ] {
            let model = web(&format!("{id}:{version}"));
            assert_eq!(model.exact_name(), name);
        }
        for odd in ["flux:../x", "flux:", ":2", "flux", "fl ux:2"] {
            assert_eq!(WebModel::named(odd), None, "{odd}");
        }
    }

    #[test]
    fn services_are_asked_for_a_size_that_they_have() {
        for (model, wanted, size) in [
            ("firefly-image-4", (1024, 1024), (2048, 2048)),
            ("firefly-image-4", (1920, 1080), (2688, 1536)),
            ("firefly-image-3", (1024, 1024), (1024, 1024)),
            ("image3", (2048, 2048), (2048, 2048)),
            ("firefly-video-1", (1280, 720), (1280, 720)),
            ("firefly-video-1", (3840, 2160), (1920, 1080)),
        ] {
            let found = ServicesModel::named(model).map(|known| known.nearest(Size::new(wanted.0, wanted.1)));
            assert_eq!(found, Some(Size::new(size.0, size.1)), "{model} {wanted:?}");
        }
    }
}
