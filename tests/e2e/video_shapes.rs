//! Videos as others ask for them: the other profile, the older shape, characters, names that need a plan.

use crate::support::{
    App,
    answers::credits,
    expect_error,
    films::{PATIENCE, VIDEOS, content, create, ended, made, probed},
    pictures::drawn,
};
use atelier_sim::form::Form;
use serde_json::json;
use std::time::{Duration, Instant};

#[actix_rt::test]
async fn the_other_profile_answers_as_its_clients_expect() {
    let app = App::start().await;
    let owner = app.key(json!({ "metered": true, "credits": 5, "profile": "sora2api" })).await;
    let answer =
        create(&owner.client, &json!({ "prompt": "a kite", "model": "sora-video-portrait-10s" })).await;
    let video = answer.json();
    assert_eq!(
        (answer.status, &video["status"], &video["size"], &video["seconds"]),
        (201, &json!("in_progress"), &json!("720x1280"), &json!("10"))
    );
    let id = video["id"].as_str().unwrap();
    let early = content(&owner.client, id, "").await;
    if early.status != 302 {
        expect_error(&early, 400, "task_not_completed");
    }
    expect_error(
        &owner.client.get(&format!("{VIDEOS}/video_x")).send().await.unwrap(),
        404,
        "task_not_found",
    );
    ended(&owner.client, id).await;
    let link = content(&owner.client, id, "").await;
    assert_eq!(link.status, 302);
    let bytes = app.stranger().get(link.header("location").unwrap()).send().await.unwrap();
    assert_eq!((bytes.status, bytes.header("content-type")), (200, Some("video/mp4")));
    app.finish().await;
}

#[actix_rt::test]
async fn the_older_shape_waits_or_polls_and_takes_a_picture() {
    let app = App::start().await;
    let owner = app.metered(20).await;
    let body = json!({ "model": "sora-2", "prompt": "a bell", "duration": 4, "aspect_ratio": "9:16" });
    let answer = owner.client.post("/v1/videos/generations", &body).send().await.unwrap();
    let video = answer.json();
    assert_eq!(
        (answer.status, &video["duration"], &video["size"], &video["fps"]),
        (200, &json!(4), &json!("720x1280"), &json!(24)),
        "{video}"
    );
    assert_eq!((&video["usage"]["credits_charged"], &video["data"][0]["format"]), (&json!(5), &json!("mp4")));
    let mp4 = app.stranger().get(video["data"][0]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(probed(&mp4.body).3, 96);

    let form = Form::new().text("prompt", "it wakes").text("duration", "4").text("background", "true");
    let answer = owner
        .client
        .post_form("/v1/videos/edits", form.file("image", &drawn(640, 360, 2)))
        .send()
        .await
        .unwrap();
    let job = answer.json();
    assert_eq!(
        (answer.status, &job["object"], &job["request"]["price"]),
        (200, &json!("image.job"), &json!(5)),
        "{job}"
    );
    let path = format!("/v1/videos/jobs/{}", job["id"].as_str().unwrap());
    expect_error(&app.client().get(&path).send().await.unwrap(), 404, "job_not_found");
    let began = Instant::now();
    let done = loop {
        let job = owner.client.get(&path).send().await.unwrap().json();
        if !["queued", "running"].contains(&job["status"].as_str().unwrap()) {
            break job;
        }
        assert!(began.elapsed() < PATIENCE, "{job}");
        actix_rt::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&done["status"], &done["result"]["duration"]), (&json!("succeeded"), &json!(4)), "{done}");
    let stays = owner.client.delete(&path).send().await.unwrap().json();
    assert_eq!(stays["status"], "succeeded");
    assert_eq!(credits(&owner.client).await, (10, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_character_is_kept_for_its_owner() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let source = made(&owner, &json!({ "prompt": "a fox", "seconds": "4" })).await;
    let mp4 = content(&owner.client, &source, "").await.body;
    let form = Form::new().text("name", "Fox").named_file("video", "fox.mp4", "video/mp4", &mp4);
    let character = owner.client.post_form("/v1/videos/characters", form).send().await.unwrap();
    assert_eq!(character.status, 200, "{}", character.text());
    let character = character.json();
    assert_eq!((character["name"].as_str(), character.as_object().unwrap().len()), (Some("Fox"), 3));
    let path = format!("/v1/videos/characters/{}", character["id"].as_str().unwrap());
    assert_eq!(owner.client.get(&path).send().await.unwrap().json(), character);
    expect_error(&app.client().get(&path).send().await.unwrap(), 404, "character_not_found");
    assert_eq!(owner.client.get("/v1/files").send().await.unwrap().json()["data"], json!([]));
    for (form, code) in [
        (Form::new().named_file("video", "a.mp4", "video/mp4", &mp4), "bad_name"),
        (Form::new().text("name", "Fox"), "bad_video"),
        (Form::new().text("name", "Fox").file("video", b"no video"), "bad_video"),
    ] {
        expect_error(&owner.client.post_form("/v1/videos/characters", form).send().await.unwrap(), 422, code);
    }
    expect_error(&app.client().delete(&path).send().await.unwrap(), 404, "character_not_found");
    let gone = owner.client.delete(&path).send().await.unwrap().json();
    assert_eq!(gone, json!({ "id": character["id"], "object": "character.deleted", "deleted": true }));
    expect_error(&owner.client.get(&path).send().await.unwrap(), 404, "character_not_found");
    app.finish().await;
}

#[actix_rt::test]
async fn names_of_a_plan_that_nobody_has_are_refused_with_what_they_need() {
    let app = App::start().await;
    let answer = create(&app.client(), &json!({ "prompt": "a", "model": "sora2pro-hd-landscape-15s" })).await;
    expect_error(&answer, 403, "plan_required");
    app.finish().await;
}
