//! Whatever a client sends to a chat or to the endpoints beside it gets the documented code; nothing is charged, and nothing is our
//! fault.

use crate::support::{
    App,
    answers::credits,
    app::Owner,
    chats::{CHAT, said},
    expect_error,
};
use serde_json::{Value, json};

type Wrong = (Value, u16, &'static str, &'static str);

fn with(more: Value) -> Value {
    let mut body = json!({ "model": "gpt-image", "messages": said("a") });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn parts(parts: Value) -> Value {
    with(json!({ "messages": [{ "role": "user", "content": parts }] }))
}

fn film(more: Value) -> Value {
    let mut body = with(more);
    body["model"] = "sora-2".into();
    body
}

/// Bodies of chats, what is wrong with each, and what the message must say.
fn wrong_chats() -> Vec<Wrong> {
    vec![
        (json!({}), 422, "bad_model", "GET /v1/models"),
        (json!({ "model": "gpt-image" }), 422, "bad_messages", "list"),
        (with(json!({ "model": 5 })), 422, "bad_model", "string"),
        (with(json!({ "model": "" })), 422, "bad_model", "GET /v1/models"),
        (with(json!({ "model": "gpt-5.5" })), 404, "model_not_found", "gpt-5.5"),
        (with(json!({ "messages": null })), 422, "bad_messages", "list"),
        (with(json!({ "messages": "a" })), 422, "bad_messages", "list"),
        (with(json!({ "messages": [] })), 422, "bad_messages", "user"),
        (with(json!({ "messages": ["a"] })), 400, "missing_prompt", "text"),
        (with(json!({ "messages": [{ "role": "system", "content": "a" }] })), 422, "bad_messages", "user"),
        (with(json!({ "messages": [{ "role": "user" }] })), 400, "missing_prompt", "text"),
        (with(json!({ "messages": said(" \n") })), 400, "missing_prompt", "text"),
        (with(json!({ "messages": said(&"漢".repeat(32_001)) })), 422, "bad_prompt", "32001"),
        (parts(json!([])), 400, "missing_prompt", "text"),
        (parts(json!({ "type": "text" })), 422, "bad_messages", "parts"),
        (parts(json!([{ "type": "tool_use" }])), 422, "bad_messages", "tool_use"),
        (parts(json!([{ "type": "text", "text": 5 }])), 422, "bad_messages", "text"),
        (
            parts(json!([{ "type": "image_url", "image_url": { "url": "" } }])),
            422,
            "bad_messages",
            "image_url",
        ),
        (
            parts(
                json!([{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": "http://127.0.0.1/a" }]),
            ),
            400,
            "invalid_image_url",
            "public",
        ),
        (
            parts(
                json!([{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": "no picture" }]),
            ),
            422,
            "bad_messages",
            "base64",
        ),
        (with(json!({ "stream": "maybe" })), 422, "bad_stream", "true or false"),
        (with(json!({ "stream_options": true })), 422, "bad_stream_options", "include_usage"),
        (with(json!({ "n": 11 })), 422, "bad_n", "10"),
        (with(json!({ "size": "1x1" })), 422, "bad_size", "360x360"),
        (with(json!({ "image": 5 })), 422, "bad_image", "URL"),
        (with(json!({ "image": vec!["aGk="; 17] })), 422, "too_many_references", "16"),
        (with(json!({ "style_id": 5 })), 422, "bad_style_id", "string"),
        (with(json!({ "style_id": "x".repeat(201) })), 422, "bad_style", "200"),
        (film(json!({ "seconds": "7" })), 422, "bad_duration", "4, 8"),
        (film(json!({ "size": "1280x721" })), 422, "bad_size", "1280x720"),
        (film(json!({ "orientation": "up" })), 422, "bad_orientation", "portrait"),
        (film(json!({ "remix_target_id": 5 })), 422, "bad_remix_target_id", "string"),
        (film(json!({ "remix_target_id": "s_1" })), 404, "video_not_found", "no such video"),
        (film(json!({ "image": ["aGk=", "aGk="] })), 422, "last_frame_unsupported", "first one only"),
        (with(json!({ "model": "sora2pro-hd-portrait-10s" })), 403, "plan_required", "plan"),
    ]
}

/// The same of the endpoints beside the chat.
fn wrong_elsewhere() -> Vec<(&'static str, Wrong)> {
    let (draw, film) = ("/v1/images/generate", "/v1/videos/generate");
    vec![
        (draw, (json!({}), 400, "missing_prompt", "prompt")),
        (draw, (json!({ "prompt": " " }), 400, "missing_prompt", "prompt")),
        (draw, (json!({ "prompt": 5 }), 422, "bad_prompt", "string")),
        (draw, (json!({ "prompt": "a", "model": "sora-2" }), 400, "unknown_model", "no image model")),
        (draw, (json!({ "prompt": "a", "async_mode": "later" }), 422, "bad_async_mode", "true or false")),
        (draw, (json!({ "prompt": "a", "stream": [] }), 422, "bad_stream", "true or false")),
        ("/v1/images/transform", (json!({ "prompt": "a" }), 400, "missing_image", "image")),
        (
            "/v1/images/transform",
            (json!({ "prompt": "a", "image": "no picture" }), 422, "bad_image", "base64"),
        ),
        (film, (json!({ "prompt": "a", "model": "gpt-image" }), 400, "unknown_model", "no video model")),
        (film, (json!({ "prompt": "a", "model": "sora2pro-landscape-25s" }), 403, "plan_required", "plan")),
        (film, (json!({ "prompt": "a", "seconds": 15 }), 422, "bad_duration", "10")),
        ("/v1/videos/transform", (json!({ "prompt": "a" }), 400, "missing_image", "image")),
        ("/v1/videos/remix", (json!({ "prompt": "a" }), 422, "bad_remix_target_id", "share link")),
        (
            "/v1/videos/remix",
            (
                json!({ "prompt": "a", "remix_target_id": "s_68e3a06dcd888191b150971da152c1f5" }),
                404,
                "video_not_found",
                "no such",
            ),
        ),
        ("/v1/videos/storyboard", (json!({ "prompt": "a cat" }), 422, "bad_prompt", "[5.0s]")),
    ]
}

async fn expect(owner: &Owner, path: &str, (body, status, code, says): Wrong) {
    let answer = owner.client.post(path, &body).send().await.unwrap();
    expect_error(&answer, status, code);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(says), "{path} {code}: {message:?} does not say {says:?}");
    assert!(answer.body.len() < 2_000, "a wrong value is not echoed at length");
    assert!(answer.header("x-job-id").is_none());
}

#[actix_rt::test]
async fn every_wrong_chat_gets_its_own_code_and_costs_nothing() {
    let app = App::start().await;
    let owner = app.metered(100).await;
    for (body, status, code, says) in wrong_chats() {
        for stream in [false, true] {
            let mut body = body.clone();
            if stream && body.get("stream").is_none() {
                body["stream"] = true.into();
            }
            expect(&owner, CHAT, (body, status, code, says)).await;
        }
    }
    for (path, wrong) in wrong_elsewhere() {
        expect(&owner, path, wrong).await;
    }
    for path in [CHAT, "/v1/images/generate"] {
        for body in [&b""[..], b"{", b"[]", b"null", b"\xff"] {
            let call = owner.client.post(path, &json!({})).body(body);
            expect_error(&call.send().await.unwrap(), 400, "bad_body");
        }
        expect_error(&app.stranger().post(path, &json!({})).send().await.unwrap(), 401, "invalid_key");
        expect_error(&owner.client.get(path).send().await.unwrap(), 405, "method_not_allowed");
    }
    assert_eq!(credits(&owner.client).await, (100, 0));
    let entries = owner.client.get("/v1/credits/entries").send().await.unwrap().json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 1, "only the opening credit: {entries}");
    app.finish().await;
}

/// What SDKs put into a chat besides means nothing here, and must not get in the way.
#[actix_rt::test]
async fn what_chat_clients_really_send_is_taken() {
    let app = App::start().await;
    for more in [
        json!({ "temperature": 0.7, "max_tokens": 100, "top_p": 1, "user": "u", "tools": [], "tool_choice": "auto" }),
        json!({ "n": 1, "stream": false, "stream_options": null, "stop": null, "response_format": { "type": "text" } }),
        json!({ "background": true, "moderation": { "x": 1 }, "modalities": ["text", "image"], "metadata": { "a": "b" } }),
        json!({ "model": "sora-image", "async_mode": true, "stream_options": { "include_usage": true } }),
    ] {
        let answer = app.client().post(CHAT, &with(more.clone())).send().await.unwrap();
        assert_eq!(answer.status, 200, "{more}: {}", answer.text());
        assert_eq!(answer.json()["object"], "chat.completion", "{more}");
    }
    for path in ["/chat/completions", "/v1/v1/chat/completions"] {
        let answer = app.client().post(path, &with(json!({}))).send().await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    app.finish().await;
}
