//! Letters: DejaVu Sans built in, and fonts of the system or of the configuration for what it lacks, looked for only when
//! the first such character comes.

use ab_glyph::{Font, FontArc, FontRef, FontVec, GlyphId, InvalidFont};
use fontdb::{Database, Source, Style};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Fallback fonts kept in memory; each may be tens of megabytes.
const MAX_FALLBACKS: usize = 6;
/// The largest font file that is read.
const MAX_FONT_BYTES: u64 = 64 << 20;
/// Characters whose font is remembered.
const MAX_KNOWN: usize = 8192;
/// Searches through all font files in the life of a process: each may take tens of milliseconds, and prompts are free.
const MAX_SEARCHES: u16 = 512;

/// How one character is drawn.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// With this glyph of this font.
    Glyph(FontArc, GlyphId),
    /// As a box, because nobody has it.
    Missing,
}

/// All fonts. One per process; safe to share.
#[derive(Debug)]
pub struct FontBook {
    built_in: FontArc,
    paths: Vec<PathBuf>,
    fallback: Mutex<Fallback>,
}

#[derive(Debug, Default)]
struct Fallback {
    candidates: Option<Candidates>,
    loaded: Vec<FontArc>,
    known: HashMap<char, Option<usize>>,
    searches: u16,
}

#[derive(Debug)]
struct Candidates {
    database: Database,
    /// Best first.
    order: Vec<fontdb::ID>,
}

impl FontBook {
    /// A book with the built-in font; `paths` (files or folders) are asked before the system's fonts, when needed.
    ///
    /// # Errors
    /// When the built-in font does not parse, which only a broken build can cause.
    pub fn new(paths: Vec<PathBuf>) -> Result<Self, InvalidFont> {
        let built_in = FontArc::new(FontRef::try_from_slice(dejavu::sans::bold())?);
        Ok(Self { built_in, paths, fallback: Mutex::default() })
    }

    /// The font that sets the line height.
    pub(super) fn built_in(&self) -> &FontArc {
        &self.built_in
    }

    /// How to draw a character that is not white space.
    pub(super) fn shape(&self, c: char) -> Shape {
        let id = self.built_in.glyph_id(c);
        if id.0 != 0 {
            return Shape::Glyph(self.built_in.clone(), id);
        }
        // A panic while the lock was held leaves at worst a font unknown: the data is still good.
        let mut fallback = self.fallback.lock().unwrap_or_else(PoisonError::into_inner);
        fallback.find(c, &self.paths).map_or(Shape::Missing, |font| {
            let id = font.glyph_id(c);
            Shape::Glyph(font, id)
        })
    }

    #[cfg(test)]
    /// Whether fonts outside of the program were looked for.
    pub(super) fn has_searched(&self) -> bool {
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner).candidates.is_some()
    }
}

impl Fallback {
    fn find(&mut self, c: char, paths: &[PathBuf]) -> Option<FontArc> {
        if let Some(index) = self.known.get(&c) {
            return index.and_then(|index| self.loaded.get(index).cloned());
        }
        let index = self.loaded.iter().position(|font| draws(font, c)).or_else(|| self.load_for(c, paths));
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(c, index);
        index.and_then(|index| self.loaded.get(index).cloned())
    }

    fn load_for(&mut self, c: char, paths: &[PathBuf]) -> Option<usize> {
        let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
        if private || self.loaded.len() >= MAX_FALLBACKS || self.searches >= MAX_SEARCHES {
            return None;
        }
        self.searches += 1;
        let Candidates { database, order } = self.candidates.get_or_insert_with(|| Candidates::search(paths));
        let has = |data: &[u8], face| {
            FontRef::try_from_slice_and_index(data, face).is_ok_and(|font| draws(&font, c))
        };
        let mut fitting = order.iter().filter(|id| database.with_face_data(**id, has) == Some(true));
        let font = fitting.find_map(|id| load(database, *id))?;
        self.loaded.push(font);
        Some(self.loaded.len() - 1)
    }
}

fn load(database: &Database, id: fontdb::ID) -> Option<FontArc> {
    let (Source::File(path), face) = database.face_source(id)? else { return None };
    if std::fs::metadata(&path).ok()?.len() > MAX_FONT_BYTES {
        return None;
    }
    FontVec::try_from_vec_and_index(std::fs::read(&path).ok()?, face).ok().map(FontArc::new)
}

/// Colour fonts map a character to a picture instead of an outline: they do not help here.
fn draws(font: &impl Font, c: char) -> bool {
    let id = font.glyph_id(c);
    id.0 != 0 && font.outline(id).is_some()
}

impl Candidates {
    fn search(paths: &[PathBuf]) -> Self {
        let mut database = Database::new();
        for path in paths {
            if path.is_dir() {
                database.load_fonts_dir(path);
            } else if let Err(error) = database.load_font_file(path) {
                tracing::warn!(path = %path.display(), %error, "font file was not read");
            }
        }
        let configured: HashSet<_> = database.faces().map(|face| face.id).collect();
        database.load_system_fonts();
        let mut faces: Vec<_> = database.faces().collect();
        // Upright, bold, proportional faces go best with the built-in one; the name makes the order the same everywhere.
        faces.sort_by_cached_key(|face| {
            let serif = face.families.iter().any(|(name, _)| name.contains("Serif") || name.contains("Mono"));
            let ours = configured.contains(&face.id);
            (
                !ours,
                face.style != Style::Normal,
                serif,
                face.weight.0.abs_diff(700),
                face.post_script_name.clone(),
            )
        });
        let order = faces.iter().map(|face| face.id).collect();
        Self { database, order }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn latin_never_makes_us_look_at_system_fonts() {
        let book = FontBook::new(Vec::new()).unwrap();
        for c in "Grüße, Ελλάδα, Привет!".chars().filter(|c| !c.is_whitespace()) {
            assert!(matches!(book.shape(c), Shape::Glyph(..)), "{c}");
        }
        assert!(!book.has_searched());
    }

    #[test]
    fn a_character_that_nobody_has_is_a_box_and_stays_one() {
        let book = FontBook::new(vec![PathBuf::from("/nonexistent/font.ttf")]).unwrap();
        for _ in 0..2 {
            // U+0378 is not assigned; the other is for private use.
            for c in ['\u{378}', '\u{e123}'] {
                assert!(matches!(book.shape(c), Shape::Missing));
            }
        }
        assert_eq!(book.fallback.lock().unwrap().searches, 1);
    }

    #[test]
    fn a_configured_font_supplies_what_the_built_in_one_lacks() {
        let (lacking, having) = (dejavu::sans::bold(), dejavu::sans::regular());
        let [lacking, having_font] = [lacking, having].map(|data| FontRef::try_from_slice(data).unwrap());
        let rare = ('\u{10000}'..'\u{1ffff}')
            .find(|c| lacking.glyph_id(*c).0 == 0 && draws(&having_font, *c))
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("broken.ttf"), b"not a font").unwrap();
        std::fs::write(folder.path().join("rich.ttf"), having).unwrap();
        let book = FontBook::new(vec![folder.path().to_path_buf()]).unwrap();
        let Shape::Glyph(font, id) = book.shape(rare) else { panic!("{rare:?} was not found") };
        assert_eq!(font.glyph_id(rare), id);
        assert_eq!(font.glyph_count(), having_font.glyph_count());
    }
}
