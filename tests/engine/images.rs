//! Images in every dialect.

use super::*;
use atelier_domain::{
    image::ReferenceUsage,
    reference::{Picture, References},
};
use atelier_sim::upstream::{Behaviour, Op};
use image::ImageFormat;

fn read(output: &Output) -> (u32, u32, ImageFormat) {
    let picture = image::load_from_memory(&output.bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (output.width, output.height));
    (output.width, output.height, image::guess_format(&output.bytes).unwrap())
}

#[actix_rt::test]
async fn every_dialect_makes_images_of_any_size_and_format_exactly_as_asked() {
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        for (n, size, format, kind) in [
            (1, (1024, 1024), OutputFormat::Png, ImageFormat::Png),
            (2, (1000, 700), OutputFormat::Jpeg, ImageFormat::Jpeg),
            (1, (256, 512), OutputFormat::Webp, ImageFormat::WebP),
        ] {
            let spec = ImageSpec { n, size: Size::new(size.0, size.1), format, ..world.image("a fox") };
            let outputs = world.images(spec).await;
            assert_eq!(outputs.len(), n as usize, "{name}");
            for output in &outputs {
                assert_eq!(read(output), (size.0, size.1, kind), "{name}");
            }
        }
        let submits = world.upstream.book().prompt("a fox");
        assert_eq!((submits.arrived, submits.accepted), (3, 3), "{name}");
    }
}

#[actix_rt::test]
async fn every_dialect_that_edits_takes_several_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let picture = image::RgbImage::from_pixel(64, 48, image::Rgb([200, 10, 10]));
    let path = folder.path().join("a.png");
    picture.save(&path).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let picture = Picture { path, mime: "image/png".into(), bytes, size: Size::new(64, 48) };
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        let images = vec![picture.clone(), picture.clone()];
        let references =
            References { images, mask: None, markup: None, usage: ReferenceUsage::Subject, fidelity: None };
        let spec =
            ImageSpec { references: Some(references), size: Size::new(64, 48), ..world.image("a fox") };
        match world.submit(Task::Image(spec)).await {
            Submission::Done(outputs) => assert_eq!(read(&outputs[0]), (64, 48, ImageFormat::Png), "{name}"),
            Submission::Rejected(fault) if dialect == Dialect::Localai => {
                assert!(fault.message.contains("reference"))
            }
            other => panic!("{name}: {}", submitted(&other)),
        }
    }
}

#[actix_rt::test]
async fn previews_come_where_the_dialect_has_them() {
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        let outputs = world.images(ImageSpec { partial_images: 2, ..world.image("a fox") }).await;
        assert_eq!(read(&outputs[0]), (1024, 1024, ImageFormat::Png), "{name}");
        let is_preview = |event: &&EngineEvent| matches!(event, EngineEvent::Partial { .. });
        let previews = world.seen.lock().unwrap().iter().filter(is_preview).count();
        let expected =
            if matches!(dialect, Dialect::Openai | Dialect::Azure | Dialect::Relay) { 2 } else { 0 };
        assert_eq!(previews, expected, "{name}");
    }
}

#[actix_rt::test]
async fn an_image_of_another_size_or_behind_a_link_is_made_into_what_was_asked() {
    let world = World::of(Dialect::Relay);
    let account = world.upstream.account(KEY);
    account.script(Op::SubmitImage, [Behaviour::WrongSize { size: (640, 480) }]);
    assert_eq!(read(&world.images(world.image("a fox")).await[0]), (1024, 1024, ImageFormat::Png));
}
