//! The H.264 encoder, as it must be set: one thread, so that the same film is the same bytes; a fixed quantiser instead of a
//! rate, so that a first frame given by somebody keeps its detail and no frame is dropped; BT.709 said in the stream.

use super::{FPS, FilmError, planes::Planes};
use openh264::{
    OpenH264API, Timestamp,
    encoder::{
        BitRate, Complexity, EncodedBitStream, Encoder as OpenH264, EncoderConfig, FrameRate, FrameType,
        IntraFramePeriod, QpRange, RateControlMode, VuiConfig,
    },
};

/// Frames between two key frames when nothing is cut.
const KEY_FRAME_EVERY: u32 = 48;
/// Bits per pixel and frame that the stream's level is chosen for; nothing holds a film to them.
const BITS_PER_PIXEL: f32 = 0.11;
/// How far adaptive quantisation may go from the encoder's 26. It ignores the whole range when its lower end is 0.
const QUANTISERS: (u8, u8) = (14, 28);

/// NAL unit types that a container keeps apart from the pictures.
const SPS: u8 = 7;
const PPS: u8 = 8;

/// What a decoder must know before the first picture, without start codes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ParameterSets {
    /// Sequence parameter set.
    pub sps: Vec<u8>,
    /// Picture parameter set.
    pub pps: Vec<u8>,
}

/// One coded picture: NAL units, each after its length in four bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccessUnit {
    /// The units.
    pub data: Vec<u8>,
    /// A decoder can begin here.
    pub key: bool,
}

/// An encoder for one film.
pub(super) struct Encoder {
    encoder: OpenH264,
    /// Known after the first picture.
    pub sets: ParameterSets,
    frame: u32,
}

impl Encoder {
    /// An encoder for pictures of this size.
    ///
    /// # Errors
    /// [`FilmError::Encode`].
    pub fn new(width: usize, height: usize) -> Result<Self, FilmError> {
        let bits = (width * height) as f32 * FPS as f32 * BITS_PER_PIXEL;
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(bits as u32))
            .max_frame_rate(FrameRate::from_hz(FPS as f32))
            // The other modes hold a rate by dropping frames, and complain on standard error when they may not.
            .rate_control_mode(RateControlMode::Off)
            .skip_frames(false)
            .scene_change_detect(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(KEY_FRAME_EVERY))
            .complexity(Complexity::Low)
            .qp(QpRange::new(QUANTISERS.0, QUANTISERS.1))
            .num_threads(1)
            .vui(VuiConfig::bt709());
        let encoder = OpenH264::with_api_config(OpenH264API::from_source(), config).map_err(refused)?;
        Ok(Self { encoder, sets: ParameterSets::default(), frame: 0 })
    }

    /// Encodes the next picture; a `cut` makes it a key frame.
    ///
    /// # Errors
    /// [`FilmError::Encode`].
    pub fn encode(&mut self, picture: &Planes, cut: bool) -> Result<AccessUnit, FilmError> {
        if cut && self.frame > 0 {
            self.encoder.force_intra_frame();
        }
        let time = Timestamp::from_millis(u64::from(self.frame) * 1000 / u64::from(FPS));
        self.frame += 1;
        let coded = self.encoder.encode_at(picture, time).map_err(refused)?;
        let unit = unit(&coded, &mut self.sets);
        if unit.data.is_empty() {
            return Err(FilmError::encode("h264", "a frame came out empty"));
        }
        Ok(unit)
    }
}

/// The parameter sets that a film of this size has, so that what is appended to one can be told to fit.
///
/// # Errors
/// [`FilmError::Encode`].
pub(super) fn parameter_sets(width: usize, height: usize) -> Result<ParameterSets, FilmError> {
    let mut encoder = Encoder::new(width, height)?;
    encoder.encode(&Planes::new(width, height), true)?;
    Ok(encoder.sets)
}

fn unit(coded: &EncodedBitStream<'_>, sets: &mut ParameterSets) -> AccessUnit {
    let mut data = Vec::new();
    for layer in (0..coded.num_layers()).filter_map(|layer| coded.layer(layer)) {
        for nal in (0..layer.nal_count()).filter_map(|number| layer.nal_unit(number)).map(without_start_code)
        {
            match nal.first().map(|byte| byte & 0x1f) {
                None => {}
                Some(SPS) => sets.sps = nal.to_vec(),
                Some(PPS) => sets.pps = nal.to_vec(),
                Some(_) => {
                    data.extend((nal.len() as u32).to_be_bytes());
                    data.extend(nal);
                }
            }
        }
    }
    AccessUnit { data, key: matches!(coded.frame_type(), FrameType::IDR | FrameType::I) }
}

fn without_start_code(nal: &[u8]) -> &[u8] {
    let zeros = nal.iter().take_while(|byte| **byte == 0).count();
    nal.get(zeros + 1..).unwrap_or_default()
}

fn refused(error: openh264::Error) -> FilmError {
    FilmError::encode("h264", error.to_string())
}
