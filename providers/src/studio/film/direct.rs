//! Making a film: which frames it has, one after the other, and the file around them.

use super::{
    super::{
        drawing::{Detail, Drawing},
        fonts::FontBook,
    },
    Basis, FPS, Film, FilmError, MAX_SECONDS, Reel,
    camera::Camera,
    footage::Clip,
    ground::{Before, Ground, Running, first_frame},
    h264::{AccessUnit, Encoder},
    mp4,
    planes::{Matrix, Planes},
    shot::Shot,
    sound::{self, RATE, Stereo},
    stills::Stills,
    titles,
};
use std::ops::ControlFlow;

/// How far the prompt's forms and colours take over, of 256, by the end of a film that begins with a picture.
const DEVELOPED: [u32; 2] = [140, 190];
/// The same in a remix, all the time.
const REMIXED: [u32; 2] = [80, 200];
/// And in an edit.
const EDITED: [u32; 2] = [36, 150];
/// Frames over which an extension leaves its source's last frame.
const DISSOLVE: u32 = 36;

/// What [`shoot`] is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Open what is given, or paint what is filmed first.
    Begin,
    /// Make frame `frame` of `frames`.
    Frame {
        /// From 0.
        frame: u32,
        /// In all.
        frames: u32,
    },
    /// Encode the same.
    Encode {
        /// From 0.
        frame: u32,
        /// In all.
        frames: u32,
    },
    /// Make and encode the sound.
    Sound,
    /// Put the file together.
    File,
    /// Encode thumbnail and sheet.
    Stills,
}

impl Step {
    /// How much is done by then, in percent: 0 to 99, never fewer than at an earlier step.
    pub fn percent(self) -> u8 {
        match self {
            Self::Begin => 0,
            Self::Frame { frame, frames } | Self::Encode { frame, frames } => {
                (u64::from(frame) * 96 / u64::from(frames.max(1))) as u8 + 1
            }
            Self::Sound => 97,
            Self::File => 98,
            Self::Stills => 99,
        }
    }
}

/// Makes a film. Blocks for about a third of the film's length at 1280x720 on a core of its own, so call it on a thread that
/// may block.
///
/// `watch` is told every step before it is taken; a `Break` ends the work there.
///
/// # Errors
/// [`FilmError`]; [`FilmError::Stopped`] after a `Break`.
pub fn shoot(
    film: &Film,
    fonts: &FontBook,
    watch: &dyn Fn(Step) -> ControlFlow<()>,
) -> Result<Reel, FilmError> {
    film.check()?;
    let told = |step: Step| match watch(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(FilmError::Stopped),
    };
    told(Step::Begin)?;
    let mut stage = Stage::set(film, fonts)?;
    let frames = stage.frames;
    let (width, height) = (film.width as usize, film.height as usize);
    let mut encoder = Encoder::new(width, height)?;
    let mut stills = Stills::new(width, height, frames);
    let mut picture = Planes::new(width, height);
    let mut units = Vec::with_capacity(frames as usize);
    for frame in 0..frames {
        told(Step::Frame { frame, frames })?;
        match stage.kept(frame, &stills, &mut picture)? {
            Some(unit) => units.push(unit),
            None => {
                stage.frame(frame, &mut picture)?;
                told(Step::Encode { frame, frames })?;
                units.push(encoder.encode(&picture, stage.is_cut(frame))?);
            }
        }
        stills.see(frame, &picture);
    }
    told(Step::Sound)?;
    let track = sound::encode(stage.sound())?;
    told(Step::File)?;
    let size = (film.width, film.height);
    let mp4 = mp4::write(&mp4::Pictures { size, sets: &encoder.sets, units: &units }, &track)?;
    told(Step::Stills)?;
    let (thumbnail, spritesheet) = stills.finish(Matrix::Bt709)?;
    Ok(Reel { mp4, thumbnail, spritesheet, width: film.width, height: film.height, frames })
}

/// The frames of one shot.
#[derive(Debug, Clone, PartialEq)]
struct Take {
    first: u32,
    end: u32,
    prompt: String,
}

impl Take {
    /// How far a frame is into it, 0 to 1.
    fn way(&self, frame: u32) -> f32 {
        let length = (self.end - self.first).saturating_sub(1).max(1);
        frame.saturating_sub(self.first) as f32 / length as f32
    }
}

