//! Reading. The tree of boxes is walked here, along the few paths that are wanted, with a bound on everything: a file may be
//! anything. The boxes at the ends are read by `mp4_atom`; its own walk has no bound on depth, so it is not used.

use super::super::FilmError;
use mp4_atom::{
    Atom, Avcc, Co64, Colr, Ctts, Elst, Esds, Matrix, Mdhd, Mvhd, Stco, Stsc, StscEntry, Stss, Stsz,
    StszSamples, Stts, Tkhd,
};
use std::io::{Read, Seek, SeekFrom};

/// The largest index that is read, in bytes: hours of film.
const MAX_INDEX: u64 = 32 << 20;
/// Boxes looked at on one level of the tree.
const MAX_BOXES: usize = 4096;
/// Samples of one track: ten hours at 24 frames a second.
const MAX_SAMPLES: usize = 1 << 20;
/// Where in a visual sample entry its width stands, before its height.
const VISUAL_SIZE: usize = 24;
/// Bytes of a visual or sound sample entry before its boxes.
const VISUAL_ENTRY: usize = 78;
const SOUND_ENTRY: usize = 28;

/// One sample: where it lies and when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Sample {
    /// Place in the file.
    pub offset: u64,
    /// Bytes.
    pub size: u32,
    /// When it is shown, in ticks of its track from the beginning of the film; before it when negative.
    pub time: i64,
    /// For how long, in ticks.
    pub ticks: u32,
    /// A decoder can begin here.
    pub key: bool,
}

/// A track, in the order of decoding.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Track {
    /// What it is coded with, as the file says.
    pub coding: [u8; 4],
    /// Coded width and height in pixels, as the file says; of sound they mean nothing.
    pub size: (u16, u16),
    /// Ticks in a second.
    pub timescale: u32,
    /// Its samples.
    pub samples: Vec<Sample>,
    /// For H.264: the parameter sets and the width of lengths.
    pub avc: Option<Avcc>,
    /// For AAC: the `AudioSpecificConfig`.
    pub aac: Option<Vec<u8>>,
    /// What its colours mean, if it says so: matrix coefficients, and whether the range is full.
    pub colour: Option<(u16, bool)>,
    /// Quarter turns to the right that a player makes before it shows a frame: phones that were held upright want one.
    pub turns: u8,
    /// Whether pictures are shown in another order than they are decoded.
    pub reordered: bool,
}

impl Track {
    /// How long it lasts, in seconds.
    pub fn seconds(&self) -> f64 {
        let end = self.samples.iter().map(|sample| sample.time + i64::from(sample.ticks)).max();
        end.unwrap_or(0).max(0) as f64 / f64::from(self.timescale)
    }
}

/// What a file holds: the first track of each kind.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Index {
    /// Pictures.
    pub video: Track,
    /// Sound that we know how to read.
    pub audio: Option<Track>,
}

impl Index {
    /// Reads the index of a file, wherever in it that lies.
    ///
    /// # Errors
    /// [`FilmError::Footage`] when there is none, or it cannot be.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self, FilmError> {
        let moov = find_moov(file)?;
        let index = Self::of(&moov)?;
        if index.video.samples.is_empty() {
            let fragmented = child(&moov, b"mvex").is_some();
            return Err(if fragmented {
                FilmError::footage(
                    "the file is a fragmented MP4; send it with one index (not fragmented)",
                    "moof",
                )
            } else {
                FilmError::footage("the video track is empty", "")
            });
        }
        Ok(index)
    }

    /// The same of a file whose frames may lie beside the index, in fragments: then it lists none of them.
    ///
    /// # Errors
    /// [`FilmError::Footage`] when there is no index with a video track.
    pub fn outline(file: &mut (impl Read + Seek)) -> Result<Self, FilmError> {
        Self::of(&find_moov(file)?)
    }

    fn of(moov: &[u8]) -> Result<Self, FilmError> {
        let mut movie_scale = 1000;
        let (mut video, mut audio) = (None, None);
        for (kind, body) in Boxes(moov).take(MAX_BOXES) {
            match &kind {
                b"mvhd" => movie_scale = leaf::<Mvhd>(body)?.timescale.max(1),
                b"trak" if video.is_none() || audio.is_none() => {
                    let mdia = child(body, b"mdia").ok_or_else(|| broken("a track has no media"))?;
                    // Version, flags and four bytes of nothing come before what the track is for.
                    match require(mdia, b"hdlr")?.get(8..12) {
                        Some(b"vide") if video.is_none() => video = Some(track(body, mdia, movie_scale)?),
                        // A sound track that we cannot read is no sound.
                        Some(b"soun") if audio.is_none() => audio = track(body, mdia, movie_scale).ok(),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        let video = video.ok_or_else(|| FilmError::footage("the file has no video track", ""))?;
        Ok(Self { video, audio })
    }
}

/// The children of a box, as far as their sizes make sense.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (size, rest) = self.0.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (size, head, rest) = match u32::from_be_bytes(*size) {
            0 => (rest.len() as u64 + 8, 8, rest),
            1 => {
                let (size, rest) = rest.split_first_chunk::<8>()?;
                (u64::from_be_bytes(*size), 16, rest)
            }
            size => (u64::from(size), 8, rest),
        };
        let (body, after) = rest.split_at_checked(usize::try_from(size.checked_sub(head)?).ok()?)?;
        self.0 = after;
        Some((*kind, body))
    }
}

