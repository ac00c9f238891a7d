//! Server-sent events as SDKs demand them: previews, then one `completed` per picture, errors that raise, heartbeats.

use crate::support::{
    App,
    answers::{ended, small_with},
    pictures::{bytes_of, decoded},
};
use atelier_sim::client::{Call, header};
use image::ImageFormat;
use serde_json::{Value, json};
use std::time::Duration;

/// The events of a stream: name and data. What breaks SDKs fails the test.
fn events(text: &str) -> Vec<(String, Value)> {
    assert!(text.ends_with("\n\n"), "Python loses an event that no blank line follows");
    let mut events = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        if block.lines().all(|line| line.starts_with(':')) {
            continue;
        }
        let mut lines = block.lines();
        let name = lines.next().unwrap().strip_prefix("event: ").expect("an event begins with its name");
        let data = lines.next().unwrap().strip_prefix("data: ").expect("then comes its data");
        assert_eq!(lines.next(), None, "id: and retry: lines break Python: {block}");
        events.push((name.to_owned(), serde_json::from_str(data).unwrap()));
    }
    events
}

fn streamed(app: &App, prompt: &str, more: Value) -> Call {
    let mut body = small_with(prompt, more);
    body["stream"] = true.into();
    // What SDKs send: they never ask for text/event-stream.
    app.client().post("/v1/images/generations", &body).header("accept", "application/json")
}

#[actix_rt::test]
async fn previews_come_first_and_every_picture_is_completed_once() {
    let app = App::start().await;
    let answer = streamed(&app, "a tower", json!({ "partial_images": 2, "n": 2 })).send().await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert!(answer.header("x-job-id").is_some());
    let events = events(&answer.text());
    let names: Vec<_> = events.iter().map(|(name, _)| name.trim_start_matches("image_generation.")).collect();
    assert_eq!(names.iter().filter(|name| **name == "completed").count(), 2);
    assert_eq!(names.iter().filter(|name| **name == "partial_image").count(), 4);
    assert_eq!(&names[4..], ["completed"; 2], "previews come before the end: {names:?}");
    for (name, data) in &events {
        assert_eq!(data["type"], name.as_str());
        for key in ["size", "quality", "background", "output_format"] {
            assert!(data[key].is_string(), "{key} is required by strict clients: {data}");
        }
        assert!(data["created_at"].is_i64());
        decoded(&bytes_of(data), ImageFormat::Png, (256, 256));
    }
    let indexes: Vec<_> =
        events.iter().filter_map(|(_, data)| data["partial_image_index"].as_u64()).collect();
    assert!(indexes.iter().all(|index| *index < 2), "{indexes:?}");
    let usage = &events.last().unwrap().1["usage"];
    assert!(
        usage["input_tokens_details"]["text_tokens"].is_u64() && usage["total_tokens"].is_u64(),
        "{usage}"
    );
    app.finish().await;
}

#[actix_rt::test]
async fn a_failure_after_the_headers_is_an_event_that_raises() {
    let app = App::start().await;
    let answer = streamed(&app, "[[fault:content]]", json!({})).send().await.unwrap();
    assert_eq!(answer.status, 200);
    let events = events(&answer.text());
    assert_eq!(events.len(), 1);
    let (name, data) = &events[0];
    assert_eq!((name.as_str(), &data["type"]), ("error", &json!("error")));
    assert_eq!(data["error"]["code"], "content_policy_violation");
    for key in ["message", "type", "param", "code"] {
        assert!(data["error"].get(key).is_some(), "{data}");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn what_is_wrong_before_the_job_is_a_plain_error() {
    let app = App::start().await;
    let answer = streamed(&app, "a", json!({ "size": "1x1" })).send().await.unwrap();
    crate::support::expect_error(&answer, 422, "bad_size");
    app.finish().await;
}

/// Proxies break silent connections; SDKs understand comments and nothing else between events.
#[actix_rt::test]
async fn a_long_job_sends_heartbeats() {
    let app = App::start().await;
    let answer = streamed(&app, "[[delay:10500]] slow", json!({})).send().await.unwrap();
    let text = answer.text();
    assert!(text.contains("\n\n: hb\n\n"), "no heartbeat in 10 s: {}", &text[..text.len().min(200)]);
    assert_eq!(events(&text).len(), 1);
    app.finish().await;
}

#[actix_rt::test]
async fn a_client_that_leaves_finds_its_result_under_the_job() {
    let app = App::start().await;
    let call = streamed(&app, "[[delay:300]] later", json!({}));
    let reply = call.begin().await.unwrap();
    let id = header(&reply.headers, "x-job-id").unwrap().to_owned();
    drop(reply);
    let job = ended(&app.client(), &id).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    decoded(&bytes_of(&job["result"]["data"][0]), ImageFormat::Png, (256, 256));
    app.finish().await;
}

#[actix_rt::test]
async fn the_first_bytes_come_before_the_picture() {
    let app = App::start().await;
    let mut reply = streamed(&app, "[[delay:3000]] a", json!({})).begin().await.unwrap();
    let first = actix_rt::time::timeout(Duration::from_secs(2), reply.chunk()).await;
    let first = first.expect("nothing came for 2 s").unwrap().unwrap();
    assert!(first.starts_with(b": "), "{}", String::from_utf8_lossy(&first));
    let rest = reply.whole().await.unwrap();
    assert_eq!(events(&rest.text()).len(), 1);
    app.finish().await;
}
