//! From a drawing to pixels.

use super::{
    area::Area,
    canvas::Canvas,
    drawing::{Detail, Drawing, MAX_SIDE},
    edit::Lean,
    fonts::FontBook,
    hints,
    inset::{self, Shift},
    motif,
    palette::Palette,
    reference::Role,
    scene::{Scene, at},
    sky,
    text::Caption,
};
use atelier_domain::size::Size;

/// Pixels of the long side of a sketch.
const SKETCH: u32 = 96;

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// A side is 0 or longer than [`MAX_SIDE`].
    #[error("a picture of {width}x{height} pixels cannot be drawn: both sides must be 1 to {MAX_SIDE}")]
    Size {
        /// Asked width.
        width: u32,
        /// Asked height.
        height: u32,
    },
    /// The references do not go together.
    #[error("{0}")]
    References(String),
    /// A reference is no picture that can be read here.
    #[error("{role} cannot be read: {reason}")]
    Reference {
        /// Which one.
        role: Role,
        /// What is wrong with it, for the client.
        reason: String,
        /// The decoder's own words, for the log.
        detail: String,
    },
    /// The file of a reference is not there.
    #[error("{role} cannot be opened: {detail}")]
    Missing {
        /// Which one.
        role: Role,
        /// The system's own words.
        detail: String,
    },
    /// An encoder refused the pixels.
    #[error("the {format} encoder failed: {reason}")]
    Encode {
        /// Which encoder.
        format: &'static str,
        /// Its own words.
        reason: String,
    },
    /// The built-in font did not parse.
    #[error("the built-in font does not parse: {0}")]
    Font(#[from] ab_glyph::InvalidFont),
}

impl Drawing {
    /// Whether it can be drawn.
    ///
    /// # Errors
    /// [`StudioError::Size`].
    pub fn check(&self) -> Result<(), StudioError> {
        let (width, height) = (self.width, self.height);
        let legal = [width, height].iter().all(|side| (1..=MAX_SIDE).contains(side));
        if legal { Ok(()) } else { Err(StudioError::Size { width, height }) }
    }
}

/// A drawing thought through: its composition and caption at one moment.
#[derive(Debug, Clone)]
pub(super) struct Composition {
    /// Sky and forms.
    pub scene: Scene,
    /// The colours they were chosen from.
    pub palette: Palette,
    /// The prompt, unless it is unwanted or has no room.
    pub caption: Option<Caption>,
    /// Pixels of the sheet that all of it lies on.
    pub sheet: Size,
    /// How the insets of an edit lie on it.
    pub shift: Shift,
    /// What gives it the tone of its references.
    pub lean: Option<Lean>,
}

impl Composition {
    /// Composes a drawing at a moment `turn` (0 to 1) of its animation.
    ///
    /// # Errors
    /// [`StudioError::Size`].
    pub fn new(drawing: &Drawing, fonts: &FontBook, turn: f32) -> Result<Self, StudioError> {
        drawing.check()?;
        let (scene, palette) = motif::compose(drawing, turn);
        let wordless = drawing.negative_prompt.as_deref().is_some_and(|text| hints::read(text).text);
        let sheet = drawing.sheet().size();
        let room = drawing.edit.as_ref().map_or(drawing.sheet(), |edit| edit.room(sheet));
        let caption = if wordless {
            None
        } else {
            let size = (room.width, room.height);
            let caption = Caption::lay_out(&drawing.prompt, fonts, size, drawing.transparent);
            caption.map(|caption| caption.moved(at(room.x as f32, room.y as f32)))
        };
        let shift = drawing.edit.as_ref().map(|edit| Shift::new(edit, room, drawing.entropy()));
        let mut composition =
            Self { scene, palette, caption, sheet, shift: shift.unwrap_or_default(), lean: None };
        if let Some(edit) = &drawing.edit {
            composition.lean = edit.lean(|| composition.sketch());
        }
        Ok(composition)
    }

    /// Sky and forms alone, small: enough to judge their colours by.
    fn sketch(&self) -> Canvas {
        let long = self.sheet.long_side();
        let small = Area::whole(self.sheet).scaled(Size::new(long, long), Size::new(SKETCH, SKETCH));
        let mut canvas = Canvas::new(small.width, small.height);
        self.paint_forms(&mut canvas, false);
        canvas
    }

    fn paint_forms(&self, canvas: &mut Canvas, dither: bool) {
        sky::paint(canvas, &self.scene, dither);
        for layer in &self.scene.layers {
            canvas.draw(layer);
        }
    }

    /// Everything but grain and caption, at any size of the sheet's shape.
    pub fn paint_scene(&self, canvas: &mut Canvas, drawing: &Drawing, detail: Detail) {
        self.paint_forms(canvas, detail >= Detail::Medium);
        if let Some(lean) = &self.lean {
            lean.shift(canvas);
        }
        if let Some(relief) = drawing.edit.as_ref().and_then(|edit| edit.relief()) {
            relief.shape(canvas, &self.palette);
        }
        if detail == Detail::High {
            canvas.grain(drawing.entropy(), 5);
        }
        if let Some(form) = &self.scene.cutout {
            canvas.cut(form);
        }
        if let Some(edit) = &drawing.edit {
            inset::paint(canvas, edit, self);
        }
    }

    /// Everything.
    pub fn paint(&self, drawing: &Drawing) -> Canvas {
        let mut canvas = Canvas::new(self.sheet.width, self.sheet.height);
        self.paint_scene(&mut canvas, drawing, drawing.detail);
        if let Some(caption) = &self.caption {
            caption.draw(&mut canvas, &self.palette);
        }
        match &drawing.edit {
            Some(edit) => edit.finish(canvas),
            None => canvas,
        }
    }
}

/// Paints a drawing at a moment `turn` (0 to 1) of its animation; 0 for a still.
///
/// # Errors
/// [`StudioError::Size`].
pub fn paint(drawing: &Drawing, fonts: &FontBook, turn: f32) -> Result<Canvas, StudioError> {
    Ok(Composition::new(drawing, fonts, turn)?.paint(drawing))
}
