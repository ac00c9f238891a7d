//! Characters in chats and in the endpoints beside them: a video without words makes one, a video with words has one in one film.

use crate::support::{
    App,
    answers::credits,
    chats::{CHAT, ask, chunks, content, reasoning, said, video_link},
    expect_error,
    films::{coloured, first_of_cast, is_magenta},
};
use atelier_sim::client::Client;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

fn data_uri(colour: &str) -> String {
    format!("data:video/mp4;base64,{}", STANDARD.encode(coloured(&[colour])))
}

async fn characters(client: &Client) -> Vec<Value> {
    let list = client.get("/v1/characters").send().await.unwrap().json();
    list["data"].as_array().unwrap().clone()
}

#[actix_rt::test]
async fn a_video_without_words_makes_a_character() {
    let app = App::start().await;
    let owner = app.metered(1).await;
    let options = json!({ "username": "my_character", "display_name": "My Character", "timestamps": "0,1" });
    let body = json!({
        "model": "sora-video-landscape-10s", "messages": said(""), "video": STANDARD.encode(coloured(&["red"])),
        "character_options": options,
    });
    let call = || owner.client.post(CHAT, &body).header("idempotency-key", "character-1").send();
    let answer = call().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let message = &answer.json()["choices"][0]["message"];
    assert!(message["content"].as_str().unwrap().contains("@my_character"), "{message}");
    assert_eq!(message["character"]["display_name"], "My Character");
    let picture =
        app.stranger().get(message["character"]["profile_picture_url"].as_str().unwrap()).send().await;
    assert_eq!(picture.unwrap().status, 200);
    let again = call().await.unwrap();
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json()["choices"][0]["message"]["character"]["id"], message["character"]["id"]);
    let kept = characters(&owner.client).await;
    assert_eq!((kept.len(), &kept[0]["data"]["username"]), (1, &json!("my_character")), "{kept:?}");
    assert_eq!(credits(&owner.client).await, (1, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn the_older_words_are_streamed_to_those_who_look_for_them() {
    let app = App::start().await;
    let older = app.key(json!({ "metered": false, "profile": "sora2api" })).await.client;
    let body = json!({ "video": data_uri("red"), "stream": true, "username": "username123" });
    let answer = older.post("/v1/characters/create", &body).send().await.unwrap();
    assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{}", answer.text());
    let heard = chunks(&answer.text());
    assert_eq!(content(&heard), "角色创建成功，角色名@username123");
    let stage = &heard[0]["choices"][0]["delta"]["reasoning_content"];
    assert!(stage["message"].as_str().unwrap().starts_with("✨ 角色已识别: "), "{stage}");
    assert_eq!(heard.last().unwrap()["choices"][0]["finish_reason"], "stop");
    let plain =
        app.client().post("/v1/characters/create", &json!({ "video": data_uri("red"), "stream": true }));
    let heard = chunks(&plain.send().await.unwrap().text());
    assert!(reasoning(&heard).starts_with("Recognised: "), "{heard:?}");
    assert!(content(&heard).contains('@'));
    app.finish().await;
}

#[actix_rt::test]
async fn a_video_with_words_has_its_character_in_the_film_and_keeps_nobody() {
    let app = App::start().await;
    let owner = app.metered(30).await;
    let magenta = data_uri("magenta");
    let parts = json!([{ "role": "user", "content": [
        { "type": "text", "text": "dances in a field" },
        { "type": "video_url", "video_url": { "url": magenta } },
    ]}]);
    let chat = json!({ "model": "sora-2", "seconds": "4", "messages": parts });
    let alone = json!({ "model": "sora-2", "seconds": "4", "prompt": "dances in a field", "video": magenta, "stream": true });
    let named = json!({
        "model": "sora-2", "seconds": "4", "messages": said("a field, and @mia in it"), "video": magenta,
        "character_options": { "username": "mia" },
    });
    for (path, body) in [(CHAT, chat), ("/v1/characters/generate", alone), (CHAT, named)] {
        let answer = owner.client.post(path, &body).send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let content = if text.starts_with('{') { content(&[answer.json()]) } else { content(&chunks(&text)) };
        let mp4 = app.stranger().get(&video_link(&content)).send().await.unwrap().body;
        let seen = first_of_cast(&mp4);
        assert!(is_magenta(seen), "{path}: the character is not in the film: {seen:?}");
        let job = owner.client.get(&format!("/v1/jobs/{}", answer.header("x-job-id").unwrap()));
        let prompt = job.send().await.unwrap().json()["prompt_preview"].as_str().unwrap().to_owned();
        assert_eq!(prompt.matches('@').count(), 1, "{prompt}");
    }
    assert!(characters(&owner.client).await.is_empty(), "it was for one film");
    let files = owner.client.get("/v1/jobs?limit=1").send().await.unwrap().json();
    assert_eq!(files["data"][0]["charged"], 5);
    app.finish().await;
}

#[actix_rt::test]
async fn wrong_characters_cost_nothing_and_are_kept_nowhere() {
    let app = App::start().await;
    let owner = app.metered(10).await;
    let film = json!({ "model": "sora-2", "messages": said("a"), "video": data_uri("red") });
    let with = |more: Value| {
        let mut body = film.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, status, code) in [
        (with(json!({ "video": STANDARD.encode(b"no video") })), 422, "bad_video"),
        (with(json!({ "video": 5 })), 422, "bad_video"),
        (with(json!({ "video": "http://127.0.0.1/a.mp4" })), 400, "invalid_image_url"),
        (with(json!({ "character_options": "mia" })), 422, "bad_character_options"),
        (with(json!({ "character_options": { "timestamps": "3,0" } })), 422, "bad_timestamps"),
        (with(json!({ "character_options": { "username": "a b" } })), 422, "bad_username"),
        (with(json!({ "messages": said(""), "character_options": { "username": 5 } })), 422, "bad_username"),
        (with(json!({ "model": "gpt-image" })), 422, "bad_video"),
        (with(json!({ "model": "gpt-image", "messages": said("") })), 400, "missing_prompt"),
        (with(json!({ "model": "sora2pro-landscape-10s" })), 403, "plan_required"),
    ] {
        expect_error(&ask(&owner.client, body.clone()).await, status, code);
    }
    for (path, body, status, code) in [
        ("/v1/characters/create", json!({}), 422, "bad_video"),
        (
            "/v1/characters/create",
            json!({ "video": data_uri("red"), "model": "gpt-image" }),
            400,
            "unknown_model",
        ),
        ("/v1/characters/generate", json!({ "video": data_uri("red") }), 400, "missing_prompt"),
        ("/v1/characters/generate", json!({ "prompt": "a" }), 422, "bad_video"),
    ] {
        expect_error(&owner.client.post(path, &body).send().await.unwrap(), status, code);
    }
    assert_eq!(credits(&owner.client).await, (10, 0));
    assert!(characters(&owner.client).await.is_empty());
    app.finish().await;
}
