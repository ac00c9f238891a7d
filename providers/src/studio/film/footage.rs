//! Videos that were given: opened, and their frames decoded one after the other or at one moment. Files are read in place, as
//! far as they are needed; hostile ones end in an error.

use super::{
    super::canvas::Canvas,
    FilmError,
    mp4::{Index, Sample, Track},
    planes::{Matrix, Planes},
    sound::{RATE, Stereo},
};
use mp4_atom::Avcc;
use openh264::{
    OpenH264API,
    decoder::{DecodedYUV, Decoder, DecoderConfig, Flush},
    formats::YUVSource,
};
use std::{
    collections::{BTreeSet, VecDeque},
    fs::File,
    io::{Cursor, Read, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

/// The largest coded frame that is read, in bytes.
const MAX_UNIT: u32 = 32 << 20;
/// Frames decoded at most on the way from a key frame to a wanted one.
const MAX_TO_KEY: usize = 3000;
/// The longest side of a video that is decoded, in pixels.
const MAX_DECODED_SIDE: usize = 4096;
/// Seconds of sound that are decoded at most.
const MAX_SOUND: f64 = 120.0;

/// Where a video is.
#[derive(Debug, Clone)]
pub enum Footage {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file, which must not change while it is read.
    File(PathBuf),
}

/// A video's frame at a moment, in seconds from its beginning; the last frame when the video is shorter. What characters get
/// their portraits from.
///
/// # Errors
/// [`FilmError::Footage`] when the video cannot be read or decoded.
pub fn still(footage: &Footage, at: f64) -> Result<Canvas, FilmError> {
    let mut clip = Clip::open(footage)?;
    let place = clip.place(at);
    let mut player = Player::at(place);
    let planes = player.frame(&mut clip, at)?.clone();
    Ok(planes.to_canvas(clip.matrix(&planes)))
}

/// What a video is, without decoding it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// Seconds that it lasts.
    pub seconds: f64,
    /// Width of its first frame, in pixels.
    pub width: u32,
    /// Height of its first frame, in pixels.
    pub height: u32,
    /// Whether it has sound that can be read.
    pub has_sound: bool,
}

/// Looks at a video and decodes its first frame, so that what passes here can be used as a source.
///
/// # Errors
/// [`FilmError::Footage`] when the video cannot be read or decoded.
pub fn look(footage: &Footage) -> Result<Facts, FilmError> {
    let mut clip = Clip::open(footage)?;
    let mut player = Player::at(0);
    let first = player.frame(&mut clip, 0.0)?;
    let (width, height) = (first.width() as u32, first.height() as u32);
    let has_sound = clip.index.audio.as_ref().is_some_and(|audio| audio.aac.is_some());
    Ok(Facts { seconds: clip.seconds(), width, height, has_sound })
}

/// What a video says of itself, whatever it is coded with: nothing is decoded. Of one in fragments the length is 0, since its index
/// does not say it.
///
/// # Errors
/// [`FilmError::Footage`] when it is no MP4 with an index.
pub fn outline(footage: &Footage) -> Result<Facts, FilmError> {
    let index = Index::outline(&mut opened(footage)?)?;
    let (width, height) = match (index.video.size, index.video.turns % 2) {
        ((width, height), 0) => (width, height),
        ((width, height), _) => (height, width),
    };
    let has_sound = index.audio.is_some();
    Ok(Facts { seconds: index.video.seconds(), width: width.into(), height: height.into(), has_sound })
}

fn opened(footage: &Footage) -> Result<Box<dyn Source>, FilmError> {
    Ok(match footage {
        Footage::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
        Footage::File(path) => Box::new(File::open(path).map_err(|error| unreadable(&error))?),
    })
}

trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// An opened video.
pub(super) struct Clip {
    file: Box<dyn Source>,
    /// What it holds.
    pub index: Index,
    avc: Avcc,
}

impl Clip {
    /// Opens a video.
    ///
    /// # Errors
    /// [`FilmError::Footage`].
    pub fn open(footage: &Footage) -> Result<Self, FilmError> {
        let mut file = opened(footage)?;
        let index = Index::read(&mut file)?;
        let avc = index.video.avc.clone().ok_or_else(|| not_h264(&index.video))?;
        Ok(Self { file, index, avc })
    }

    /// How long it lasts, in seconds.
    pub fn seconds(&self) -> f64 {
        self.index.video.seconds()
    }

    /// The parameter sets, when there is one of each.
    pub fn sets(&self) -> Option<(&[u8], &[u8])> {
        match (&self.avc.sequence_parameter_sets[..], &self.avc.picture_parameter_sets[..]) {
            ([sps], [pps]) if self.avc.length_size == 4 => Some((sps, pps)),
            _ => None,
        }
    }

    /// The bytes of a sample.
    ///
    /// # Errors
    /// [`FilmError::Footage`].
    pub fn read(&mut self, sample: &Sample) -> Result<Vec<u8>, FilmError> {
        if sample.size > MAX_UNIT {
            return Err(FilmError::footage("a frame of the video is too large", sample.size.to_string()));
        }
        let mut data = Vec::new();
        self.file.seek(SeekFrom::Start(sample.offset)).map_err(|error| unreadable(&error))?;
        // Grows with what is there: a size in the index is only a claim.
        let read = (&mut self.file).take(u64::from(sample.size)).read_to_end(&mut data);
        match read {
            Ok(length) if length as u32 == sample.size => Ok(data),
            Ok(_) => Err(FilmError::footage("the video ends too early: the file is cut off", "short sample")),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// The key frame to begin from for a moment: its place in the order of decoding.
    fn place(&self, at: f64) -> usize {
        let ticks = self.ticks(at);
        let samples = &self.index.video.samples;
        let wanted =
            samples.iter().enumerate().filter(|(_, sample)| sample.time <= ticks && sample.ticks > 0);
        let wanted = wanted.max_by_key(|(_, sample)| sample.time).map_or(0, |(place, _)| place);
        samples[..=wanted.min(samples.len() - 1)].iter().rposition(|sample| sample.key).unwrap_or(0)
    }

    fn ticks(&self, at: f64) -> i64 {
        // A thousandth of a second late is in time: 1/24 s has no exact form in most scales.
        ((at.max(0.0) + 0.001) * f64::from(self.index.video.timescale)) as i64
    }

    /// How the video's samples become colour: what it says, or what its size suggests.
    pub fn matrix(&self, frame: &Planes) -> Matrix {
        let (coefficients, full) = self.index.video.colour.unwrap_or((0, false));
        let is_709 = match coefficients {
            1 => true,
            4..=7 => false,
            _ => frame.width().min(frame.height()) >= 720,
        };
        match (is_709, full) {
            (true, false) => Matrix::Bt709,
            (false, false) => Matrix::Bt601,
            (true, true) => Matrix::Bt709Full,
            (false, true) => Matrix::Bt601Full,
        }
    }

    /// Its sound at our rate; nothing when it has none that can be decoded.
    pub fn sound(&mut self) -> Option<Stereo> {
        let track = self.index.audio.clone()?;
        let (rate, channels) = low_complexity(track.aac.as_deref()?)?;
        let mut adts = Vec::new();
        for sample in track.samples.iter().take((MAX_SOUND * f64::from(rate) / 1024.0) as usize) {
            adts.extend(syom::wrap_adts_au(&self.read(sample).ok()?, rate, channels).ok()?);
        }
        let options = syom::DecodeOptions::audio().with_max_duration_secs(MAX_SOUND + 1.0);
        let heard = syom::decode_with(&adts, &options).ok()?;
        let delay = track.samples.first().map_or(0, |sample| (-sample.time).max(0));
        let delay = delay as f64 / f64::from(track.timescale) * f64::from(heard.sample_rate);
        let left = heard.channels.first()?;
        let right = heard.channels.get(1).unwrap_or(left);
        Some(
            [left, right].map(|channel| {
                resampled(channel.get(delay as usize..).unwrap_or_default(), heard.sample_rate)
            }),
        )
    }
}

/// Rate and channels of an AAC-LC configuration; nothing for the other kinds.
fn low_complexity(config: &[u8]) -> Option<(u32, usize)> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
    ];
    let [first, second, ..] = *config else { return None };
    let rate = *RATES.get(usize::from(((first & 7) << 1) | (second >> 7)))?;
    let channels = usize::from((second >> 3) & 15);
    (first >> 3 == 2 && (1..=2).contains(&channels)).then_some((rate, channels))
}

/// At our rate, by straight lines.
fn resampled(channel: &[f32], rate: u32) -> Vec<f32> {
    if rate == RATE {
        return channel.to_vec();
    }
    let length = channel.len() as u64 * u64::from(RATE) / u64::from(rate.max(1));
    let at = |i: u64| {
        let place = i as f64 * f64::from(rate) / f64::from(RATE);
        let (first, share) = (place as usize, (place - place.floor()) as f32);
        let value = |i: usize| channel.get(i).copied().unwrap_or(0.0);
        value(first) + (value(first + 1) - value(first)) * share
    };
    (0..length).map(at).collect()
}

/// Decodes a clip forward, frame by frame.
pub(super) struct Player {
    decoder: Option<Decoder>,
    next: usize,
    /// Times of samples that are in the decoder, in the order in which it will show them.
    waiting: BTreeSet<(i64, usize)>,
    /// Decoded frames that were not looked at yet, and when each is shown.
    ready: VecDeque<(i64, Planes)>,
    shown: Option<Planes>,
    ended: bool,
}

impl Player {
    /// From a key frame, by its place in the order of decoding; 0 for the beginning.
    pub fn at(place: usize) -> Self {
        Self {
            decoder: None,
            next: place,
            waiting: BTreeSet::new(),
            ready: VecDeque::new(),
            shown: None,
            ended: false,
        }
    }

    /// The frame that is shown at a moment, in seconds. Moments must not go backwards; after the end it stays at the last frame.
    ///
    /// # Errors
    /// [`FilmError::Footage`].
    pub fn frame(&mut self, clip: &mut Clip, at: f64) -> Result<&Planes, FilmError> {
        let ticks = clip.ticks(at);
        for _ in 0..MAX_TO_KEY {
            while let Some((time, _)) = self.ready.front() {
                // The first frame is shown even before its time: a film has no moment without a picture.
                if *time > ticks && self.shown.is_some() {
                    break;
                }
                self.shown = self.ready.pop_front().map(|(_, planes)| planes);
            }
            if self.ended || !self.ready.is_empty() {
                break;
            }
            self.decode_next(clip)?;
        }
        if self.ready.is_empty() && !self.ended {
            return Err(FilmError::footage(
                "the video has too few key frames to find a frame in it",
                "no key frame",
            ));
        }
        self.shown.as_ref().ok_or_else(|| undecodable(&clip.avc, "no frame came out"))
    }

    fn decode_next(&mut self, clip: &mut Clip) -> Result<(), FilmError> {
        let Some(sample) = clip.index.video.samples.get(self.next).copied() else {
            self.ended = true;
            return self.flush(clip);
        };
        if self.decoder.is_none() {
            // Left to itself the decoder empties its queue after each unit, which destroys the order of B-frames.
            let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
            let decoder = Decoder::with_api_config(OpenH264API::from_source(), config);
            self.decoder = Some(decoder.map_err(|error| undecodable(&clip.avc, &error.to_string()))?);
        }
        let data = clip.read(&sample)?;
        let stream = annex_b(&clip.avc, &data, sample.key)?;
        self.waiting.insert((sample.time, self.next));
        self.next += 1;
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        match decoder.decode(&stream) {
            Ok(Some(picture)) => {
                let planes = copied(&picture, &clip.avc)?;
                self.came_out(planes, clip);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => Err(undecodable(&clip.avc, &error.to_string())),
        }
    }

    fn flush(&mut self, clip: &Clip) -> Result<(), FilmError> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let rest = decoder.flush_remaining().map_err(|error| undecodable(&clip.avc, &error.to_string()))?;
        let rest: Result<Vec<_>, _> = rest.iter().map(|picture| copied(picture, &clip.avc)).collect();
        rest?.into_iter().for_each(|planes| self.came_out(planes, clip));
        Ok(())
    }

    /// Frames come out in the order in which they are shown, so the next one has the earliest time of those that went in.
    fn came_out(&mut self, planes: Planes, clip: &Clip) {
        let Some((time, place)) = self.waiting.pop_first() else { return };
        // What no edit shows was only needed for decoding.
        if clip
            .index
            .video
            .samples
            .get(place)
            .is_some_and(|sample| sample.ticks > 0 && time + i64::from(sample.ticks) > 0)
        {
            let turns = clip.index.video.turns;
            self.ready.push_back((time, if turns == 0 { planes } else { planes.turned(turns) }));
        }
    }
}

/// Parameter sets before key frames, and start codes instead of lengths.
fn annex_b(avc: &Avcc, data: &[u8], key: bool) -> Result<Vec<u8>, FilmError> {
    const START: [u8; 4] = [0, 0, 0, 1];
    let mut stream = Vec::with_capacity(data.len() + 128);
    if key {
        for set in avc.sequence_parameter_sets.iter().chain(&avc.picture_parameter_sets) {
            stream.extend(START);
            stream.extend(set);
        }
    }
    let width = usize::from(avc.length_size);
    let mut rest = data;
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(width).ok_or_else(|| undecodable(avc, "a cut length"))?;
        let length = length.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
        let (nal, after) =
            after.split_at_checked(length).ok_or_else(|| undecodable(avc, "a wrong length"))?;
        stream.extend(START);
        stream.extend(nal);
        rest = after;
    }
    Ok(stream)
}

