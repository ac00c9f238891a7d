//! Files: what is asked for is what ffprobe finds, for every length and shape.

use super::*;

fn check(film: &Film) {
    let reel = made(film);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, &reel.mp4).unwrap();
    let found = probed(&path);
    let (video, audio) = found.split_once("codec_name=aac").unwrap();
    let frames = film.seconds * 24;
    assert_eq!(reel.frames, frames);
    let width = format!("width={}", film.width);
    let height = format!("height={}", film.height);
    let count = format!("nb_read_frames={frames}");
    for wanted in ["codec_name=h264", &width, &height, "r_frame_rate=24/1", &count] {
        assert!(video.lines().any(|line| line == wanted), "no {wanted} in\n{found}");
    }
    for wanted in ["sample_rate=48000", "channels=2"] {
        assert!(audio.lines().any(|line| line == wanted), "no {wanted} in\n{found}");
    }
    for length in found.lines().filter_map(|line| line.strip_prefix("duration=")) {
        let length: f64 = length.parse().unwrap();
        assert!((length - f64::from(film.seconds)).abs() < 0.05, "{length} s of {}", film.seconds);
    }
    let place = |kind: &[u8]| reel.mp4.windows(4).position(|window| window == kind).unwrap();
    assert!(place(b"moov") < place(b"mdat"));
    assert!(reel.mp4.windows(6).any(|window| window == b"studio"), "it does not say what made it");
    let output = run("ffmpeg", &["-v", "warning", "-i", path.to_str().unwrap(), "-f", "null", "-"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn every_length_has_exactly_its_frames_and_its_sound() {
    for (i, seconds) in [4, 8, 10, 12, 15, 25, 16, 20].into_iter().enumerate() {
        check(&film("silk", if i % 2 == 0 { (96, 64) } else { (64, 96) }, seconds));
    }
}

#[test]
fn every_real_size_is_made_exactly() {
    for size in [(1280, 720), (720, 1280), (1792, 1024), (1024, 1792)] {
        check(&film("mountains at dusk", size, 4));
    }
}

#[test]
fn sizes_and_lengths_that_no_film_has_are_refused() {
    for size in [(0, 64), (30, 64), (65, 64), (64, 1922), (u32::MAX, 64)] {
        assert!(matches!(film("x", size, 4).check(), Err(FilmError::Size { .. })), "{size:?}");
    }
    for seconds in [0, 61, u32::MAX] {
        assert!(matches!(film("x", (64, 64), seconds).check(), Err(FilmError::Seconds { .. })));
    }
    check(&film("the smallest", (32, 34), 1));
}

#[test]
fn the_same_film_is_the_same_bytes_and_any_other_looks_different() {
    let base = film("a planet", (160, 96), 1);
    let reel = made(&base);
    assert!(reel == made(&base.clone()));
    let frames = decoded(&reel.mp4, (160, 96));
    let others = [
        Film { seed: Some(8), ..base.clone() },
        Film { model: "veo-3".into(), ..base.clone() },
        Film { style: Some("vintage".into()), ..base.clone() },
        Film { negative_prompt: Some("planet, night".into()), ..base.clone() },
        Film { prompt: "a planet with rings".into(), ..base.clone() },
    ];
    for other in &others {
        let seen = decoded(&made(other).mp4, (160, 96));
        assert!(distance(&frames[12], &seen[12]) > 4.0, "{other:?}: {}", distance(&frames[12], &seen[12]));
    }
}

#[test]
fn pictures_move_all_the_time_and_the_whole_way() {
    for prompt in ["dunes", "mountains", "planet", "silk", "mosaic", "flower"] {
        let film = Film { negative_prompt: Some("text".into()), ..film(prompt, (192, 108), 2) };
        let frames = decoded(&made(&film).mp4, (192, 108));
        assert!(distance(&frames[0], &frames[47]) > 4.0, "{prompt}: {}", distance(&frames[0], &frames[47]));
        for step in frames.windows(8).step_by(8) {
            assert!(distance(&step[0], &step[7]) > 0.4, "{prompt}: {}", distance(&step[0], &step[7]));
        }
    }
}

#[test]
fn shots_are_cut_at_the_exact_frame() {
    let shots = [(1.0, "dunes"), (0.5, "a planet"), (0.5, "a planet"), (9.0, "silk")];
    let shots = shots.map(|(seconds, prompt)| Shot { seconds, prompt: prompt.into() }).to_vec();
    let frames = decoded(&made(&Film { shots, ..film("unused", (160, 96), 3) }).mp4, (160, 96));
    assert_eq!(frames.len(), 72);
    for frame in 1..72 {
        let step = distance(&frames[frame - 1], &frames[frame]);
        let is_cut = [24, 36, 48].contains(&frame);
        assert!(is_cut == (step > 8.0), "{step} before frame {frame}");
    }
}

#[test]
fn progress_never_falls_and_a_break_ends_the_work_at_once() {
    let fonts = FontBook::new(Vec::new()).unwrap();
    let told = std::cell::RefCell::new(Vec::new());
    let film = film("x", (64, 64), 2);
    let keep = |step: Step| {
        told.borrow_mut().push(step.percent());
        ControlFlow::Continue(())
    };
    shoot(&film, &fonts, &keep).unwrap();
    let heard = told.borrow().clone();
    assert!(heard.is_sorted() && heard.len() > 48 && heard[0] == 0 && heard.last() == Some(&99));
    told.borrow_mut().clear();
    let stop = |step: Step| {
        told.borrow_mut().push(step.percent());
        if step.percent() < 50 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    assert!(matches!(shoot(&film, &fonts, &stop), Err(FilmError::Stopped)));
    assert_eq!(told.borrow().iter().filter(|percent| **percent >= 50).count(), 1);
}

#[test]
fn thumbnail_and_sheet_show_the_frames_that_they_should() {
    let reel = made(&film("flower", (320, 180), 2));
    let frames = decoded(&reel.mp4, (320, 180));
    let open = |bytes: &[u8], format| image::load_from_memory_with_format(bytes, format).unwrap().to_rgb8();
    let thumbnail = open(&reel.thumbnail, image::ImageFormat::WebP);
    assert_eq!(thumbnail.dimensions(), (320, 180));
    assert!(psnr(thumbnail.as_raw(), &frames[16]) > 30.0);
    let sheet = open(&reel.spritesheet, image::ImageFormat::Jpeg);
    assert_eq!(sheet.dimensions(), (256 * 5, 144 * 5));
    for cell in [0, 7, 24] {
        let tile = image::imageops::crop_imm(&sheet, cell % 5 * 256, cell / 5 * 144, 256, 144).to_image();
        let frame = image::RgbImage::from_raw(320, 180, frames[cell as usize * 48 / 25].clone()).unwrap();
        let small = image::imageops::resize(&frame, 256, 144, image::imageops::FilterType::Triangle);
        assert!(
            psnr(tile.as_raw(), small.as_raw()) > 25.0,
            "{cell}: {}",
            psnr(tile.as_raw(), small.as_raw())
        );
    }
}

#[test]
fn the_caption_is_on_every_frame_unless_text_is_unwanted() {
    let shown = film("Legible words", (256, 256), 1);
    let hidden = Film { negative_prompt: Some("text".into()), ..shown.clone() };
    let whites = |film: &Film, upper: bool| {
        let frame = &decoded(&made(film).mp4, (256, 256))[10];
        let half = if upper { &frame[..frame.len() / 2] } else { &frame[frame.len() / 2..] };
        half.chunks_exact(3).filter(|pixel| pixel.iter().all(|v| *v > 215)).count()
    };
    assert!(whites(&shown, false) > whites(&hidden, false) + 100);
    assert!(whites(&shown, true) > whites(&hidden, true) + 50, "the time code");
}
