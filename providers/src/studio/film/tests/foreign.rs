//! Videos that others made.

use super::*;

/// Two seconds of ffmpeg's test picture at 30 frames a second with a tone, coded as told.
fn recorded(options: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    let inputs = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=320x180:r=30:d=2",
        "-f",
        "lavfi",
        "-i",
        "sine=440:d=2:r=44100",
    ];
    let output = run("ffmpeg", &[&inputs, options, &["-y", path.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, path)
}

const X264: [&str; 4] = ["-c:v", "libx264", "-pix_fmt", "yuv420p"];

#[test]
fn frames_at_any_moment_are_those_that_ffmpeg_shows() {
    let kinds: [&[&str]; 5] = [
        &["-profile:v", "baseline", "-c:a", "aac"],
        &["-profile:v", "main", "-bf", "2", "-g", "25", "-c:a", "aac"],
        &["-profile:v", "high", "-bf", "3", "-c:a", "aac", "-movflags", "+faststart"],
        &["-profile:v", "high", "-preset", "slow", "-an"],
        &[
            "-profile:v",
            "main",
            "-x264-params",
            "bframes=3:b-pyramid=none:keyint=10",
            "-c:a",
            "aac",
            "-vf",
            "scale=out_range=full:out_color_matrix=bt601,format=yuvj420p",
            "-color_range",
            "pc",
            "-colorspace",
            "bt470bg",
            "-color_primaries",
            "bt470bg",
            "-color_trc",
            "smpte170m",
            "-movflags",
            "+write_colr",
        ],
    ];
    for options in kinds {
        let (_folder, path) = recorded(&[&X264[..], options].concat());
        let frames = decoded(&std::fs::read(&path).unwrap(), (320, 180));
        assert_eq!(frames.len(), 60, "{options:?}");
        let facts = look(&Footage::File(path.clone())).unwrap();
        assert!((facts.seconds - 2.0).abs() < 0.02 && (facts.width, facts.height) == (320, 180), "{facts:?}");
        assert_eq!(facts.has_sound, options.contains(&"aac"), "{options:?}");
        for frame in [0, 1, 2, 3, 17, 30, 58, 59] {
            let seen = still(&Footage::File(path.clone()), frame as f64 / 30.0).unwrap();
            let same = psnr(&opaque(&seen), &frames[frame]);
            let other = psnr(&opaque(&seen), &frames[if frame == 0 { 5 } else { frame - 1 }]);
            assert!(
                same > 26.0 && same > other,
                "{options:?}, frame {frame}: {same} dB, its neighbour {other} dB"
            );
        }
        let late = still(&Footage::File(path), 99.0).unwrap();
        assert!(psnr(&opaque(&late), &frames[59]) > 26.0);
    }
}

#[test]
fn a_video_of_another_rate_size_and_coding_can_be_a_source() {
    let (_folder, path) = recorded(&[&X264[..], &["-profile:v", "high", "-bf", "2", "-c:a", "aac"]].concat());
    let source = Footage::File(path.clone());
    let remix = made(&Film { basis: Basis::Remix(source.clone()), ..film("golden dunes", (160, 160), 1) });
    assert_eq!(decoded(&remix.mp4, (160, 160)).len(), 24);
    let edit = made(&Film { basis: Basis::Edit(source.clone()), ..film("golden dunes", (320, 180), 1) });
    assert_eq!(decoded(&edit.mp4, (320, 180)).len(), 48);
    let longer = made(&Film { basis: Basis::Extension(source), ..film("golden dunes", (320, 180), 4) });
    let frames = decoded(&longer.mp4, (320, 180));
    assert_eq!(frames.len(), 96);
    let before = decoded(&std::fs::read(&path).unwrap(), (320, 180));
    for frame in [0, 12, 36] {
        let same = psnr(&frames[frame], &before[frame * 30 / 24]);
        assert!(same > 26.0, "{same} dB at {frame}");
    }
}

#[test]
fn a_video_of_a_phone_held_upright_stands_upright() {
    let (folder, flat) = recorded(&[&X264[..], &["-an"]].concat());
    let path = folder.path().join("upright.mp4");
    for (turn, size) in [("90", (180, 320)), ("180", (320, 180)), ("270", (180, 320))] {
        let tag = format!("rotate={turn}");
        let (flat, path) = (flat.to_str().unwrap(), path.to_str().unwrap());
        let arguments = ["-v", "error", "-y", "-i", flat, "-c", "copy", "-metadata:s:v:0", &tag, path];
        assert!(run("ffmpeg", &arguments).status.success());
        let frames = decoded(&std::fs::read(path).unwrap(), size);
        let seen = still(&Footage::File(path.into()), 0.5).unwrap();
        assert_eq!((seen.width, seen.height), size, "{turn}");
        assert!(psnr(&opaque(&seen), &frames[15]) > 26.0, "{turn}");
    }
}

#[test]
fn what_cannot_be_decoded_is_told_by_name() {
    let kinds: [(&[&str], &str); 5] = [
        (&["-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none"], "HEVC"),
        (&["-c:v", "libx264", "-pix_fmt", "yuv422p"], "High 4:2:2"),
        (&["-c:v", "libx264", "-pix_fmt", "yuv420p10le"], "High 10"),
        (&["-c:v", "mpeg4"], "MPEG-4 part 2"),
        (&["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+frag_keyframe+empty_moov"], "fragmented"),
    ];
    for (options, name) in kinds {
        let (_folder, path) = recorded(options);
        match still(&Footage::File(path), 0.5) {
            Err(FilmError::Footage { reason, .. }) => assert!(reason.contains(name), "{options:?}: {reason}"),
            other => panic!("{options:?}: {other:?}"),
        }
    }
}

#[test]
fn a_video_of_any_coding_says_its_size_and_length() {
    let kinds: [(&[&str], f64); 4] = [
        (&["-c:v", "libx265", "-pix_fmt", "yuv420p", "-x265-params", "log-level=none"], 2.0),
        (&["-c:v", "mpeg4"], 2.0),
        (&["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "3"], 2.0),
        (&["-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+frag_keyframe+empty_moov"], 0.0),
    ];
    for (options, seconds) in kinds {
        let (_folder, path) = recorded(options);
        let facts = outline(&Footage::File(path)).unwrap();
        assert_eq!((facts.width, facts.height), (320, 180), "{options:?}");
        assert!((facts.seconds - seconds).abs() < 0.05, "{options:?}: {facts:?}");
    }
}

#[test]
fn stills_of_a_video_that_was_made_elsewhere_are_its_frames() {
    let (_folder, path) = recorded(&[&X264[..], &["-profile:v", "high", "-bf", "3", "-c:a", "aac"]].concat());
    let frames = decoded(&std::fs::read(&path).unwrap(), (320, 180));
    let (thumbnail, sheet) = stills(&Footage::File(path)).unwrap();
    let thumbnail = image::load_from_memory(&thumbnail).unwrap().into_rgb8();
    assert_eq!(thumbnail.dimensions(), (320, 180));
    assert!(psnr(&thumbnail, &frames[20]) > 26.0, "the thumbnail is not the frame at a third");
    let sheet = image::load_from_memory(&sheet).unwrap();
    assert_eq!((sheet.width(), sheet.height()), (256 * 5, 144 * 5));
    for cell in [0, 12, 24] {
        let tile = sheet.crop_imm(256 * (cell % 5), 144 * (cell / 5), 256, 144).into_rgb8();
        let wanted = |frame: usize| {
            let frame = image::RgbImage::from_raw(320, 180, frames[frame].clone()).unwrap();
            image::imageops::resize(&frame, 256, 144, image::imageops::FilterType::Triangle)
        };
        let at = cell as usize * 60 / 25;
        let (same, other) = (psnr(&tile, &wanted(at)), psnr(&tile, &wanted((at + 25) % 60)));
        assert!(same > 22.0 && same > other, "cell {cell}: {same} dB, another frame {other} dB");
    }
}
