//! Previews while an image is made.

use super::*;
use crate::doubles::Reply;
use atelier_domain::{engine::TokenUsage, fault::FaultClass};
use serde_json::{Value, json};

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn previews(count: u8) -> ImageSpec {
    ImageSpec { partial_images: count, size: Size::new(64, 64), ..spec() }
}

fn preview(index: u8, width: u32) -> String {
    let bytes = b64(&picture(width, width, ImageFormat::Png));
    let data =
        json!({"type": "image_generation.partial_image", "partial_image_index": index, "b64_json": bytes});
    event("image_generation.partial_image", &data)
}

fn completed() -> String {
    let bytes = b64(&picture(64, 64, ImageFormat::Png));
    let usage = json!({"input_tokens": 5, "output_tokens": 7});
    event(
        "image_generation.completed",
        &json!({"type": "image_generation.completed", "b64_json": bytes, "usage": usage}),
    )
}

#[actix_rt::test]
async fn previews_are_reported_as_they_come_in_the_asked_format_and_size() {
    // The second one has another size, and in between is a page that is no picture.
    let broken = event(
        "image_generation.partial_image",
        &json!({"type": "image_generation.partial_image", "partial_image_index": 9, "b64_json": "eHg="}),
    );
    let stream = [
        ": ping\n\n".to_owned(),
        preview(0, 64),
        broken,
        preview(1, 32),
        completed(),
        "data: [DONE]\n\n".to_owned(),
    ];
    let upstream = Double::start(move |_| Reply::events(&stream)).await;
    let world = World::new();
    let outputs = world.images(previews(2), &upstream, "openai").await;
    assert_eq!(outputs[0].usage, Some(TokenUsage { input_text: 5, input_image: 0, output: 7 }));
    let sent = upstream.only().json();
    assert_eq!((&sent["stream"], &sent["partial_images"]), (&json!(true), &json!(2)));
    let seen = world.seen.lock().unwrap();
    let seen: Vec<_> = seen
        .iter()
        .map(|event| match event {
            EngineEvent::Partial { output, index, bytes } => Some((*output, *index, read(bytes))),
            EngineEvent::Made => None,
            EngineEvent::Progress(_) => panic!("no progress is known"),
        })
        .collect();
    let preview = |index| Some((0, index, (64, 64, ImageFormat::Png)));
    assert_eq!(seen, [preview(0), preview(1), None], "then it is made");
}

#[actix_rt::test]
async fn an_upstream_that_does_not_stream_after_all_is_understood() {
    let answer = json!({"data": [{"b64_json": b64(&picture(64, 64, ImageFormat::Png))}]});
    let upstream = Double::start(move |_| Reply::json(200, &answer)).await;
    let world = World::new();
    assert_eq!(world.images(previews(2), &upstream, "relay").await.len(), 1);
    let seen = world.seen.lock().unwrap();
    assert!(seen.iter().all(|event| *event == EngineEvent::Made), "{seen:?}");
}

#[actix_rt::test]
async fn a_stream_that_ends_badly_is_the_fault_that_it_is() {
    let error = json!({"type": "error", "error": {"code": "moderation_blocked", "message": "safety system"}});
    let busy = json!({"error": {"type": "server_error", "code": "server_error", "message": "sorry"}});
    for (stream, class) in [
        (vec![preview(0, 64), event("error", &error)], FaultClass::Content),
        (vec![event("error", &busy)], FaultClass::Overloaded),
        (vec![preview(0, 64)], FaultClass::UnknownOutcome),
        (vec!["data: nonsense\n\n".to_owned(), "data: [DONE]\n\n".to_owned()], FaultClass::UnknownOutcome),
        (
            vec![event("image_generation.completed", &json!({"type": "image_generation.completed"}))],
            FaultClass::JobLost,
        ),
    ] {
        let upstream = Double::start(move |_| Reply::events(&stream)).await;
        let (fault, unknown) = World::new().fault(Task::Image(previews(1)), &upstream, "openai").await;
        assert_eq!((fault.class, unknown), (class, class == FaultClass::UnknownOutcome));
    }
}
