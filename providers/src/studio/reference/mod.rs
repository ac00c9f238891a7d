//! Pictures that a request brings along, read within a bound: the header first, then row by row into no more pixels than
//! the drawing needs, one picture at a time.

mod fit;
mod header;
mod jpeg;
mod png;
mod rows;
mod shrink;

pub(super) use shrink::Shrink;

use super::{area::Area, canvas::Canvas, paint::StudioError};
use atelier_domain::{
    reference::{MAX_REFERENCE_PIXELS, MAX_REFERENCE_SIDE, Picture},
    size::Size,
};
use fit::{Turn, cover};
use header::Header;
use std::{
    fmt,
    fs::File,
    io::BufReader,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

/// Which picture of a request is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An image, counted from 1.
    Image(usize),
    /// The mask.
    Mask,
    /// The markup.
    Markup,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(number) => write!(f, "reference image {number}"),
            Self::Mask => f.write_str("the mask"),
            Self::Markup => f.write_str("the markup"),
        }
    }
}

/// Why a picture could not be read: `reason` for the client, `detail` in the decoder's words for the log.
#[derive(Debug)]
struct Trouble {
    reason: String,
    detail: String,
}

impl Trouble {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), detail: String::new() }
    }

    fn damaged(error: &dyn fmt::Display) -> Self {
        Self { detail: error.to_string(), ..Self::new("the file is cut short or damaged") }
    }
}

/// Whether a picture of this size is read at all.
///
/// # Errors
/// What is wrong with it, for the client.
pub(super) fn check_size(size: Size) -> Result<(), String> {
    let sides =
        (1..=MAX_REFERENCE_SIDE).contains(&size.width) && (1..=MAX_REFERENCE_SIDE).contains(&size.height);
    if sides && size.pixels() <= MAX_REFERENCE_PIXELS {
        return Ok(());
    }
    Err(format!(
        "it has {size} pixels; at most {MAX_REFERENCE_PIXELS} in all and {MAX_REFERENCE_SIDE} to a side are read"
    ))
}

/// A picture whose header was read and is within the bounds.
#[derive(Debug)]
pub(super) struct Source {
    role: Role,
    path: PathBuf,
    header: Header,
}

impl Source {
    /// Reads the header.
    ///
    /// # Errors
    /// [`StudioError::Missing`] when there is no such file, [`StudioError::Reference`] when it is not a picture that is
    /// read here.
    pub fn open(role: Role, picture: &Picture) -> Result<Self, StudioError> {
        let path = picture.path.clone();
        let header = guarded(role, || {
            let mut reader = BufReader::new(open(role, &path)?);
            header::read(&mut reader).map_err(|trouble| refused(role, trouble))
        })?;
        Ok(Self { role, path, header })
    }

    /// Pixels across and down, as it is shown.
    pub fn size(&self) -> Size {
        self.header.shown()
    }

    /// The whole picture, filling `size`: scaled to cover it, cut at the edges. Taken over untouched when the size is its own.
    ///
    /// # Errors
    /// [`StudioError::Reference`] when it is damaged.
    pub fn cover(&self, size: Size) -> Result<Canvas, StudioError> {
        self.scaled(cover(self.size(), size), size)
    }

    /// The whole picture in exactly `size`, uncut: its proportions give way.
    ///
    /// # Errors
    /// [`StudioError::Reference`] when it is damaged.
    pub fn squeezed(&self, size: Size) -> Result<Canvas, StudioError> {
        self.scaled(Area::whole(self.size()), size)
    }

    fn scaled(&self, crop: Area, size: Size) -> Result<Canvas, StudioError> {
        let turn = self.turn();
        let kept = Size::new(crop.width.min(size.width), crop.height.min(size.height));
        let mut shrink = Shrink::turned(turn.stored_crop(crop, self.size()), turn.stored_size(kept), turn);
        self.rows(&mut |y, row| shrink.take(y, row))?;
        let canvas = shrink.finish();
        Ok(if kept == size { canvas } else { canvas.enlarged(size.width, size.height) })
    }

    /// The alpha of every pixel of `size`, from the nearest pixel of the picture scaled to cover it.
    ///
    /// # Errors
    /// [`StudioError::Reference`] when it is damaged.
    pub fn alphas(&self, size: Size) -> Result<Vec<u8>, StudioError> {
        let turn = self.turn();
        let crop = turn.stored_crop(cover(self.size(), size), self.size());
        let stored = turn.stored_size(size);
        let middle = |at: u32, source: u32, target: u32| {
            u32::try_from((u64::from(at) * 2 + 1) * u64::from(source) / (u64::from(target) * 2))
                .unwrap_or(u32::MAX)
        };
        let columns: Vec<_> = (0..stored.width)
            .map(|x| (crop.x + middle(x, crop.width, stored.width)) as usize * 4 + 3)
            .collect();
        let mut alphas = vec![0; size.width as usize * size.height as usize];
        let mut next = 0;
        self.rows(&mut |y, row| {
            while next < stored.height && crop.y + middle(next, crop.height, stored.height) == y {
                for (x, column) in (0..).zip(&columns) {
                    alphas[turn.index(x, next, stored)] = row[*column];
                }
                next += 1;
            }
        })?;
        Ok(alphas)
    }

    /// Which cells of a grid of `cells` over `size` hold anything visible, the picture scaled to cover `size`.
    ///
    /// # Errors
    /// [`StudioError::Reference`] when it is damaged.
    pub fn marks(&self, size: Size, cells: Size) -> Result<Vec<bool>, StudioError> {
        let turn = self.turn();
        let crop = turn.stored_crop(cover(self.size(), size), self.size());
        let stored = turn.stored_size(cells);
        let cell = |at: u32, source: u32, count: u32| {
            u32::try_from(u64::from(at) * u64::from(count) / u64::from(source)).unwrap_or(u32::MAX)
        };
        let mut marks = vec![false; cells.width as usize * cells.height as usize];
        self.rows(&mut |y, row| {
            let Some(down) = y.checked_sub(crop.y).filter(|down| *down < crop.height) else { return };
            let seen = row[crop.x as usize * 4..].chunks_exact(4).take(crop.width as usize);
            for (across, _) in (0..).zip(seen).filter(|(_, pixel)| pixel[3] > 0) {
                let (x, y) = (cell(across, crop.width, stored.width), cell(down, crop.height, stored.height));
                marks[turn.index(x, y, stored)] = true;
            }
        })?;
        Ok(marks)
    }

    fn turn(&self) -> Turn {
        Turn::from(self.header.orientation)
    }

    /// Hands every stored row to `take`, from the top, as 8-bit RGBA.
    fn rows(&self, take: &mut dyn FnMut(u32, &[u8])) -> Result<(), StudioError> {
        let role = self.role;
        guarded(role, || {
            let file = open(role, &self.path)?;
            rows::read(file, &self.header, take).map_err(|trouble| refused(role, trouble))
        })
    }
}

fn open(role: Role, path: &PathBuf) -> Result<File, StudioError> {
    File::open(path).map_err(|error| StudioError::Missing { role, detail: error.to_string() })
}

fn refused(role: Role, Trouble { reason, detail }: Trouble) -> StudioError {
    StudioError::Reference { role, reason, detail }
}

/// Decoders are fed by strangers: should one panic, that is the file's fault, not the engine's.
fn guarded<T>(role: Role, work: impl FnOnce() -> Result<T, StudioError>) -> Result<T, StudioError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(refused(role, Trouble::damaged(&"the decoder panicked"))))
}
