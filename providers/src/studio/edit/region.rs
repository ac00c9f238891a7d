//! The part of a picture that is drawn anew: how much of the drawing shows at each pixel, the rectangle around it, and the
//! largest rectangle inside of it.

use super::super::{area::Area, canvas::Canvas, paint::StudioError, reference::Source};
use atelier_domain::size::Size;

/// Cells of the long side of the grid that marks and free room are looked for on.
const CELLS: u32 = 64;

/// Where a drawing replaces a picture.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::studio) struct Region {
    size: Size,
    /// For every pixel of the picture: 0 keeps it, 255 replaces it.
    weights: Vec<u8>,
    bounds: Option<Area>,
    /// Within the bounds, counted from their corner.
    room: Area,
}

impl Region {
    /// What a mask frees: all that it does not cover.
    pub(super) fn masked(mut alphas: Vec<u8>, size: Size) -> Self {
        alphas.iter_mut().for_each(|alpha| *alpha = 255 - *alpha);
        Self::new(alphas, size)
    }

    /// The surroundings of what was drawn over the picture, joined where they come close.
    pub(super) fn marked(markup: &Source, size: Size) -> Result<Self, StudioError> {
        let cell = size.long_side().div_ceil(CELLS).max(1);
        let cells = Size::new(size.width.div_ceil(cell), size.height.div_ceil(cell));
        let marks = markup.marks(size, cells)?;
        let mut weights = vec![0; size.width as usize * size.height as usize];
        for patch in patches(marks, cells) {
            // One cell of certainty and one that fades out: no mark can be seen through it.
            let (inner, outer) = (grown(patch, 1, cells), grown(patch, 2, cells));
            let area = outer.scaled(cells, size);
            let fade = if inner == outer { 1.0 } else { cell as f32 };
            for y in 0..area.height {
                for x in 0..area.width {
                    let at = (area.y + y) as usize * size.width as usize + (area.x + x) as usize;
                    let depth = edge_depth(area, size, (x, y)) / fade;
                    weights[at] = weights[at].max((depth.clamp(0.0, 1.0) * 255.0) as u8);
                }
            }
        }
        Ok(Self::new(weights, size))
    }

    fn new(weights: Vec<u8>, size: Size) -> Self {
        let bounds = bounds(&weights, size);
        let room =
            bounds.map_or(Area { x: 0, y: 0, width: 1, height: 1 }, |bounds| room(&weights, size, bounds));
        Self { size, weights, bounds, room }
    }

    /// The least rectangle around it; none when there is nothing to draw.
    pub fn bounds(&self) -> Option<Area> {
        self.bounds
    }

    /// The largest rectangle that is nearly all free, counted from the corner of the bounds.
    pub fn room(&self) -> Area {
        self.room
    }

    /// The picture with `sheet`, which has the size of the bounds, in its place. Pixels outside are not touched.
    pub fn fill(&self, picture: &Canvas, sheet: &Canvas) -> Canvas {
        let mut filled = picture.clone();
        let Some(bounds) = self.bounds else { return filled };
        if !sheet.is_opaque() {
            filled.mark_clear();
        }
        let start = bounds.x as usize * 4;
        for (y, drawn) in (bounds.y as usize..).zip(sheet.pixels.chunks_exact(sheet.stride())) {
            let weights = &self.weights[y * self.size.width as usize + bounds.x as usize..];
            let row = &mut filled.row_mut(y)[start..];
            let pixels = row.as_chunks_mut::<4>().0.iter_mut().zip(drawn.as_chunks::<4>().0);
            for ((pixel, drawn), weight) in pixels.zip(weights) {
                match weight {
                    0 => {}
                    255 => *pixel = *drawn,
                    weight => *pixel = between(*pixel, *drawn, u32::from(*weight)),
                }
            }
        }
        filled
    }

    /// White where the drawing shows, over the bounds, for formats that mask by themselves.
    pub fn stencil(&self) -> Option<Canvas> {
        let bounds = self.bounds?;
        let mut canvas = Canvas::new(bounds.width, bounds.height);
        for y in 0..bounds.height as usize {
            let weights =
                &self.weights[(bounds.y as usize + y) * self.size.width as usize + bounds.x as usize..];
            for (pixel, weight) in canvas.row_mut(y).as_chunks_mut::<4>().0.iter_mut().zip(weights) {
                *pixel = [255, 255, 255, *weight];
            }
        }
        Some(canvas)
    }
}

/// A mixture of two pixels, `weight` (of 255) of the second; what cannot be seen does not colour what can.
fn between(old: [u8; 4], new: [u8; 4], weight: u32) -> [u8; 4] {
    let (kept, drawn) = (u32::from(old[3]) * (255 - weight), u32::from(new[3]) * weight);
    let total = kept + drawn;
    if total == 0 {
        return [0; 4];
    }
    let channel =
        |i: usize| ((u32::from(old[i]) * kept + u32::from(new[i]) * drawn + total / 2) / total) as u8;
    [channel(0), channel(1), channel(2), ((total + 127) / 255) as u8]
}

