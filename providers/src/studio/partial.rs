//! Previews: the same composition seen coarsely first, then finer, as a photograph comes up in its bath.

use super::{
    canvas::Canvas,
    drawing::{Detail, Drawing},
    paint::Composition,
};

/// The most previews of one picture.
pub const MAX_PARTIALS: u8 = 3;

/// The short side that a preview is painted at, in pixels, from the first to the last; it is shown enlarged.
const SHORT_SIDES: [u32; MAX_PARTIALS as usize] = [12, 36, 110];

/// Paints preview `index` of `count`; the last one is always of the finest kind.
pub(super) fn paint(composition: &Composition, drawing: &Drawing, index: u8, count: u8) -> Canvas {
    let skipped = MAX_PARTIALS.saturating_sub(count);
    let coarse = SHORT_SIDES[usize::from((skipped + index).min(MAX_PARTIALS - 1))];
    let short = drawing.width.min(drawing.height).max(1);
    let small = |side: u32| if short <= coarse { side } else { (side * coarse + short / 2) / short };
    let mut canvas = Canvas::new(small(drawing.width), small(drawing.height));
    composition.paint_scene(&mut canvas, Detail::Low);
    if let Some(form) = &composition.scene.cutout {
        canvas.cut(form);
    }
    canvas.enlarged(drawing.width, drawing.height)
}
