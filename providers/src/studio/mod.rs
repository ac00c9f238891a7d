//! The embedded engine: a drawing engine, not a model. It makes real files with no network and no account, so that
//! everything works on a fresh machine. A drawing becomes a composition (data), the composition becomes pixels or SVG, the
//! pixels become a file. Everything is a pure function of the request and of the pictures that it brings along.
//!
//! Reading order: `drawing`, `scene`, `motif`, `paint`, then `reference` and `edit` for pictures that are worked from, then
//! the encoders, then `engine`; `film` makes moving pictures of the same compositions.

mod area;
mod brush;
mod canvas;
mod color;
mod drawing;
mod edit;
mod embed;
mod encode;
mod engine;
pub mod film;
mod fonts;
mod form;
mod gif;
mod hints;
mod inset;
mod motif;
mod paint;
mod palette;
mod partial;
mod reference;
mod scale;
mod scene;
mod script;
mod shooting;
mod sky;
mod svg;
mod text;

#[cfg(test)]
mod tests;

pub use canvas::Canvas;
pub use drawing::{Detail, Drawing, MAX_SIDE};
pub use edit::Edit;
pub use encode::{FileFormat, SOFTWARE, file, preview};
pub use engine::Studio;
pub use fonts::FontBook;
pub use gif::Motion;
pub use paint::{StudioError, paint};
pub use partial::MAX_PARTIALS;
pub use reference::Role;
pub use shooting::FilmInspector;

use std::path::PathBuf;

/// The section `[studio]` of the configuration, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudioConfig {
    /// How long every generation pretends to take, in milliseconds.
    pub latency_ms: u64,
    /// Whether words in prompts can script delays and faults. For tests only.
    pub faults: bool,
    /// Font files or folders asked for characters that the built-in font lacks, before those of the system.
    pub font_paths: Vec<PathBuf>,
    /// Pictures drawn at the same time; 0 means one per core.
    pub render_threads: usize,
}