fn bounds(weights: &[u8], size: Size) -> Option<Area> {
    let mut found: Option<Area> = None;
    for (y, row) in (0..).zip(weights.chunks_exact(size.width as usize)) {
        let Some(first) = row.iter().position(|weight| *weight > 0) else { continue };
        let last = row.iter().rposition(|weight| *weight > 0).unwrap_or(first);
        let line = Area { x: first as u32, y, width: (last - first + 1) as u32, height: 1 };
        found = Some(found.map_or(line, |area| area.joined(line)));
    }
    found
}

/// The largest rectangle of free cells within the bounds; a cell is free when each of its pixels is replaced at least half
/// as much as the most replaced one.
fn room(weights: &[u8], size: Size, bounds: Area) -> Area {
    let least = weights.iter().max().map_or(1, |most| most.div_ceil(2));
    let cell = bounds.width.max(bounds.height).div_ceil(CELLS).max(1);
    let (columns, rows) = (bounds.width.div_ceil(cell) as usize, bounds.height.div_ceil(cell) as usize);
    let mut free = vec![true; columns * rows];
    for y in 0..bounds.height {
        let row = &weights[(bounds.y + y) as usize * size.width as usize + bounds.x as usize..];
        for (x, weight) in (0..bounds.width).zip(row) {
            free[(y / cell) as usize * columns + (x / cell) as usize] &= *weight >= least;
        }
    }
    let mut best = Area { x: 0, y: 0, width: 0, height: 0 };
    let mut heights = vec![0u32; columns];
    for row in 0..rows {
        for (height, free) in heights.iter_mut().zip(&free[row * columns..]) {
            *height = if *free { *height + 1 } else { 0 };
        }
        // From each column to the right as far as a rectangle of its height goes: at most 64 steps for each of 64.
        for left in 0..columns {
            let mut lowest = u32::MAX;
            for (width, height) in (1..).zip(&heights[left..]) {
                lowest = lowest.min(*height);
                if width * lowest > best.width * best.height {
                    best = Area { x: left as u32, y: row as u32 + 1 - lowest, width, height: lowest };
                }
            }
        }
    }
    if best.width == 0 {
        return Area { x: 0, y: 0, width: 1, height: 1 };
    }
    let (x, y) = (best.x * cell, best.y * cell);
    let (right, below) = best.end();
    Area { x, y, width: (right * cell).min(bounds.width) - x, height: (below * cell).min(bounds.height) - y }
}

/// The rectangles around groups of marks, none closer to another than two cells.
fn patches(mut marks: Vec<bool>, cells: Size) -> Vec<Area> {
    let mut patches: Vec<Area> = Vec::new();
    for at in 0..marks.len() {
        if !marks[at] {
            continue;
        }
        marks[at] = false;
        let place = |at: usize| (at as u32 % cells.width, at as u32 / cells.width);
        let mut waiting = vec![place(at)];
        let mut patch = Area { x: waiting[0].0, y: waiting[0].1, width: 1, height: 1 };
        while let Some((x, y)) = waiting.pop() {
            patch = patch.joined(Area { x, y, width: 1, height: 1 });
            for near_y in y.saturating_sub(2)..(y + 3).min(cells.height) {
                for near_x in x.saturating_sub(2)..(x + 3).min(cells.width) {
                    let near = (near_y * cells.width + near_x) as usize;
                    if std::mem::take(&mut marks[near]) {
                        waiting.push((near_x, near_y));
                    }
                }
            }
        }
        // Rectangles may meet where their marks do not. Joining two may make a third one meet.
        while let Some(other) =
            patches.iter().position(|other| grown(*other, 1, cells).meets(grown(patch, 1, cells)))
        {
            patch = patch.joined(patches.swap_remove(other));
        }
        patches.push(patch);
    }
    patches
}

/// The same rectangle with `by` more cells on each side, within the grid.
fn grown(area: Area, by: u32, cells: Size) -> Area {
    let (x, y) = (area.x.saturating_sub(by), area.y.saturating_sub(by));
    let (right, below) = area.end();
    Area { x, y, width: (right + by).min(cells.width) - x, height: (below + by).min(cells.height) - y }
}

/// How deep a pixel lies inside `area`; edges that are edges of the picture do not count, there is nothing to fade into.
fn edge_depth(area: Area, size: Size, (x, y): (u32, u32)) -> f32 {
    let (right, below) = area.end();
    let depth = |at: u32, open: bool| if open { f32::INFINITY } else { at as f32 + 0.5 };
    depth(x, area.x == 0)
        .min(depth(y, area.y == 0))
        .min(depth(area.width - 1 - x, right == size.width))
        .min(depth(area.height - 1 - y, below == size.height))
}
