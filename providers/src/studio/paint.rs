//! From a drawing to pixels.

use super::{
    canvas::Canvas,
    drawing::{Detail, Drawing, MAX_SIDE},
    fonts::FontBook,
    hints, motif,
    palette::Palette,
    scene::Scene,
    sky,
    text::Caption,
};

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
        let caption = if wordless {
            None
        } else {
            Caption::lay_out(&drawing.prompt, fonts, (drawing.width, drawing.height), drawing.transparent)
        };
        Ok(Self { scene, palette, caption })
    }

    /// The scene without its caption, at any size of the same shape.
    pub fn paint_scene(&self, canvas: &mut Canvas, detail: Detail) {
        sky::paint(canvas, &self.scene, detail >= Detail::Medium);
        for layer in &self.scene.layers {
            canvas.draw(layer);
        }
    }

    /// Everything.
    pub fn paint(&self, drawing: &Drawing) -> Canvas {
        let mut canvas = Canvas::new(drawing.width, drawing.height);
        self.paint_scene(&mut canvas, drawing.detail);
        if drawing.detail == Detail::High {
            canvas.grain(drawing.entropy(), 5);
        }
        if let Some(form) = &self.scene.cutout {
            canvas.cut(form);
        }
        if let Some(caption) = &self.caption {
            caption.draw(&mut canvas, &self.palette);
        }
        canvas
    }
}

/// Paints a drawing at a moment `turn` (0 to 1) of its animation; 0 for a still.
///
/// # Errors
/// [`StudioError::Size`].
pub fn paint(drawing: &Drawing, fonts: &FontBook, turn: f32) -> Result<Canvas, StudioError> {
    Ok(Composition::new(drawing, fonts, turn)?.paint(drawing))
}
