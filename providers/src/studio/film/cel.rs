//! Transparent sheets, as in drawn animation: what lies in front of a picture, with how much of the picture each of its
//! pixels hides. Colours are stored already multiplied by that, so that edges stay clean when a sheet is resampled.

use super::{
    super::canvas::Canvas,
    planes::{Plane, Planes, chroma},
};

/// A sheet: colours times cover, and the cover of each sample, 0 to 255.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cel {
    /// Colours, multiplied by cover.
    pub ink: Planes,
    /// Cover of luma samples.
    pub cover: Plane,
    /// Cover of chroma samples.
    pub chroma_cover: Plane,
}

impl Cel {
    /// An empty sheet.
    pub fn new(width: usize, height: usize) -> Self {
        let mut ink = Planes::new(width, height);
        ink.each_mut().into_iter().for_each(|plane| plane.data.fill(0));
        Self { ink, cover: Plane::new(width, height, 0), chroma_cover: Plane::new(width / 2, height / 2, 0) }
    }

    /// What was drawn on a transparent canvas.
    pub fn from_canvas(canvas: &Canvas) -> Self {
        let mut ink = Planes::from_canvas(canvas);
        let (width, height) = (ink.width(), ink.height());
        let mut cel = Self::new(width, height);
        let alpha = |x: usize, y: usize| canvas.pixels[(y * canvas.width as usize + x) * 4 + 3];
        for y in 0..height {
            for x in 0..width {
                cel.cover.data[y * width + x] = alpha(x, y);
            }
        }
        for y in 0..height / 2 {
            for x in 0..width / 2 {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| (x * 2 + i, y * 2 + j));
                let sum: u32 = four.iter().map(|(x, y)| u32::from(alpha(*x, *y))).sum();
                let at = y * (width / 2) + x;
                cel.chroma_cover.data[at] = ((sum + 2) / 4) as u8;
                // Clear pixels have no colour of their own: they must not weigh in the mean of the four.
                if four.iter().any(|(x, y)| u32::from(alpha(*x, *y)) * 4 != sum) {
                    [ink.u.data[at], ink.v.data[at]] = edge_colour(canvas, four, sum);
                }
            }
        }
        multiply(&mut ink.y, &cel.cover);
        multiply(&mut ink.u, &cel.chroma_cover);
        multiply(&mut ink.v, &cel.chroma_cover);
        cel.ink = ink;
        cel
    }

    /// Whether it hides everything behind it.
    pub fn is_opaque(&self) -> bool {
        self.cover.data.iter().all(|cover| *cover == 255)
    }

    /// Lays it on a picture, its upper left corner at an even place; `fade` of 256 shows it fully. What would lie outside of
    /// the picture is left out.
    pub fn lay(&self, picture: &mut Planes, (x, y): (usize, usize), fade: u32) {
        let fade = fade.min(256) as u16;
        let sheets = [
            (&self.ink.y, &self.cover),
            (&self.ink.u, &self.chroma_cover),
            (&self.ink.v, &self.chroma_cover),
        ];
        let corners = [(x, y), (x / 2, y / 2), (x / 2, y / 2)];
        for ((plane, (ink, cover)), (x, y)) in picture.each_mut().into_iter().zip(sheets).zip(corners) {
            let width = ink.width.min(plane.width.saturating_sub(x));
            if width == 0 {
                continue;
            }
            for row in 0..ink.height.min(plane.height.saturating_sub(y)) {
                let start = (y + row) * plane.width + x;
                let under = &mut plane.data[start..start + width];
                let (ink, cover) = (&ink.row(row)[..width], &cover.row(row)[..width]);
                if fade == 256 {
                    blend(under, ink, cover);
                } else {
                    blend_faded(under, ink, cover, fade);
                }
            }
        }
    }
}

/// `value * 255 / 255`, rounded, without a division.
fn over_255(value: u16) -> u16 {
    let value = value + 128;
    (value + (value >> 8)) >> 8
}

fn blend(under: &mut [u8], ink: &[u8], cover: &[u8]) {
    for ((sample, ink), cover) in under.iter_mut().zip(ink).zip(cover) {
        let rest = over_255(u16::from(*sample) * (255 - u16::from(*cover)));
        *sample = (u16::from(*ink) + rest).min(255) as u8;
    }
}

fn blend_faded(under: &mut [u8], ink: &[u8], cover: &[u8], fade: u16) {
    for ((sample, ink), cover) in under.iter_mut().zip(ink).zip(cover) {
        let ink = (u16::from(*ink) * fade) >> 8;
        let cover = (u16::from(*cover) * fade) >> 8;
        *sample = (ink + over_255(u16::from(*sample) * (255 - cover))).min(255) as u8;
    }
}

fn multiply(plane: &mut Plane, cover: &Plane) {
    for (sample, cover) in plane.data.iter_mut().zip(&cover.data) {
        *sample = over_255(u16::from(*sample) * u16::from(*cover)) as u8;
    }
}

/// Chroma of the drawn ones among four pixels, weighed by their alpha (`sum` of the four).
fn edge_colour(canvas: &Canvas, four: [(usize, usize); 4], sum: u32) -> [u8; 2] {
    let mut weighed = [0; 3];
    for (x, y) in four {
        let pixel = &canvas.pixels[(y * canvas.width as usize + x) * 4..][..4];
        for (total, channel) in weighed.iter_mut().zip(pixel) {
            *total += i32::from(*channel) * i32::from(pixel[3]) * 4;
        }
    }
    chroma(weighed.map(|total| total / sum.max(1) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(pixel: [u8; 4]) -> Canvas {
        let mut canvas = Canvas::new(4, 4);
        canvas.pixels.chunks_exact_mut(4).for_each(|cell| cell.copy_from_slice(&pixel));
        canvas
    }

    #[test]
    fn a_covering_sheet_replaces_and_a_clear_one_changes_nothing() {
        let under = Planes::from_canvas(&canvas([10, 60, 200, 255]));
        for (pixel, want) in [
            ([200, 30, 90, 255], Planes::from_canvas(&canvas([200, 30, 90, 255]))),
            ([9, 9, 9, 0], under.clone()),
        ] {
            let cel = Cel::from_canvas(&canvas(pixel));
            assert_eq!(cel.is_opaque(), pixel[3] == 255);
            let mut picture = under.clone();
            cel.lay(&mut picture, (0, 0), 256);
            assert_eq!(picture, want);
            let mut picture = under.clone();
            cel.lay(&mut picture, (0, 0), 0);
            assert_eq!(picture, under);
        }
    }

    #[test]
    fn what_lies_outside_of_the_picture_is_left_out() {
        let mut picture = Planes::new(4, 4);
        Cel::from_canvas(&canvas([255; 4])).lay(&mut picture, (2, 2), 256);
        assert_eq!((picture.y.data[0], picture.y.data[15]), (16, 235));
        Cel::from_canvas(&canvas([255; 4])).lay(&mut picture, (40, 2), 256);
    }
}
