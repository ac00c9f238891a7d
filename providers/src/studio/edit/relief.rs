//! Light and shade of a picture, coarse enough that only its arrangement is left, to draw after in other colours.

use super::{
    super::{canvas::Canvas, color::Rgb, palette::Palette},
    tones::luma,
};
use atelier_domain::size::Size;

/// Cells of the long side of the grid: how fine the arrangement is followed, closely and loosely.
const CELLS: [u32; 2] = [96, 32];
/// How much of the drawing gives way to it, in parts of 256, closely and loosely.
const STRENGTH: [u16; 2] = [208, 152];
/// A picture with less between its dark and its light than this is taken as plain.
const LEAST_RANGE: u8 = 12;

/// Brightness on a coarse grid over the sheet.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::studio) struct Relief {
    size: Size,
    cells: Vec<u8>,
    /// Parts of 256.
    strength: u16,
}

impl Relief {
    /// Middle grey over a sheet of this size.
    pub(super) fn flat(sheet: Size, close: bool) -> Self {
        let choice = usize::from(!close);
        let (long, cells) = (u64::from(sheet.long_side().max(1)), u64::from(CELLS[choice]));
        let part = |side: u32| u32::try_from(u64::from(side) * cells / long).unwrap_or(1).max(1);
        let size = Size::new(part(sheet.width), part(sheet.height));
        Self {
            size,
            cells: vec![128; size.width as usize * size.height as usize],
            strength: STRENGTH[choice],
        }
    }

    /// Cells across and down.
    pub(super) const fn size(&self) -> Size {
        self.size
    }

    /// Sets the cells from (x, y) on by a picture with one pixel for each; what is transparent counts as white.
    pub(super) fn put(&mut self, picture: &Canvas, (x, y): (u32, u32)) {
        let width = self.size.width as usize;
        for (row, pixels) in (y as usize..).zip(picture.pixels.chunks_exact(picture.stride())) {
            let cells = &mut self.cells[row * width + x as usize..];
            for (cell, &[red, green, blue, alpha]) in cells.iter_mut().zip(pixels.as_chunks().0) {
                let (seen, alpha) = (u32::from(luma([red, green, blue])), u32::from(alpha));
                *cell = ((seen * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            }
        }
    }

    /// Spreads what there is over all of dark and light: a pale picture has an arrangement too.
    pub(super) fn stretch_range(&mut self) {
        let mut sorted = self.cells.clone();
        sorted.sort_unstable();
        let (low, high) = (sorted[sorted.len() / 50], sorted[sorted.len() - 1 - sorted.len() / 50]);
        let range = u32::from(high.saturating_sub(low));
        if range >= u32::from(LEAST_RANGE) {
            for cell in &mut self.cells {
                *cell = (u32::from(cell.saturating_sub(low)) * 255 / range).min(255) as u8;
            }
        }
    }

    /// The grid as a small picture in the colours of a palette.
    pub(in crate::studio) fn toned(&self, palette: &Palette) -> Canvas {
        let mut canvas = Canvas::new(self.size.width, self.size.height);
        for (pixel, cell) in canvas.pixels.as_chunks_mut::<4>().0.iter_mut().zip(&self.cells) {
            let Rgb([red, green, blue]) = palette.tone(f32::from(*cell) / 255.0);
            *pixel = [red, green, blue, 255];
        }
        canvas.mark_opaque();
        canvas
    }

    /// How much of it shows, 0 to 1.
    pub(in crate::studio) fn opacity(&self) -> f32 {
        f32::from(self.strength) / 256.0
    }

    /// Lets it show through a drawing that covers its sheet.
    pub(in crate::studio) fn shape(&self, canvas: &mut Canvas, palette: &Palette) {
        let (size, strength) = (canvas.size(), self.strength);
        self.toned(palette).stretch(size, |y, light| {
            for (channel, light) in canvas.row_mut(y).iter_mut().zip(light) {
                *channel = ((u16::from(*channel) * (256 - strength) + u16::from(*light) * strength + 128)
                    >> 8) as u8;
            }
        });
    }
}
