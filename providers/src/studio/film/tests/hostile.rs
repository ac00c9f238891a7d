//! Files that are no videos, or not any more: always an error, never a panic, and never much memory.

use super::*;

fn tried(bytes: &[u8]) -> Result<Canvas, FilmError> {
    still(&footage(bytes), 0.4)
}

fn chance(state: &mut u32) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    *state
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_or_read_as_far_as_it_goes() {
    let whole = made(&film("silk", (64, 64), 1)).mp4;
    for length in (0..whole.len()).step_by(whole.len() / 150) {
        match tried(&whole[..length]) {
            Ok(canvas) => assert_eq!((canvas.width, canvas.height), (64, 64)),
            Err(error) => assert!(matches!(error, FilmError::Footage { .. }), "{error:?}"),
        }
    }
    let data = whole.windows(4).position(|window| window == b"mdat").unwrap();
    assert!(tried(&whole[..data]).is_err() && tried(&whole[..data + 20]).is_err());
}

#[test]
fn bytes_that_are_changed_by_chance_do_no_harm() {
    let whole = made(&film("silk", (64, 64), 1)).mp4;
    let index = whole.windows(4).position(|window| window == b"mdat").unwrap();
    let mut state = 77;
    for round in 0..400 {
        let mut bytes = whole.clone();
        // Mostly in the index; some in the pictures.
        let end = if round % 4 == 0 { bytes.len() } else { index };
        for _ in 0..=chance(&mut state) % 8 {
            let place = chance(&mut state) as usize % end;
            bytes[place] = if round % 3 == 0 { 0xff } else { chance(&mut state) as u8 };
        }
        let _ = tried(&bytes);
        let _ = look(&footage(&bytes));
    }
}

#[test]
fn noise_and_other_files_are_refused() {
    let mut state = 5;
    for length in [0, 1, 7, 8, 9, 100, 65_536] {
        let noise: Vec<u8> = (0..length).map(|_| chance(&mut state) as u8).collect();
        assert!(matches!(tried(&noise), Err(FilmError::Footage { .. })));
        let zeros = vec![0; length];
        assert!(matches!(tried(&zeros), Err(FilmError::Footage { .. })));
    }
    let png = crate::studio::encode::encode(&photograph(32, 32), crate::studio::FileFormat::Png).unwrap();
    assert!(matches!(tried(&png), Err(FilmError::Footage { .. })));
    assert!(matches!(
        still(&Footage::File("/nonexistent/video.mp4".into()), 0.0),
        Err(FilmError::Footage { .. })
    ));
}

#[test]
fn boxes_that_lie_about_their_size_or_lie_in_each_other_without_end_are_refused() {
    let boxed =
        |kind: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
    let huge = [&1_u32.to_be_bytes()[..], b"moov", &u64::MAX.to_be_bytes()].concat();
    let large = [&0xffff_fff0_u32.to_be_bytes()[..], b"moov", &[0; 64]].concat();
    let mut nested = Vec::new();
    for _ in 0..20_000 {
        nested = boxed(b"trak", &boxed(b"moov", &nested));
        if nested.len() > 400_000 {
            break;
        }
    }
    let many = boxed(b"free", &[]).repeat(100_000);
    for bytes in [huge, large, boxed(b"moov", &nested), many] {
        assert!(matches!(tried(&bytes), Err(FilmError::Footage { .. })));
    }
}

#[test]
fn counts_in_the_index_are_claims_and_cost_nothing() {
    let whole = made(&film("silk", (64, 64), 1)).mp4;
    for kind in [b"stts", b"stsz", b"stsc", b"stco", b"stss", b"elst", b"stsd"] {
        let mut bytes = whole.clone();
        let places: Vec<_> =
            bytes.windows(4).enumerate().filter(|(_, w)| w == kind).map(|(at, _)| at).collect();
        for place in places {
            // After the kind: version and flags, then the count; a size for all samples comes before it in `stsz`.
            bytes[place + 8..place + 12].copy_from_slice(&[0xff; 4]);
            bytes[place + 12..place + 16].copy_from_slice(&[0xff; 4]);
        }
        let _ = tried(&bytes);
    }
}
