//! A prompt made into the description of a shot, by rule and not by a model: the same prompt is the same description. What the prompt
//! says is taken up; what it leaves open is chosen by its words.

/// How much is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expansion {
    /// What, where, and how it looks.
    Short,
    /// Also light and camera.
    #[default]
    Medium,
    /// Also sound, and what happens when.
    Long,
}

impl Expansion {
    /// The written forms.
    pub const WORDS: &'static [&'static str] = &["short", "medium", "long"];

    /// The level with this written form.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "short" => Some(Self::Short),
            "medium" => Some(Self::Medium),
            "long" => Some(Self::Long),
            _ => None,
        }
    }
}

/// A cue: what a prompt says in one of these words, and what is said of it.
struct Cue {
    words: &'static [&'static str],
    text: &'static str,
}

const PLACES: [Cue; 8] = [
    Cue {
        words: &["sea", "ocean", "wave", "beach", "海", "浪"],
        text: "an open shore, water to the horizon",
    },
    Cue {
        words: &["forest", "tree", "wood", "森林", "树"],
        text: "an old forest, trunks receding into haze",
    },
    Cue {
        words: &["city", "street", "town", "城市", "街"],
        text: "a city street with lit windows and wet paving",
    },
    Cue { words: &["mountain", "hill", "山"], text: "a high ridge above layered valleys" },
    Cue { words: &["desert", "dune", "沙"], text: "wide dunes, wind drawing lines in the sand" },
    Cue { words: &["room", "kitchen", "house", "室", "家"], text: "a lived-in room with one large window" },
    Cue {
        words: &["space", "star", "planet", "太空", "星"],
        text: "deep space, a planet's rim in the lower third",
    },
    Cue {
        words: &["garden", "flower", "park", "花", "公园"],
        text: "a garden in full growth, paths between the beds",
    },
];

const HOURS: [Cue; 6] = [
    Cue { words: &["night", "moon", "夜"], text: "night, cool moonlight with small warm practicals" },
    Cue { words: &["dawn", "sunrise", "morning", "晨"], text: "early morning, low light through thin mist" },
    Cue {
        words: &["sunset", "dusk", "evening", "夕", "黄昏"],
        text: "golden hour, long shadows and a warm rim on every edge",
    },
    Cue { words: &["rain", "storm", "雨"], text: "overcast and raining, soft light and bright reflections" },
    Cue { words: &["snow", "winter", "ice", "雪"], text: "flat winter light, snow lifting every shadow" },
    Cue { words: &["noon", "summer", "sunny", "晴"], text: "high sun, crisp short shadows" },
];

const LOOKS: [Cue; 5] = [
    Cue {
        words: &["anime", "cartoon", "动漫"],
        text: "hand-drawn animation, clean outlines and flat, luminous colour",
    },
    Cue {
        words: &["retro", "vintage", "复古"],
        text: "faded film stock, soft grain and a slight gate weave",
    },
    Cue {
        words: &["news", "documentary", "新闻"],
        text: "plain reportage, neutral colour and available light",
    },
    Cue { words: &["comic", "漫画"], text: "inked panels, halftone shading and bold colour" },
    Cue {
        words: &["noir", "black and white", "黑白"],
        text: "black and white, deep contrast and hard edges",
    },
];

const CAMERAS: [&str; 6] = [
    "a slow push-in on a 35 mm lens, eye level",
    "a steady tracking shot beside the subject on a 50 mm lens",
    "a low angle that rises gently as the scene opens",
    "a locked-off wide shot, all motion inside the frame",
    "a handheld medium shot with small, human corrections",
    "a crane move from high and wide down to the subject",
];

const SOUNDS: [&str; 5] = [
    "close natural sound, no music",
    "room tone under a single sustained note",
    "wind and distance, with one near detail",
    "a soft pulse that follows the movement",
    "layered ambience that thins toward the end",
];

/// Describes a shot of so many seconds. The prompt's own words stand first and unchanged but for white space.
pub fn enhance(prompt: &str, expansion: Expansion, seconds: u32) -> String {
    let said = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = said.to_lowercase();
    let chance = hash(&lower);
    let place = chosen(&PLACES, &lower, chance);
    let hour = chosen(&HOURS, &lower, chance >> 8);
    let look = chosen(&LOOKS, &lower, chance >> 16);
    if expansion == Expansion::Short {
        return format!("PRIMARY: {said}\nSETTING: {place}\nLOOK: {look}");
    }
    let camera = CAMERAS[(chance >> 24) as usize % CAMERAS.len()];
    let mut text = format!(
        "PRIMARY: {said}, held as the clear subject of one {seconds}-second shot\n\
         SETTING: {place}; {hour}\n\
         LOOK: {look}; consistent colour from the first frame to the last\n\
         CAMERA: {camera}"
    );
    if expansion == Expansion::Long {
        let sound = SOUNDS[(chance >> 32) as usize % SOUNDS.len()];
        let (first, second) = (seconds.div_ceil(3).min(seconds), (seconds * 2).div_ceil(3).min(seconds));
        text.push_str(&format!(
            "\nLIGHT: motivated by the setting: {hour}\n\
             SOUND: {sound}\n\
             TIMELINE: 0-{first}s establish the place and find the subject; {first}-{second}s the action unfolds without a cut; \
             {second}-{seconds}s it resolves and the frame settles\n\
             AVOID: text on screen, sudden cuts, changes of appearance"
        ));
    }
    text
}

/// The cue whose word stands first in the prompt, or one by chance.
fn chosen(cues: &[Cue], prompt: &str, chance: u64) -> &'static str {
    let place = |cue: &&Cue| cue.words.iter().filter_map(|word| prompt.find(word)).min();
    let said = cues.iter().filter_map(|cue| Some((place(&cue)?, cue))).min_by_key(|(place, _)| *place);
    said.map_or_else(|| cues[chance as usize % cues.len()].text, |(_, cue)| cue.text)
}

/// FNV-1a: the same on every machine and for ever.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_level_says_more_than_the_one_before() {
        let [short, medium, long] = [Expansion::Short, Expansion::Medium, Expansion::Long]
            .map(|level| enhance("a cat by the sea", level, 10));
        for text in [&short, &medium, &long] {
            assert!(text.starts_with("PRIMARY: a cat by the sea"), "{text}");
            assert!(text.contains("\nSETTING: an open shore") && text.contains("\nLOOK: "), "{text}");
        }
        assert!(!short.contains("CAMERA") && medium.contains("CAMERA") && !medium.contains("TIMELINE"));
        assert!(
            long.contains("TIMELINE: 0-4s") && long.contains("7-10s") && long.lines().count() == 8,
            "{long}"
        );
    }

    #[test]
    fn what_the_prompt_says_of_place_hour_and_look_is_taken_up() {
        let text = enhance("复古风格的城市, 夜", Expansion::Medium, 15);
        for part in ["a city street", "night", "faded film stock", "15-second"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    proptest! {
        #[test]
        fn the_same_prompt_is_the_same_description(prompt in ".{1,200}", seconds in 1u32..=60) {
            for level in [Expansion::Short, Expansion::Medium, Expansion::Long] {
                let text = enhance(&prompt, level, seconds);
                prop_assert_eq!(&text, &enhance(&prompt, level, seconds));
                prop_assert!(text.starts_with("PRIMARY: "));
            }
        }
    }
}
