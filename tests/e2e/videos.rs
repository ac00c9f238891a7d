//! Videos: made, polled, downloaded, derived from each other, deleted, in both profiles.

use crate::{
    restart::{metered, setup},
    support::{
        App,
        answers::{credits, in_background},
        expect_error,
        films::{PATIENCE, VIDEOS, content, create, ended, ended_after, id, made, probed},
        pictures::{drawn, encoded},
        small,
    },
};
use atelier_sim::form::Form;
use awc::http::Method;
use image::ImageFormat;
use serde_json::{Value, json};
use std::{
    process::Command,
    time::{Duration, Instant},
};

#[actix_rt::test]
async fn a_video_is_made_polled_and_downloaded_in_parts() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let form = Form::new().text("prompt", "a wave at sunset").text("model", "sora-2").text("seconds", "4");
    let answer = owner.client.post_form(VIDEOS, form.text("size", "1280x720")).send().await.unwrap();
    let video = answer.json();
    let keys = [
        "id",
        "object",
        "model",
        "status",
        "progress",
        "created_at",
        "completed_at",
        "expires_at",
        "prompt",
        "size",
        "seconds",
        "remixed_from_video_id",
        "error",
    ];
    for key in keys {
        assert!(video.as_object().unwrap().contains_key(key), "{key} must always be there: {video}");
    }
    assert_eq!(
        (&video["object"], &video["status"], &video["seconds"], &video["size"]),
        (&json!("video"), &json!("queued"), &json!("4"), &json!("1280x720"))
    );
    let id = id(&answer);
    let early = content(&owner.client, &id, "").await;
    if early.status != 200 {
        expect_error(&early, 425, "video_not_ready");
    }
    let video = ended(&owner.client, &id).await;
    assert_eq!(
        (&video["status"], &video["progress"], &video["error"]),
        (&json!("completed"), &json!(100), &Value::Null)
    );
    assert!(video["completed_at"].is_i64());
    assert_eq!(credits(&owner.client).await, (0, 0));

    let whole = content(&owner.client, &id, "").await;
    assert_eq!(
        (whole.status, whole.header("content-type"), whole.header("accept-ranges")),
        (200, Some("video/mp4"), Some("bytes"))
    );
    let (codec, width, height, frames, sound) = probed(&whole.body);
    assert_eq!((codec.as_str(), width, height, frames), ("h264", 1280, 720, 96));
    assert!((sound - 4.0).abs() < 0.05, "{sound} s of sound");
    let call = owner.client.get(&format!("{VIDEOS}/{id}/content")).header("range", "bytes=100-199");
    let part = call.send().await.unwrap();
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[100..200]));
    let etag = whole.header("etag").unwrap();
    let same = owner
        .client
        .get(&format!("{VIDEOS}/{id}/content"))
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!((same.status, same.body.len()), (304, 0));
    let head = owner.client.call(Method::HEAD, &format!("{VIDEOS}/{id}/content")).send().await.unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    for (variant, mime, format) in
        [("thumbnail", "image/webp", ImageFormat::WebP), ("spritesheet", "image/jpeg", ImageFormat::Jpeg)]
    {
        let still = content(&owner.client, &id, &format!("?variant={variant}")).await;
        assert_eq!(still.header("content-type"), Some(mime));
        image::load_from_memory_with_format(&still.body, format).unwrap();
    }
    expect_error(&content(&owner.client, &id, "?variant=poster").await, 422, "bad_variant");
    app.finish().await;
}

