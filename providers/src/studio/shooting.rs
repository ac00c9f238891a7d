//! Films behind the `Engine` trait: what is asked becomes a film, its making reports progress and stops when nobody waits for it.

use super::{
    canvas::Canvas,
    engine::{Studio, internal},
    film::{self, Basis, Figure, Film, FilmError, Footage, Reel, Shot},
    script::Script,
};
use atelier_domain::{
    character::{CastMember, NoPortrait, Portrait, Portraitist, Timestamps},
    engine::{Companion, EngineEvent, EventSink, Output, Polled},
    fault::{Fault, FaultClass},
    media::Variant,
    reference::Picture,
    storyboard,
    video::{SourceUse, VideoFacts, VideoInspector, VideoSpec},
};
use std::{
    cell::Cell,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Tells a film's thread to stop when the poll that waits for it is dropped.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Studio {
    /// Makes a film. Called anew after a restart, it makes the same bytes.
    pub(super) async fn shoot(
        self: Arc<Self>,
        spec: &VideoSpec,
        script: &Script,
        events: &EventSink,
    ) -> Polled {
        let stop = Arc::new(AtomicBool::new(false));
        let _waiting = Waiting(Arc::clone(&stop));
        let (spec, prompt, events) = (spec.clone(), script.prompt.clone(), Arc::clone(events));
        let studio = Arc::clone(&self);
        let made = self.on_a_thread(move || {
            let film = film(&spec, &prompt)?;
            let told = Cell::new(0);
            film::shoot(&film, studio.fonts(), &|step| {
                let percent = step.percent();
                if percent > told.replace(percent) {
                    events(EngineEvent::Progress(percent));
                }
                if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        });
        match made.await {
            Ok(Ok(reel)) => Polled::Done(vec![output(reel)]),
            Ok(Err(error)) => Polled::Failed(fault(&error)),
            Err(fault) => Polled::Failed(fault),
        }
    }
}

/// What can be said against a film before it is begun.
pub(super) fn check(spec: &VideoSpec, script: &Script) -> Result<(), Fault> {
    plan(spec, &script.prompt, (Basis::Words, Vec::new())).check().map_err(|error| fault(&error))
}

/// What a shot shows: its own words, then those that are about all.
fn told(shot: &str, about: &str) -> String {
    if about.is_empty() { shot.to_owned() } else { format!("{shot}, {about}") }
}

fn plan(spec: &VideoSpec, prompt: &str, (basis, cast): (Basis, Vec<Figure>)) -> Film {
    let about = storyboard::about_all(prompt);
    Film {
        prompt: prompt.to_owned(),
        negative_prompt: spec.negative_prompt.clone(),
        model: spec.model.clone(),
        style: spec.style.clone(),
        seed: spec.seed,
        width: spec.size.width,
        height: spec.size.height,
        seconds: spec.seconds,
        shots: storyboard::fitted(storyboard::shots(prompt), spec.seconds)
            .into_iter()
            .map(|shot| Shot { seconds: shot.seconds, prompt: told(&shot.prompt, about) })
            .collect(),
        basis,
        cast,
    }
}

fn film(spec: &VideoSpec, prompt: &str) -> Result<Film, FilmError> {
    let basis = if let Some(source) = &spec.source {
        let footage = Footage::File(source.path.clone());
        match source.way {
            SourceUse::Remix => Basis::Remix(footage),
            SourceUse::Edit => Basis::Edit(footage),
            SourceUse::Extend => Basis::Extension(footage),
        }
    } else if let Some(picture) = &spec.first_frame {
        Basis::FirstFrame(read(picture, "the first frame is not there any more")?)
    } else {
        Basis::Words
    };
    let figure = |member: &CastMember| {
        let portrait = read(&member.portrait, "the portrait of a character is not there any more")?;
        Ok(Figure { name: member.display_name.clone(), portrait })
    };
    let cast = spec.cast.iter().map(figure).collect::<Result<_, FilmError>>()?;
    Ok(plan(spec, prompt, (basis, cast)))
}

fn read(picture: &Picture, missing: &str) -> Result<Canvas, FilmError> {
    let bytes = std::fs::read(&picture.path)
        .map_err(|error| FilmError::Footage { reason: missing.to_owned(), context: error.to_string() })?;
    film::read_picture(&bytes)
}

fn output(reel: Reel) -> Output {
    Output {
        seconds: Some(reel.seconds()),
        usage: None,
        bytes: reel.mp4,
        mime: "video/mp4",
        width: reel.width,
        height: reel.height,
        revised_prompt: None,
        companions: vec![
            Companion { variant: Variant::Thumbnail, bytes: reel.thumbnail, mime: "image/webp" },
            Companion { variant: Variant::Spritesheet, bytes: reel.spritesheet, mime: "image/jpeg" },
        ],
    }
}

fn fault(error: &FilmError) -> Fault {
    match error {
        FilmError::Footage { context, .. } => {
            Fault::new(FaultClass::Invalid, error.to_string()).with_context(context.clone())
        }
        FilmError::Size { .. } | FilmError::Seconds { .. } | FilmError::NothingToAdd { .. } => {
            Fault::new(FaultClass::Invalid, error.to_string())
        }
        FilmError::Stopped | FilmError::Encode { .. } | FilmError::Studio(_) => internal(&error.to_string()),
    }
}

/// Reads what videos that callers send say about themselves, and decodes their first frame.
#[derive(Debug, Clone, Copy, Default)]
pub struct FilmInspector;

impl VideoInspector for FilmInspector {
    fn inspect(&self, path: &Path) -> Result<VideoFacts, String> {
        let facts = film::look(&Footage::File(path.to_owned())).map_err(|error| error.to_string())?;
        let size = atelier_domain::size::Size::new(facts.width, facts.height);
        Ok(VideoFacts { size, seconds: facts.seconds })
    }
}

impl Portraitist for FilmInspector {
    fn portray(&self, video: &Path, part: Timestamps) -> Result<Portrait, NoPortrait> {
        let facts = self.inspect(video).map_err(NoPortrait::Video)?;
        let at = part.moment(facts.seconds).map_err(NoPortrait::Timestamps)?;
        let portrait = film::portrait(&Footage::File(video.to_owned()), at);
        let bytes = portrait.map_err(|error| NoPortrait::Video(error.to_string()))?;
        Ok(Portrait { bytes, video: facts })
    }
}
