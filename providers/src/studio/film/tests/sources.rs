//! Films made from films.

use super::{super::mp4::Index, *};
use std::io::Cursor;

const SIZE: (u32, u32) = (320, 192);

fn source() -> Reel {
    made(&film("mountains at night", SIZE, 2))
}

#[test]
fn a_remix_shows_its_source_in_another_light() {
    let source = source();
    let film =
        Film { basis: Basis::Remix(footage(&source.mp4)), ..film("an autumn forest, golden", SIZE, 3) };
    let (before, after) = (decoded(&source.mp4, SIZE), decoded(&made(&film).mp4, SIZE));
    assert_eq!(after.len(), 72);
    for frame in [0, 20, 40] {
        let (alike, apart) =
            (correlation(&before[frame], &after[frame]), distance(&before[frame], &after[frame]));
        assert!(alike > 0.6 && apart > 10.0, "{alike} {apart} at {frame}");
    }
    // It goes round: the third second is over the first.
    assert!(correlation(&before[5], &after[53]) > 0.6);
    assert!(
        correlation(
            &before[0],
            &decoded(&made(&super::film("an autumn forest, golden", SIZE, 1)).mp4, SIZE)[0]
        ) < 0.6
    );
}

#[test]
fn an_edit_keeps_length_motion_and_sound() {
    let source = source();
    let film = Film { basis: Basis::Edit(footage(&source.mp4)), ..film("make it green", SIZE, 9) };
    let reel = made(&film);
    let (before, after) = (decoded(&source.mp4, SIZE), decoded(&reel.mp4, SIZE));
    assert_eq!(after.len(), before.len());
    for (before, after) in before.iter().zip(&after).step_by(8) {
        assert!(correlation(before, after) > 0.75 && distance(before, after) > 5.0);
    }
    let [was, is] = [&source.mp4, &reel.mp4].map(|bytes| heard(bytes));
    let noise: f64 = was.iter().zip(&is).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let power: f64 = was.iter().map(|a| f64::from(*a).powi(2)).sum();
    assert!(was.len().abs_diff(is.len()) < 2048 && noise < power / 50.0, "{noise} of {power}");
}

#[test]
fn an_extension_keeps_the_coded_frames_of_its_source_and_goes_on_from_the_last() {
    let source = source();
    let film = Film { basis: Basis::Extension(footage(&source.mp4)), ..film("and flowers bloom", SIZE, 5) };
    let reel = made(&film);
    assert_eq!(reel.frames, 120);
    let units = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let index = Index::read(&mut Cursor::new(bytes)).unwrap();
        let place = |sample: &crate::studio::film::mp4::Sample| {
            sample.offset as usize..sample.offset as usize + sample.size as usize
        };
        index.video.samples.iter().map(|sample| bytes[place(sample)].to_vec()).collect()
    };
    assert!(units(&source.mp4)[..] == units(&reel.mp4)[..48]);
    let (before, after) = (decoded(&source.mp4, SIZE), decoded(&reel.mp4, SIZE));
    assert_eq!(after.len(), 120);
    assert!(before[..] == after[..48]);
    let step = distance(&after[47], &after[48]);
    assert!(step < 4.0, "a jump of {step} where it goes on");
    assert!(distance(&after[47], &after[119]) > 20.0);
}

#[test]
fn the_sound_of_an_extension_goes_on_without_a_click() {
    let source = source();
    let film = Film { basis: Basis::Extension(footage(&source.mp4)), ..film("and flowers bloom", SIZE, 4) };
    let (was, is) = (heard(&source.mp4), heard(&made(&film).mp4));
    let jump = |sound: &[f32]| sound.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
    assert!(jump(&is[90_000..102_000]) < jump(&was) * 2.0 + 0.01);
    let power = |sound: &[f32]| sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32;
    assert!(power(&is[120_000..160_000]) > 1e-5, "the new part is silent");
    let noise: f32 = was[..80_000].iter().zip(&is).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / 80_000.0;
    assert!(noise < power(&was[..80_000]) / 20.0, "the old part is not what it was");
}

#[test]
fn an_extension_in_another_size_keeps_what_was_to_be_seen() {
    let source = source();
    let size = (160, 96);
    let film = Film { basis: Basis::Extension(footage(&source.mp4)), ..film("and flowers bloom", size, 3) };
    let (before, after) = (decoded(&source.mp4, SIZE), decoded(&made(&film).mp4, size));
    assert_eq!(after.len(), 72);
    for frame in [0, 25, 47] {
        let whole = image::RgbImage::from_raw(SIZE.0, SIZE.1, before[frame].clone()).unwrap();
        let small = image::imageops::resize(&whole, size.0, size.1, image::imageops::FilterType::Triangle);
        let same = psnr(small.as_raw(), &after[frame]);
        assert!(same > 28.0, "{same} dB at {frame}");
    }
}

#[test]
fn an_extension_that_would_not_be_longer_is_refused() {
    let source = source();
    let film = Film { basis: Basis::Extension(footage(&source.mp4)), ..film("x", SIZE, 2) };
    let fonts = FontBook::new(Vec::new()).unwrap();
    let refused = shoot(&film, &fonts, &|_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(FilmError::NothingToAdd { .. })));
}

/// The left channel of a file, decoded by ffmpeg.
fn heard(bytes: &[u8]) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, bytes).unwrap();
    let arguments = [
        "-v",
        "warning",
        "-i",
        path.to_str().unwrap(),
        "-map",
        "0:a",
        "-af",
        "channelsplit=channel_layout=stereo:channels=FL",
        "-f",
        "f32le",
        "-",
    ];
    let output = run("ffmpeg", &arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    output.stdout.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
