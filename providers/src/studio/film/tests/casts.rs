//! Films that show characters.

use super::*;

const SIZE: (u32, u32) = (640, 360);

fn figure(pixel: [u8; 3]) -> Figure {
    let mut portrait = Canvas::new(64, 64);
    portrait
        .pixels
        .chunks_exact_mut(4)
        .for_each(|cell| cell.copy_from_slice(&[pixel[0], pixel[1], pixel[2], 255]));
    portrait.mark_opaque();
    Figure { name: "Mia".into(), portrait }
}

/// What ffmpeg sees at the middle of the portrait of the figure of this number.
fn seen(frame: &[u8], number: u32) -> [u8; 3] {
    let (margin, side, gap) = (18, 72, 8);
    let (x, y) = (margin + number * (side + gap) + side / 2, margin + side / 2);
    let at = ((y * SIZE.0 + x) * 3) as usize;
    [frame[at], frame[at + 1], frame[at + 2]]
}

fn is_near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 24)
}

#[test]
fn whoever_is_in_the_cast_is_seen_in_every_shot_and_nobody_else() {
    let colours = [[220, 30, 180], [30, 200, 60]];
    let shot = |prompt: &str| Shot { seconds: 1.0, prompt: prompt.into() };
    let alone = Film { shots: vec![shot("dunes"), shot("a harbour")], ..film("two places", SIZE, 2) };
    let peopled = Film { cast: colours.map(figure).to_vec(), ..alone.clone() };
    let (alone, peopled) = (decoded(&made(&alone).mp4, SIZE), decoded(&made(&peopled).mp4, SIZE));
    for frame in [0, 23, 24, 47] {
        for (number, colour) in (0..).zip(colours) {
            let [with, without] = [&peopled, &alone].map(|frames| seen(&frames[frame], number));
            assert!(is_near(with, colour) && !is_near(without, colour), "{frame}: {with:?} {without:?}");
        }
    }
}

#[test]
fn a_given_first_frame_stays_as_it_is_before_the_cast_comes_in() {
    let picture = photograph(SIZE.0, SIZE.1);
    let basis = Basis::FirstFrame(picture.clone());
    let film = Film { basis, cast: vec![figure([220, 30, 180])], ..film("a rose garden", SIZE, 2) };
    let frames = decoded(&made(&film).mp4, SIZE);
    assert!(psnr(&frames[0], &opaque(&picture)) >= 32.0);
    assert!(is_near(seen(&frames[40], 0), [220, 30, 180]), "{:?}", seen(&frames[40], 0));
}
