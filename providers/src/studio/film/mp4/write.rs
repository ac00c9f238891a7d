//! Writing: one track of pictures, one of sound, half a second of each in turn.

use super::super::{
    super::encode::SOFTWARE,
    FPS, FilmError,
    h264::{AccessUnit, ParameterSets},
    sound,
};
use mp4_atom::{
    Audio, Avc1, Avcc, Codec, Colr, Dinf, Dref, Edts, Elst, ElstEntry, Encode, Esds, FourCC, Ftyp, Hdlr,
    Ilst, Mdhd, Mdia, Meta, Minf, Moov, Mp4a, Mvhd, Smhd, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz,
    StszSamples, Stts, SttsEntry, Tkhd, Tool, Trak, Udta, Url, Visual, Vmhd,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};

/// Ticks a second of the picture track and of the film as a whole: each frame is 512.
const TICKS: u32 = 12_288;
/// Ticks of one frame.
const FRAME_TICKS: u32 = TICKS / FPS;
/// Frames that lie together.
const CHUNK: usize = FPS as usize / 2;

/// The picture track.
#[derive(Debug)]
pub(in super::super) struct Pictures<'a> {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// What a decoder must know first.
    pub sets: &'a ParameterSets,
    /// The frames, in order.
    pub units: &'a [AccessUnit],
}

/// Samples of one track, in groups that lie together, with the place of each group in the file.
struct Layout {
    sizes: Vec<u32>,
    chunks: Vec<u32>,
    offsets: Vec<u32>,
}

/// Writes a whole file.
///
/// # Errors
/// [`FilmError::Encode`] when a film is too large for 32-bit offsets, or the writer refuses a box.
pub(in super::super) fn write(pictures: &Pictures<'_>, sound: &sound::Track) -> Result<Vec<u8>, FilmError> {
    let size = |data: &Vec<u8>| data.len() as u32;
    let mut video = Layout::new(pictures.units.iter().map(|unit| size(&unit.data)).collect());
    let mut audio = Layout::new(sound.units.iter().map(size).collect());
    let order = interleave(&mut video, &mut audio, sound.priming);

    let mut head = Vec::new();
    ftyp().encode(&mut head).map_err(refused)?;
    // Offsets have a fixed width, so the index is as long now as it will be when they are known.
    let mut index = Vec::new();
    moov(pictures, sound, &video, &audio)?.encode(&mut index).map_err(refused)?;
    let data: u64 = order.iter().map(|run| run.bytes).sum();
    let first = (head.len() + index.len() + 8) as u64;
    if first + data > u64::from(u32::MAX) {
        return Err(FilmError::encode("mp4", format!("{data} bytes need 64-bit offsets")));
    }
    place(&order, first, &mut video, &mut audio);
    moov(pictures, sound, &video, &audio)?.encode(&mut head).map_err(refused)?;
    head.reserve(data as usize + 8);
    head.extend((data as u32 + 8).to_be_bytes());
    head.extend(b"mdat");
    for run in &order {
        let samples = run.samples.clone();
        if run.is_video {
            pictures.units[samples].iter().for_each(|unit| head.extend(&unit.data));
        } else {
            sound.units[samples].iter().for_each(|unit| head.extend(unit));
        }
    }
    Ok(head)
}

impl Layout {
    const fn new(sizes: Vec<u32>) -> Self {
        Self { sizes, chunks: Vec::new(), offsets: Vec::new() }
    }
}

/// Samples of one track that lie together.
struct Run {
    is_video: bool,
    samples: std::ops::Range<usize>,
    bytes: u64,
}