/// Cuts the frames from `first` to `end` into shots. Every shot has at least one frame, and the last one the rest.
fn takes(film: &Film, first: u32, end: u32) -> Vec<Take> {
    let mut takes: Vec<Take> = Vec::new();
    let mut seconds = 0.0;
    for shot in &film.shots {
        let from = first + (seconds * FPS as f32).round() as u32;
        if from >= end {
            break;
        }
        if let Some(last) = takes.last_mut() {
            last.end = from;
        }
        takes.retain(|take| take.end > take.first);
        takes.push(Take { first: from, end, prompt: shot.prompt.clone() });
        // Not a number, negative, or longer than any film.
        seconds += if shot.seconds > 0.0 { shot.seconds.min(MAX_SECONDS as f32) } else { 0.0 };
    }
    if takes.is_empty() {
        takes.push(Take { first, end, prompt: film.prompt.clone() });
    }
    takes
}

/// Everything that frames are made from.
struct Stage<'a> {
    film: &'a Film,
    fonts: &'a FontBook,
    frames: u32,
    takes: Vec<Take>,
    ground: Ground,
    /// The shot that is being filmed, with its number.
    shot: Option<(usize, Shot)>,
    over: Planes,
    camera: Camera,
}

impl<'a> Stage<'a> {
    fn set(film: &'a Film, fonts: &'a FontBook) -> Result<Self, FilmError> {
        let (width, height) = (film.width as usize, film.height as usize);
        let (ground, frames) = match &film.basis {
            Basis::Words => (Ground::Nothing, film.seconds * FPS),
            Basis::FirstFrame(picture) => (first_frame(picture, film), film.seconds * FPS),
            Basis::Remix(footage) => {
                let source = Box::new(Running::open(Clip::open(footage)?));
                (Ground::Clip { source, over: REMIXED, keeps_sound: false }, film.seconds * FPS)
            }
            Basis::Edit(footage) => {
                let source = Box::new(Running::open(Clip::open(footage)?));
                let frames = source.frames()?;
                (Ground::Clip { source, over: EDITED, keeps_sound: true }, frames)
            }
            Basis::Extension(footage) => {
                let before = Before::open(Clip::open(footage)?, film)?;
                (Ground::Before(Box::new(before)), film.seconds * FPS)
            }
        };
        let first = if let Ground::Before(before) = &ground { before.frames } else { 0 };
        let takes = takes(film, first, frames);
        let (over, camera) = (Planes::new(width, height), Camera::default());
        Ok(Self { film, fonts, frames, takes, ground, shot: None, over, camera })
    }

    /// Whether this frame is the first of a shot.
    fn is_cut(&self, frame: u32) -> bool {
        self.takes.iter().any(|take| take.first == frame)
    }

    /// The coded frame, when the source of an extension has it as it must be. `picture` holds it decoded if a still or the
    /// next frame needs it.
    fn kept(
        &mut self,
        frame: u32,
        stills: &Stills,
        picture: &mut Planes,
    ) -> Result<Option<AccessUnit>, FilmError> {
        let Ground::Before(before) = &mut self.ground else { return Ok(None) };
        if frame >= before.frames || !before.verbatim {
            return Ok(None);
        }
        let clip = &mut before.source.clip;
        let Some(sample) = clip.index.video.samples.get(frame as usize).copied() else { return Ok(None) };
        let data = clip.read(&sample)?;
        let is_last = frame + 1 == before.frames;
        if is_last || stills.wants(frame) {
            before.source.frame_at(frame, &mut self.camera, picture)?;
        }
        if is_last {
            before.last.clone_from(picture);
        }
        Ok(Some(AccessUnit { data, key: sample.key }))
    }

