//! Films that begin with a picture.

use super::*;

const SIZE: (u32, u32) = (640, 360);

fn from(picture: &Canvas, size: (u32, u32)) -> Film {
    Film { basis: Basis::FirstFrame(picture.clone()), ..film("a rose garden", size, 2) }
}

#[test]
fn the_first_frame_is_the_given_picture_and_the_film_leaves_it() {
    let picture = photograph(SIZE.0, SIZE.1);
    let reel = made(&from(&picture, SIZE));
    let frames = decoded(&reel.mp4, SIZE);
    let given = opaque(&picture);
    let same = psnr(&frames[0], &given);
    assert!(same >= 32.0, "{same} dB");
    let [near, far] = [6, 47].map(|frame| distance(&frames[frame], &given));
    assert!(near > distance(&frames[0], &given) && far > near && far > 15.0, "{near} {far}");
    assert!(correlation(&frames[47], &given) > 0.1, "nothing is left of the picture");
    assert!(frames.windows(2).all(|pair| distance(&pair[0], &pair[1]) < 12.0), "it jumps");
}

#[test]
fn our_own_decoder_sees_the_same_first_frame() {
    let picture = photograph(SIZE.0, SIZE.1);
    let reel = made(&from(&picture, SIZE));
    let ours = still(&footage(&reel.mp4), 0.0).unwrap();
    assert!(psnr(&opaque(&ours), &opaque(&picture)) >= 32.0);
}

#[test]
fn a_picture_of_another_shape_is_cut_to_the_film() {
    let picture = photograph(900, 300);
    let frames = decoded(&made(&from(&picture, (128, 128))).mp4, (128, 128));
    let whole = image::RgbaImage::from_raw(900, 300, picture.pixels).unwrap();
    let middle = image::imageops::crop_imm(&whole, 300, 0, 300, 300).to_image();
    let fitted = image::imageops::resize(&middle, 128, 128, image::imageops::FilterType::Lanczos3);
    let fitted = image::DynamicImage::from(fitted).to_rgb8();
    assert!(psnr(&frames[0], fitted.as_raw()) >= 28.0, "{}", psnr(&frames[0], fitted.as_raw()));
}

#[test]
fn pictures_of_every_kind_are_read_the_right_way_up() {
    let picture = photograph(64, 48);
    for format in [
        crate::studio::FileFormat::Png,
        crate::studio::FileFormat::Webp,
        crate::studio::FileFormat::Jpeg(100),
    ] {
        let bytes = crate::studio::encode::encode(&picture, format).unwrap();
        let read = read_picture(&bytes).unwrap();
        assert!(psnr(&opaque(&read), &opaque(&picture)) > 35.0, "{format:?}");
    }
    // EXIF of a JPEG that lies on its side: orientation 6, turn right.
    let jpeg = crate::studio::encode::encode(&picture, crate::studio::FileFormat::Jpeg(90)).unwrap();
    let exif = b"\xff\xe1\x00\x22Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let turned = [&jpeg[..2], exif, &jpeg[2..]].concat();
    let read = read_picture(&turned).unwrap();
    assert_eq!((read.width, read.height), (48, 64));
}
