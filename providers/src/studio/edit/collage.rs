//! Where several pictures go: a tidy grid in reading order.

use super::super::area::Area;
use atelier_domain::size::Size;

/// Parts of the room that the grid takes, in percent: across and down, when pictures are to be kept close to.
const CLOSE: (u32, u32) = (90, 86);
/// The same when they are not.
const LOOSE: (u32, u32) = (66, 62);
/// The gap between two cells, in parts of the room's short side.
const GAP: u32 = 48;
/// How much of the free height lies above the grid, in percent: captions stand below.
const ABOVE: u32 = 36;

/// Rows and columns of a grid with cells as large as they can be.
fn grid(size: Size, count: u32) -> (u32, u32) {
    let count = count.max(1);
    let columns = (1..=count).max_by_key(|columns| {
        let rows = count.div_ceil(*columns);
        let free = columns * rows - count;
        // The larger short side wins; of equals the grid with fewer empty cells, then the one with fewer columns.
        ((size.width / columns).min(size.height / rows), u32::MAX - free, u32::MAX - columns)
    });
    let columns = columns.unwrap_or(1);
    (count.div_ceil(columns), columns)
}

/// Places within `room` for pictures of these sizes: none is cut or loses its proportions, but for a pixel.
pub(super) fn places(room: Area, sizes: &[Size], close: bool) -> Vec<Area> {
    let count = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
    let (across, down) = if close { CLOSE } else { LOOSE };
    let gap = room.width.min(room.height) / GAP;
    let (width, height) = ((room.width * across / 100).max(1), (room.height * down / 100).max(1));
    let (rows, columns) = grid(Size::new(width, height), count);
    let cell = |whole: u32, parts: u32| (whole.saturating_sub(gap * (parts - 1)) / parts).max(1);
    let cell = Size::new(cell(width, columns), cell(height, rows));
    let (left, top) = (room.x + (room.width - width) / 2, room.y + (room.height - height) * ABOVE / 100);
    let placed = (0..count).zip(sizes).map(|(number, picture)| {
        let (row, column) = (number / columns, number % columns);
        let in_row = columns.min(count - row * columns);
        let indent = (columns - in_row) * (cell.width + gap) / 2;
        let fitted = contained(*picture, cell);
        Area {
            x: left + indent + column * (cell.width + gap) + (cell.width - fitted.width) / 2,
            y: top + row * (cell.height + gap) + (cell.height - fitted.height) / 2,
            width: fitted.width,
            height: fitted.height,
        }
    });
    placed.collect()
}

/// The largest size of a picture's shape that fits into a cell.
fn contained(picture: Size, cell: Size) -> Size {
    let (pw, ph) = (u64::from(picture.width), u64::from(picture.height));
    let (cw, ch) = (u64::from(cell.width), u64::from(cell.height));
    let part = |side: u64, share: u64, of: u64, most: u32| {
        u32::try_from((side * share + of / 2) / of).unwrap_or(u32::MAX).clamp(1, most)
    };
    if pw * ch >= ph * cw {
        Size::new(cell.width, part(ph, cw, pw, cell.height))
    } else {
        Size::new(part(pw, ch, ph, cell.width), cell.height)
    }
}

/// A partition of `size` into `count` tiles without gaps; the last row's are wider where they are fewer.
pub(super) fn tiles(size: Size, count: usize) -> Vec<Area> {
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(size.width * size.height);
    if count == 0 {
        return Vec::new();
    }
    let (rows, columns) = grid(size, count);
    let tiles = (0..count).map(|number| {
        let (row, column) = (number / columns, number % columns);
        let in_row = columns.min(count - row * columns);
        let (left, right) = (column * size.width / in_row, (column + 1) * size.width / in_row);
        let (top, below) = (row * size.height / rows, (row + 1) * size.height / rows);
        Area { x: left, y: top, width: (right - left).max(1), height: (below - top).max(1) }
    });
    tiles.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_pictures_meet_and_none_leaves_the_room() {
        let shapes = [Size::new(300, 200), Size::new(100, 900), Size::new(64, 64), Size::new(5000, 10)];
        for room in [(0, 0, 1024, 1024), (7, 90, 1536, 512), (3, 3, 40, 900), (0, 0, 97, 61)] {
            let room = Area { x: room.0, y: room.1, width: room.2, height: room.3 };
            for count in 0..=16 {
                let sizes: Vec<_> = shapes.iter().cycle().take(count).copied().collect();
                for close in [false, true] {
                    let places = places(room, &sizes, close);
                    assert_eq!(places.len(), count);
                    for (i, place) in places.iter().enumerate() {
                        let ((right, below), (r, b)) = (place.end(), room.end());
                        assert!(
                            place.x >= room.x && place.y >= room.y && right <= r && below <= b,
                            "{place:?}"
                        );
                        assert!(places[..i].iter().all(|other| !other.meets(*place)), "{places:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_cover_every_cell_once() {
        for size in [Size::new(32, 32), Size::new(96, 30), Size::new(8, 24)] {
            for count in 1..=16 {
                let tiles = tiles(size, count);
                assert_eq!(tiles.iter().map(|tile| tile.size().pixels()).sum::<u64>(), size.pixels());
                assert!(tiles.iter().all(|tile| tile.end().0 <= size.width && tile.end().1 <= size.height));
            }
        }
    }
}
