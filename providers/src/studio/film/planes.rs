//! Pictures as the codec wants them: one plane of luma and two of chroma at half size (4:2:0), limited range. What moves is
//! moved here, in a byte and a half per pixel, and never goes through RGB again.

use super::super::canvas::Canvas;
use openh264::formats::YUVSource;

/// One channel, rows from the top without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plane {
    /// Samples of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` samples.
    pub data: Vec<u8>,
}

impl Plane {
    /// A plane of one value.
    pub fn new(width: usize, height: usize, value: u8) -> Self {
        Self { width, height, data: vec![value; width * height] }
    }

    /// One row.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.width..][..self.width]
    }
}

/// A picture. Both sides are even.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planes {
    /// Luma.
    pub y: Plane,
    /// Blue difference.
    pub u: Plane,
    /// Red difference.
    pub v: Plane,
}

/// How samples become colour: which primaries weigh how much in luma, and which values are black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matrix {
    /// BT.709, limited range: what this engine writes, and what HD has.
    Bt709,
    /// BT.601, limited range: what SD has.
    Bt601,
    /// BT.709, full range.
    Bt709Full,
    /// BT.601, full range: what some phones write.
    Bt601Full,
}

impl Matrix {
    /// (black, gain of luma, red from v, green from u, green from v, blue from u), gains with 16 bits after the point.
    const fn gains(self) -> (i32, i32, [i32; 4]) {
        match self {
            Self::Bt709 => (16, 76309, [117_489, 13_975, 34_925, 138_438]),
            Self::Bt601 => (16, 76309, [104_597, 25_675, 53_279, 132_201]),
            Self::Bt709Full => (0, 65536, [103_206, 12_276, 30_679, 121_609]),
            Self::Bt601Full => (0, 65536, [91_881, 22_553, 46_802, 116_130]),
        }
    }
}

/// Luma of a colour, BT.709 limited.
fn luma([r, g, b]: [i32; 3]) -> u8 {
    ((11_966 * r + 40_254 * g + 4_064 * b + (16 << 16) + 0x8000) >> 16) as u8
}

/// Both chroma values of the sum of four colours.
pub(super) fn chroma([r, g, b]: [i32; 3]) -> [u8; 2] {
    let u = -6_596 * r - 22_189 * g + 28_785 * b;
    let v = 28_785 * r - 26_145 * g - 2_640 * b;
    [u, v].map(|c| ((c + (128 << 18) + 0x2_0000) >> 18).clamp(0, 255) as u8)
}

impl Planes {
    /// A black picture.
    pub fn new(width: usize, height: usize) -> Self {
        let chroma = || Plane::new(width / 2, height / 2, 128);
        Self { y: Plane::new(width, height, 16), u: chroma(), v: chroma() }
    }

    /// Width in pixels.
    pub const fn width(&self) -> usize {
        self.y.width
    }

    /// Height in pixels.
    pub const fn height(&self) -> usize {
        self.y.height
    }

    /// The three planes.
    pub fn each_mut(&mut self) -> [&mut Plane; 3] {
        [&mut self.y, &mut self.u, &mut self.v]
    }

    /// The three planes.
    pub const fn each(&self) -> [&Plane; 3] {
        [&self.y, &self.u, &self.v]
    }

    /// A canvas, its alpha ignored. An odd last row or column is left out.
    pub fn from_canvas(canvas: &Canvas) -> Self {
        let (width, height) = (canvas.width as usize & !1, canvas.height as usize & !1);
        let stride = canvas.width as usize * 4;
        let mut planes = Self::new(width, height);
        let rows = canvas.pixels.chunks_exact(stride * 2);
        for (j, pair) in rows.take(height / 2).enumerate() {
            let (upper, lower) = pair.split_at(stride);
            for (i, row) in [upper, lower].into_iter().enumerate() {
                let line = &mut planes.y.data[(j * 2 + i) * width..][..width];
                line.iter_mut().zip(row.chunks_exact(4)).for_each(|(y, pixel)| *y = luma(rgb(pixel)));
            }
            let cells = upper.chunks_exact(8).zip(lower.chunks_exact(8));
            let start = j * width / 2;
            for (i, (above, below)) in cells.take(width / 2).enumerate() {
                let four = [&above[..4], &above[4..], &below[..4], &below[4..]].map(rgb);
                let sum = [0, 1, 2].map(|c| four.iter().map(|colour| colour[c]).sum());
                [planes.u.data[start + i], planes.v.data[start + i]] = chroma(sum);
            }
        }
        planes
    }

    /// The same picture in RGB.
    pub fn to_canvas(&self, matrix: Matrix) -> Canvas {
        let (width, height) = (self.width(), self.height());
        let (black, gain, [rv, gu, gv, bu]) = matrix.gains();
        let mut canvas = Canvas::new(width as u32, height as u32);
        for y in 0..height {
            let (us, vs) = (self.u.row(y / 2), self.v.row(y / 2));
            for (x, (pixel, luma)) in canvas.row_mut(y).chunks_exact_mut(4).zip(self.y.row(y)).enumerate() {
                let (u, v) = (i32::from(us[x / 2]) - 128, i32::from(vs[x / 2]) - 128);
                let base = (i32::from(*luma) - black) * gain + 0x8000;
                let [r, g, b] = [base + rv * v, base - gu * u - gv * v, base + bu * u]
                    .map(|channel| (channel >> 16).clamp(0, 255) as u8);
                pixel.copy_from_slice(&[r, g, b, 255]);
            }
        }
        canvas.mark_opaque();
        canvas
    }

