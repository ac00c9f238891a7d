//! The sound of a film: a quiet chord that breathes, made from the seed, and its AAC.

use super::{super::drawing::Rng, FilmError};
use syom::{EncodeOptions, Encoder};

/// Samples per second and channel.
pub(super) const RATE: u32 = 48_000;
/// Samples that one AAC frame stands for.
pub(super) const FRAME: u32 = 1024;

/// Bits per second of both channels.
const BIT_RATE: u32 = 128_000;
/// How loud a bed can get at most, of 1.
const LOUDNESS: f32 = 0.11;
/// Over how many samples a bed comes and goes.
const FADE: usize = RATE as usize * 2 / 5;
/// Samples of two films that sound together where one follows the other.
const OVERLAP: usize = RATE as usize / 4;
/// Chords in semitones above the root that are pleasant in any order.
const CHORDS: [[f64; 4]; 5] = [
    [0.0, 7.0, 12.0, 16.0],
    [0.0, 7.0, 14.0, 19.0],
    [0.0, 4.0, 11.0, 14.0],
    [0.0, 3.0, 10.0, 14.0],
    [0.0, 5.0, 12.0, 17.0],
];
/// The twelfth root of two.
const SEMITONE: f64 = 1.059_463_094_359_295_3;
/// The lowest root, in hertz.
const LOWEST: f64 = 98.0;

/// Left and right.
pub(super) type Stereo = [Vec<f32>; 2];

/// AAC frames without headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Track {
    /// The frames.
    pub units: Vec<Vec<u8>>,
    /// The `AudioSpecificConfig`.
    pub config: Vec<u8>,
    /// Samples at the start that are the encoder's delay.
    pub priming: u32,
    /// Samples that are meant to be heard.
    pub samples: u32,
}

/// An oscillator: a point that turns on a circle, by additions and multiplications alone, so that it sounds the same on every
/// machine.
struct Turn {
    place: (f64, f64),
    step: (f64, f64),
}

impl Turn {
    fn new(hertz: f64, start: f64) -> Self {
        let angle = |turns: f64| {
            // Taylor series around 0, exact enough for the small steps of a turn; the start is only a phase.
            let x = turns * std::f64::consts::TAU;
            let square = x * x;
            let sine = x * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0)));
            (((1.0 - sine * sine).max(0.0)).sqrt(), sine)
        };
        Self { place: angle(start), step: angle(hertz / f64::from(RATE)) }
    }

    fn next(&mut self) -> f32 {
        let ((c, s), (dc, ds)) = (self.place, self.step);
        self.place = (c * dc - s * ds, c * ds + s * dc);
        self.place.1 as f32
    }
}

/// A bed of so many samples per channel.
pub(super) fn bed(seed: u64, samples: usize) -> Stereo {
    let mut rng = Rng::new(seed ^ 0x0073_6f75_6e64);
    let chord = CHORDS[rng.below(CHORDS.len())];
    let root = (0..rng.below(10)).fold(LOWEST, |hertz, _| hertz * SEMITONE);
    let mut out = [vec![0.0; samples], vec![0.0; samples]];
    for (i, semitones) in chord.into_iter().enumerate() {
        let whole = (0..semitones as usize).fold(root, |hertz, _| hertz * SEMITONE);
        let loud = LOUDNESS / chord.len() as f32 / (1.0 + 0.35 * i as f32);
        let breath = f64::from(rng.range(0.07, 0.19));
        let phase = f64::from(rng.range(0.0, 0.2));
        for (channel, detune) in out.iter_mut().zip([0.9988, 1.0012]) {
            let mut tone = Turn::new(whole * detune, 0.0);
            let mut octave = Turn::new(whole * detune * 2.0, 0.0);
            let mut swell = Turn::new(breath, phase);
            for sample in channel.iter_mut() {
                let swell = 0.65 + 0.35 * swell.next();
                *sample += loud * swell * (tone.next() + 0.22 * octave.next());
            }
        }
    }
    for channel in &mut out {
        fade_ends(channel, FADE);
    }
    out
}

fn fade_ends(channel: &mut [f32], length: usize) {
    let length = length.min(channel.len() / 2);
    let ease = |i: usize| {
        let t = i as f32 / length as f32;
        t * t * (3.0 - 2.0 * t)
    };
    for (i, sample) in channel.iter_mut().take(length).enumerate() {
        *sample *= ease(i);
    }
    for (i, sample) in channel.iter_mut().rev().take(length).enumerate() {
        *sample *= ease(i);
    }
}

