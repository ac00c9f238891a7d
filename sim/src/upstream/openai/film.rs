//! Films: real H.264 files of the four usual sizes, made once with ffmpeg. They are four seconds long; another length is had by a
//! slower clock in the file's header.

use bytes::Bytes;

const LANDSCAPE: &[u8] = include_bytes!("film/1280x720.mp4");
const PORTRAIT: &[u8] = include_bytes!("film/720x1280.mp4");
const WIDE: &[u8] = include_bytes!("film/1792x1024.mp4");
const TALL: &[u8] = include_bytes!("film/1024x1792.mp4");

/// How long the files are, in seconds.
const SECONDS: u32 = 4;

/// Ticks in a second, in the files.
const TIMESCALE: u32 = 48_000;

/// A film of this size, or of the nearest that there is, and of this length. A box at its end, which players skip, names its prompt.
pub fn film(size: &str, seconds: u32, prompt: &str) -> Bytes {
    let file = match size {
        "1280x720" => LANDSCAPE,
        "720x1280" => PORTRAIT,
        "1792x1024" => WIDE,
        "1024x1792" => TALL,
        _ if is_upright(size) => PORTRAIT,
        _ => LANDSCAPE,
    };
    let mut film = file.to_vec();
    let timescale = (TIMESCALE * SECONDS / seconds.max(1)).max(1);
    for kind in [b"mvhd", b"mdhd"] {
        slow_down(&mut film, kind, timescale);
    }
    let note = prompt.as_bytes();
    let length = u32::try_from(note.len() + 8).unwrap_or(8).to_be_bytes();
    film.extend_from_slice(&length);
    film.extend_from_slice(b"free");
    film.extend_from_slice(note);
    film.into()
}

/// The prompt that a film was made for.
#[cfg(test)]
fn prompt_of(film: &[u8]) -> &[u8] {
    let at = film.windows(4).rposition(|kind| kind == b"free").unwrap_or(0);
    &film[at + 4..]
}

fn is_upright(size: &str) -> bool {
    let sides =
        size.split_once('x').and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)));
    sides.is_some_and(|(width, height)| height > width)
}

/// Version 0 of both boxes has its timescale 12 bytes behind its name's end.
fn slow_down(film: &mut [u8], kind: &[u8; 4], timescale: u32) {
    let at = film.windows(4).position(|name| name == kind);
    if let Some(field) = at.and_then(|at| film.get_mut(at + 16..at + 20)) {
        field.copy_from_slice(&timescale.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_the_clock_that_is_slowed_down() {
        for size in ["1280x720", "720x1280", "1792x1024", "1024x1792"] {
            let film = film(size, 12, "a marker");
            for kind in [b"mvhd", b"mdhd"] {
                let at = film.windows(4).position(|name| name == kind).unwrap_or(0);
                assert_eq!(&film[at + 16..at + 20], &16_000_u32.to_be_bytes(), "{size}");
            }
            assert_eq!(prompt_of(&film), b"a marker");
        }
    }
}
