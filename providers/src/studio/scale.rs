//! A picture at another size: smaller by the mean of areas, larger by mixing neighbours.

use super::{area::Area, canvas::Canvas, reference::Shrink};
use atelier_domain::size::Size;
use std::borrow::Cow;

impl Canvas {
    /// The same picture in exactly this size.
    pub(super) fn resized(&self, size: Size) -> Cow<'_, Self> {
        let kept = Size::new(size.width.min(self.width), size.height.min(self.height));
        let small = if kept == self.size() {
            Cow::Borrowed(self)
        } else {
            Cow::Owned(self.shrunk(Area::whole(self.size()), kept))
        };
        if kept == size { small } else { Cow::Owned(small.enlarged(size.width, size.height)) }
    }

    /// A part of it in exactly `size`, which is not larger.
    pub(super) fn shrunk(&self, part: Area, size: Size) -> Self {
        let mut shrink = Shrink::new(part, size);
        for (y, row) in (0..).zip(self.pixels.chunks_exact(self.stride())) {
            shrink.take(y, row);
        }
        shrink.finish()
    }

    /// The same picture at another size, smoothly enlarged.
    pub(super) fn enlarged(&self, width: u32, height: u32) -> Self {
        let mut large = Self::new(width, height);
        self.stretch(Size::new(width, height), |y, row| large.row_mut(y).copy_from_slice(row));
        if self.is_opaque() {
            large.mark_opaque();
        }
        large
    }

    /// The rows of the same picture at another size, from the top.
    pub(super) fn stretch(&self, size: Size, mut each: impl FnMut(usize, &[u8])) {
        let stride = self.stride();
        let columns: Vec<_> = (0..size.width).map(|x| neighbours(x, size.width, self.width)).collect();
        let mix: fn([&[u8; 4]; 4], u32, u32) -> [u8; 4] =
            if self.is_opaque() { mixed } else { mixed_by_alpha };
        let mut stretched = vec![0; size.width as usize * 4];
        for y in 0..size.height {
            let (above, below, down) = neighbours(y, size.height, self.height);
            let row = |y: usize| self.pixels[y * stride..][..stride].as_chunks::<4>().0;
            let (above, below) = (row(above), row(below));
            for (pixel, &(left, right, along)) in stretched.as_chunks_mut::<4>().0.iter_mut().zip(&columns) {
                *pixel = mix([&above[left], &above[right], &below[left], &below[right]], along, down);
            }
            each(y as usize, &stretched);
        }
    }
}

fn mixed([a, b, c, d]: [&[u8; 4]; 4], along: u32, down: u32) -> [u8; 4] {
    let mix = |a: u8, b: u8| u32::from(a) * (256 - along) + u32::from(b) * along;
    [0, 1, 2, 3].map(|i| ((mix(a[i], b[i]) * (256 - down) + mix(c[i], d[i]) * down + 0x8000) >> 16) as u8)
}

/// What cannot be seen must not colour what can.
fn mixed_by_alpha(pixels: [&[u8; 4]; 4], along: u32, down: u32) -> [u8; 4] {
    let shares = [(256 - along) * (256 - down), along * (256 - down), (256 - along) * down, along * down];
    let weights = [0, 1, 2, 3].map(|i| u64::from(shares[i]) * u64::from(pixels[i][3]));
    let total: u64 = weights.iter().sum();
    if total == 0 {
        return [0; 4];
    }
    let channel = |c: usize| {
        let sum: u64 = (0..4).map(|i| weights[i] * u64::from(pixels[i][c])).sum();
        ((sum + total / 2) / total) as u8
    };
    [channel(0), channel(1), channel(2), ((total + 0x8000) >> 16) as u8]
}

/// The two source lines beside a target line, and how far (of 256) it lies toward the second.
fn neighbours(at: u32, target: u32, source: u32) -> (usize, usize, u32) {
    let place = (u64::from(at) * 2 + 1) * u64::from(source) * 128 / u64::from(target);
    let place = place.saturating_sub(128);
    let first = (place >> 8).min(u64::from(source - 1));
    let second = (first + 1).min(u64::from(source - 1));
    (first as usize, second as usize, (place & 255) as u32)
}