    /// Makes a frame.
    fn frame(&mut self, frame: u32, picture: &mut Planes) -> Result<(), FilmError> {
        if let Ground::Before(before) = &mut self.ground
            && frame < before.frames
        {
            before.source.frame_at(frame, &mut self.camera, picture)?;
            if frame + 1 == before.frames {
                before.last.clone_from(picture);
            }
            return Ok(());
        }
        let number = self.takes.iter().rposition(|take| take.first <= frame).unwrap_or(0);
        if self.shot.as_ref().is_none_or(|(painted, _)| *painted != number) {
            self.shot = None;
            let titled = matches!(self.ground, Ground::Clip { .. } | Ground::Before(_));
            let told = (titled, self.film.cast.as_slice());
            self.shot = Some((number, Shot::paint(&self.drawing(number), self.fonts, told)?));
        }
        let (Some((_, shot)), Some(take)) = (&mut self.shot, self.takes.get(number)) else { return Ok(()) };
        let (way, into) = (take.way(frame), frame - take.first);
        let mut fade = 256;
        let over = match &mut self.ground {
            Ground::Picture(still) if number == 0 => {
                shot.film_picture(still, way, picture);
                fade = titles::fade_in(into);
                DEVELOPED.map(|most| (most as f32 * ease(way)) as u32)
            }
            Ground::Before(before) if number == 0 => {
                picture.clone_from(&before.last);
                fade = titles::fade_in(into);
                [(256.0 * ease((into as f32 / DISSOLVE as f32).min(1.0))) as u32; 2]
            }
            Ground::Clip { source, over, .. } => {
                source.frame_at(frame, &mut self.camera, picture)?;
                *over
            }
            _ => [256; 2],
        };
        if over == [256; 2] {
            shot.film(way, picture);
        } else if over != [0; 2] {
            shot.film(way, &mut self.over);
            picture.mix(&self.over, over);
        }
        shot.cast.show(picture, fade);
        shot.titles.write(picture, frame, fade);
        Ok(())
    }

    fn drawing(&self, number: usize) -> Drawing {
        let film = self.film;
        Drawing {
            prompt: self.takes.get(number).map_or_else(String::new, |take| take.prompt.clone()),
            negative_prompt: film.negative_prompt.clone(),
            model: film.model.clone(),
            style: film.style.clone(),
            seed: film.seed,
            index: number as u32,
            width: film.width,
            height: film.height,
            detail: Detail::Medium,
            density: 2,
            transparent: false,
            edit: None,
        }
    }

    /// The sound of the whole film.
    fn sound(&mut self) -> Stereo {
        let seed = self.drawing(0).entropy();
        let samples = |frames: u32| frames as usize * (RATE / FPS) as usize;
        let whole = samples(self.frames);
        match &mut self.ground {
            Ground::Clip { source, keeps_sound: true, .. } => match source.clip.sound() {
                Some(sound) => sound::fitted(sound, whole),
                None => sound::bed(seed, whole),
            },
            Ground::Before(before) => {
                let joint = samples(before.frames);
                let sound = before.source.clip.sound().unwrap_or_default();
                sound::continued(sound::fitted(sound, joint), joint, seed, whole)
            }
            _ => sound::bed(seed, whole),
        }
    }
}

/// Slow, fast, slow.
fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::film;

    fn film(shots: &[f32]) -> Film {
        let shots =
            shots.iter().map(|seconds| film::Shot { seconds: *seconds, prompt: format!("{seconds}") });
        Film {
            prompt: "whole".into(),
            negative_prompt: None,
            model: "sora-2".into(),
            style: None,
            seed: None,
            width: 64,
            height: 64,
            seconds: 4,
            shots: shots.collect(),
            basis: Basis::Words,
            cast: Vec::new(),
        }
    }

    fn spans(shots: &[f32]) -> Vec<(u32, u32)> {
        takes(&film(shots), 0, 96).iter().map(|take| (take.first, take.end)).collect()
    }

    #[test]
    fn shots_cover_the_film_without_gaps_whatever_their_lengths() {
        assert_eq!(spans(&[]), [(0, 96)]);
        assert_eq!(spans(&[1.0, 1.5, 9.0]), [(0, 24), (24, 60), (60, 96)]);
        assert_eq!(spans(&[2.0, 1.0]), [(0, 48), (48, 96)]);
        assert_eq!(spans(&[4.0, 4.0]), [(0, 96)]);
        assert_eq!(spans(&[0.0, f32::NAN, -3.0, 1.0, f32::INFINITY]), [(0, 24), (24, 96)]);
        assert_eq!(takes(&film(&[0.0, 1.0, 2.0]), 0, 96)[0].prompt, "1");
    }
}
