//! Which part of each pixel in a row a form covers, 0 to 256.

use super::scene::{Form, Point, Wave};
use std::ops::Range;

/// A fully covered pixel.
pub(super) const FULL: u16 = 256;

/// A form measured in pixels, with its curves sampled once per column.
#[derive(Debug)]
pub(super) enum Outline {
    /// A full circle.
    Disc { center: Point, radius: f32 },
    /// What lies between two circles.
    Ring { center: Point, outer: f32, inner: f32 },
    /// A rectangle with rounded corners.
    Rect { min: Point, max: Point, radius: f32 },
    /// Heights in 1/256 pixel, one per column, and the rows that each block of columns crosses.
    Below { top: Vec<i32>, bottom: Option<Vec<i32>>, blocks: Vec<Crossing> },
}

/// What a curved form does in one block of columns: above `first` nothing, from `full` on everything, from `end` nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crossing {
    first: i32,
    full: i32,
    end: i32,
}

/// Columns that share one [`Crossing`].
const BLOCK: usize = 64;

impl Outline {
    /// Measures a form for a sheet that is `width` pixels wide with `unit` pixels to the short side.
    pub fn measure(form: &Form, width: usize, unit: f32) -> Self {
        let scaled = |p: Point| Point { x: p.x * unit, y: p.y * unit };
        match form {
            Form::Disc { center, radius } => Self::Disc { center: scaled(*center), radius: radius * unit },
            Form::Ring { center, radius, width } => {
                let half = width * unit / 2.0;
                Self::Ring {
                    center: scaled(*center),
                    outer: radius * unit + half,
                    inner: radius * unit - half,
                }
            }
            Form::Rect { min, max, radius } => {
                Self::Rect { min: scaled(*min), max: scaled(*max), radius: radius * unit }
            }
            Form::Below { top, bottom } => {
                let sample = |wave: &Wave| -> Vec<i32> {
                    (0..width).map(|x| (wave.y((x as f32 + 0.5) / unit) * unit * 256.0) as i32).collect()
                };
                let (top, bottom) = (sample(top), bottom.as_ref().map(sample));
                let blocks =
                    (0..width.div_ceil(BLOCK)).map(|i| crossing(i, &top, bottom.as_deref())).collect();
                Self::Below { top, bottom, blocks }
            }
        }
    }

    /// The rows that it can touch, within a sheet of this height.
    pub fn rows(&self, height: usize) -> Range<usize> {
        let (first, end) = match self {
            Self::Disc { center, radius } => (center.y - radius - 1.0, center.y + radius + 2.0),
            Self::Ring { center, outer, .. } => (center.y - outer - 1.0, center.y + outer + 2.0),
            Self::Rect { min, max, .. } => (min.y - 1.0, max.y + 2.0),
            Self::Below { blocks, .. } => {
                let first = blocks.iter().map(|block| block.first).min().unwrap_or(0);
                let end = blocks.iter().map(|block| block.end).max().unwrap_or(0);
                (first as f32, end as f32)
            }
        };
        let end = (end.max(0.0) as usize).min(height);
        (first.max(0.0) as usize).min(end)..end
    }

    /// Writes the coverage of row `y`, and says which columns may be covered; outside of them `coverage` is left as it was.
    pub fn cover(&self, y: usize, coverage: &mut [u16]) -> [Range<usize>; 2] {
        match self {
            Self::Disc { center, radius } => [disc(*center, *radius, y, coverage), 0..0],
            Self::Ring { center, outer, inner } => ring(*center, *outer, *inner, y, coverage),
            Self::Rect { min, max, radius } => [rect(*min, *max, *radius, y, coverage), 0..0],
            Self::Below { top, bottom, blocks } => {
                for (i, (cells, block)) in coverage.chunks_mut(BLOCK).zip(blocks).enumerate() {
                    let row = y as i32;
                    if row < block.first || row >= block.end {
                        cells.fill(0);
                    } else if row >= block.full {
                        cells.fill(FULL);
                    } else {
                        let columns = i * BLOCK..i * BLOCK + cells.len();
                        below(&top[columns.clone()], bottom.as_ref().map(|b| &b[columns]), y, cells);
                    }
                }
                [0..coverage.len(), 0..0]
            }
        }
    }
}

fn columns(from: f32, to: f32, width: usize) -> Range<usize> {
    let end = (to.max(0.0) as usize).min(width);
    (from.max(0.0) as usize).min(end)..end
}

fn part(covered: f32) -> u16 {
    (covered.clamp(0.0, 1.0) * f32::from(FULL)) as u16
}

