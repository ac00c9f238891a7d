//! The Responses API in media-only mode: one image per response, conversations that go on, answers that can be asked for again.

use crate::support::{
    App,
    answers::credits,
    app::Owner,
    expect_error,
    pictures::{decoded, drawn, is_drawn, with_hole},
};
use atelier_sim::client::{Answer, Client};
use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageFormat};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const RESPONSES: &str = "/v1/responses";

fn asked(input: Value, tool: Value) -> Value {
    let mut image = json!({ "type": "image_generation", "model": "nano-banana", "size": "256x256" });
    image.as_object_mut().unwrap().extend(tool.as_object().unwrap().clone());
    json!({ "model": "gpt-5.5", "input": input, "tools": [image] })
}

async fn create(client: &Client, body: &Value) -> Answer {
    client.post(RESPONSES, body).send().await.unwrap()
}

/// The image of a response.
#[track_caller]
fn image_of(response: &Value) -> DynamicImage {
    let call = &response["output"][0];
    assert_eq!(
        (&call["type"], &call["status"]),
        (&json!("image_generation_call"), &json!("completed")),
        "{response:.400}"
    );
    let bytes = STANDARD.decode(call["result"].as_str().unwrap()).unwrap();
    decoded(&bytes, ImageFormat::Png, (256, 256))
}

async fn made(owner: &Owner, body: &Value) -> Value {
    let answer = create(&owner.client, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[actix_rt::test]
async fn a_text_becomes_an_image_and_is_charged_as_one() {
    let app = App::start().await;
    let owner = app.metered(3).await;
    let mut body = asked(json!("a lighthouse"), json!({}));
    body["metadata"] = json!({ "who": "me" });
    let answer = create(&owner.client, &body).await;
    let response = answer.json();
    assert!(is_drawn(&image_of(&response)));
    assert_eq!(
        (&response["object"], &response["status"], &response["model"]),
        (&json!("response"), &json!("completed"), &json!("gpt-5.5"))
    );
    assert_eq!(
        (&response["metadata"]["who"], &response["usage"]["credits_charged"]),
        (&json!("me"), &json!(1))
    );
    assert!(
        answer
            .header("x-job-id")
            .unwrap()
            .ends_with(response["id"].as_str().unwrap().trim_start_matches("resp_"))
    );
    assert_eq!(credits(&owner.client).await, (2, 0));

    let path = format!("{RESPONSES}/{}", response["id"].as_str().unwrap());
    let again = owner.client.get(&path).send().await.unwrap().json();
    assert_eq!(again["output"], response["output"]);
    expect_error(&app.client().get(&path).send().await.unwrap(), 404, "response_not_found");
    expect_error(&app.client().delete(&path).send().await.unwrap(), 404, "response_not_found");
    app.finish().await;
}

#[actix_rt::test]
async fn a_conversation_goes_on_with_the_image_it_made() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let first = made(&owner, &asked(json!("a boat"), json!({}))).await;
    assert_eq!(first["output"][0]["action"], "generate");
    let mut next = asked(json!("at night"), json!({}));
    let alone = image_of(&made(&owner, &next).await);
    next["previous_response_id"] = first["id"].clone();
    let by_response = made(&owner, &next).await;
    assert_eq!(
        (&by_response["output"][0]["action"], &by_response["previous_response_id"]),
        (&json!("edit"), &first["id"])
    );
    assert!(image_of(&by_response) != alone, "the earlier image has no effect");

    let call = json!({ "type": "image_generation_call", "id": first["output"][0]["id"], "result": null });
    let by_call = asked(json!([call, { "role": "user", "content": "at night" }]), json!({}));
    assert!(
        image_of(&made(&owner, &by_call).await) == image_of(&by_response),
        "the same edit, asked in another way"
    );
    let kept = json!({ "type": "image_generation_call", "result": first["output"][0]["result"] });
    let by_bytes = asked(json!([kept, { "role": "user", "content": "at night" }]), json!({}));
    assert!(image_of(&made(&owner, &by_bytes).await) == image_of(&by_response));

    let mut anew = asked(json!("at night"), json!({ "action": "generate" }));
    anew["previous_response_id"] = first["id"].clone();
    assert!(image_of(&made(&owner, &anew).await) == alone, "asked for a new picture");

    // Somebody else's conversation is not there.
    let other = app.metered(1).await;
    expect_error(&create(&other.client, &next).await, 404, "response_not_found");
    expect_error(&create(&other.client, &by_call).await, 404, "response_not_found");
    app.finish().await;
}

#[actix_rt::test]
async fn pictures_and_a_mask_of_the_input_are_worked_from() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let uri = |bytes: &[u8]| format!("data:image/png;base64,{}", STANDARD.encode(bytes));
    let sent = drawn(256, 256, 3);
    let message = json!([{ "role": "user", "content": [
        { "type": "input_text", "text": "a hat" },
        { "type": "input_image", "image_url": uri(&sent), "detail": "auto" },
    ] }]);
    let hole = (50, 60, 150, 160);
    let mask = json!({ "input_image_mask": { "image_url": uri(&with_hole(256, 256, hole)) } });
    let edited = image_of(&made(&owner, &asked(message, mask)).await);
    let before = image::load_from_memory(&sent).unwrap();
    let (inside, outside) = crate::support::pictures::different(&before, &edited, hole);
    assert!(outside == 0 && inside > 5_000, "{inside} inside, {outside} outside");
    app.finish().await;
}

