//! Rectangles of pixels.

use atelier_domain::size::Size;

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    /// From the left edge.
    pub x: u32,
    /// From the upper edge.
    pub y: u32,
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

impl Area {
    /// All of a picture.
    pub const fn whole(size: Size) -> Self {
        Self { x: 0, y: 0, width: size.width, height: size.height }
    }

    /// Its sides.
    pub const fn size(self) -> Size {
        Size::new(self.width, self.height)
    }

    /// The first column and the first row to the right of it and below it.
    pub const fn end(self) -> (u32, u32) {
        (self.x + self.width, self.y + self.height)
    }

    /// The least rectangle that holds both.
    pub fn joined(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let ((r1, b1), (r2, b2)) = (self.end(), other.end());
        Self { x, y, width: r1.max(r2) - x, height: b1.max(b2) - y }
    }

    /// Whether they share a pixel.
    pub const fn meets(self, other: Self) -> bool {
        let ((r1, b1), (r2, b2)) = (self.end(), other.end());
        self.x < r2 && other.x < r1 && self.y < b2 && other.y < b1
    }

    /// The same place of a picture that is `to` instead of `from`, at least one pixel large.
    pub fn scaled(self, from: Size, to: Size) -> Self {
        let part = |at: u32, from: u32, to: u32| {
            u32::try_from(u64::from(at) * u64::from(to) / u64::from(from.max(1))).unwrap_or(u32::MAX)
        };
        let (right, below) = self.end();
        let (x, y) = (part(self.x, from.width, to.width), part(self.y, from.height, to.height));
        let width = part(right, from.width, to.width).saturating_sub(x).max(1);
        let height = part(below, from.height, to.height).saturating_sub(y).max(1);
        Self { x, y, width, height }
    }

    /// How far inside the middle of the pixel (x, y), counted from its corner, lies from its edge with corners rounded by
    /// `radius`; negative outside.
    pub fn depth(self, radius: f32, x: f32, y: f32) -> f32 {
        let (half_width, half_height) = (self.width as f32 / 2.0, self.height as f32 / 2.0);
        let radius = radius.min(half_width).min(half_height);
        let beside = (x + 0.5 - half_width).abs() - (half_width - radius);
        let above = (y + 0.5 - half_height).abs() - (half_height - radius);
        if beside > 0.0 && above > 0.0 {
            radius - (beside * beside + above * above).sqrt()
        } else {
            radius - beside.max(above)
        }
    }
}
