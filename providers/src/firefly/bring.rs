//! Bringing the files of a job home. A link lasts an hour and costs nothing to follow, so it is followed again when it breaks, and
//! asked for anew when it has ended; the job itself is never made again.

use super::{
    job::{Part, Stand, stand},
    upstream::{NoFile, Upstream},
};
use crate::{
    desk::Desk,
    outbound::{Held, no_result},
    picture::{self, Wanted},
    studio::film,
};
use atelier_domain::{
    engine::{Call, Output, Task},
    fault::Fault,
    image::ImageSpec,
};
use std::time::Duration;

/// The longest picture and the longest film, in bytes.
const LONGEST_PICTURE: usize = 64 << 20;
const LONGEST_FILM: usize = 512 << 20;
/// How often a link is followed within one look, and the wait after the first time. Later looks follow it again.
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The outputs of a part that is done, or why there are none.
///
/// # Errors
/// What keeps them from being had for now.
pub(super) async fn part(
    upstream: &Upstream,
    (part, files): (&Part, Vec<String>),
    age: Duration,
    (call, desk): (&Call, &Desk),
) -> Result<Result<Vec<Output>, Fault>, Fault> {
    let most = usize::try_from(part.outputs).unwrap_or(1);
    let (mut outputs, mut lost) = (Vec::new(), None);
    for (number, url) in files.into_iter().take(most).enumerate() {
        match fetched(upstream, (part, number, url), age, call).await? {
            Ok(held) => match output(held, call, desk).await? {
                Ok(output) => outputs.push(output),
                Err(what) => lost = lost.or(Some(no_result(what))),
            },
            Err(what) => lost = lost.or(Some(no_result(what))),
        }
    }
    if outputs.is_empty() {
        return Ok(Err(lost.unwrap_or_else(|| no_result("the job names no files".into()))));
    }
    Ok(Ok(outputs))
}

/// A file, by its link or by the one that the job names when it is asked again.
async fn fetched(
    upstream: &Upstream,
    (part, number, url): (&Part, usize, String),
    age: Duration,
    call: &Call,
) -> Result<Result<Held, String>, Fault> {
    let longest = match &*call.task {
        Task::Image(_) => LONGEST_PICTURE,
        Task::Video(_) => LONGEST_FILM,
    };
    let gone = match follow(upstream, &url, longest).await? {
        Ok(held) => return Ok(Ok(held)),
        Err(gone) => gone,
    };
    let fresh = match stand(upstream, part, age).await? {
        Stand::Done(files) => files.into_iter().nth(number),
        _ => None,
    };
    match fresh {
        Some(fresh) => follow(upstream, &fresh, longest).await,
        None => Ok(Err(gone)),
    }
}

async fn follow(upstream: &Upstream, url: &str, longest: usize) -> Result<Result<Held, String>, Fault> {
    let mut tries = 1;
    loop {
        match upstream.file(url, longest).await {
            Ok(held) => return Ok(Ok(held)),
            Err(NoFile::Gone(what)) => return Ok(Err(what)),
            Err(NoFile::Later(fault)) if tries >= TRIES => return Err(fault),
            Err(NoFile::Later(_)) => upstream.pause(FIRST_WAIT * tries).await,
        }
        tries += 1;
    }
}

async fn output(held: Held, call: &Call, desk: &Desk) -> Result<Result<Output, String>, Fault> {
    let (bytes, place) = held.into_parts();
    let task = call.task.clone();
    let made = desk.work(move || match &*task {
        Task::Image(spec) => picture(bytes, spec),
        Task::Video(spec) => film::delivered(bytes, spec.size),
    });
    let made = made.await;
    drop(place);
    made
}

fn picture(bytes: Vec<u8>, spec: &ImageSpec) -> Result<Output, String> {
    let wanted = Wanted {
        size: spec.size,
        format: spec.format,
        compression: spec.compression,
        compressed: false,
        animation: spec.animation,
    };
    let finished = picture::finish(bytes, &wanted).map_err(|error| error.to_string())?;
    Ok(Output {
        bytes: finished.bytes,
        mime: finished.mime,
        width: finished.size.width,
        height: finished.size.height,
        revised_prompt: None,
        companions: Vec::new(),
        seconds: None,
        usage: None,
    })
}
