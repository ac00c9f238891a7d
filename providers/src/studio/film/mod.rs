//! Films: a drawn composition with a camera over it, a caption, a time code and a quiet sound, as an MP4 that plays anywhere.
//! A film can begin from a picture, hold several shots, be made over another film, or go on from one. Like the pictures, it
//! is a pure function of what is asked: the same film is the same bytes.
//!
//! Reading order: `planes`, `cel`, `camera`, `titles`, `cast`, `shot`, `ground`, then `direct`, which makes the frames of each kind of
//! film and puts the file together from `h264`, `sound`, `stills` and `mp4`. `footage` reads videos that were given,
//! `portrait` cuts pictures of characters out of them.

mod camera;
mod cast;
mod cel;
mod delivered;
mod direct;
mod error;
mod footage;
mod ground;
mod h264;
mod mp4;
mod picture;
mod planes;
mod portrait;
mod shot;
mod sound;
mod stills;
mod titles;

#[cfg(test)]
mod tests;

pub use delivered::delivered;
pub use direct::{Step, shoot};
pub use error::FilmError;
pub use footage::{Facts, Footage, look, outline, still};
pub use picture::read_picture;
pub use portrait::portrait;
pub use stills::stills;

use super::canvas::Canvas;

/// Frames per second of every film.
pub const FPS: u32 = 24;
/// The longest film, in seconds.
pub const MAX_SECONDS: u32 = 60;
/// The longest side, in pixels.
pub const MAX_SIDE: u32 = 1920;
/// The shortest side, in pixels.
pub const MIN_SIDE: u32 = 32;

/// One film to make.
#[derive(Debug, Clone)]
pub struct Film {
    /// Drawn, and written on the film, as on a picture.
    pub prompt: String,
    /// Words here push palette and motif away; `text` drops caption and time code.
    pub negative_prompt: Option<String>,
    /// The model's name: another model, another hand.
    pub model: String,
    /// A named look, such as `golden`.
    pub style: Option<String>,
    /// For the same film again; without it the rest decides.
    pub seed: Option<u64>,
    /// Width in pixels, even, [`MIN_SIDE`] to [`MAX_SIDE`].
    pub width: u32,
    /// Height in pixels, even, [`MIN_SIDE`] to [`MAX_SIDE`].
    pub height: u32,
    /// Seconds in all, 1 to [`MAX_SECONDS`]; for [`Basis::Extension`] with the source, for [`Basis::Edit`] ignored.
    pub seconds: u32,
    /// The shots of a storyboard, with hard cuts between them; none for one shot of the prompt. The last one lasts until the end
    /// of the film, and what would begin after that is left out.
    pub shots: Vec<Shot>,
    /// What it is made from.
    pub basis: Basis,
    /// Whom it shows.
    pub cast: Vec<Figure>,
}

/// A character of a film.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its name, written below its portrait.
    pub name: String,
    /// What it looks like.
    pub portrait: Canvas,
}

/// One shot of a storyboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// Seconds until the next shot; cuts fall on the nearest frame.
    pub seconds: f32,
    /// Drawn and written instead of the film's prompt.
    pub prompt: String,
}

/// What a film is made from, besides words.
#[derive(Debug, Clone)]
pub enum Basis {
    /// Nothing.
    Words,
    /// A picture that the film begins with, fitted to its size (cover, centre): frame 0 is that picture, and the film develops
    /// from it. Titles fade in after it.
    FirstFrame(Canvas),
    /// A new film over the frames of another, which start again when they end.
    Remix(Footage),
    /// The same film in other colours, with the prompt's forms over it: length, motion and sound stay.
    Edit(Footage),
    /// Another film, and then what the prompt says, beginning with its last frame.
    Extension(Footage),
}

/// A finished film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reel {
    /// The film: MP4 with the index first, H.264 at [`FPS`], AAC in stereo at 48 kHz.
    pub mp4: Vec<u8>,
    /// The frame at a third of it as WebP, at most 640 pixels wide or high.
    pub thumbnail: Vec<u8>,
    /// Five by five frames in reading order, evenly spread, as JPEG.
    pub spritesheet: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Number of frames.
    pub frames: u32,
}

impl Reel {
    /// How long it lasts, in seconds.
    pub fn seconds(&self) -> f64 {
        f64::from(self.frames) / f64::from(FPS)
    }
}

impl Film {
    /// Whether it can be made, as far as that shows without reading the source.
    ///
    /// # Errors
    /// [`FilmError::Size`], [`FilmError::Seconds`].
    pub fn check(&self) -> Result<(), FilmError> {
        let (width, height, seconds) = (self.width, self.height, self.seconds);
        let legal = |side: u32| side.is_multiple_of(2) && (MIN_SIDE..=MAX_SIDE).contains(&side);
        if !legal(width) || !legal(height) {
            return Err(FilmError::Size { width, height });
        }
        if (1..=MAX_SECONDS).contains(&seconds) { Ok(()) } else { Err(FilmError::Seconds { seconds }) }
    }
}
