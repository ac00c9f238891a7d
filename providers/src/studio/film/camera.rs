//! A camera over a painted sheet: where it looks at each moment, and what it sees.

use super::{
    super::drawing::Rng,
    cel::Cel,
    planes::{Plane, Planes},
};

/// One pixel, with 16 bits after the point.
const ONE: i32 = 1 << 16;

/// What is seen at one moment: the sheet's place of the upper left pixel, and how far apart two pixels lie on the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct View {
    x: i32,
    y: i32,
    step: i32,
}

/// Where a camera begins and ends: shares of the room that the sheet leaves it (0 left or top, 1 right or bottom), and shares of
/// the zoom that it allows (0 as near as sharp, 1 the whole sheet).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Path {
    from: (f32, f32, f32),
    to: (f32, f32, f32),
}

impl Path {
    /// A slow move sideways, without a zoom.
    pub fn pan(rng: &mut Rng) -> Self {
        let (x, y) = (rng.range(0.0, 0.25), rng.range(0.0, 1.0));
        let there = (1.0 - x, 1.0 - y, 0.0);
        if rng.below(2) == 0 {
            Self { from: (x, y, 0.0), to: there }
        } else {
            Self { from: there, to: (x, y, 0.0) }
        }
    }

    /// A move in or out with a drift.
    pub fn zoom(rng: &mut Rng) -> Self {
        let near = (rng.range(0.1, 0.9), rng.range(0.2, 0.9), rng.range(0.0, 0.12));
        let wide = (1.0 - near.0, 0.5, 1.0);
        if rng.below(3) == 0 { Self { from: near, to: wide } } else { Self { from: wide, to: near } }
    }

    /// From the whole sheet slowly in; at the first moment every pixel is that of the sheet.
    pub fn push_in(rng: &mut Rng) -> Self {
        Self { from: (0.5, 0.5, 0.0), to: (rng.range(0.25, 0.75), rng.range(0.25, 0.75), -0.14) }
    }

    /// The view at `t` of the way (0 to 1) over a sheet, for a picture.
    fn view(&self, t: f32, sheet: (usize, usize), picture: (usize, usize)) -> View {
        let eased = t * t * (3.0 - 2.0 * t);
        // Mostly even speed, so that the picture moves from its first frame to its last.
        let t = 0.7 * t + 0.3 * eased;
        let at = |from: f32, to: f32| from + (to - from) * t;
        let widest = (sheet.0 as f32 / picture.0 as f32).min(sheet.1 as f32 / picture.1 as f32);
        let zoom = at(self.from.2, self.to.2);
        // A negative share goes nearer than sharp, by as much of a pixel's size.
        let step = if zoom < 0.0 { 1.0 + zoom } else { 1.0 + (widest - 1.0) * zoom };
        let room =
            |sheet: usize, picture: usize| (sheet as f32 - 1.0 - step * (picture as f32 - 1.0)).max(0.0);
        let fine = |pixels: f32| (pixels * ONE as f32) as i32;
        View {
            x: fine(room(sheet.0, picture.0) * at(self.from.0, self.to.0)),
            y: fine(room(sheet.1, picture.1) * at(self.from.1, self.to.1)),
            step: fine(step),
        }
    }
}

/// A camera's working memory.
#[derive(Debug, Default)]
pub(super) struct Camera {
    columns: Vec<(u32, u16)>,
    line: Vec<u8>,
}

impl Camera {
    /// Fills `picture` with what is seen of `sheet` at `t` of the way.
    pub fn shoot(&mut self, sheet: &Planes, path: &Path, t: f32, picture: &mut Planes) {
        let view = path.view(t, (sheet.width(), sheet.height()), (picture.width(), picture.height()));
        for (i, (plane, target)) in sheet.each().into_iter().zip(picture.each_mut()).enumerate() {
            self.sample(plane, if i == 0 { view } else { view.chroma() }, target);
        }
    }

    /// The same of a transparent sheet.
    pub fn shoot_cel(&mut self, sheet: &Cel, path: &Path, t: f32, picture: &mut Cel) {
        self.shoot(&sheet.ink, path, t, &mut picture.ink);
        let sizes = ((sheet.cover.width, sheet.cover.height), (picture.cover.width, picture.cover.height));
        let view = path.view(t, sizes.0, sizes.1);
        self.sample(&sheet.cover, view, &mut picture.cover);
        self.sample(&sheet.chroma_cover, view.chroma(), &mut picture.chroma_cover);
    }