#[actix_rt::test]
async fn a_first_frame_is_taken_under_every_name_and_fitted() {
    let app = App::with(&[("STUDIO__LATENCY_MS", "600000")]).await;
    let client = app.client();
    let sent = drawn(400, 300, 1);
    let said = || Form::new().text("prompt", "it comes to life");
    for name in ["input_reference", "image", "image[]", "image_first", "first_frame", "input_image"] {
        let answer = client.post_form(VIDEOS, said().file(name, &sent)).send().await.unwrap();
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        client.delete(&format!("{VIDEOS}/{}", id(&answer))).send().await.unwrap();
    }
    let uri = format!(
        "data:image/png;base64,{}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &sent)
    );
    for reference in [json!(uri), json!({ "image_url": uri })] {
        let answer = create(&client, &json!({ "prompt": "x", "input_reference": reference })).await;
        client.delete(&format!("{VIDEOS}/{}", id(&answer))).send().await.unwrap();
    }
    let object = said().text("input_reference[image_url]", &uri);
    let answer = client.post_form(VIDEOS, object).send().await.unwrap();
    client.delete(&format!("{VIDEOS}/{}", id(&answer))).send().await.unwrap();

    for (form, status, code) in [
        (said().file("input_reference", b"no picture"), 422, "bad_input_reference"),
        (said().file("input_reference", &sent).text("fit", "exact"), 422, "reference_size"),
        (said().file("image_last", &sent), 400, "missing_first_frame"),
        (said().file("image", &sent).file("image_last", &sent), 422, "last_frame_unsupported"),
        (said().file("image[0]", &sent).file("image[1]", &sent), 422, "last_frame_unsupported"),
        (said().text("input_reference", "http://127.0.0.1/a.png"), 400, "invalid_image_url"),
    ] {
        expect_error(&client.post_form(VIDEOS, form).send().await.unwrap(), status, code);
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_film_begins_with_its_first_frame() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let gradient = image::RgbImage::from_fn(1280, 720, |x, y| image::Rgb([(x / 5) as u8, (y / 3) as u8, 90]));
    let sent = encoded(&gradient.clone().into(), ImageFormat::Png);
    let form =
        Form::new().text("prompt", "it comes to life").text("seconds", "4").file("input_reference", &sent);
    let id = id(&owner.client.post_form(VIDEOS, form).send().await.unwrap());
    ended(&owner.client, &id).await;
    let mp4 = content(&owner.client, &id, "").await.body;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.mp4"), mp4).unwrap();
    let arguments = ["-v", "error", "-i", "a.mp4", "-frames:v", "1", "a.png"];
    assert!(Command::new("ffmpeg").current_dir(dir.path()).args(arguments).status().unwrap().success());
    let first = image::open(dir.path().join("a.png")).unwrap().to_rgb8();
    let squares = first.iter().zip(gradient.iter()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    let psnr = 10.0 * (255.0_f64.powi(2) / (squares.sum::<f64>() / first.len() as f64)).log10();
    assert!(psnr >= 30.0, "{psnr} dB");
    app.finish().await;
}

#[actix_rt::test]
async fn videos_are_remixed_edited_and_extended() {
    let app = App::start().await;
    let owner = app.metered(25).await;
    let source = made(&owner, &json!({ "prompt": "a boat", "seconds": "4" })).await;
    let remix = owner
        .client
        .post(&format!("{VIDEOS}/{source}/remix"), &json!({ "prompt": "at night" }))
        .send()
        .await
        .unwrap();
    let remix = ended(&owner.client, &id(&remix)).await;
    assert_eq!(
        (&remix["status"], &remix["remixed_from_video_id"], &remix["seconds"]),
        (&json!("completed"), &json!(source), &json!("4"))
    );

    let edit = json!({ "prompt": "in winter", "video": { "id": source } });
    let edit = owner.client.post("/v1/videos/edits", &edit).send().await.unwrap();
    let edit = ended(&owner.client, &id(&edit)).await;
    assert_eq!((&edit["status"], &edit["seconds"]), (&json!("completed"), &json!("4")), "{edit}");

    let mp4 = content(&owner.client, &source, "").await.body;
    let form = Form::new().text("prompt", "it lands").text("seconds", "4").named_file(
        "video",
        "a.mp4",
        "video/mp4",
        &mp4,
    );
    let longer = owner.client.post_form("/v1/videos/extensions", form).send().await.unwrap();
    let longer = id(&longer);
    assert_eq!(ended(&owner.client, &longer).await["seconds"], "8");
    assert_eq!(probed(&content(&owner.client, &longer, "").await.body).3, 192);

    let other = app.metered(5).await;
    for call in [
        other.client.post(&format!("{VIDEOS}/{source}/remix"), &json!({ "prompt": "mine" })),
        other.client.post("/v1/videos/edits", &json!({ "prompt": "mine", "video": { "id": source } })),
        other.client.get(&format!("{VIDEOS}/{source}")),
        other.client.get(&format!("{VIDEOS}/{source}/content")),
        other.client.delete(&format!("{VIDEOS}/{source}")),
        other.client.post(VIDEOS, &json!({ "prompt": "mine", "remix_target_id": source })),
    ] {
        expect_error(&call.send().await.unwrap(), 404, "video_not_found");
    }
    for (body, code) in [
        (json!({ "prompt": "x", "video": "video_x" }), "video_not_found"),
        (json!({ "prompt": "x" }), "bad_video"),
        (json!({ "prompt": "x", "video": { "id": source }, "seconds": "7" }), "bad_duration"),
    ] {
        let answer = owner.client.post("/v1/videos/extensions", &body).send().await.unwrap();
        assert_eq!(answer.json()["error"]["code"], code, "{}", answer.text());
    }
    let no_video = Form::new().text("prompt", "x").file("video", b"not an mp4");
    expect_error(
        &owner.client.post_form("/v1/videos/edits", no_video).send().await.unwrap(),
        422,
        "bad_video",
    );
    assert_eq!(credits(&owner.client).await, (5, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_keys_videos_are_listed_page_by_page_and_deleted_for_good() {
    let app =
        App::with(&[("STUDIO__LATENCY_MS", "600000"), ("STUDIO__ACCOUNTS", "1"), ("STUDIO__SLOTS", "1")])
            .await;
    let (owner, other) = (app.metered(25).await, app.metered(5).await);
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(id(&create(&owner.client, &json!({ "prompt": format!("film {number}") })).await));
    }
    id(&create(&other.client, &json!({ "prompt": "not mine" })).await);
    let picture = in_background(&app.client(), small("no video")).await;
    let page = async |query: &str| owner.client.get(&format!("{VIDEOS}{query}")).send().await.unwrap().json();
    let listed = |page: &Value| -> Vec<String> {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|video| video["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = page("?limit=2").await;
    assert_eq!(
        (listed(&first), &first["has_more"], &first["last_id"]),
        (vec![ids[4].clone(), ids[3].clone()], &json!(true), &json!(ids[3]))
    );
    let rest = page(&format!("?limit=10&after={}", ids[3])).await;
    assert_eq!(
        (listed(&rest), &rest["has_more"]),
        (vec![ids[2].clone(), ids[1].clone(), ids[0].clone()], &json!(false))
    );
    assert_eq!(listed(&page("?order=asc&limit=1").await), [ids[0].clone()]);
    for id in &ids {
        let deleted = owner.client.delete(&format!("{VIDEOS}/{id}")).send().await.unwrap().json();
        assert_eq!(deleted, json!({ "id": id, "object": "video.deleted", "deleted": true }));
        expect_error(
            &owner.client.get(&format!("{VIDEOS}/{id}")).send().await.unwrap(),
            404,
            "video_not_found",
        );
    }
    assert_eq!(listed(&page("").await), [] as [String; 0]);
    assert_eq!(credits(&owner.client).await, (25, 0));
    app.client().delete(&format!("/v1/images/jobs/{picture}")).send().await.unwrap();
    for client in [other.client, app.client()] {
        for video in client.get(VIDEOS).send().await.unwrap().json()["data"].as_array().unwrap() {
            client.delete(&format!("{VIDEOS}/{}", video["id"].as_str().unwrap())).send().await.unwrap();
        }
    }
    app.finish().await;
}

#[actix_rt::test]
async fn wrong_requests_for_videos_are_told_and_cost_nothing() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    for (body, status, code) in [
        (json!({}), 400, "missing_prompt"),
        (json!({ "prompt": " " }), 400, "missing_prompt"),
        (json!({ "prompt": "a", "model": "gpt-image-2" }), 400, "unknown_model"),
        (json!({ "prompt": "a", "seconds": 5 }), 422, "bad_duration"),
        (json!({ "prompt": "a", "seconds": "long" }), 422, "bad_seconds"),
        (json!({ "prompt": "a", "size": "640x480" }), 422, "bad_size"),
        (json!({ "prompt": "a", "model": "sora-video-portrait-10s", "size": "1280x720" }), 422, "bad_size"),
        (json!({ "prompt": "a", "model": "sora-video-portrait-10s", "seconds": 4 }), 422, "bad_duration"),
        (json!({ "prompt": "a", "orientation": "round" }), 422, "bad_orientation"),
        (json!({ "prompt": "a", "seed": "lucky" }), 422, "bad_seed"),
        (json!({ "prompt": "a", "remix_target_id": "video_x" }), 404, "video_not_found"),
        (json!({ "prompt": "a [[fault:content]]", "async_mode": false }), 400, "content_policy_violation"),
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
    let failed = id(&create(&owner.client, &json!({ "prompt": "a [[fault:content]]" })).await);
    let video = ended(&owner.client, &failed).await;
    assert_eq!(
        (&video["status"], &video["error"]["code"]),
        (&json!("failed"), &json!("content_policy_violation"))
    );
    expect_error(&content(&owner.client, &failed, "").await, 400, "video_failed");
    assert_eq!(credits(&owner.client).await, (5, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_film_that_a_kill_interrupts_is_finished_once_by_the_next_start() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 10).await;
    let id = id(&create(&client, &json!({ "prompt": "a long way", "seconds": "25" })).await);
    let began = Instant::now();
    let seen = loop {
        let video = client.get(&format!("{VIDEOS}/{id}")).send().await.unwrap().json();
        let progress = video["progress"].as_u64().unwrap();
        if progress > 5 {
            assert_ne!(video["status"], "completed", "too quick to be interrupted");
            break progress;
        }
        assert!(began.elapsed() < PATIENCE, "{video}");
        actix_rt::time::sleep(Duration::from_millis(10)).await;
    };
    server.kill().unwrap();
    let server = setup.start(PATIENCE).await.unwrap();
    let video = ended_after(&client, &id, seen).await;
    assert_eq!((&video["status"], credits(&client).await), (&json!("completed"), (5, 0)));
    assert_eq!(probed(&content(&client, &id, "").await.body).3, 600);
    drop(server);
}