fn disc(center: Point, radius: f32, y: usize, coverage: &mut [u16]) -> Range<usize> {
    let dy = y as f32 + 0.5 - center.y;
    let (outer, inner) = (radius + 0.5, radius - 0.5);
    if dy.abs() >= outer {
        return 0..0;
    }
    let reach = (outer * outer - dy * dy).sqrt();
    let span = columns(center.x - reach, center.x + reach + 1.0, coverage.len());
    // A disc smaller than a pixel covers only its own area of it.
    let area = (4.0 * radius * radius).min(1.0);
    let solid = if dy.abs() < inner { (inner * inner - dy * dy).sqrt() } else { -1.0 };
    for (x, cell) in coverage[span.clone()].iter_mut().enumerate() {
        let dx = (span.start + x) as f32 + 0.5 - center.x;
        *cell =
            if dx.abs() <= solid { FULL } else { part((outer - (dx * dx + dy * dy).sqrt()).min(1.0) * area) };
    }
    span
}

fn ring(center: Point, outer: f32, inner: f32, y: usize, coverage: &mut [u16]) -> [Range<usize>; 2] {
    let dy = y as f32 + 0.5 - center.y;
    let rim = outer + 0.5;
    if dy.abs() >= rim {
        return [0..0, 0..0];
    }
    let reach = (rim * rim - dy * dy).sqrt();
    let hollow = inner - 0.5;
    let hole = if dy.abs() < hollow { (hollow * hollow - dy * dy).sqrt() } else { 0.0 };
    let width = coverage.len();
    let left = columns(center.x - reach, center.x - hole + 1.0, width);
    let right = columns(center.x + hole - 1.0, center.x + reach + 1.0, width);
    let spans = [left.clone(), right.start.max(left.end)..right.end.max(left.end)];
    for span in &spans {
        for (x, cell) in coverage[span.clone()].iter_mut().enumerate() {
            let dx = (span.start + x) as f32 + 0.5 - center.x;
            let distance = (dx * dx + dy * dy).sqrt();
            *cell = part(outer + 0.5 - distance) - part(inner + 0.5 - distance);
        }
    }
    spans
}

fn rect(min: Point, max: Point, radius: f32, y: usize, coverage: &mut [u16]) -> Range<usize> {
    let row = y as f32 + 0.5;
    let overlap = (max.y.min(y as f32 + 1.0) - min.y.max(y as f32)).clamp(0.0, 1.0);
    if overlap <= 0.0 {
        return 0..0;
    }
    let span = columns(min.x, max.x + 1.0, coverage.len());
    let radius = radius.min((max.x - min.x) / 2.0).min((max.y - min.y) / 2.0);
    let above = (min.y + radius - row).max(row - (max.y - radius));
    for (i, cell) in coverage[span.clone()].iter_mut().enumerate() {
        let x = (span.start + i) as f32;
        let beside = (min.x + radius - (x + 0.5)).max(x + 0.5 - (max.x - radius));
        *cell = if above > 0.0 && beside > 0.0 && radius > 0.0 {
            part(radius + 0.5 - (above * above + beside * beside).sqrt())
        } else {
            part((max.x.min(x + 1.0) - min.x.max(x)).clamp(0.0, 1.0) * overlap)
        };
    }
    span
}

fn crossing(block: usize, top: &[i32], bottom: Option<&[i32]>) -> Crossing {
    let columns = block * BLOCK..((block + 1) * BLOCK).min(top.len());
    let tops = top[columns.clone()].iter().map(|height| height >> 8);
    let first = tops.clone().min().unwrap_or(0);
    match bottom {
        None => Crossing { first, full: tops.max().unwrap_or(0) + 1, end: i32::MAX },
        Some(bottom) => {
            let end = bottom[columns].iter().map(|height| (height >> 8) + 1).max().unwrap_or(0);
            Crossing { first, full: i32::MAX, end }
        }
    }
}

fn below(top: &[i32], bottom: Option<&[i32]>, y: usize, coverage: &mut [u16]) {
    let edge = (y as i32 + 1) * 256;
    let above = |height: &i32| (edge - height).clamp(0, i32::from(FULL)) as u16;
    match bottom {
        None => coverage.iter_mut().zip(top).for_each(|(cell, top)| *cell = above(top)),
        Some(bottom) => {
            let pairs = top.iter().zip(bottom);
            coverage
                .iter_mut()
                .zip(pairs)
                .for_each(|(cell, (top, bottom))| *cell = above(top).saturating_sub(above(bottom)));
        }
    }
}
