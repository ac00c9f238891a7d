//! What lies under the drawn shots of a film that is not made from words alone: a picture, or another film.

use super::{
    super::canvas::Canvas,
    FPS, Film, FilmError, MAX_SECONDS,
    camera::Camera,
    footage::{Clip, Player},
    h264, picture,
    planes::{Matrix, Planes},
};

/// What lies under the drawn shots.
pub(super) enum Ground {
    /// Nothing.
    Nothing,
    /// A picture that the first shot begins with.
    Picture(Box<Planes>),
    /// The frames of another film, and how much of the shot goes over them.
    Clip { source: Box<Running>, over: [u32; 2], keeps_sound: bool },
    /// A film up to where the first shot goes on from it.
    Before(Box<Before>),
}

/// A clip that is being played.
pub(super) struct Running {
    /// The clip.
    pub clip: Clip,
    player: Player,
    rounds: u32,
}

/// The source of an extension.
pub(super) struct Before {
    /// The source.
    pub source: Running,
    /// How many frames it has in the new film.
    pub frames: u32,
    /// Whether its coded frames are taken as they are.
    pub verbatim: bool,
    /// Its last frame, when it has been reached.
    pub last: Planes,
}

/// A picture, fitted to the film.
pub(super) fn first_frame(picture: &Canvas, film: &Film) -> Ground {
    Ground::Picture(Box::new(Planes::from_canvas(&picture::covering(picture, film.width, film.height))))
}

impl Running {
    /// From its beginning.
    pub fn open(clip: Clip) -> Self {
        Self { clip, player: Player::at(0), rounds: 0 }
    }

    /// How many frames of ours it lasts.
    ///
    /// # Errors
    /// [`FilmError::Footage`] when it is longer than any film.
    pub fn frames(&self) -> Result<u32, FilmError> {
        let seconds = self.clip.seconds();
        if seconds > f64::from(MAX_SECONDS) {
            let reason = format!("the video lasts {seconds:.1} s: at most {MAX_SECONDS} s can be worked on");
            return Err(FilmError::footage(&reason, ""));
        }
        Ok(((seconds * f64::from(FPS)).round() as u32).max(1))
    }

    /// Puts the frame of this moment into `picture`, from the beginning again when the clip has ended.
    ///
    /// # Errors
    /// [`FilmError::Footage`].
    pub fn frame_at(
        &mut self,
        frame: u32,
        camera: &mut Camera,
        picture: &mut Planes,
    ) -> Result<(), FilmError> {
        let time = f64::from(frame) / f64::from(FPS);
        let length = self.clip.seconds().max(1.0 / f64::from(FPS));
        let rounds = ((time + 0.001) / length) as u32;
        if rounds != self.rounds {
            (self.player, self.rounds) = (Player::at(0), rounds);
        }
        let shown = self.player.frame(&mut self.clip, time - f64::from(rounds) * length)?;
        match self.clip.matrix(shown) {
            Matrix::Bt709 => camera.cover(shown, picture),
            other => camera.cover(&Planes::from_canvas(&shown.to_canvas(other)), picture),
        }
        Ok(())
    }
}

impl Before {
    /// Reads how long the source is, and whether its coded frames can be kept.
    ///
    /// # Errors
    /// [`FilmError::NothingToAdd`], [`FilmError::Footage`].
    pub fn open(clip: Clip, film: &Film) -> Result<Self, FilmError> {
        let (width, height) = (film.width as usize, film.height as usize);
        let verbatim = is_ours(&clip, &h264::parameter_sets(width, height)?);
        let source = Running::open(clip);
        let frames = source.frames()?;
        if frames >= film.seconds * FPS {
            return Err(FilmError::NothingToAdd { source_seconds: source.clip.seconds() });
        }
        Ok(Self { source, frames, verbatim, last: Planes::new(width, height) })
    }
}

/// Whether a clip's coded frames can stand in front of ours: the same parameter sets, an even 24 frames a second, nothing cut
/// away or reordered.
fn is_ours(clip: &Clip, sets: &h264::ParameterSets) -> bool {
    let track = &clip.index.video;
    let same = clip.sets() == Some((&sets.sps, &sets.pps));
    let even = (0_i64..).zip(&track.samples).all(|(number, sample)| {
        sample.ticks * FPS == track.timescale && sample.time == number * i64::from(sample.ticks)
    });
    same && even && !track.reordered && track.samples.first().is_some_and(|sample| sample.key)
}
