//! Pixels, and the ways to put a scene on them: integer arithmetic per pixel, one row at a time.

use super::{
    brush::{Brush, Dab, blend_over, blend_solid, dab},
    form::{FULL, Outline},
    scene::{Form, Ink, Layer},
};
use atelier_domain::size::Size;
use std::ops::Range;

/// A picture: 8-bit RGBA with straight alpha, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width * height * 4` bytes: red, green, blue, alpha.
    pub pixels: Vec<u8>,
    /// Every alpha is 255: blending may leave it alone.
    solid: bool,
}

/// Pixels that are blended at a time, or skipped together when a form covers none of them.
const BLOCK: usize = 64;

impl Canvas {
    /// An empty, fully transparent picture.
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![0; width as usize * height as usize * 4], solid: false }
    }

    /// Pixels of the short side: the unit of scenes.
    pub(super) fn unit(&self) -> f32 {
        self.width.min(self.height) as f32
    }

    /// Whether every pixel covers what is behind it.
    pub const fn is_opaque(&self) -> bool {
        self.solid
    }

    /// Says that every pixel now has alpha 255.
    pub(super) const fn mark_opaque(&mut self) {
        self.solid = true;
    }

    /// Says that some pixels may let something through.
    pub(super) const fn mark_clear(&mut self) {
        self.solid = false;
    }

    /// Lays it on white.
    pub(super) fn flatten(&mut self) {
        for pixel in self.pixels.as_chunks_mut::<4>().0 {
            *pixel = on_white(*pixel);
        }
        self.solid = true;
    }

    /// Pixels across and down.
    pub(super) const fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    /// Bytes of one row.
    pub(super) fn stride(&self) -> usize {
        self.width as usize * 4
    }

    /// One row of pixels.
    pub(super) fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let stride = self.stride();
        &mut self.pixels[y * stride..(y + 1) * stride]
    }

    /// Blends a form onto the pixels.
    pub(super) fn draw(&mut self, layer: &Layer) {
        let unit = self.unit();
        let width = self.width as usize;
        let outline = Outline::measure(&layer.form, width, unit);
        let clip = layer.clip.as_ref().map(|form| Outline::measure(form, width, unit));
        let brush = Brush::new(layer.fill, unit);
        let mut rows = outline.rows(self.height as usize);
        if let Some(clip) = &clip {
            let bounds = clip.rows(self.height as usize);
            rows = rows.start.max(bounds.start)..rows.end.min(bounds.end);
        }
        let (mut coverage, mut mask) = (vec![0; width], vec![0; width]);
        for y in rows {
            let spans = outline.cover(y, &mut coverage);
            if let Some(clip) = &clip {
                mask.fill(0);
                clip.cover(y, &mut mask);
                coverage
                    .iter_mut()
                    .zip(&mask)
                    .for_each(|(cell, mask)| *cell = ((u32::from(*cell) * u32::from(*mask)) >> 8) as u16);
            }
            for span in spans {
                self.stroke(&brush, &coverage, span, y);
            }
        }
    }

    fn stroke(&mut self, brush: &Brush, coverage: &[u16], span: Range<usize>, y: usize) {
        let blend = if self.solid { blend_solid } else { blend_over };
        let row = &mut self.row_mut(y)[span.start * 4..span.end * 4];
        let mut dabs: [Dab; BLOCK] = [[0; 4]; BLOCK];
        let blocks = row.chunks_mut(BLOCK * 4).zip(coverage[span.clone()].chunks(BLOCK));
        for (i, (pixels, coverage)) in blocks.enumerate() {
            if coverage.iter().fold(0, |any, cell| any | cell) > 0 {
                let dabs = &mut dabs[..coverage.len()];
                brush.load(dabs, span.start + i * BLOCK, y);
                blend(pixels, coverage, dabs);
            }
        }
    }

    /// Makes everything outside of `form` transparent.
    pub(super) fn cut(&mut self, form: &Form) {
        let outline = Outline::measure(form, self.width as usize, self.unit());
        let mut coverage = vec![0; self.width as usize];
        self.solid = false;
        for y in 0..self.height as usize {
            coverage.fill(0);
            outline.cover(y, &mut coverage);
            for (pixel, covered) in self.row_mut(y).chunks_exact_mut(4).zip(&coverage) {
                let alpha = (u32::from(pixel[3]) * u32::from(*covered)) >> 8;
                pixel[3] = alpha as u8;
                if alpha == 0 {
                    pixel.fill(0);
                }
            }
        }
    }

    /// Lays another picture over the pixels with its upper left corner at (x, y); each of its pixels shows as far as
    /// `cover` says (0 to 256) for its place in it. What reaches over the edges is left out.
    pub(super) fn lay(&mut self, picture: &Self, (x, y): (u32, u32), cover: impl Fn(u32, u32) -> u16) {
        let blend = if self.solid { blend_solid } else { blend_over };
        let across = picture.width.min(self.width.saturating_sub(x)) as usize;
        if across == 0 {
            return;
        }
        let mut dabs: Vec<Dab> = Vec::with_capacity(across);
        let mut coverage = Vec::with_capacity(across);
        for down in 0..picture.height.min(self.height.saturating_sub(y)) {
            let theirs = &picture.pixels[down as usize * picture.stride()..][..across * 4];
            dabs.clear();
            dabs.extend(theirs.as_chunks().0.iter().map(|pixel| {
                let [red, green, blue, alpha] = pixel.map(u16::from);
                // 255 covers, and 256 says so to the blend loops.
                [red, green, blue, alpha + (alpha >> 7)]
            }));
            coverage.clear();
            coverage.extend((0..across as u32).map(|across| cover(across, down)));
            let start = x as usize * 4;
            blend(&mut self.row_mut((y + down) as usize)[start..start + across * 4], &coverage, &dabs);
        }
    }

    /// Film grain: the same shift on all three channels, in a triangle of ±`strength` steps.
    pub(super) fn grain(&mut self, seed: u64, strength: u32) {
        for y in 0..self.height as usize {
            let mut state = (seed as u32 ^ (y as u32).wrapping_mul(0x9e37_79b9)) | 1;
            for pixel in self.row_mut(y).chunks_exact_mut(4) {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                let noise = (state & 0xff) as i32 + ((state >> 8) & 0xff) as i32 - 255;
                let shift = (noise * strength as i32) >> 8;
                for channel in &mut pixel[..3] {
                    *channel = (i32::from(*channel) + shift).clamp(0, 255) as u8;
                }
            }
        }
    }

    /// Blends one flat ink over one pixel, wherever it lies; outside of the picture nothing happens.
    pub(super) fn dot(&mut self, x: i32, y: i32, ink: Ink, covered: f32) {
        let inside = (0..self.width as i32).contains(&x) && (0..self.height as i32).contains(&y);
        if inside {
            let start = (y as usize * self.width as usize + x as usize) * 4;
            let dab = dab(Ink { alpha: ink.alpha * covered, ..ink });
            blend_over(&mut self.pixels[start..start + 4], &[FULL], &[dab]);
        }
    }
}

/// The opaque pixel that is seen when this one lies on white.
pub(super) fn on_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 4] {
    let alpha = u32::from(alpha);
    let laid = |channel: u8| ((u32::from(channel) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
    [laid(red), laid(green), laid(blue), 255]
}
