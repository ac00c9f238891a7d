//! The colours of one picture: a sky, a ramp from far to near, an accent, and a light and a dark for text.

use super::{
    color::{Lch, Rgb},
    drawing::{Drawing, Rng},
    edit::{Tones, luma},
    hints::{self, Hints, MOODS, MOTIFS, Mood, Motif},
};

/// The colours of one picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Palette {
    /// The light they belong to.
    pub mood: Mood,
    /// From the upper to the lower edge.
    pub sky: [Rgb; 5],
    /// Suns and lights.
    pub glow: Rgb,
    /// The colour opposite to the others.
    pub accent: Rgb,
    /// Nearly white.
    pub light: Rgb,
    /// Nearly black.
    pub dark: Rgb,
    far: Lch,
    near: Lch,
    /// Colours of a reference that the ramp leans to.
    tones: Option<Tones>,
}

impl Palette {
    /// A colour of the ramp: 0 is far away, 1 is near.
    pub fn ramp(&self, t: f32) -> Rgb {
        let own = self.far.mix(self.near, t).rgb();
        self.tones.as_ref().map_or(own, |tones| own.mix(tones.shade(t), tones.share))
    }

    /// A colour for a brightness, 0 (dark) to 1 (light).
    pub fn tone(&self, brightness: f32) -> Rgb {
        let mut stops = [self.dark, self.ramp(1.0), self.ramp(0.5), self.ramp(0.0), self.light];
        stops.sort_by_key(|stop| luma(stop.0));
        let place = brightness.clamp(0.0, 1.0) * 4.0;
        let below = (place as usize).min(3);
        stops[below].mix(stops[below + 1], place - below as f32)
    }

    /// The same palette leaning to the colours of a reference.
    #[must_use]
    pub fn toned(self, tones: &Tones) -> Self {
        let (white, black) = (Rgb([255; 3]), Rgb([0; 3]));
        let lean = |own: Rgb, theirs: Rgb| own.mix(theirs, tones.share);
        Self {
            sky: [0, 1, 2, 3, 4].map(|i| lean(self.sky[i], tones.sky[i])),
            glow: lean(self.glow, tones.glow),
            accent: lean(self.accent, tones.accent),
            // Letters and their plate must stay apart, whatever the picture.
            light: lean(self.light, tones.glow.mix(white, 0.85)),
            dark: lean(self.dark, tones.dark.mix(black, 0.75)),
            tones: Some(tones.clone()),
            ..self
        }
    }
}

/// Chooses light, motif and colours: first what the words ask for, then chance; what the negative prompt names is avoided.
pub(super) fn choose(drawing: &Drawing, rng: &mut Rng) -> (Palette, Motif) {
    let wanted = hints::read(&drawing.prompt);
    let unwanted = hints::read(drawing.negative_prompt.as_deref().unwrap_or_default());
    let look = hints::look(drawing.style.as_deref());

    let motif = pick(&MOTIFS, wanted.motif, unwanted.motif, rng);
    let mood = pick(&MOODS, look.mood.or(wanted.mood), unwanted.mood, rng);
    let hue = hue(wanted, unwanted, rng);
    let hue = look.hue.unwrap_or(hue) + rng.range(-0.02, 0.02);
    (mix(mood, hue, look.chroma, rng), motif)
}

fn pick<T: Copy + PartialEq>(all: &[T], wanted: Option<T>, unwanted: Option<T>, rng: &mut Rng) -> T {
    let start = rng.below(all.len());
    let chance = (0..all.len()).map(|i| all[(start + i) % all.len()]).find(|item| Some(*item) != unwanted);
    wanted.filter(|item| Some(*item) != unwanted).or(chance).unwrap_or(all[start])
}

fn hue(wanted: Hints, unwanted: Hints, rng: &mut Rng) -> f32 {
    let chance = rng.range(0.0, 1.0);
    let hue = wanted.hue.unwrap_or(chance);
    let apart = unwanted.hue.map_or(0.5, |no| {
        let way = hue - no;
        (way - (way + 0.5).floor()).abs()
    });
    if apart < 0.15 { hue + 0.5 } else { hue }
}

/// Accents that look good on screens: coral, amber, teal, blue, violet, pink.
const ACCENTS: [f32; 6] = [0.07, 0.19, 0.49, 0.69, 0.82, 0.98];
/// Where shadows go: dark yellow is mud, dark blue is night.
const SHADOW_HUE: f32 = 0.75;

fn mix(mood: Mood, hue: f32, chroma: f32, rng: &mut Rng) -> Palette {
    let (cool, warm) = (rng.range(-0.06, 0.06), rng.range(-0.05, 0.06));
    let lch = |l: f32, c: f32, h: f32| Lch::new(l, c * chroma, h);
    let shadow = |l: f32, c: f32, t: f32| Lch::new(l, c * chroma, hue).mix(lch(l, c, SHADOW_HUE), t);
    let (top, bottom, far, near, glow) = match mood {
        Mood::Day => (
            lch(0.70, 0.115, 0.67 + cool),
            lch(0.955, 0.045, 0.20 + warm),
            lch(0.84, 0.075, hue),
            shadow(0.38, 0.10, 0.25),
            lch(0.985, 0.05, 0.27 + warm),
        ),
        Mood::Dusk => (
            lch(0.37, 0.125, 0.79 + cool),
            lch(0.87, 0.11, 0.14 + warm),
            lch(0.68, 0.14, hue),
            shadow(0.22, 0.085, 0.45),
            lch(0.95, 0.085, 0.21 + warm),
        ),
        Mood::Night => (
            lch(0.17, 0.065, 0.76 + cool),
            lch(0.47, 0.125, hue).mix(lch(0.47, 0.125, SHADOW_HUE), 0.55),
            lch(0.50, 0.12, hue).mix(lch(0.50, 0.12, SHADOW_HUE), 0.3),
            shadow(0.15, 0.055, 0.6),
            lch(0.94, 0.05, 0.26 + warm),
        ),
        Mood::Pastel => (
            lch(0.85, 0.075, 0.83 + 2.0 * cool),
            lch(0.965, 0.045, 0.14 + warm),
            lch(0.90, 0.065, hue),
            shadow(0.64, 0.12, 0.2),
            lch(0.99, 0.03, 0.22),
        ),
    };
    Palette {
        mood,
        sky: [0.0, 0.25, 0.5, 0.75, 1.0].map(|t| top.mix(bottom, t).rgb()),
        glow: glow.rgb(),
        accent: lch(0.72, 0.16, accent(hue, rng)).rgb(),
        light: Lch::new(0.975, 0.012, hue).rgb(),
        dark: Lch::new(0.18, 0.04, SHADOW_HUE + cool).rgb(),
        far,
        near,
        tones: None,
    }
}

/// One of the two accents that stand farthest from this hue.
fn accent(hue: f32, rng: &mut Rng) -> f32 {
    let mut accents = ACCENTS;
    let apart = |accent: f32| {
        let way = accent - hue;
        (way - (way + 0.5).floor()).abs()
    };
    accents.sort_by(|a, b| apart(*b).total_cmp(&apart(*a)));
    accents[rng.below(2)]
}
