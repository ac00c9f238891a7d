//! Images from pictures: the files as they are sent, the mask as each dialect reads masks.

use super::*;
use crate::doubles::Reply;
use atelier_domain::{
    fault::FaultClass,
    image::ReferenceUsage,
    reference::{Picture, References},
};
use image::{Rgba, RgbaImage};
use serde_json::json;
use std::path::Path;

fn kept(folder: &Path, name: &str, bytes: &[u8], mime: &str) -> Picture {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    Picture { path, mime: mime.into(), bytes: bytes.len() as u64, size: Size::new(64, 64) }
}

fn mask() -> Vec<u8> {
    let mut mask = RgbaImage::from_pixel(64, 64, Rgba([0, 0, 0, 255]));
    mask.put_pixel(0, 0, Rgba([0, 0, 0, 0]));
    let mut bytes = Cursor::new(Vec::new());
    mask.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn edit(images: Vec<Picture>, mask: Option<Picture>, markup: Option<Picture>) -> ImageSpec {
    let references = References { images, mask, markup, usage: ReferenceUsage::Subject, fidelity: None };
    ImageSpec { references: Some(references), size: Size::new(64, 64), ..spec() }
}

#[actix_rt::test]
async fn pictures_and_mask_arrive_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (picture(64, 64, ImageFormat::Png), picture(90, 30, ImageFormat::Jpeg));
    let images =
        vec![kept(folder.path(), "0", &first, "image/png"), kept(folder.path(), "1", &second, "image/jpeg")];
    let spec = edit(images, Some(kept(folder.path(), "m", &mask(), "image/png")), None);
    let answer = picture(64, 64, ImageFormat::Png);
    let upstream =
        Double::start(move |_| Reply::json(200, &json!({"data": [{"b64_json": b64(&answer)}]}))).await;
    World::new().images(spec, &upstream, "openai").await;
    let seen = upstream.only();
    assert_eq!(seen.path, "/v1/images/edits");
    let parts = seen.form().await;
    let files: Vec<_> = parts.iter().filter(|part| part.1.is_some()).collect();
    let names: Vec<_> =
        files.iter().map(|(name, file, _)| (name.as_str(), file.as_deref().unwrap())).collect();
    assert_eq!(names, [("image[]", "image-0.png"), ("image[]", "image-1.jpg"), ("mask", "mask.png")]);
    assert!(files[0].2 == first && files[1].2 == second && files[2].2 == mask());
    assert_eq!(seen.field("prompt").await.as_deref(), Some("a fox"));
    assert_eq!(seen.field("n").await.as_deref(), Some("1"));
}

#[actix_rt::test]
async fn a_mask_is_white_where_the_upstream_reads_it_so() {
    let folder = tempfile::tempdir().unwrap();
    let image = kept(folder.path(), "0", &picture(64, 64, ImageFormat::Png), "image/png");
    let spec = edit(vec![image], Some(kept(folder.path(), "m", &mask(), "image/png")), None);
    let answer = picture(64, 64, ImageFormat::Png);
    let upstream =
        Double::start(move |_| Reply::json(200, &json!({"data": [{"b64_json": b64(&answer)}]}))).await;
    World::new().images(spec, &upstream, "sd-server").await;
    let parts = upstream.only().form().await;
    let white = parts.iter().find(|part| part.0 == "mask").unwrap();
    let white = image::load_from_memory(&white.2).unwrap().into_luma8();
    assert_eq!((white.get_pixel(0, 0).0, white.get_pixel(1, 0).0), ([255], [0]));
}

#[actix_rt::test]
async fn what_a_dialect_cannot_take_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let image = || kept(folder.path(), "0", &picture(64, 64, ImageFormat::Png), "image/png");
    let upstream = Double::start(|_| Reply::html(500)).await;
    for (spec, dialect) in [
        (edit(vec![image()], Some(image()), None), "vllm-omni"),
        (edit(vec![image()], None, Some(image())), "sglang"),
        (edit(vec![image()], None, None), "localai"),
    ] {
        let (fault, unknown) = World::new().fault(Task::Image(spec), &upstream, dialect).await;
        assert_eq!((fault.class, unknown), (FaultClass::Invalid, false), "{dialect}");
    }
    let gone = Picture { path: folder.path().join("gone"), ..image() };
    let (fault, _) = World::new().fault(Task::Image(edit(vec![gone], None, None)), &upstream, "openai").await;
    assert_eq!(fault.class, FaultClass::Internal);
    assert!(upstream.seen().is_empty());
}
