//! Box filter over rows as they come: every pixel of the result is the exact mean of the area that it stands for. Sums are
//! integers, so that the result is the same on every machine and however the picture was turned.

use super::{
    super::{area::Area, canvas::Canvas},
    fit::Turn,
};
use atelier_domain::size::Size;

/// Red, green and blue, each times alpha, and alpha; summed over an area.
type Sum = [u64; 4];

/// Which columns of the result a stored column falls into: the first, and how much of it goes there and to the next.
#[derive(Debug, Clone, Copy)]
struct Share {
    to: u32,
    here: u32,
    next: u32,
}

/// How the pixels of one row or column of length `source` fall onto `target` (not more) of the result.
fn share(at: u32, source: u32, target: u32) -> Share {
    let (start, end) = (u64::from(at) * u64::from(target), (u64::from(at) + 1) * u64::from(target));
    let to = start / u64::from(source);
    let edge = (to + 1) * u64::from(source);
    let here = end.min(edge) - start;
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Share { to: narrow(to), here: narrow(here), next: narrow(end - start - here) }
}

/// A picture on its way to a smaller size.
#[derive(Debug)]
pub(in crate::studio) struct Shrink {
    crop: Area,
    stored: Size,
    turn: Turn,
    columns: Vec<Share>,
    /// The row of the result that is being summed.
    row: u32,
    sums: Vec<Sum>,
    /// The part of the latest row that belongs to the next row of the result.
    carried: Vec<Sum>,
    canvas: Canvas,
    seen_through: bool,
}

impl Shrink {
    /// From `crop` to `size`, which is not larger.
    pub fn new(crop: Area, size: Size) -> Self {
        Self::turned(crop, size, Turn::NONE)
    }

    /// The same for a picture that is stored turned; `crop` and `stored` are as it is stored.
    pub(super) fn turned(crop: Area, stored: Size, turn: Turn) -> Self {
        let same = (crop.width, crop.height) == (stored.width, stored.height);
        let columns = if same { 0 } else { crop.width };
        let sums = vec![[0; 4]; if same { 0 } else { stored.width as usize }];
        let shown = turn.stored_size(stored);
        Self {
            crop,
            stored,
            turn,
            columns: (0..columns).map(|x| share(x, crop.width, stored.width)).collect(),
            row: 0,
            carried: sums.clone(),
            sums,
            canvas: Canvas::new(shown.width, shown.height),
            seen_through: false,
        }
    }

    /// Takes stored row `y`, as 8-bit RGBA. Rows come in order, each once.
    pub fn take(&mut self, y: u32, row: &[u8]) {
        let Some(down) = y.checked_sub(self.crop.y).filter(|down| *down < self.crop.height) else { return };
        let row = &row[self.crop.x as usize * 4..][..self.crop.width as usize * 4];
        if self.columns.is_empty() {
            for (x, pixel) in (0..).zip(row.as_chunks::<4>().0) {
                self.put(x, down, *pixel);
            }
            return;
        }
        let Share { here, next, .. } = share(down, self.crop.height, self.stored.height);
        self.add(row, u64::from(here), u64::from(next));
        let full = (u64::from(down) + 1) * u64::from(self.stored.height)
            >= (u64::from(self.row) + 1) * u64::from(self.crop.height);
        if full {
            self.close();
        }
    }

    /// Sums one row, `here` parts of it into this row of the result and `next` parts into the one after.
    fn add(&mut self, row: &[u8], here: u64, next: u64) {
        let mut flush = |to: usize, sum: Sum| {
            for (total, part) in self.sums[to].iter_mut().zip(sum) {
                *total += part * here;
            }
            if next > 0 {
                for (total, part) in self.carried[to].iter_mut().zip(sum) {
                    *total += part * next;
                }
            }
        };
        let (mut to, mut sum) = (0, [0; 4]);
        for (pixel, share) in row.as_chunks::<4>().0.iter().zip(&self.columns) {
            let alpha = u64::from(pixel[3]);
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(|channel| u64::from(channel) * alpha);
            let value = [red, green, blue, alpha];
            if share.to != to {
                flush(to as usize, sum);
                (to, sum) = (share.to, [0; 4]);
            }
            for (total, part) in sum.iter_mut().zip(value) {
                *total += part * u64::from(share.here);
            }
            if share.next > 0 {
                flush(to as usize, sum);
                (to, sum) = (share.to + 1, value.map(|part| part * u64::from(share.next)));
            }
        }
        flush(to as usize, sum);
    }

