//! Images, from words and from a picture.

use super::*;
use atelier_domain::{
    fault::FaultClass,
    image::ReferenceUsage,
    reference::{Picture, References},
};
use atelier_sim::upstream::{Behaviour, Course, Framing, Op, Outcome, Reason};
use image::ImageFormat;
use serde_json::json;

fn read(output: &Output) -> (u32, u32, ImageFormat) {
    let picture = image::load_from_memory(&output.bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (output.width, output.height));
    (output.width, output.height, image::guess_format(&output.bytes).unwrap())
}

#[actix_rt::test]
async fn images_come_in_the_number_size_and_format_that_were_asked_for() {
    let world = World::new();
    for (n, size, format, kind, wire) in [
        (1, (1024, 1024), OutputFormat::Png, ImageFormat::Png, (360, 360)),
        (2, (1792, 1024), OutputFormat::Jpeg, ImageFormat::Jpeg, (540, 360)),
        (4, (360, 540), OutputFormat::Webp, ImageFormat::WebP, (360, 540)),
    ] {
        let spec = ImageSpec { n, size: Size::new(size.0, size.1), format, ..image("a fox") };
        let outputs = world.made(Task::Image(spec)).await;
        assert_eq!(outputs.len(), n as usize);
        for output in &outputs {
            assert_eq!(read(output), (size.0, size.1, kind));
        }
        let sent = world.sent("/backend/video_gen");
        assert_eq!((&sent["width"], &sent["height"]), (&json!(wire.0), &json!(wire.1)));
        assert_eq!((&sent["operation"], &sent["n_variants"]), (&json!("simple_compose"), &json!(n)));
    }
    assert_eq!(world.upstream.book().prompt("a fox").accepted, 3);
}

#[actix_rt::test]
async fn an_image_is_made_from_a_picture_that_is_sent_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    image::RgbImage::from_pixel(64, 48, image::Rgb([200, 10, 10])).save(&path).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let picture = Picture { path, mime: "image/jpeg".into(), bytes, size: Size::new(64, 48) };
    let references = References {
        images: vec![picture],
        mask: None,
        markup: None,
        usage: ReferenceUsage::Subject,
        fidelity: None,
    };
    let world = World::new();
    let outputs =
        world.made(Task::Image(ImageSpec { references: Some(references), ..image("at night") })).await;
    assert_eq!(read(&outputs[0]).0, 1024);
    let sent = world.sent("/backend/video_gen");
    assert_eq!(sent["operation"], "remix");
    assert_eq!(sent["inpaint_items"][0]["upload_media_id"], "media_00000001");
    assert_eq!(world.sent("/backend/uploads")["file"], format!("image/jpeg of {bytes} bytes"));
    assert_eq!(world.account().book().accepted(Op::Upload), 1);
}

#[actix_rt::test]
async fn progress_is_told_and_a_failed_task_is_what_it_failed_of() {
    let world = World::new();
    let handle = world.begin(Task::Image(image("a fox"))).await;
    let Polled::Pending { progress, .. } = world.poll(Task::Image(image("a fox")), &handle).await else {
        panic!()
    };
    assert_eq!(progress, Some(33));
    for (message, class) in [
        ("This content may violate our guardrails.", FaultClass::Content),
        ("internal error", FaultClass::JobLost),
        ("The picture could not be understood.", FaultClass::Invalid),
    ] {
        let course = Course { end: Outcome::Failed, message: message.into(), ..Course::default() };
        world.account().script(Op::SubmitImage, [Behaviour::Job(course)]);
        let handle = world.begin(Task::Image(image("b"))).await;
        match world.end(Task::Image(image("b")), &handle).await {
            Polled::Failed(fault) => assert_eq!(fault.class, class, "{message}"),
            other => panic!("{}", super::super::polled(&other)),
        }
    }
}

#[actix_rt::test]
async fn troubles_on_the_way_start_nothing_anew_and_end_nothing() {
    let world = World::new();
    let task = Task::Image(image("a fox"));
    let handle = world.begin(task.clone()).await;
    for behaviour in [
        Behaviour::Refuse(Reason::Overloaded.into()),
        Behaviour::Refuse(Reason::BadGateway.into()),
        Behaviour::Html { status: 200 },
        Behaviour::ResetAfterBody,
    ] {
        world.account().script(Op::Poll, [behaviour]);
        assert!(matches!(world.poll(task.clone(), &handle).await, Polled::Unlearned(_)));
    }
    world.account().script(Op::File, [Behaviour::Cut { how: Framing::Length, percent: 30 }]);
    assert!(matches!(world.end(task.clone(), &handle).await, Polled::Unlearned(_)));
    assert_eq!(done(world.end(task, &handle).await).len(), 1);
    let submits = world.upstream.book().prompt("a fox");
    assert_eq!((submits.arrived, submits.accepted), (1, 1), "it was made twice");
}

#[actix_rt::test]
async fn what_is_no_picture_is_a_lost_job_and_no_crash() {
    let world = World::new();
    let task = Task::Image(image("a fox"));
    world.account().usually(Op::Poll, Behaviour::NotAnImage);
    let handle = world.begin(task.clone()).await;
    let Polled::Failed(fault) = world.end(task, &handle).await else { panic!() };
    assert_eq!(fault.class, FaultClass::JobLost);
    let svg = ImageSpec { format: OutputFormat::Svg, ..image("b") };
    let Submission::Rejected(fault) = world.submit(Task::Image(svg)).await else { panic!() };
    assert_eq!(fault.class, FaultClass::Invalid);
    assert_eq!(world.upstream.book().prompt("b").arrived, 0);
}