fn child<'a>(body: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    Boxes(body).take(MAX_BOXES).find(|(found, _)| found == kind).map(|(_, body)| body)
}

fn require<'a>(body: &'a [u8], kind: &[u8; 4]) -> Result<&'a [u8], FilmError> {
    child(body, kind).ok_or_else(|| broken(&format!("no box {}", String::from_utf8_lossy(kind))))
}

fn leaf<T: Atom>(mut body: &[u8]) -> Result<T, FilmError> {
    T::decode_body(&mut body).map_err(|error| broken(&error.to_string()))
}

fn optional<T: Atom>(body: &[u8], kind: &[u8; 4]) -> Result<Option<T>, FilmError> {
    child(body, kind).map(leaf).transpose()
}

fn broken(context: &str) -> FilmError {
    FilmError::footage("the file is not an MP4 that can be read", context)
}

/// Hops from box to box until the index is found.
fn find_moov(file: &mut (impl Read + Seek)) -> Result<Vec<u8>, FilmError> {
    let failed = |error: std::io::Error| broken(&error.to_string());
    let end = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let mut place = 0_u64;
    for _ in 0..MAX_BOXES {
        if end.saturating_sub(place) < 8 {
            break;
        }
        file.seek(SeekFrom::Start(place)).map_err(failed)?;
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(failed)?;
        let [s0, s1, s2, s3, kind @ ..] = head;
        let (mut size, mut start) = (u64::from(u32::from_be_bytes([s0, s1, s2, s3])), place + 8);
        if size == 1 {
            let mut large = [0; 8];
            file.read_exact(&mut large).map_err(failed)?;
            (size, start) = (u64::from_be_bytes(large), place + 16);
        } else if size == 0 {
            size = end - place;
        }
        let next = place.checked_add(size).filter(|next| *next >= start && *next <= end);
        let next = next.ok_or_else(|| broken("a box is larger than the file"))?;
        if &kind == b"moov" {
            let length = next - start;
            if length > MAX_INDEX {
                return Err(FilmError::footage("the index of the file is too large", length.to_string()));
            }
            let mut moov = vec![0; length as usize];
            file.read_exact(&mut moov).map_err(failed)?;
            return Ok(moov);
        }
        place = next;
    }
    Err(broken("no moov"))
}

fn track(trak: &[u8], mdia: &[u8], movie_scale: u32) -> Result<Track, FilmError> {
    let timescale = leaf::<Mdhd>(require(mdia, b"mdhd")?)?.timescale;
    if timescale == 0 {
        return Err(broken("a timescale of 0"));
    }
    let table = require(require(mdia, b"minf")?, b"stbl")?;
    let stsd = require(table, b"stsd")?;
    // Version, flags and the number of entries come first.
    let entry = stsd.get(8..).and_then(|entries| Boxes(entries).next());
    let (coding, entry) = entry.ok_or_else(|| broken("no sample entry"))?;
    let boxes = |skip: usize| entry.get(skip..).unwrap_or_default();
    let side = |at: usize| entry.get(at..at + 2).map_or(0, |side| u16::from_be_bytes([side[0], side[1]]));
    let size = (side(VISUAL_SIZE), side(VISUAL_SIZE + 2));
    let avc = match &coding {
        b"avc1" | b"avc3" => optional::<Avcc>(boxes(VISUAL_ENTRY), b"avcC")?,
        _ => None,
    };
    let colour =
        avc.is_some().then(|| optional::<Colr>(boxes(VISUAL_ENTRY), b"colr").ok().flatten()).flatten();
    let colour = match colour {
        Some(Colr::Nclx { matrix_coefficients, full_range_flag, .. }) => {
            Some((matrix_coefficients, full_range_flag))
        }
        Some(Colr::Nclc { matrix_coefficients, .. }) => Some((matrix_coefficients, false)),
        _ => None,
    };
    let aac = match &coding {
        b"mp4a" => optional::<Esds>(boxes(SOUND_ENTRY), b"esds")?,
        _ => None,
    };
    let aac = aac.and_then(|esds| esds.es_desc.dec_config.dec_specific).map(|specific| specific.raw);
    let shift = child(trak, b"edts").map(|edts| optional::<Elst>(edts, b"elst")).transpose()?.flatten();
    let edit = edit(shift.as_ref(), timescale, movie_scale);
    let turns =
        child(trak, b"tkhd").map_or(Ok(0), |tkhd| leaf::<Tkhd>(tkhd).map(|tkhd| turns(&tkhd.matrix)))?;
    let (samples, reordered) = samples(table, &edit)?;
    Ok(Track { coding, size, timescale, samples, avc, aac, colour, turns, reordered })
}