    /// Moves every sample toward `other`: luma and chroma each by so many of 256.
    pub fn mix(&mut self, other: &Self, [luma, chroma]: [u32; 2]) {
        let weights = [luma, chroma, chroma].map(|weight| weight.min(256) as u16);
        for ((plane, other), weight) in self.each_mut().into_iter().zip(other.each()).zip(weights) {
            for (sample, toward) in plane.data.iter_mut().zip(&other.data) {
                let mixed = u16::from(*sample) * (256 - weight) + u16::from(*toward) * weight;
                *sample = ((mixed + 128) >> 8) as u8;
            }
        }
    }

    /// The same picture, smaller: every pixel is the mean of those that it stands for.
    pub fn reduced(&self, width: usize, height: usize) -> Self {
        let mut small = Self::new(width & !1, height & !1);
        for (plane, large) in small.each_mut().into_iter().zip(self.each()) {
            reduce(large, plane);
        }
        small
    }

    /// The same picture, turned to the right by so many quarters.
    pub fn turned(&self, quarters: u8) -> Self {
        let (width, height) = (self.width(), self.height());
        let mut turned =
            if quarters.is_multiple_of(2) { Self::new(width, height) } else { Self::new(height, width) };
        for (plane, flat) in turned.each_mut().into_iter().zip(self.each()) {
            let (right, bottom) = (flat.width - 1, flat.height - 1);
            for (i, sample) in plane.data.iter_mut().enumerate() {
                let (x, y) = (i % plane.width, i / plane.width);
                let (x, y) = match quarters % 4 {
                    1 => (y, bottom - x),
                    2 => (right - x, bottom - y),
                    3 => (right - y, x),
                    _ => (x, y),
                };
                *sample = flat.data[y * flat.width + x];
            }
        }
        turned
    }

    /// Puts a smaller picture in, with its upper left corner at an even place.
    pub fn paste(&mut self, small: &Self, (x, y): (usize, usize)) {
        let corners = [(x, y), (x / 2, y / 2), (x / 2, y / 2)];
        for ((plane, small), (x, y)) in self.each_mut().into_iter().zip(small.each()).zip(corners) {
            for row in 0..small.height {
                let start = (y + row) * plane.width + x;
                plane.data[start..start + small.width].copy_from_slice(small.row(row));
            }
        }
    }
}

fn rgb(pixel: &[u8]) -> [i32; 3] {
    [pixel[0], pixel[1], pixel[2]].map(i32::from)
}

fn reduce(large: &Plane, small: &mut Plane) {
    let edge = |i: usize, of: usize, from: usize| i * from / of.max(1);
    for y in 0..small.height {
        let rows = edge(y, small.height, large.height)
            ..edge(y + 1, small.height, large.height).max(edge(y, small.height, large.height) + 1);
        for x in 0..small.width {
            let first = edge(x, small.width, large.width);
            let end = edge(x + 1, small.width, large.width).max(first + 1);
            let mut sum = 0;
            for row in rows.clone() {
                sum += large.row(row)[first..end].iter().map(|sample| u32::from(*sample)).sum::<u32>();
            }
            let count = (rows.len() * (end - first)) as u32;
            small.data[y * small.width + x] = ((sum + count / 2) / count) as u8;
        }
    }
}

impl YUVSource for Planes {
    fn dimensions(&self) -> (usize, usize) {
        (self.width(), self.height())
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.y.width, self.u.width, self.v.width)
    }

    fn y(&self) -> &[u8] {
        &self.y.data
    }

    fn u(&self) -> &[u8] {
        &self.u.data
    }

    fn v(&self) -> &[u8] {
        &self.v.data
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn canvas(color: [u8; 3]) -> Canvas {
        let mut canvas = Canvas::new(8, 6);
        canvas.pixels.chunks_exact_mut(4).for_each(|pixel| {
            pixel.copy_from_slice(&[color[0], color[1], color[2], 255]);
        });
        canvas
    }

    #[test]
    fn colours_come_back_from_planes_within_two_steps() {
        for color in [[0; 3], [255; 3], [255, 0, 0], [0, 255, 0], [0, 0, 255], [12, 200, 90], [250, 130, 20]]
        {
            let planes = Planes::from_canvas(&canvas(color));
            let back = planes.to_canvas(Matrix::Bt709);
            let near = back.pixels.chunks_exact(4).all(|pixel| {
                pixel[..3].iter().zip(color).all(|(got, want)| got.abs_diff(want) <= 2) && pixel[3] == 255
            });
            assert!(near, "{color:?}: {:?}", &back.pixels[..4]);
        }
    }

    #[test]
    fn black_and_white_have_the_values_of_the_limited_range() {
        assert_eq!(Planes::from_canvas(&canvas([0; 3])).y.data[0], 16);
        assert_eq!(Planes::from_canvas(&canvas([255; 3])).y.data[0], 235);
    }

    #[test]
    fn four_quarters_are_a_whole_turn_and_one_takes_the_left_edge_to_the_top() {
        let mut picture = Planes::new(8, 4);
        picture.y.data.iter_mut().zip(0..).for_each(|(sample, value)| *sample = value);
        let once = picture.turned(1);
        assert_eq!((once.width(), once.height()), (4, 8));
        assert_eq!(once.y.data[..4], [24, 16, 8, 0]);
        assert_eq!(once.turned(1), picture.turned(2));
        assert_eq!(once.turned(3), picture);
        assert_eq!(picture.turned(2).turned(2), picture);
    }

    #[test]
    fn a_mix_goes_all_the_way_and_a_reduction_keeps_the_mean() {
        let (mut a, b) = (Planes::from_canvas(&canvas([0; 3])), Planes::from_canvas(&canvas([200, 10, 99])));
        assert_eq!(b.reduced(2, 2).y.data, vec![b.y.data[0]; 4]);
        a.mix(&b, [256, 256]);
        assert_eq!(a, b);
    }
}
