//! Chat completions as a front for pictures: what stock clients parse, plain and streamed, and how both go wrong.

use crate::support::{
    App,
    answers::{credits, in_background, until},
    chats::{CHAT, ask, chunks, content, image_links, reasoning, said, streamed},
    expect_error,
    pictures::{decoded, drawn},
    small,
};
use atelier_sim::client::header;
use base64::{Engine, engine::general_purpose::STANDARD};
use image::ImageFormat;
use serde_json::{Value, json};
use std::time::Duration;

#[actix_rt::test]
async fn a_message_becomes_a_picture_that_can_be_fetched() {
    let app = App::start().await;
    let owner = app.metered(3).await;
    let answer =
        ask(&owner.client, json!({ "model": "gpt-image", "messages": said("a lighthouse"), "n": 2 })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("x-job-id").is_some_and(|id| id.starts_with("job_")));
    let body = answer.json();
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!("gpt-image")), "{body}");
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-") && body["created"].is_i64());
    let choice = &body["choices"][0];
    assert_eq!((&choice["index"], &choice["finish_reason"]), (&json!(0), &json!("stop")));
    let links = image_links(choice["message"]["content"].as_str().unwrap());
    assert_eq!(links.len(), 2);
    for (at, link) in links.iter().enumerate() {
        assert_eq!(choice["message"]["images"][at]["image_url"]["url"], link.as_str());
        let file = app.stranger().get(link).send().await.unwrap();
        decoded(&file.body, ImageFormat::Png, (360, 360));
    }
    assert_eq!(
        body["usage"],
        json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "credits_charged": 2, "credits_remaining": 1 })
    );
    assert_eq!(credits(&owner.client).await, (1, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_stream_tells_who_speaks_how_far_it_is_what_came_out_and_that_it_is_done() {
    let app = App::start().await;
    let body = json!({
        "model": "gpt-image", "messages": said("[[delay:300]] a lighthouse"), "stream": true,
        "stream_options": { "include_usage": true },
    });
    let answer = ask(&app.client(), body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    let chunks = chunks(&answer.text());
    let id = &chunks[0]["id"];
    for chunk in &chunks {
        assert_eq!((&chunk["object"], &chunk["id"]), (&json!("chat.completion.chunk"), id), "{chunk}");
        assert!(chunk["created"].is_i64() && chunk["model"] == "gpt-image");
    }
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    assert!(reasoning(&chunks).contains("Drawing"), "{chunks:?}");
    let links = image_links(&content(&chunks));
    assert_eq!(links.len(), 1);
    decoded(&app.stranger().get(&links[0]).send().await.unwrap().body, ImageFormat::Png, (360, 360));
    let [.., last, usage] = &chunks[..] else { panic!("{chunks:?}") };
    assert_eq!(last["choices"][0], json!({ "index": 0, "delta": {}, "finish_reason": "stop" }));
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(0)));
    let without =
        ask(&app.client(), json!({ "model": "gpt-image", "messages": said("a"), "stream": true })).await;
    assert!(!without.text().contains("\"usage\""), "nobody asked what was used");
    app.finish().await;
}

#[actix_rt::test]
async fn the_other_profile_tells_progress_as_stages_and_ends_with_its_content() {
    let app = App::start().await;
    let owner = app.key(json!({ "metered": false, "profile": "sora2api" })).await;
    let chunks =
        streamed(&owner.client, json!({ "model": "gpt-image", "messages": said("[[delay:200]] a") })).await;
    let first = &chunks[0]["choices"][0];
    assert_eq!((&first["delta"]["role"], &first["delta"]["content"]), (&json!("assistant"), &Value::Null));
    let stages = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["reasoning_content"]);
    let stages: Vec<_> = stages.filter(|stage| stage.is_object()).collect();
    assert!(!stages.is_empty(), "{chunks:?}");
    for stage in stages {
        assert!(stage["stage"].is_string() && stage["status"].is_string() && stage["message"].is_string());
        assert!(stage["progress"].is_u64(), "{stage}");
    }
    let last = &chunks.last().unwrap()["choices"][0];
    assert_eq!(last["finish_reason"], "stop");
    assert_eq!(image_links(last["delta"]["content"].as_str().unwrap()).len(), 1);
    app.finish().await;
}

