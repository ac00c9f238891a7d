//! Films as others see them: `ffprobe` and `ffmpeg` look at every file that is made, and make those that are read. They are
//! needed, not wished for: without them these tests fail and say so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod casts;
mod files;
mod foreign;
mod hostile;
mod sources;
mod starts;

use super::{super::FontBook, *};
use std::{
    ops::ControlFlow,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

pub(super) fn film(prompt: &str, (width, height): (u32, u32), seconds: u32) -> Film {
    Film {
        prompt: prompt.into(),
        negative_prompt: None,
        model: "sora-2".into(),
        style: None,
        seed: Some(7),
        width,
        height,
        seconds,
        shots: Vec::new(),
        basis: Basis::Words,
        cast: Vec::new(),
    }
}

pub(super) fn made(film: &Film) -> Reel {
    let fonts = FontBook::new(Vec::new()).unwrap();
    shoot(film, &fonts, &|_| ControlFlow::Continue(())).unwrap()
}

pub(super) fn footage(bytes: &[u8]) -> Footage {
    Footage::Bytes(Arc::from(bytes))
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output
        .unwrap_or_else(|error| panic!("{program} is needed by this test ({error}): apt-get install ffmpeg"))
}

/// A file's streams and format as ffprobe tells them, `key=value` a line, frames counted by decoding.
fn probed(path: &Path) -> String {
    let wanted = "stream=codec_name,codec_type,width,height,r_frame_rate,nb_read_frames,duration,channels,sample_rate:format=duration";
    let output = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-count_frames",
            "-show_entries",
            wanted,
            "-of",
            "default=nw=1",
            path.to_str().unwrap(),
        ],
    );
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Every frame of a file in RGB, decoded by ffmpeg; none of its warnings is tolerated.
fn decoded(bytes: &[u8], size: (u32, u32)) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, bytes).unwrap();
    let output = run(
        "ffmpeg",
        &[
            "-v",
            "warning",
            "-i",
            path.to_str().unwrap(),
            "-map",
            "0:v",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-",
        ],
    );
    // About its own conversion to RGB, not about the file.
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said.lines().filter(|line| !line.contains("deprecated pixel format")).collect();
    assert!(said.is_empty(), "{said:?}");
    output.stdout.chunks_exact((size.0 * size.1 * 3) as usize).map(<[u8]>::to_vec).collect()
}

fn opaque(canvas: &Canvas) -> Vec<u8> {
    canvas.pixels.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec()).collect()
}

/// Peak signal to noise ratio of two pictures, in decibels.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let error: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / error.max(1e-9)).log10()
}

/// Mean difference of two pictures, per channel.
fn distance(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

/// How alike two pictures are in what is bright and what is dark: 1 for the same, 0 for strangers.
fn correlation(a: &[u8], b: &[u8]) -> f64 {
    let luma = |rgb: &[u8]| -> Vec<f64> {
        rgb.chunks_exact(3)
            .map(|p| 0.2126 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[2]))
            .collect()
    };
    let (a, b) = (luma(a), luma(b));
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(&b).map(|(a, b)| f(a - mean_a, b - mean_b)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// A picture as detailed as a photograph: broad light, soft edges, leaves and grain, in colour.
fn photograph(width: u32, height: u32) -> Canvas {
    let mut canvas = Canvas::new(width, height);
    let mut state = 1_u32;
    for (i, pixel) in canvas.pixels.chunks_exact_mut(4).enumerate() {
        let (x, y) = ((i as u32 % width) as f32, (i as u32 / width) as f32);
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = (state >> 24) as f32 / 255.0 - 0.5;
        let light = 120.0 + 60.0 * (x / 97.0).sin() + 40.0 * (y / 61.0 + x / 211.0).cos();
        let leaves =
            22.0 * (x * 0.41 + (y * 0.13).sin() * 3.0).sin() * (y * 0.37 + (x * 0.11).cos() * 2.0).cos();
        let edge = if (x - y * 0.7).rem_euclid(180.0) < 70.0 { 25.0 } else { -15.0 };
        let tone = light + leaves + edge + 14.0 * grain;
        let hue = (x / 300.0 + y / 170.0).sin();
        let colour = [tone + 26.0 * hue, tone, tone - 30.0 * hue + 8.0];
        for (channel, value) in pixel.iter_mut().zip(colour) {
            *channel = value.clamp(0.0, 255.0) as u8;
        }
        pixel[3] = 255;
    }
    canvas.mark_opaque();
    canvas
}
