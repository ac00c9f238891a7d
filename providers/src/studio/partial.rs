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
    let sheet = composition.sheet;
    let short = sheet.short_side().max(1);
    let small = |side: u32| if short <= coarse { side } else { (side * coarse + short / 2) / short };
    let mut canvas = Canvas::new(small(sheet.width), small(sheet.height));
    composition.paint_scene(&mut canvas, drawing, Detail::Low);
    let sheet = canvas.enlarged(sheet.width, sheet.height);
    match &drawing.edit {
        Some(edit) => edit.finish(sheet),
        None => sheet,
    }
}