#[actix_rt::test]
async fn pictures_come_with_the_message_or_beside_it() {
    let app = App::start().await;
    let png = drawn(300, 200, 3);
    let base64 = STANDARD.encode(&png);
    let data = format!("data:image/png;base64,{base64}");
    let kept =
        ask(&app.client(), json!({ "model": "nano-banana", "size": "256x256", "messages": said("a") })).await;
    let link = image_links(&content(&[kept.json()]))[0].clone();
    let parts = |url: &str| {
        json!([{ "role": "user", "content": [
            { "type": "text", "text": "the same at night" },
            { "type": "image_url", "image_url": { "url": url } },
        ]}])
    };
    for (body, size) in [
        (json!({ "messages": parts(&data) }), (300, 200)),
        (json!({ "messages": parts(&link) }), (256, 256)),
        (json!({ "messages": said("the same"), "image": base64 }), (300, 200)),
        (json!({ "messages": said("the same"), "image": [data, link] }), (300, 200)),
    ] {
        let mut body = body;
        body["model"] = "nano-banana".into();
        let answer = ask(&app.client(), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let link = &image_links(&content(&[answer.json()]))[0];
        let made = app.stranger().get(link).send().await.unwrap();
        let picture = image::load_from_memory(&made.body).unwrap();
        let (wide, high) = (picture.width(), picture.height());
        // An edit without a size has its first picture's shape.
        assert_eq!(wide * size.1, high * size.0, "{wide}x{high} of {size:?}");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_style_in_braces_changes_the_picture_and_is_not_drawn() {
    let app = App::start().await;
    let made = async |more: Value| {
        let mut body = json!({ "model": "gpt-image", "seed": 7 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = ask(&app.client(), body).await;
        let link = image_links(&content(&[answer.json()]))[0].clone();
        app.stranger().get(&link).send().await.unwrap().body
    };
    let plain = made(json!({ "messages": said("a hill") })).await;
    let braces = made(json!({ "messages": said("{retro} a hill") })).await;
    let field = made(json!({ "messages": said("a hill"), "style_id": "retro" })).await;
    assert!(braces == field, "the same style, said in two ways");
    assert!(plain != braces, "the style changes nothing");
    app.finish().await;
}

#[actix_rt::test]
async fn a_failure_is_an_error_or_an_event_that_raises_and_costs_nothing() {
    let app = App::start().await;
    let owner = app.metered(2).await;
    let body = json!({ "model": "gpt-image", "messages": said("[[fault:content]]") });
    let plain = ask(&owner.client, body.clone()).await;
    expect_error(&plain, 400, "content_policy_violation");
    let mut stream = body;
    stream["stream"] = true.into();
    let answer = ask(&owner.client, stream).await;
    let text = answer.text();
    assert!(text.ends_with("\n\ndata: [DONE]\n\n"), "{text}");
    let (_, failed) = text.split_once("event: error\ndata: ").expect("an event that raises");
    let error: Value = serde_json::from_str(failed.lines().next().unwrap()).unwrap();
    assert_eq!(error["error"]["code"], "content_policy_violation");
    assert_eq!(credits(&owner.client).await, (2, 0));
    app.finish().await;
}

/// Data comes at least every ten seconds, comments in between: proxies and clients with a limit of their own stay.
#[actix_rt::test]
async fn a_job_that_waits_is_heard_of_all_the_while() {
    let app = App::with(&[("STUDIO__ACCOUNTS", "1"), ("STUDIO__SLOTS", "1")]).await;
    let first = in_background(&app.client(), small("[[delay:11000]] first")).await;
    until(&app.client(), &first, &["running"]).await;
    let body = json!({ "model": "gpt-image", "messages": said("then me"), "stream": true });
    let text = ask(&app.client(), body).await.text();
    let (_, rest) = text.split_once("\n\n: hb\n\n").unwrap_or_else(|| panic!("no comment: {text}"));
    assert!(rest.contains("Waiting"), "no data while it waits: {text}");
    chunks(&text);
    app.finish().await;
}

#[actix_rt::test]
async fn a_repeat_gets_the_answer_of_the_first() {
    let app = App::start().await;
    let owner = app.metered(3).await;
    let body = json!({ "model": "gpt-image", "messages": said("once") });
    let call = |body: &Value| owner.client.post(CHAT, body).header("idempotency-key", "chat-1");
    let first = call(&body).send().await.unwrap();
    let again = call(&body).send().await.unwrap();
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("x-job-id"), first.header("x-job-id"));
    assert_eq!(again.json()["id"], first.json()["id"]);
    let other = call(&json!({ "model": "gpt-image", "messages": said("twice") })).send().await.unwrap();
    expect_error(&other, 422, "idempotency_mismatch");
    assert_eq!(credits(&owner.client).await, (2, 0));
    app.finish().await;
}

/// The job goes on; what is gone is whoever watched it.
#[actix_rt::test]
async fn a_client_that_leaves_frees_its_watcher_at_once() {
    let app = App::start().await;
    let body = json!({ "model": "gpt-image", "messages": said("[[delay:60000]] never"), "stream": true });
    let mut reply = app.client().post(CHAT, &body).begin().await.unwrap();
    let id = header(&reply.headers, "x-job-id").unwrap().to_owned();
    reply.chunk().await.unwrap().unwrap();
    assert_eq!(app.figure("atelier_streams_open ").await, 1.0);
    drop(reply);
    let began = std::time::Instant::now();
    while app.figure("atelier_streams_open ").await > 0.0 {
        // Less than a heartbeat: nothing has to be written to notice.
        assert!(began.elapsed() < Duration::from_secs(3), "the watcher is still there");
        actix_rt::time::sleep(Duration::from_millis(10)).await;
    }
    let job = app.client().delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    assert_eq!(job.json()["status"], "cancelled", "the job did not end with its watcher");
    app.finish().await;
}