/// Half a second of pictures, then the sound of the same time, and so on; the offsets are still 0.
fn interleave(video: &mut Layout, audio: &mut Layout, priming: u32) -> Vec<Run> {
    let mut order = Vec::new();
    let mut add = |layout: &mut Layout, is_video: bool, samples: std::ops::Range<usize>| {
        if !samples.is_empty() {
            let bytes = layout.sizes[samples.clone()].iter().map(|size| u64::from(*size)).sum();
            layout.chunks.push(samples.len() as u32);
            layout.offsets.push(0);
            order.push(Run { is_video, samples, bytes });
        }
    };
    let (mut shown, mut heard) = (0, 0);
    while shown < video.sizes.len() || heard < audio.sizes.len() {
        let to = (shown + CHUNK).min(video.sizes.len());
        let until = if to == video.sizes.len() {
            audio.sizes.len()
        } else {
            let samples = to as u32 * (sound::RATE / FPS) + priming;
            (samples.div_ceil(sound::FRAME) as usize).min(audio.sizes.len())
        };
        add(video, true, shown..to);
        add(audio, false, heard..until.max(heard));
        (shown, heard) = (to, until.max(heard));
    }
    order
}

fn place(order: &[Run], first: u64, video: &mut Layout, audio: &mut Layout) {
    let (mut shown, mut heard) = (0, 0);
    let mut offset = first;
    for run in order {
        let (layout, next) = if run.is_video { (&mut *video, &mut shown) } else { (&mut *audio, &mut heard) };
        if let Some(place) = layout.offsets.get_mut(*next) {
            *place = offset as u32;
        }
        *next += 1;
        offset += run.bytes;
    }
}

fn ftyp() -> Ftyp {
    let brands: [&[u8; 4]; 4] = [b"isom", b"iso2", b"avc1", b"mp41"];
    Ftyp {
        major_brand: b"isom".into(),
        minor_version: 512,
        compatible_brands: brands.into_iter().map(Into::into).collect(),
    }
}

fn moov(
    pictures: &Pictures<'_>,
    sound: &sound::Track,
    video: &Layout,
    audio: &Layout,
) -> Result<Moov, FilmError> {
    let ticks = pictures.units.len() as u64 * u64::from(FRAME_TICKS);
    Ok(Moov {
        mvhd: Mvhd {
            timescale: TICKS,
            duration: ticks,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: 3,
            ..Mvhd::default()
        },
        trak: vec![picture_track(pictures, video, ticks)?, sound_track(sound, audio, ticks)],
        udta: Some(credits()),
        ..Moov::default()
    })
}

/// Says what made the file.
fn credits() -> Udta {
    let tool = Tool { country_indicator: 0, language_indicator: 0, text: SOFTWARE.into() };
    let mut meta =
        Meta { hdlr: Hdlr { handler: FourCC::new(b"mdir"), name: String::new() }, items: Vec::new() };
    meta.push(Ilst { ctoo: Some(tool), ..Ilst::default() });
    Udta { meta: Some(meta), ..Udta::default() }
}

fn picture_track(pictures: &Pictures<'_>, layout: &Layout, ticks: u64) -> Result<Trak, FilmError> {
    let (width, height) = (pictures.size.0 as u16, pictures.size.1 as u16);
    let entry = Avc1 {
        visual: Visual { data_reference_index: 1, width, height, ..Visual::default() },
        avcc: Avcc::new(&pictures.sets.sps, &pictures.sets.pps).map_err(refused)?,
        btrt: None,
        colr: Some(Colr::new(1, 1, 1, false).map_err(refused)?),
        pasp: None,
        taic: None,
        fiel: None,
        spatial: None,
    };
    let keys = pictures.units.iter().zip(1..).filter(|(unit, _)| unit.key).map(|(_, number)| number);
    let table = Stbl {
        stss: Some(Stss { entries: keys.collect() }),
        ..samples(Codec::Avc1(entry), FRAME_TICKS, layout)
    };
    let track = Tkhd {
        track_id: 1,
        duration: ticks,
        enabled: true,
        in_movie: true,
        width: width.into(),
        height: height.into(),
        ..Tkhd::default()
    };
    let info = Minf { vmhd: Some(Vmhd::default()), dinf: same_file(), stbl: table, ..Minf::default() };
    Ok(trak(track, (TICKS, ticks), (b"vide", "pictures"), info))
}

