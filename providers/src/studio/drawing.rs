//! What is to be drawn, and the stream of chance that follows from it alone.

use super::{area::Area, edit::Edit};
use atelier_domain::size::Size;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The longest side that is drawn, in pixels.
pub const MAX_SIDE: u32 = 4096;

/// How much is drawn: each level adds to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The main forms only.
    Low,
    /// Secondary forms, and gradients dithered against banding.
    Medium,
    /// Fine lines and film grain.
    High,
}

/// One picture to draw. Equal values give equal pixels on every machine, but for glyphs that only system fonts have.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Drawn as text, and read for a few words about colour, time of day and subject.
    pub prompt: String,
    /// Words here push the palette and motif away; `text` drops the caption.
    pub negative_prompt: Option<String>,
    /// The model's name: another model, another hand.
    pub model: String,
    /// A named look, such as `golden`.
    pub style: Option<String>,
    /// For the same picture again; without it the rest decides.
    pub seed: Option<u64>,
    /// Which output of the request, from 0.
    pub index: u32,
    /// Width in pixels, 1 to [`MAX_SIDE`].
    pub width: u32,
    /// Height in pixels, 1 to [`MAX_SIDE`].
    pub height: u32,
    /// How much is drawn.
    pub detail: Detail,
    /// How crowded the composition is, 1 (few forms) to 3.
    pub density: u8,
    /// Leaves pixels of alpha 0 around the subject.
    pub transparent: bool,
    /// The reference pictures to work from, read.
    pub edit: Option<Arc<Edit>>,
}

impl Drawing {
    /// Pixels across and down.
    pub(super) const fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    /// The part of the picture that is drawn: all of it, or the region of an edit.
    pub(super) fn sheet(&self) -> Area {
        self.edit.as_ref().map_or(Area::whole(self.size()), |edit| edit.sheet(self.size()))
    }

    /// The seed of every choice. Size and detail stay out: they change how a composition is rendered, not which. So do
    /// the pictures of an edit; but an edit of a drawing by the words that made it must not come out as it went in.
    pub(super) fn entropy(&self) -> u64 {
        let mut hash = Sha256::new();
        let seed = self.seed.map(u64::to_le_bytes);
        let edit: &[u8] = if self.edit.is_some() { b"edit" } else { &[] };
        let parts: [&[u8]; 6] = [
            self.prompt.as_bytes(),
            self.negative_prompt.as_deref().unwrap_or_default().as_bytes(),
            self.model.as_bytes(),
            self.style.as_deref().unwrap_or_default().as_bytes(),
            seed.as_ref().map_or(&[], <[u8; 8]>::as_slice),
            &self.index.to_le_bytes(),
        ];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(edit);
        let digest = hash.finalize();
        digest.iter().take(8).fold(0, |word, byte| (word << 8) | u64::from(*byte))
    }
}

/// SplitMix64. Our own, because pictures must survive an upgrade of a random number crate.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// The stream of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.next() >> 40) as f32 / (1u32 << 24) as f32;
        low + (high - low) * unit
    }

    /// A number in `0..count`; 0 when there is nothing to choose from.
    pub fn below(&mut self, count: usize) -> usize {
        let count = count.max(1) as u64;
        (self.next() % count) as usize
    }
}