    /// Fills `picture` with a frame of any size: as large as to cover it, and what is too much cut off evenly.
    pub fn cover(&mut self, frame: &Planes, picture: &mut Planes) {
        let size = (picture.width(), picture.height());
        if (frame.width(), frame.height()) == size {
            picture.clone_from(frame);
            return;
        }
        let scale = |frame: &Planes| {
            (frame.width() as f32 / size.0 as f32).min(frame.height() as f32 / size.1 as f32)
        };
        // Two pixels blended for every one seen are enough up to here; beyond, fine patterns would flicker.
        let coarse = scale(frame) as usize;
        let smaller = (coarse >= 2).then(|| frame.reduced(frame.width() / coarse, frame.height() / coarse));
        let frame = smaller.as_ref().unwrap_or(frame);
        let step = scale(frame);
        let centred = |frame: usize, picture: usize| {
            let room = (frame as f32 - step * picture as f32).max(0.0) / 2.0;
            ((room + (step - 1.0) / 2.0).max(0.0) * ONE as f32) as i32
        };
        let view = View {
            x: centred(frame.width(), size.0),
            y: centred(frame.height(), size.1),
            step: (step * ONE as f32) as i32,
        };
        for (i, (plane, target)) in frame.each().into_iter().zip(picture.each_mut()).enumerate() {
            self.sample(plane, if i == 0 { view } else { view.chroma() }, target);
        }
    }

    /// Bilinear: first two rows into one line, then along the line.
    fn sample(&mut self, sheet: &Plane, view: View, target: &mut Plane) {
        let width = target.width;
        let last = sheet.width - 1;
        let place = |i: usize| {
            let place = i64::from(view.x) + i as i64 * i64::from(view.step);
            (((place >> 16).max(0) as usize).min(last) as u32, ((place & 0xffff) >> 8) as u16)
        };
        self.columns.clear();
        self.columns.extend((0..width).map(place));
        let even = view.step == ONE;
        self.line.resize(sheet.width + 1, 0);
        for (j, row) in target.data.chunks_exact_mut(width).enumerate() {
            let place = i64::from(view.y) + j as i64 * i64::from(view.step);
            let upper = ((place >> 16).max(0) as usize).min(sheet.height - 1);
            let lower = (upper + 1).min(sheet.height - 1);
            blend_rows(&mut self.line, sheet.row(upper), sheet.row(lower), ((place & 0xffff) >> 8) as u16);
            self.line[sheet.width] = self.line[last];
            if even {
                let (start, share) = self.columns[0];
                let along = &self.line[start as usize..];
                blend_rows(row, along, &along[1..], share);
            } else {
                for (sample, &(at, share)) in row.iter_mut().zip(&self.columns) {
                    let pair = &self.line[at as usize..at as usize + 2];
                    *sample = between(pair[0], pair[1], share);
                }
            }
        }
    }
}

impl View {
    /// The same view in the coordinates of the half-size planes.
    const fn chroma(self) -> Self {
        let centre = (self.step - ONE) / 4;
        Self { x: self.x / 2 + centre, y: self.y / 2 + centre, step: self.step }
    }
}

const fn between(a: u8, b: u8, share: u16) -> u8 {
    ((a as u16 * (256 - share) + b as u16 * share) >> 8) as u8
}

fn blend_rows(target: &mut [u8], a: &[u8], b: &[u8], share: u16) {
    for ((sample, a), b) in target.iter_mut().zip(a).zip(b) {
        *sample = between(*a, *b, share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: usize, height: usize) -> Planes {
        let mut planes = Planes::new(width, height);
        for (i, sample) in planes.y.data.iter_mut().enumerate() {
            *sample = ((i % width) * 2 + (i / width)) as u8;
        }
        planes
    }

    #[test]
    fn a_push_in_begins_with_the_sheet_itself() {
        let sheet = gradient(40, 30);
        let mut seen = Planes::new(40, 30);
        let path = Path::push_in(&mut Rng::new(1));
        Camera::default().shoot(&sheet, &path, 0.0, &mut seen);
        assert_eq!(seen, sheet);
        Camera::default().shoot(&sheet, &path, 1.0, &mut seen);
        assert_ne!(seen, sheet);
    }

    #[test]
    fn every_path_stays_on_the_sheet_and_moves() {
        let sheet = gradient(48, 36);
        for seed in 0..40 {
            for path in [
                Path::pan(&mut Rng::new(seed)),
                Path::zoom(&mut Rng::new(seed)),
                Path::push_in(&mut Rng::new(seed)),
            ] {
                let mut views = Vec::new();
                for t in [0.0, 0.3, 1.0] {
                    let view = path.view(t, (48, 36), (40, 30));
                    assert!(view.x >= 0 && view.y >= 0, "{path:?}");
                    assert!(view.x + view.step * 39 <= 47 * ONE + 64, "{path:?}");
                    assert!(view.y + view.step * 29 <= 35 * ONE + 64, "{path:?}");
                    views.push(view);
                    Camera::default().shoot(&sheet, &path, t, &mut Planes::new(40, 30));
                }
                assert!(views[0] != views[1] && views[1] != views[2], "{path:?}");
            }
        }
    }
}
