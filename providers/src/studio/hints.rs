//! What a drawing engine can honestly take from a prompt: words for colour, time of day and subject, and the named looks.

/// The light of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Bright and clear.
    Day,
    /// Low sun, long colours.
    Dusk,
    /// Dark with lights.
    Night,
    /// Pale and sweet.
    Pastel,
}

/// The kind of composition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motif {
    /// Rolling ridges under a sun.
    Hills,
    /// Pointed ridges under a sun.
    Peaks,
    /// Planets and their paths.
    Orbits,
    /// Bands of silk.
    Ribbons,
    /// A mosaic of quarter circles.
    Tiles,
    /// Flowers of translucent petals.
    Bloom,
}

/// Every mood, for a choice by chance.
pub(super) const MOODS: [Mood; 4] = [Mood::Day, Mood::Dusk, Mood::Night, Mood::Pastel];
/// Every motif, for a choice by chance.
pub(super) const MOTIFS: [Motif; 6] =
    [Motif::Hills, Motif::Peaks, Motif::Orbits, Motif::Ribbons, Motif::Tiles, Motif::Bloom];

/// What words say: the first that speaks of a thing decides it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Hints {
    /// OKLCH hue in turns.
    pub hue: Option<f32>,
    /// Light.
    pub mood: Option<Mood>,
    /// Composition.
    pub motif: Option<Motif>,
    /// Speaks of writing.
    pub text: bool,
}

/// What a named look does to the palette.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// Factor on chroma.
    pub chroma: f32,
    /// Hue that it insists on.
    pub hue: Option<f32>,
    /// Light that it insists on.
    pub mood: Option<Mood>,
}

type Row = (&'static [&'static str], Option<f32>, Option<Mood>, Option<Motif>);

const WORDS: &[Row] = &[
    (&["red", "crimson", "scarlet", "cherry", "strawberry", "apple"], Some(0.07), None, None),
    (&["orange", "fox", "tiger", "pumpkin", "copper", "ginger"], Some(0.15), None, None),
    (&["autumn", "fall", "desert", "dune", "dunes", "sand", "canyon"], Some(0.17), None, Some(Motif::Hills)),
    (&["yellow", "gold", "golden", "honey", "lemon", "lion"], Some(0.24), None, None),
    (&["green", "emerald", "frog", "jungle", "dragon"], Some(0.40), None, None),
    (
        &["forest", "meadow", "field", "hill", "hills", "valley", "landscape", "grass"],
        Some(0.38),
        None,
        Some(Motif::Hills),
    ),
    (&["teal", "turquoise", "lagoon", "mint"], Some(0.51), None, None),
    (&["blue", "azure", "navy", "whale", "dolphin"], Some(0.70), None, None),
    (
        &["ocean", "sea", "wave", "waves", "river", "rain", "wind", "silk"],
        Some(0.64),
        None,
        Some(Motif::Ribbons),
    ),
    (&["snow", "ice", "winter", "glacier", "arctic"], Some(0.65), Some(Mood::Day), Some(Motif::Peaks)),
    (&["purple", "violet", "lavender", "grape", "indigo"], Some(0.82), None, None),
    (&["pink", "magenta", "fuchsia", "flamingo", "candy"], Some(0.97), None, None),
    (
        &["rose", "flower", "flowers", "garden", "bloom", "heart", "love", "butterfly"],
        Some(0.98),
        None,
        Some(Motif::Bloom),
    ),
    (&["fire", "lava", "volcano", "flame"], Some(0.10), Some(Mood::Night), Some(Motif::Peaks)),
    (&["mountain", "mountains", "alps", "peak", "cliff"], None, None, Some(Motif::Peaks)),
    (
        &["space", "galaxy", "planet", "star", "stars", "astronaut", "moon", "cosmos"],
        None,
        Some(Mood::Night),
        Some(Motif::Orbits),
    ),
    (&["night", "midnight", "dark", "neon", "aurora"], None, Some(Mood::Night), None),
    (&["sunset", "dusk", "evening", "sunrise", "dawn", "twilight"], None, Some(Mood::Dusk), None),
    (&["day", "morning", "noon", "sunny", "bright", "summer"], None, Some(Mood::Day), None),
    (&["pastel", "baby", "kitten", "cute", "soft", "spring", "cloud"], None, Some(Mood::Pastel), None),
    (&["music", "dance", "jazz", "dream", "flow"], None, None, Some(Motif::Ribbons)),
    (
        &["city", "house", "building", "robot", "pattern", "logo", "icon", "geometric", "mosaic"],
        None,
        None,
        Some(Motif::Tiles),
    ),
];

const WRITING: &[&str] = &["text", "caption", "words", "letters", "writing", "typography", "watermark"];

/// Reads the words of a prompt. Only the first 400 are looked at.
pub(super) fn read(prompt: &str) -> Hints {
    let mut hints = Hints::default();
    let words = prompt.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    for word in words.take(400).map(str::to_lowercase) {
        hints.text |= WRITING.contains(&word.as_str());
        if let Some((_, hue, mood, motif)) = WORDS.iter().find(|row| row.0.contains(&word.as_str())) {
            hints.hue = hints.hue.or(*hue);
            hints.mood = hints.mood.or(*mood);
            hints.motif = hints.motif.or(*motif);
        }
    }
    hints
}

/// What a style's name stands for; a name that nobody knows changes only the seed.
pub(super) fn look(style: Option<&str>) -> Look {
    let (chroma, hue, mood) = match style.unwrap_or_default().to_ascii_lowercase().as_str() {
        "festive" => (1.3, Some(0.06), Some(Mood::Night)),
        "kakalaka" => (1.5, Some(0.92), None),
        "news" => (0.45, Some(0.70), Some(Mood::Day)),
        "selfie" => (0.9, Some(0.05), Some(Mood::Pastel)),
        "handheld" => (0.7, None, None),
        "golden" => (1.1, Some(0.20), Some(Mood::Dusk)),
        "anime" => (1.25, None, Some(Mood::Pastel)),
        "retro" => (0.9, Some(0.13), Some(Mood::Dusk)),
        "nostalgic" => (0.55, Some(0.16), Some(Mood::Dusk)),
        "vintage" => (0.4, Some(0.21), None),
        "comic" => (1.5, None, Some(Mood::Day)),
        "vivid" => (1.35, None, None),
        "natural" => (0.7, None, None),
        _ => (1.0, None, None),
    };
    Look { chroma, hue, mood }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_about_a_thing_decides_it() {
        let hints = read("A red fox on a MOUNTAIN, at night (no text)");
        assert_eq!(
            hints,
            Hints { hue: Some(0.07), mood: Some(Mood::Night), motif: Some(Motif::Peaks), text: true }
        );
        assert_eq!(read("nothing to see"), Hints::default());
    }

    #[test]
    fn an_unknown_style_leaves_the_palette_alone() {
        assert_eq!(look(Some("cubist")), look(None));
        assert_ne!(look(Some("Golden")), look(None));
    }
}