    /// Writes the row of the result that is full.
    fn close(&mut self) {
        let area = u64::from(self.crop.width) * u64::from(self.crop.height);
        for x in 0..self.stored.width {
            let [red, green, blue, alpha] = self.sums[x as usize];
            let channel = |sum: u64| ((sum + alpha / 2) / alpha.max(1)).min(255) as u8;
            let alpha = ((alpha + area / 2) / area).min(255) as u8;
            self.put(x, self.row, [channel(red), channel(green), channel(blue), alpha]);
        }
        self.row += 1;
        std::mem::swap(&mut self.sums, &mut self.carried);
        self.carried.fill([0; 4]);
    }

    fn put(&mut self, x: u32, y: u32, pixel: [u8; 4]) {
        self.seen_through |= pixel[3] < 255;
        let start = self.turn.index(x, y, self.stored) * 4;
        self.canvas.pixels[start..start + 4].copy_from_slice(&pixel);
    }

    /// The result; rows that never came are transparent.
    pub fn finish(mut self) -> Canvas {
        if !self.seen_through {
            self.canvas.mark_opaque();
        }
        self.canvas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by brute force: each source pixel cut into equal parts.
    fn mean(pixels: &[[u8; 4]], from: Size, to: Size, (x, y): (u32, u32)) -> [u64; 4] {
        let mut sum = [0u64; 4];
        for down in y * from.height..(y + 1) * from.height {
            for across in x * from.width..(x + 1) * from.width {
                let pixel = pixels[(down / to.height * from.width + across / to.width) as usize];
                let alpha = u64::from(pixel[3]);
                let parts = [pixel[0], pixel[1], pixel[2]].map(|channel| u64::from(channel) * alpha);
                sum = [sum[0] + parts[0], sum[1] + parts[1], sum[2] + parts[2], sum[3] + alpha];
            }
        }
        let area = from.pixels();
        let channel = |part: u64| (part + sum[3] / 2) / sum[3].max(1);
        [channel(sum[0]), channel(sum[1]), channel(sum[2]), (sum[3] + area / 2) / area]
    }

    #[test]
    fn every_pixel_is_the_mean_of_its_area() {
        let sizes = [(5, 7), (8, 8), (13, 3), (9, 1), (1, 9)];
        for (from, to) in sizes.iter().flat_map(|from| sizes.iter().map(move |to| (from, to))) {
            let (from, to) = (Size::new(from.0, from.1), Size::new(to.0.min(from.0), to.1.min(from.1)));
            let pixels: Vec<[u8; 4]> = (0..from.pixels() as u32)
                .map(|i| {
                    [0u32, 1, 2, 3].map(|c| (i.wrapping_mul(2_654_435_761).rotate_left(c * 8) >> 13) as u8)
                })
                .collect();
            if from == to {
                continue;
            }
            let mut shrink = Shrink::new(Area::whole(from), to);
            for (y, row) in (0..).zip(pixels.chunks(from.width as usize)) {
                shrink.take(y, row.as_flattened());
            }
            let canvas = shrink.finish();
            for (i, pixel) in canvas.pixels.chunks(4).enumerate() {
                let place = (i as u32 % to.width, i as u32 / to.width);
                let want = mean(&pixels, from, to, place).map(|value| value as u8);
                assert_eq!(pixel, want, "{from} to {to} at {place:?}");
            }
        }
    }
}
