//! Animated GIF: one palette for all frames, one bit of alpha, and a composition that ends where it began.

use super::{
    canvas::Canvas,
    drawing::Drawing,
    encode::SOFTWARE,
    fonts::FontBook,
    paint::{Composition, StudioError},
};
use color_quant::NeuQuant;
use gif::{AnyExtension, DisposalMethod, Encoder, EncodingError, Frame, Repeat};
use std::borrow::Cow;

/// How an animation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Motion {
    /// Frames, 2 to 16; 9 unless told.
    pub frames: u8,
    /// How long each shows, in milliseconds, rounded to 10; 200 unless told.
    pub frame_ms: u32,
}

impl Default for Motion {
    fn default() -> Self {
        Self { frames: 9, frame_ms: 200 }
    }
}

impl Motion {
    fn delay(self) -> u16 {
        u16::try_from(self.frame_ms.saturating_add(5) / 10).unwrap_or(u16::MAX)
    }
}

/// Index of the colour that stands for "nothing".
const CLEAR: u8 = 255;
/// The palette is learnt from this many pixels of each sample.
const SAMPLE: usize = 40_000;
/// Ordered dither, in colour steps.
const BAYER: [[i16; 4]; 4] = [[-7, 1, -5, 3], [5, -3, 7, -1], [-4, 4, -6, 2], [8, 0, 6, -2]];

/// Draws and encodes all frames, one at a time.
///
/// # Errors
/// [`StudioError`] when the size is illegal or the encoder fails.
pub(super) fn animate(drawing: &Drawing, fonts: &FontBook, motion: Motion) -> Result<Vec<u8>, StudioError> {
    let frames = motion.frames.clamp(2, 16);
    let turn = |frame: u8| f32::from(frame) / f32::from(frames);
    let at = |frame: u8| Ok::<_, StudioError>(Composition::new(drawing, fonts, turn(frame))?.paint(drawing));
    let first = at(0)?;
    let mut sample = sampled(&first);
    sample.extend(sampled(&at(frames / 2)?));
    let mut writer = Writer::new(&first, &sample).map_err(failed)?;
    writer.add(&first, motion.delay()).map_err(failed)?;
    for frame in 1..frames {
        writer.add(&at(frame)?, motion.delay()).map_err(failed)?;
    }
    writer.finish().map_err(failed)
}

/// Encodes one picture as a GIF that stands still.
///
/// # Errors
/// [`StudioError::Encode`].
pub(super) fn still(canvas: &Canvas) -> Result<Vec<u8>, StudioError> {
    let mut writer = Writer::new(canvas, &sampled(canvas)).map_err(failed)?;
    writer.add(canvas, 0).map_err(failed)?;
    writer.finish().map_err(failed)
}

fn failed(error: EncodingError) -> StudioError {
    StudioError::Encode { format: "gif", reason: error.to_string() }
}

/// Evenly chosen visible pixels. The step is odd, so that it does not fall into columns.
fn sampled(canvas: &Canvas) -> Vec<u8> {
    let step = (canvas.pixels.len() / 4 / SAMPLE).max(1) | 1;
    let visible = canvas.pixels.chunks_exact(4).step_by(step).filter(|pixel| pixel[3] >= 128);
    visible.flatten().copied().collect()
}

struct Writer {
    encoder: Encoder<Vec<u8>>,
    nearest: Nearest,
}

impl Writer {
    fn new(canvas: &Canvas, sample: &[u8]) -> Result<Self, EncodingError> {
        let nearest = Nearest::new(sample);
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        let palette = nearest.palette();
        let mut encoder = Encoder::new(Vec::new(), side(canvas.width), side(canvas.height), &palette)?;
        encoder.set_repeat(Repeat::Infinite)?;
        encoder.write_raw_extension(AnyExtension(0xfe), &[SOFTWARE.as_bytes()])?;
        Ok(Self { encoder, nearest })
    }

    fn add(&mut self, canvas: &Canvas, delay: u16) -> Result<(), EncodingError> {
        let clear = !canvas.is_opaque();
        let frame = Frame {
            delay,
            dispose: if clear { DisposalMethod::Background } else { DisposalMethod::Keep },
            transparent: clear.then_some(CLEAR),
            width: u16::try_from(canvas.width).unwrap_or(u16::MAX),
            height: u16::try_from(canvas.height).unwrap_or(u16::MAX),
            buffer: Cow::Owned(self.nearest.indexed(canvas)),
            ..Frame::default()
        };
        self.encoder.write_frame(&frame)
    }

    fn finish(self) -> Result<Vec<u8>, EncodingError> {
        self.encoder.into_inner()
    }
}

/// The nearest palette entry of any colour, remembered per 5-bit cell.
struct Nearest {
    learnt: NeuQuant,
    cells: Vec<Option<u8>>,
}

impl Nearest {
    fn new(sample: &[u8]) -> Self {
        // The network wants some pixels to learn from, even of an empty picture.
        let filler = [0, 0, 0, 255].repeat(1024);
        let sample = if sample.len() < filler.len() { [sample, &filler].concat() } else { sample.to_vec() };
        Self { learnt: NeuQuant::new(3, 255, &sample), cells: vec![None; 1 << 15] }
    }

    /// 255 learnt colours, and black for [`CLEAR`].
    fn palette(&self) -> Vec<u8> {
        let mut palette = self.learnt.color_map_rgb();
        palette.resize(256 * 3, 0);
        palette
    }

    fn indexed(&mut self, canvas: &Canvas) -> Vec<u8> {
        let width = canvas.width as usize;
        let mut indexed = Vec::with_capacity(canvas.pixels.len() / 4);
        for (i, pixel) in canvas.pixels.chunks_exact(4).enumerate() {
            let shift = BAYER[(i / width) % 4][(i % width) % 4];
            let near = |channel: u8| (i16::from(channel) + shift).clamp(0, 255) as usize >> 3;
            if pixel[3] < 128 {
                indexed.push(CLEAR);
                continue;
            }
            let cell = (near(pixel[0]) << 10) | (near(pixel[1]) << 5) | near(pixel[2]);
            let index = *self.cells[cell].get_or_insert_with(|| {
                let middle = |bits: usize| (((cell >> bits) & 31) << 3) as u8 | 4;
                let index = self.learnt.index_of(&[middle(10), middle(5), middle(0), 255]);
                u8::try_from(index).unwrap_or(0).min(CLEAR - 1)
            });
            indexed.push(index);
        }
        indexed
    }
}