/// The sound of a film that goes on after `before` (cut or filled up to `joint` samples) until `samples`: both sound together
/// for a quarter of a second, the first leaving and the second coming.
pub(super) fn continued(mut before: Stereo, joint: usize, seed: u64, samples: usize) -> Stereo {
    let lead = OVERLAP.min(joint);
    let after = bed(seed, samples.saturating_sub(joint) + lead);
    for (channel, after) in before.iter_mut().zip(after) {
        channel.resize(joint, 0.0);
        for (i, sample) in channel.iter_mut().rev().take(lead).enumerate() {
            *sample *= i as f32 / lead as f32;
        }
        channel.resize(samples, 0.0);
        let joined = channel.iter_mut().skip(joint - lead);
        joined.zip(after).for_each(|(sample, after)| *sample += after);
    }
    before
}

/// Cuts or fills up a sound to so many samples, without a click at its end.
pub(super) fn fitted(mut sound: Stereo, samples: usize) -> Stereo {
    for channel in &mut sound {
        if channel.len() > samples {
            channel.truncate(samples);
            let length = (RATE as usize / 50).min(samples);
            for (i, sample) in channel.iter_mut().rev().take(length).enumerate() {
                *sample *= i as f32 / length as f32;
            }
        }
        channel.resize(samples, 0.0);
    }
    sound
}

/// Encodes a sound as AAC-LC.
///
/// # Errors
/// [`FilmError::Encode`].
pub(super) fn encode(mut sound: Stereo) -> Result<Track, FilmError> {
    let failed = |error: syom::AacError| FilmError::encode("aac", error.to_string());
    // The encoder refuses what is not a number from -1 to 1.
    for sample in sound.iter_mut().flatten() {
        *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
    let options = EncodeOptions::raw().with_bitrate_bps(BIT_RATE);
    let mut encoder = Encoder::new(RATE, 2, &options).map_err(failed)?;
    let mut track = Track { config: encoder.asc().to_vec(), ..Track::default() };
    let planes = [sound[0].as_slice(), sound[1].as_slice()];
    let keep = |units: &mut Vec<Vec<u8>>, payload: &[u8]| units.push(payload.to_vec());
    let mut units = Vec::new();
    encoder
        .feed(&planes, |frame| {
            keep(&mut units, frame.payload);
            Ok(())
        })
        .map_err(failed)?;
    let info = encoder
        .finish(|frame| {
            keep(&mut units, frame.payload);
            Ok(())
        })
        .map_err(failed)?;
    track.units = units;
    track.priming = info.priming as u32;
    track.samples = info.samples as u32;
    Ok(track)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn loudest(sound: &[f32]) -> f32 {
        sound.iter().fold(0.0, |most, sample| most.max(sample.abs()))
    }

    #[test]
    fn a_bed_is_heard_but_never_loud_and_begins_and_ends_silently() {
        for seed in 0..12 {
            let [left, right] = bed(seed, 2 * RATE as usize);
            assert!(loudest(&left) > 0.02 && loudest(&left) < 0.2, "{seed}: {}", loudest(&left));
            assert!(left != right);
            assert!(loudest(&left[..40]) < 0.001 && loudest(&left[left.len() - 40..]) < 0.001);
        }
        assert!(bed(1, 9000) == bed(1, 9000) && bed(1, 9000) != bed(2, 9000));
    }

    #[test]
    fn where_one_sound_follows_another_nothing_jumps() {
        let before = [vec![0.2; 60_000], vec![-0.2; 60_000]];
        let joined = continued(before, 48_000, 7, 96_000);
        for channel in &joined {
            assert_eq!(channel.len(), 96_000);
            let jump = channel.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
            assert!(jump < 0.02, "{jump}");
            assert!(loudest(&channel[90_000 - FADE..90_000]) > 0.005);
        }
    }

    #[test]
    fn an_encoded_bed_decodes_to_itself() {
        let sound = bed(5, RATE as usize);
        let track = encode(sound.clone()).unwrap();
        let adts: Vec<u8> =
            track.units.iter().flat_map(|unit| syom::wrap_adts_au(unit, RATE, 2).unwrap()).collect();
        let heard = syom::decode_with(&adts, &syom::DecodeOptions::audio()).unwrap();
        let heard = &heard.channels[0][track.priming as usize..][..sound[0].len()];
        let noise: f32 = heard.iter().zip(&sound[0]).map(|(a, b)| (a - b) * (a - b)).sum();
        let power: f32 = sound[0].iter().map(|a| a * a).sum();
        assert!(noise < power / 100.0, "{noise} of {power}");
    }
}