/// The quarter turns of a matrix; anything but a turn (a mirror, a slant) is none.
fn turns(matrix: &Matrix) -> u8 {
    match (matrix.a.signum(), matrix.b.signum(), matrix.c.signum(), matrix.d.signum()) {
        (0, 1, -1, 0) => 1,
        (-1, 0, 0, -1) => 2,
        (0, -1, 1, 0) => 3,
        _ => 0,
    }
}

/// The part of the media that is shown, in its ticks.
struct Edit {
    from: i64,
    until: i64,
}

/// The first edit that shows something. Further ones, and speeds, are the work of editing programs.
fn edit(list: Option<&Elst>, timescale: u32, movie_scale: u32) -> Edit {
    let shown =
        list.into_iter().flat_map(|list| &list.entries).find_map(|entry| Some((entry, entry.media_time?)));
    let whole = Edit { from: 0, until: i64::MAX };
    shown.map_or(whole, |(entry, from)| {
        let from = i64::try_from(from).unwrap_or(0);
        let length = u128::from(entry.segment_duration) * u128::from(timescale) / u128::from(movie_scale);
        let length = i64::try_from(length).ok().filter(|length| *length > 0);
        Edit { from, until: length.and_then(|length| from.checked_add(length)).unwrap_or(i64::MAX) }
    })
}

/// Every sample of a table, with its time in the film; those that no edit shows have a negative time or none left.
fn samples(table: &[u8], edit: &Edit) -> Result<(Vec<Sample>, bool), FilmError> {
    let sizes = sizes(leaf::<Stsz>(require(table, b"stsz")?)?)?;
    let offsets: Vec<u64> = match optional::<Stco>(table, b"stco")? {
        Some(stco) => stco.entries.into_iter().map(u64::from).collect(),
        None => leaf::<Co64>(require(table, b"co64")?)?.entries,
    };
    let places = places(&sizes, &offsets, &leaf::<Stsc>(require(table, b"stsc")?)?.entries)?;
    let times = leaf::<Stts>(require(table, b"stts")?)?.entries;
    let mut times =
        times.iter().flat_map(|run| std::iter::repeat_n(run.sample_delta, run.sample_count as usize));
    let shifts = optional::<Ctts>(table, b"ctts")?.map(|ctts| ctts.entries).unwrap_or_default();
    let reordered = shifts.windows(2).any(|pair| pair[0].sample_offset != pair[1].sample_offset);
    let mut shifts =
        shifts.iter().flat_map(|run| std::iter::repeat_n(run.sample_offset, run.sample_count as usize));
    let keys = optional::<Stss>(table, b"stss")?.map(|stss| stss.entries);
    let mut keys_left = keys.as_deref().unwrap_or_default().iter().peekable();
    let mut decoded = 0_i64;
    let mut samples = Vec::with_capacity(sizes.len());
    for ((number, size), offset) in (1_u32..).zip(&sizes).zip(places) {
        let ticks = times.next().ok_or_else(|| broken("fewer times than samples"))?;
        let shown = decoded.saturating_add(shifts.next().unwrap_or(0));
        while keys_left.next_if(|key| **key < number).is_some() {}
        let key = keys.is_none() || keys_left.peek() == Some(&&number);
        let left = u32::try_from(edit.until.saturating_sub(shown).max(0)).unwrap_or(u32::MAX);
        let time = shown.saturating_sub(edit.from);
        samples.push(Sample { offset, size: *size, time, ticks: ticks.min(left), key });
        decoded = decoded.saturating_add(i64::from(ticks));
    }
    Ok((samples, reordered))
}

fn sizes(stsz: Stsz) -> Result<Vec<u32>, FilmError> {
    let sizes = match stsz.samples {
        StszSamples::Identical { count, size } if count as usize <= MAX_SAMPLES => vec![size; count as usize],
        StszSamples::Different { sizes } if sizes.len() <= MAX_SAMPLES => sizes,
        _ => return Err(FilmError::footage("the video has too many frames", "stsz")),
    };
    Ok(sizes)
}

/// Where each sample lies: chunks in order, samples in each of them one after the other.
fn places(sizes: &[u32], offsets: &[u64], runs: &[StscEntry]) -> Result<Vec<u64>, FilmError> {
    let mut places = Vec::with_capacity(sizes.len());
    let mut runs = runs.iter().peekable();
    let mut per_chunk = 0;
    for (chunk, offset) in (1_u32..).zip(offsets) {
        while let Some(run) = runs.next_if(|run| run.first_chunk <= chunk) {
            per_chunk = run.samples_per_chunk;
        }
        let mut place = *offset;
        for size in sizes.iter().skip(places.len()).take(per_chunk as usize) {
            places.push(place);
            place = place.saturating_add(u64::from(*size));
        }
        if places.len() == sizes.len() {
            return Ok(places);
        }
    }
    if places.len() == sizes.len() { Ok(places) } else { Err(broken("samples without a chunk")) }
}