fn sound_track(sound: &sound::Track, layout: &Layout, ticks: u64) -> Trak {
    let bytes: u64 = layout.sizes.iter().map(|size| u64::from(*size)).sum();
    let length = layout.sizes.len() as u64 * u64::from(sound::FRAME);
    let rate = (bytes * 8 * u64::from(sound::RATE) / length.max(1)) as u32;
    let entry = Mp4a {
        audio: Audio {
            data_reference_index: 1,
            channel_count: 2,
            sample_size: 16,
            sample_rate: (sound::RATE as u16).into(),
        },
        esds: Esds {
            es_desc: EsDescriptor {
                es_id: 2,
                dec_config: DecoderConfig {
                    // MPEG-4 audio, an audio stream.
                    object_type_indication: 0x40,
                    stream_type: 5,
                    max_bitrate: rate,
                    avg_bitrate: rate,
                    dec_specific: Some(DecoderSpecific {
                        raw: sound.config.clone(),
                        ..DecoderSpecific::default()
                    }),
                    ..DecoderConfig::default()
                },
                sl_config: SLConfig {},
                ..EsDescriptor::default()
            },
        },
        btrt: None,
        taic: None,
    };
    let table = samples(Codec::Mp4a(entry), sound::FRAME, layout);
    let track = Tkhd {
        track_id: 2,
        duration: ticks,
        alternate_group: 1,
        enabled: true,
        in_movie: true,
        volume: 1.into(),
        ..Tkhd::default()
    };
    let info = Minf { smhd: Some(Smhd::default()), dinf: same_file(), stbl: table, ..Minf::default() };
    let mut trak = trak(track, (sound::RATE, length), (b"soun", "sound"), info);
    // Players skip the encoder's delay, and end with the last frame.
    let heard = ElstEntry {
        segment_duration: ticks,
        media_time: Some(u64::from(sound.priming)),
        media_rate: 1.into(),
    };
    trak.edts = Some(Edts { elst: Some(Elst { entries: vec![heard] }) });
    trak
}

fn trak(
    tkhd: Tkhd,
    (timescale, duration): (u32, u64),
    (handler, name): (&[u8; 4], &str),
    minf: Minf,
) -> Trak {
    Trak {
        tkhd,
        mdia: Mdia {
            mdhd: Mdhd { timescale, duration, language: "und".into(), ..Mdhd::default() },
            hdlr: Hdlr { handler: handler.into(), name: name.into() },
            minf,
        },
        ..Trak::default()
    }
}

fn same_file() -> Dinf {
    Dinf { dref: Dref { entries: vec![Url::default().into()] } }
}

/// The sample table of samples that all last `ticks`.
fn samples(entry: Codec, ticks: u32, layout: &Layout) -> Stbl {
    let mut runs: Vec<StscEntry> = Vec::new();
    for (number, count) in (1..).zip(&layout.chunks) {
        if runs.last().is_none_or(|run| run.samples_per_chunk != *count) {
            let run =
                StscEntry { first_chunk: number, samples_per_chunk: *count, sample_description_index: 1 };
            runs.push(run);
        }
    }
    let count = layout.sizes.len() as u32;
    Stbl {
        stsd: Stsd { codecs: vec![entry] },
        stts: Stts { entries: vec![SttsEntry { sample_count: count, sample_delta: ticks }] },
        stsc: Stsc { entries: runs },
        stsz: Stsz { samples: StszSamples::Different { sizes: layout.sizes.clone() } },
        stco: Some(Stco { entries: layout.offsets.clone() }),
        ..Stbl::default()
    }
}

fn refused(error: mp4_atom::Error) -> FilmError {
    FilmError::encode("mp4", error.to_string())
}
