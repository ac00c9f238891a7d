//! Chat completions as a front for videos: from words, from a picture, over another video, as a storyboard, in both profiles.

use crate::support::{
    App,
    answers::credits,
    chats::{ask, chunks, content, reasoning, said, streamed, video_link},
    expect_error,
    films::{VIDEOS, probed},
    pictures::drawn,
};
use atelier_sim::client::{Answer, Client};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// A chat that asks for the shortest video.
fn film(text: &str, more: Value) -> Value {
    let mut body = json!({ "model": "sora-2", "seconds": "4", "messages": said(text) });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The video that a chat made, as `/v1/videos` shows it.
async fn shown(client: &Client, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.header("x-job-id").unwrap().replace("job_", "video_");
    client.get(&format!("{VIDEOS}/{id}")).send().await.unwrap().json()
}

#[actix_rt::test]
async fn a_message_becomes_a_film_behind_a_player() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let answer = ask(&owner.client, film("{retro} a harbour", json!({ "stream": true }))).await;
    let heard = chunks(&answer.text());
    assert!(reasoning(&heard).contains("Filming"), "{heard:?}");
    let content = content(&heard);
    assert!(
        content.starts_with("```html\n<video src='http") && content.ends_with("</video>\n```"),
        "{content}"
    );
    let mp4 = app.stranger().get(&video_link(&content)).send().await.unwrap();
    assert_eq!(mp4.header("content-type"), Some("video/mp4"));
    let (codec, width, height, frames, _) = probed(&mp4.body);
    assert_eq!((codec.as_str(), width, height, frames), ("h264", 1280, 720, 96));
    let video = shown(&owner.client, &answer).await;
    assert_eq!(video["prompt"], "a harbour", "the style was left in the prompt");
    assert_eq!(credits(&owner.client).await, (0, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn the_other_profile_says_json() {
    let app = App::start().await;
    let owner = app.key(json!({ "metered": false, "profile": "sora2api" })).await;
    let heard = streamed(&owner.client, film("a kite", json!({}))).await;
    let video: Value = serde_json::from_str(&content(&heard)).unwrap();
    assert_eq!(video["type"], "video");
    let whole = ask(&owner.client, film("a kite", json!({ "size": "720x1280" }))).await;
    let choice = whole.json()["choices"][0].clone();
    assert_eq!(choice["finish_reason"], "stop", "{choice}");
    let link = video_link(choice["message"]["content"].as_str().unwrap());
    let (_, width, height, ..) = probed(&app.stranger().get(&link).send().await.unwrap().body);
    assert_eq!((width, height), (720, 1280));
    app.finish().await;
}

#[actix_rt::test]
async fn a_picture_is_the_first_frame() {
    let app = App::start().await;
    let png = STANDARD.encode(drawn(1280, 720, 5));
    let beside = film("it wakes", json!({ "image": png }));
    let within = film(
        "it wakes",
        json!({ "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "it wakes" },
            { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{png}") } },
        ]}]}),
    );
    let mut films = Vec::new();
    for body in [beside, within, film("it wakes", json!({}))] {
        let answer = ask(&app.client(), body).await;
        let link = video_link(&content(&[answer.json()]));
        films.push(app.stranger().get(&link).send().await.unwrap().body);
    }
    assert!(films[0] == films[1], "the same picture, sent in two ways");
    assert!(films[0] != films[2], "the picture changes nothing");
    let two = film("a", json!({ "image": [png, png] }));
    expect_error(&ask(&app.client(), two).await, 422, "last_frame_unsupported");
    app.finish().await;
}

#[actix_rt::test]
async fn a_video_is_remixed_by_link_or_by_any_form_of_its_id() {
    let app = App::start().await;
    let owner = app.metered(40).await;
    let first = ask(&owner.client, film("a fox", json!({ "size": "720x1280" }))).await;
    let source = shown(&owner.client, &first).await;
    let hex = source["id"].as_str().unwrap().trim_start_matches("video_").to_owned();
    let share = format!("https://sora.chatgpt.com/p/s_{hex}");
    let plain = json!({ "model": "sora-2", "messages": said("in snow") });
    let with = |id: String| {
        let mut body = plain.clone();
        body["remix_target_id"] = id.into();
        body
    };
    let linked = json!({ "model": "sora-2", "messages": said(&format!("{share} in snow")) });
    for body in [linked, with(share.clone()), with(format!("video_{hex}")), with(format!("task_{hex}"))] {
        let video = shown(&owner.client, &ask(&owner.client, body).await).await;
        assert_eq!((&video["prompt"], &video["remixed_from_video_id"]), (&json!("in snow"), &source["id"]));
        assert_eq!(
            (&video["size"], &video["seconds"]),
            (&source["size"], &source["seconds"]),
            "of its source"
        );
    }
    let foreign = ask(&app.client(), with(format!("s_{hex}"))).await;
    expect_error(&foreign, 404, "video_not_found");
    expect_error(&ask(&owner.client, with("s_1".into())).await, 404, "video_not_found");
    let bare = json!({ "model": "sora-2", "messages": said(&share) });
    expect_error(&ask(&owner.client, bare).await, 400, "missing_prompt");
    assert_eq!(credits(&owner.client).await, (15, 0));
    app.finish().await;
}

/// Three scenes that together last longer than the film must all be seen.
#[actix_rt::test]
async fn every_scene_of_a_storyboard_is_in_the_film() {
    let app = App::start().await;
    let film = async |text: &str| {
        let answer = ask(&app.client(), film(text, json!({ "seed": 1 }))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let id = answer.header("x-job-id").unwrap().replace("job_", "video_");
        let path = format!("{VIDEOS}/{id}/content?variant=spritesheet");
        app.client().get(&path).send().await.unwrap().body
    };
    let two = film("[5.0s]a harbour [5s]a storm").await;
    let three = film("[5.0s]a harbour [5s]a storm\n[10.0s]a red fox in a meadow").await;
    assert!(two != three, "the last scene is not shown");
    app.finish().await;
}

#[actix_rt::test]
async fn a_model_that_nobody_has_or_may_use_is_refused() {
    let app = App::start().await;
    let with = |model: Value| json!({ "model": model, "messages": said("hello") });
    expect_error(&ask(&app.client(), with(json!("gpt-5.5"))).await, 404, "model_not_found");
    expect_error(&ask(&app.client(), with(json!("sora2pro-landscape-10s"))).await, 403, "plan_required");
    expect_error(&ask(&app.client(), with(Value::Null)).await, 422, "bad_model");
    let owner = app.key(json!({ "metered": false, "models": ["gpt-image"] })).await;
    expect_error(&ask(&owner.client, with(json!("sora-2"))).await, 403, "model_not_allowed");
    app.finish().await;
}
