//! What a request's reference pictures do to a drawing. Everything is read once per job, at the size that is drawn, and
//! then shared by all outputs:
//!
//! - with a mask or a markup the first image is the `base`, and only a region of it is drawn anew;
//! - `subject` lays the (other) images into the composition, `composition` lets their light and shade steer it, `style`
//!   gives it their colours.
//!
//! Nothing of a reference but its pixels is carried over: no metadata, no colour profile.

mod collage;
mod lean;
mod region;
mod relief;
mod tones;

pub(super) use lean::Lean;
pub(super) use region::Region;
pub(super) use relief::Relief;
pub(super) use tones::{Tones, luma};

use super::{
    area::Area,
    canvas::Canvas,
    paint::StudioError,
    palette::Palette,
    reference::{Role, Source, check_size},
};
use atelier_domain::{
    image::{InputFidelity, ReferenceUsage},
    reference::{MAX_REFERENCES, Picture, References},
    size::Size,
};

/// How much of the colours of the base a newly drawn region takes on, so that it belongs to it.
const HARMONY: f32 = 0.35;
/// Sides of the picture that colours are taken from: enough for means, and cheap.
const SAMPLE: Size = Size::new(32, 32);

/// The reference pictures of one job, read and ready.
#[derive(Debug, PartialEq)]
pub struct Edit {
    fidelity: InputFidelity,
    base: Option<Base>,
    insets: Vec<Inset>,
    /// Whether the result has the tone of the references too.
    styled: bool,
    /// Colours to draw with.
    tones: Option<Tones>,
    /// Light and shade to draw after.
    relief: Option<Relief>,
}

/// The picture of which a part is drawn anew.
#[derive(Debug, PartialEq)]
struct Base {
    picture: Canvas,
    region: Region,
}

/// A picture laid into the composition.
#[derive(Debug, PartialEq)]
struct Inset {
    picture: Canvas,
    /// Where it lies on the sheet.
    place: Area,
}

/// Whether these references can be drawn from, as far as that can be told without reading them.
///
/// # Errors
/// [`StudioError::References`] or [`StudioError::Reference`].
pub(super) fn check(references: &References<Picture>) -> Result<(), StudioError> {
    let refuse = |reason: String| Err(StudioError::References(reason));
    let count = references.images.len();
    if !(1..=MAX_REFERENCES).contains(&count) {
        return refuse(format!("an edit takes 1 to {MAX_REFERENCES} images, not {count}"));
    }
    if references.mask.is_some() && references.markup.is_some() {
        return refuse("an edit takes a mask or a markup, not both".into());
    }
    for (role, picture) in roles(references) {
        check_size(picture.size).map_err(|reason| StudioError::Reference {
            role,
            reason,
            detail: String::new(),
        })?;
    }
    let overlay = references.mask.as_ref().or(references.markup.as_ref());
    match (overlay, references.images.first()) {
        (Some(overlay), Some(first)) => same_size(overlay.size, first.size),
        _ => Ok(()),
    }
}

fn same_size(overlay: Size, first: Size) -> Result<(), StudioError> {
    if overlay == first {
        return Ok(());
    }
    Err(StudioError::References(format!(
        "mask and markup must have the size of the first image, {first}; this one has {overlay}"
    )))
}

fn roles(references: &References<Picture>) -> impl Iterator<Item = (Role, &Picture)> {
    let images = (1..).map(Role::Image).zip(&references.images);
    let overlays = references.mask.iter().map(|mask| (Role::Mask, mask));
    images.chain(overlays).chain(references.markup.iter().map(|markup| (Role::Markup, markup)))
}

impl Edit {
    /// Reads the pictures for outputs of `size`, one at a time. With `opaque` the base is laid on white.
    ///
    /// # Errors
    /// [`StudioError::Reference`] names the first that cannot be read.
    pub fn read(references: &References<Picture>, size: Size, opaque: bool) -> Result<Self, StudioError> {
        check(references)?;
        // All headers before any pixels: most of what is wrong shows there.
        let opened = roles(references).map(|(role, picture)| Source::open(role, picture));
        let sources = opened.collect::<Result<Vec<_>, _>>()?;
        let (images, overlay) = sources.split_at(references.images.len());
        let fidelity = references.fidelity.unwrap_or(InputFidelity::Low);
        let styled = references.usage == ReferenceUsage::Style;
        let mut edit = Self { fidelity, styled, base: None, insets: Vec::new(), tones: None, relief: None };
        let mut guides = images;
        if let ([first, others @ ..], [overlay]) = (images, overlay) {
            same_size(overlay.size(), first.size())?;
            let region = match references.mask {
                Some(_) => Region::masked(overlay.alphas(size)?, size),
                None => Region::marked(overlay, size)?,
            };
            let mut picture = first.cover(size)?;
            if opaque {
                picture.flatten();
            }
            let tones = Tones::of(&[picture.resized(SAMPLE).into_owned()], HARMONY);
            (edit.base, edit.tones, guides) = (Some(Base { picture, region }), tones, others);
        }
        let close = fidelity == InputFidelity::High;
        match references.usage {
            ReferenceUsage::Subject => edit.insets = insets(guides, edit.room(size), close)?,
            ReferenceUsage::Style => edit.tones = edit.read_tones(guides, close)?.or(edit.tones.take()),
            ReferenceUsage::Composition => edit.relief = Some(edit.read_relief(guides, size, close)?),
        }
        Ok(edit)
    }

