//! Pictures: every model, every form of an answer, references, and several at once.

use super::*;
use atelier_domain::fault::{FaultClass, FaultScope};
use atelier_sim::upstream::{Answer, Behaviour, Reason};

fn decoded(output: &Output) -> (u32, u32) {
    let read = image::load_from_memory(&output.bytes).unwrap();
    (read.width(), read.height())
}

#[actix_rt::test]
async fn every_model_makes_a_picture_of_exactly_what_was_asked_whatever_its_answers_look_like() {
    let world = World::new();
    for (token, model, size) in [
        (FIRST, "gpt-image-2", (1024, 1024)),
        (FIRST, "gpt-image-2", (1536, 1024)),
        (FIRST, "nano-banana-3", (1024, 1024)),
        (FIRST, "gemini-2.5", (1280, 720)),
        (FIRST, "flux:fluxPro", (1024, 768)),
        (FIRST, "gpt-image-2", (720, 1280)),
        (MACHINE, "firefly-image-4", (1024, 1024)),
        (MACHINE, "firefly-image-3", (1344, 768)),
    ] {
        let task = Task::Image(ImageSpec { size: Size::new(size.0, size.1), ..image(model) });
        let outputs = world.outputs(token, &task).await;
        assert_eq!(outputs.len(), 1, "{model}");
        assert_eq!((decoded(&outputs[0]), outputs[0].mime), (size, "image/png"), "{model}");
    }
    let files = world.seen("/files/");
    assert!(!files.is_empty() && files.iter().all(|file| !file.headers.contains_key("authorization")));
}

#[actix_rt::test]
async fn several_pictures_are_several_submits_of_the_web_and_few_of_services() {
    let world = World::new();
    let task = Task::Image(ImageSpec { n: 3, ..image("gpt-image-2") });
    assert_eq!(world.outputs(FIRST, &task).await.len(), 3);
    assert_eq!(world.count(FIRST, Op::SubmitImage), (3, 3));
    let seeds: Vec<_> =
        world.seen("/v2/3p-images").iter().map(|seen| seen.fields["seeds"].to_string()).collect();
    assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2], "{seeds:?}");
    let task = Task::Image(ImageSpec { n: 6, ..image("firefly-image-3") });
    assert_eq!(world.outputs(MACHINE, &task).await.len(), 6);
    assert_eq!(world.count(MACHINE, Op::SubmitImage), (2, 2));
}

#[actix_rt::test]
async fn what_is_begun_in_part_goes_on_smaller_and_is_not_begun_again() {
    for trouble in [
        Behaviour::Refuse(Reason::InsufficientQuota.into()),
        Behaviour::Refuse(Reason::RateLimited.into()),
        Behaviour::AcceptThenReset,
        Behaviour::Html { status: 502 },
    ] {
        let world = World::new();
        let script = [Behaviour::Ok, trouble.clone()];
        world.upstream.account(FIRST).script(Op::SubmitImage, script);
        let task = Task::Image(ImageSpec { n: 4, ..image("gpt-image-2") });
        assert_eq!(world.outputs(FIRST, &task).await.len(), 1, "{trouble:?}");
        assert_eq!(world.count(FIRST, Op::SubmitImage).0, 2, "{trouble:?}: it went on submitting");
    }
}

#[actix_rt::test]
async fn references_are_taken_there_by_each_account_anew() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let images = vec![picture(folder.path(), "a.png", (64, 48)), picture(folder.path(), "b.gif", (32, 32))];
    let spec = ImageSpec { references: Some(references(images)), n: 2, ..image("gpt-image-2") };
    let task = Task::Image(spec);
    world.upstream.account(FIRST).script(Op::SubmitImage, [Behaviour::Refuse(Reason::RateLimited.into())]);
    assert_eq!(world.fault(FIRST, &task).await.0.class, FaultClass::RateLimited);
    assert_eq!(world.outputs(SECOND, &task).await.len(), 2);
    for token in [FIRST, SECOND] {
        assert_eq!(world.count(token, Op::Upload), (2, 2), "{token}");
    }
    let mimes: Vec<_> =
        world.seen("/v2/storage").iter().map(|seen| seen.fields["body"].to_string()).collect();
    assert!(mimes[0].contains("image/png") && mimes[1].contains("image/jpeg"), "{mimes:?}");
}

fn refused(status: u16) -> Behaviour {
    let json =
        Some(serde_json::json!({ "error_code": "validation_error", "message": "referenceBlobs: wrong" }));
    Behaviour::Answer(Answer { status, headers: Default::default(), json, text: String::new() })
}

#[actix_rt::test]
async fn another_form_of_references_is_tried_only_where_one_was_found_malformed() {
    let folder = tempfile::tempdir().unwrap();
    let given = references(vec![picture(folder.path(), "a.png", (64, 48))]);
    let task = Task::Image(ImageSpec { references: Some(given), ..image("gpt-image-2") });
    let world = World::new();
    world.upstream.account(FIRST).script(Op::SubmitImage, [refused(422), refused(400)]);
    assert_eq!(world.outputs(FIRST, &task).await.len(), 1);
    assert_eq!(world.count(FIRST, Op::SubmitImage), (3, 1));
    let last = world.seen("/v2/3p-images").pop().unwrap();
    assert!(last.fields["referenceImages"].to_string().contains("localBlobRef"), "{last:?}");
    for reason in
        [Reason::RateLimited, Reason::Timeout, Reason::ModerationBlocked, Reason::BadKey, Reason::ServerError]
    {
        let world = World::new();
        world.upstream.account(FIRST).script(Op::SubmitImage, [Behaviour::Refuse(reason.into())]);
        world.fault(FIRST, &task).await;
        assert_eq!(world.count(FIRST, Op::SubmitImage).0, 1, "{reason:?}: one refusal became several");
    }
}

#[actix_rt::test]
async fn what_is_not_made_is_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    let many = |n| references((0..n).map(|k| picture(folder.path(), &format!("{k}.png"), (8, 8))).collect());
    for (token, spec, class) in [
        (FIRST, ImageSpec { format: OutputFormat::Svg, ..image("gpt-image-2") }, FaultClass::NotEntitled),
        (FIRST, ImageSpec { references: Some(many(7)), ..image("gpt-image-2") }, FaultClass::NotEntitled),
        (
            MACHINE,
            ImageSpec { references: Some(many(2)), ..image("firefly-image-4") },
            FaultClass::NotEntitled,
        ),
        (FIRST, image("gpt-image-2.5-flare"), FaultClass::ModelGone),
        (MACHINE, image("gpt-image-2"), FaultClass::ModelGone),
        (MACHINE, ImageSpec { prompt: "x".repeat(1025), ..image("firefly-image-4") }, FaultClass::Invalid),
    ] {
        let (fault, is_unknown) = world.fault(token, &Task::Image(spec)).await;
        assert_eq!((fault.class, is_unknown), (class, false), "{fault:?}");
        assert!(class != FaultClass::NotEntitled || fault.scope == FaultScope::Request, "{fault:?}");
    }
    assert_eq!(world.upstream.book().requests, 0);
}