fn copied(picture: &DecodedYUV<'_>, avc: &Avcc) -> Result<Planes, FilmError> {
    let (width, height) = picture.dimensions();
    if width < 2 || height < 2 || width.max(height) > MAX_DECODED_SIDE {
        return Err(undecodable(avc, &format!("a picture of {width}x{height}")));
    }
    let mut planes = Planes::new(width & !1, height & !1);
    let (stride_y, stride_u, stride_v) = picture.strides();
    let sources = [(picture.y(), stride_y), (picture.u(), stride_u), (picture.v(), stride_v)];
    for (plane, (source, stride)) in planes.each_mut().into_iter().zip(sources) {
        let width = plane.width;
        for (row, source) in plane.data.chunks_exact_mut(width).zip(source.chunks(stride)) {
            let source = source.get(..width).ok_or_else(|| undecodable(avc, "a short row"))?;
            row.copy_from_slice(source);
        }
    }
    Ok(planes)
}

fn not_h264(track: &Track) -> FilmError {
    let name = match &track.coding {
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "HEVC",
        b"av01" => "AV1",
        b"vp09" | b"vp08" => "VP8 or VP9",
        b"mp4v" => "MPEG-4 part 2",
        b"encv" => "encrypted",
        _ => "not H.264",
    };
    let reason = format!("the video is {name}: only H.264 can be read; convert it first");
    FilmError::footage(&reason, String::from_utf8_lossy(&track.coding))
}

fn undecodable(avc: &Avcc, context: &str) -> FilmError {
    let profile = match avc.avc_profile_indication {
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 => "High",
        110 => "High 10",
        122 => "High 4:2:2",
        244 => "High 4:4:4",
        _ => "unusual",
    };
    let reason = format!(
        "the video cannot be decoded ({profile} profile): it must be undamaged, progressive H.264 of the Baseline, Main or High \
         profile with 8 bits and 4:2:0"
    );
    FilmError::footage(&reason, context)
}

fn unreadable(error: &std::io::Error) -> FilmError {
    FilmError::footage("the video cannot be read", error.to_string())
}