#[actix_rt::test]
async fn a_background_response_is_polled_cancelled_and_deleted() {
    let app = App::start().await;
    let owner = app.metered(3).await;
    let mut body = asked(json!("a tower [[delay:600000]]"), json!({}));
    body["background"] = json!(true);
    let response = made(&owner, &body).await;
    assert!(["queued", "in_progress"].contains(&response["status"].as_str().unwrap()), "{response}");
    assert_eq!(response["background"], true);
    let path = format!("{RESPONSES}/{}", response["id"].as_str().unwrap());
    let cancelled = owner.client.post(&format!("{path}/cancel"), &json!({})).send().await.unwrap().json();
    assert_eq!(
        (&cancelled["status"], &cancelled["output"][0]["status"]),
        (&json!("cancelled"), &json!("failed"))
    );
    let deleted = owner.client.delete(&path).send().await.unwrap().json();
    assert_eq!(deleted, json!({ "id": response["id"], "object": "response", "deleted": true }));
    expect_error(&owner.client.get(&path).send().await.unwrap(), 404, "response_not_found");

    body["input"] = json!("a tower [[delay:50]]");
    let path = format!("{RESPONSES}/{}", made(&owner, &body).await["id"].as_str().unwrap());
    let began = Instant::now();
    loop {
        let polled = owner.client.get(&path).send().await.unwrap().json();
        if polled["status"] == "completed" {
            image_of(&polled);
            break;
        }
        assert!(polled["error"].is_null() && began.elapsed() < Duration::from_secs(30), "{polled}");
        actix_rt::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(credits(&owner.client).await, (2, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn deleting_a_running_response_ends_it_and_gives_its_credit_back() {
    let app = App::start().await;
    let owner = app.metered(1).await;
    let mut body = asked(json!("a tower [[delay:600000]]"), json!({}));
    body["background"] = json!(true);
    let path = format!("{RESPONSES}/{}", made(&owner, &body).await["id"].as_str().unwrap());
    assert_eq!(credits(&owner.client).await, (0, 1));
    assert_eq!(owner.client.delete(&path).send().await.unwrap().json()["deleted"], true);
    assert_eq!(credits(&owner.client).await, (1, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn what_is_not_stored_cannot_be_asked_for() {
    let app = App::start().await;
    let owner = app.metered(2).await;
    let mut body = asked(json!("a lamp"), json!({}));
    body["store"] = json!(false);
    let response = made(&owner, &body).await;
    let lamp = image_of(&response);
    let path = format!("{RESPONSES}/{}", response["id"].as_str().unwrap());
    expect_error(&owner.client.get(&path).send().await.unwrap(), 404, "response_not_found");
    // Whoever stores nothing here sends everything back.
    let next = json!([response["output"][0], { "role": "user", "content": "at night" }]);
    let edited = made(&owner, &asked(next, json!({}))).await;
    assert_eq!(edited["output"][0]["action"], "edit");
    assert!(image_of(&edited) != lamp);
    app.finish().await;
}

#[actix_rt::test]
async fn a_streamed_response_tells_its_events_in_the_order_that_sdks_demand() {
    let app = App::start().await;
    let mut body = asked(json!("a tower"), json!({ "partial_images": 2 }));
    body["stream"] = json!(true);
    let answer = create(&app.client(), &body).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{}", answer.text());
    let text = answer.text();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let call = "response.image_generation_call";
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            &format!("{call}.in_progress"),
            &format!("{call}.generating"),
            &format!("{call}.partial_image"),
            &format!("{call}.partial_image"),
            &format!("{call}.completed"),
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event:.200}");
    }
    assert!(text.ends_with("\n\n") && !text.contains("\nid:"));
    image_of(&events.last().unwrap()["response"]);
    assert_eq!(events[8]["item"], events[9]["response"]["output"][0]);

    body["input"] = json!("a tower [[fault:content]]");
    let text = create(&app.client(), &body).await.text();
    let last: Value =
        serde_json::from_str(text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap())
            .unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["error"]["code"]),
        (&json!("response.failed"), &json!("image_content_policy_violation")),
        "{last}"
    );
    app.finish().await;
}

#[actix_rt::test]
async fn what_cannot_be_answered_is_told_and_costs_nothing() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let text = || json!("a lamp");
    let (mut forced, mut nobody) = (asked(text(), json!({})), asked(text(), json!({})));
    forced["previous_response_id"] = json!("resp_0199abcd000070008000000000000001");
    nobody["tools"] = json!([{ "type": "web_search" }]);
    for (body, status, code) in [
        (json!({}), 404, "model_not_found"),
        (json!({ "model": "gpt-5.5", "input": "hello" }), 404, "model_not_found"),
        (nobody, 404, "model_not_found"),
        (asked(json!(""), json!({})), 400, "missing_prompt"),
        (asked(json!({ "a": 1 }), json!({})), 422, "bad_input"),
        (asked(text(), json!({ "n": 2 })), 400, "unknown_parameter"),
        (asked(text(), json!({ "model": "gpt-image-99" })), 400, "unknown_model"),
        (asked(text(), json!({ "size": "1x1" })), 422, "bad_size"),
        (asked(text(), json!({ "quality": "best" })), 422, "bad_quality"),
        (asked(text(), json!({ "action": "edit" })), 400, "missing_image"),
        (asked(text(), json!({ "input_image_mask": { "image_url": "x" } })), 400, "missing_image"),
        (
            asked(
                json!([{ "role": "user", "content": [{ "type": "input_text", "text": "a" }, { "type": "input_image", "image_url": "http://127.0.0.1/a.png" }] }]),
                json!({}),
            ),
            400,
            "invalid_image_url",
        ),
        (forced, 404, "response_not_found"),
        (asked(json!("a lamp [[fault:content]]"), json!({})), 400, "content_policy_violation"),
    ] {
        let answer = create(&owner.client, &body).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{body}: {}",
            answer.text()
        );
        expect_error(&answer, status, code);
    }
    assert_eq!(credits(&owner.client).await, (5, 0));
    // A model that draws needs no tool.
    let plain = json!({ "model": "nano-banana", "input": "a lamp" });
    assert_eq!(create(&owner.client, &plain).await.status, 200);
    app.finish().await;
}