    fn read_tones(&self, guides: &[Source], close: bool) -> Result<Option<Tones>, StudioError> {
        let mut samples = guides.iter().map(|guide| guide.squeezed(SAMPLE)).collect::<Result<Vec<_>, _>>()?;
        let mut share = if close { 1.0 } else { 0.65 };
        if let (Some(base), true) = (&self.base, samples.is_empty()) {
            // All of its own colours would hide what is drawn into a plain picture.
            share *= 0.7;
            samples.push(base.picture.resized(SAMPLE).into_owned());
        }
        Ok(Tones::of(&samples, share))
    }

    fn read_relief(&self, guides: &[Source], size: Size, close: bool) -> Result<Relief, StudioError> {
        let sheet = self.sheet(size);
        let mut relief = Relief::flat(sheet.size(), close);
        if let (Some(base), true) = (&self.base, guides.is_empty()) {
            let grid = relief.size();
            let small = Size::new(grid.width.min(sheet.width), grid.height.min(sheet.height));
            relief.put(&base.picture.shrunk(sheet, small).resized(grid), (0, 0));
        }
        for (guide, tile) in guides.iter().zip(collage::tiles(relief.size(), guides.len())) {
            relief.put(&guide.cover(tile.size())?, (tile.x, tile.y));
        }
        relief.stretch_range();
        Ok(relief)
    }

    /// The part of an output of `size` that is drawn: what the base leaves free, or all of it.
    pub(super) fn sheet(&self, size: Size) -> Area {
        let region = self.base.as_ref().map(|base| base.region.bounds());
        // With nothing to draw a single pixel is, and not shown.
        region.map_or(Area::whole(size), |bounds| {
            bounds.unwrap_or(Area { width: 1, height: 1, ..Area::whole(size) })
        })
    }

    /// The part of the sheet that can be seen as a whole.
    pub(super) fn room(&self, size: Size) -> Area {
        match &self.base {
            Some(base) => base.region.room(),
            None => Area::whole(size),
        }
    }

    /// The picture around the sheet, and where the sheet shows in it.
    pub(super) fn base(&self) -> Option<(&Canvas, &Region)> {
        self.base.as_ref().map(|base| (&base.picture, &base.region))
    }

    /// Pictures to lay in, with their places on the sheet.
    pub(super) fn insets(&self) -> impl Iterator<Item = (&Canvas, Area)> {
        self.insets.iter().map(|inset| (&inset.picture, inset.place))
    }

    /// Whether insets are shown as they are, or blended into the drawing.
    pub(super) fn is_close(&self) -> bool {
        self.fidelity == InputFidelity::High
    }

    /// The colours to draw with instead of `palette`.
    pub(super) fn toned(&self, palette: Palette) -> Palette {
        match &self.tones {
            Some(tones) => palette.toned(tones),
            None => palette,
        }
    }

    /// The shift that gives what is drawn the tone of the references, judged by a sketch of it.
    pub(super) fn lean(&self, sketch: impl FnOnce() -> Canvas) -> Option<Lean> {
        let tones = self.tones.as_ref().filter(|_| self.styled)?;
        Some(Lean::new(&sketch(), tones.mean, tones.share))
    }

    /// Light and shade to draw after.
    pub(super) const fn relief(&self) -> Option<&Relief> {
        self.relief.as_ref()
    }

    /// Puts what was drawn on the sheet where it belongs.
    pub(super) fn finish(&self, sheet: Canvas) -> Canvas {
        match &self.base {
            Some(base) => base.region.fill(&base.picture, &sheet),
            None => sheet,
        }
    }
}

fn insets(guides: &[Source], room: Area, close: bool) -> Result<Vec<Inset>, StudioError> {
    let sizes: Vec<_> = guides.iter().map(Source::size).collect();
    let places = collage::places(room, &sizes, close);
    let read = guides.iter().zip(places);
    read.map(|(guide, place)| Ok(Inset { picture: guide.squeezed(place.size())?, place })).collect()
}
