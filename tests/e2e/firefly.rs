//! The examples of an older gateway's document against accounts of the engine `firefly`, on a simulated upstream: each must get what
//! the document says, every upstream must be asked once, and every failure must be free.

use crate::support::{
    App,
    answers::{credits, ended, generate},
    expect_error,
    films::{self, PATIENCE, create},
    pictures::{drawn, encoded},
};
use atelier_sim::{
    client::{Answer, Client},
    form::Form,
    upstream::{AccountSetup, Behaviour, Course, Limits, Op, Outcome, Reason, Refusal, Setup, Upstream},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::Instant;

const TOKEN: &str = "firefly-token-of-the-e2e-account";

/// A server whose only engine is Firefly, and its upstream.
struct Gateway {
    app: App,
    upstream: Upstream,
}

impl Gateway {
    async fn start(more: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        let origin = upstream.origin();
        let at = |path: &str| format!("{origin}{path}");
        let addresses = [
            ("FIREFLY__SERVICES_URL", at("")),
            ("FIREFLY__WEB_URL", at("")),
            ("FIREFLY__TOKEN_URL", at("/ims/token/v3")),
            ("FIREFLY__CHECK_URL", at("/ims/check/v6/token")),
            ("FIREFLY__PROFILE_URL", at("/ims/profile/v1")),
            ("FIREFLY__BALANCE_URL", at("/v1/credits/balance")),
        ];
        let own = [
            ("FIREFLY__POLL_INTERVAL", "0.02"),
            ("STUDIO__ENABLED", "false"),
            ("IMAGES__IGNORE_UNSUPPORTED_MASK", "true"),
        ];
        let addresses = addresses.iter().map(|(name, value)| (*name, value.as_str()));
        let settings: Vec<_> = addresses.chain(own).chain(more.iter().copied()).collect();
        Self { app: App::with(&settings).await, upstream }
    }

    /// The same with one account of the web back end.
    async fn web(more: &[(&str, &str)]) -> Self {
        let gateway = Self::start(more).await;
        gateway.upstream.account(TOKEN);
        gateway.add(json!({ "provider": "firefly", "dialect": "web", "token": TOKEN })).await;
        gateway
    }

    async fn add(&self, body: Value) -> Value {
        let added = self.app.admin().await.post("/api/tokens", &body).send().await.unwrap();
        assert_eq!(added.status, 200, "{}", added.text());
        added.json()["token"].clone()
    }

    fn script(&self, op: Op, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.upstream.account(TOKEN).script(op, behaviours);
    }

    fn submits(&self) -> u64 {
        let book = self.upstream.account(TOKEN).book();
        book.arrived(Op::SubmitImage) + book.arrived(Op::SubmitVideo)
    }
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = image::load_from_memory(&drawn(width, height, 4)).unwrap().to_rgb8();
    encoded(&picture.into(), image::ImageFormat::Jpeg)
}

fn sizes(answer: &Answer) -> Vec<(u32, u32)> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let data = body["data"].as_array().unwrap();
    let read = |item: &Value| {
        let bytes = STANDARD.decode(item["b64_json"].as_str().unwrap()).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap();
        (picture.width(), picture.height())
    };
    data.iter().map(read).collect()
}

/// §3 and §7: what is sent, how many submits it takes, and the size that comes out.
fn pictures() -> Vec<(&'static str, Value, u64, (u32, u32))> {
    vec![
        (
            "minimal",
            json!({"model": "gpt-image-1", "prompt": "a red apple on a white background", "n": 1}),
            1,
            (1024, 1024),
        ),
        (
            "SDK",
            json!({"model": "gpt-image-1", "prompt": "a cat sitting on a windowsill at golden hour", "n": 1,
            "size": "1024x1024", "quality": "medium"}),
            1,
            (1024, 1024),
        ),
        ("several", json!({"model": "gpt-image-2", "prompt": "three foxes", "n": 3}), 3, (1024, 1024)),
        (
            "upright",
            json!({"model": "dall-e-3", "prompt": "a fox", "size": "1024x1536", "response_format": "b64_json"}),
            1,
            (1024, 1536),
        ),
        (
            "Nano Banana 2",
            json!({"model": "nano-banana", "prompt": "vintage Japanese poster", "n": 1, "size": "1024x1024",
            "aspect_ratio": "4:5"}),
            1,
            (896, 1120),
        ),
        (
            "its quality is left out",
            json!({"model": "gemini-3-pro", "prompt": "a fox", "quality": "high"}),
            1,
            (1024, 1024),
        ),
        (
            "Gemini 2.5",
            json!({"model": "gemini-2.5-flash", "prompt": "a fox", "quality": "auto"}),
            1,
            (1024, 1024),
        ),
        (
            "ignored fields",
            json!({"model": "gpt-image-1", "prompt": "a fox", "moderation": "low", "user": "u"}),
            1,
            (1024, 1024),
        ),
        (
            "a shape",
            json!({"model": "gpt-image-1", "prompt": "a fox", "aspect_ratio": "wide"}),
            1,
            (1280, 720),
        ),
        (
            "the largest",
            json!({"model": "gpt-image-1", "prompt": "a fox", "aspect_ratio": "4k-wide", "quality": "high"}),
            1,
            (3840, 2160),
        ),
        ("an exact name", json!({"model": "fluxPro", "prompt": "a fox"}), 1, (1024, 1024)),
    ]
}

#[actix_rt::test]
async fn every_example_of_pictures_gets_what_it_is_promised() {
    let gateway = Gateway::web(&[]).await;
    let owner = gateway.app.metered(1000).await;
    for (name, body, submits, size) in pictures() {
        let before = gateway.submits();
        let answer = generate(&owner.client, &body).await;
        let made = sizes(&answer);
        assert_eq!(made, vec![size; usize::try_from(submits).unwrap()], "{name}");
        assert_eq!(gateway.submits() - before, submits, "{name}");
        let usage = &answer.json()["usage"];
        assert!(usage["credits_charged"].as_i64().unwrap() >= 1, "{name}: {usage}");
        assert!(usage["input_tokens_details"]["image_tokens"].is_u64(), "{name}: {usage}");
    }
    let body = json!({"model": "gpt-image-1", "prompt": "a link", "response_format": "url"});
    let link = generate(&owner.client, &body).await.json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(link.starts_with(&gateway.app.origin), "an upstream's own link was given away: {link}");
    let body = json!({"model": "gpt-image-1", "prompt": "a mountain", "quality": "high", "n": 1, "background": true});
    let job = generate(&owner.client, &body).await.json();
    assert_eq!((&job["object"], &job["status"]), (&json!("image.job"), &json!("queued")));
    let done = ended(&owner.client, job["id"].as_str().unwrap()).await;
    assert!(done["result"]["data"][0]["b64_json"].is_string(), "{done}");
    gateway.app.finish().await;
}

#[actix_rt::test]
async fn every_way_to_edit_takes_its_pictures_to_the_account_that_makes_it() {
    let gateway = Gateway::web(&[]).await;
    let client = gateway.app.client();
    let form = || Form::new().text("model", "gpt-image-1").text("prompt", "make it night");
    for (name, form, uploads) in [
        ("one", form().file("image", &drawn(300, 200, 2)), 1),
        ("two", form().file("image[0]", &drawn(300, 200, 2)).file("image[1]", &drawn(200, 300, 3)), 2),
        ("style", form().text("reference_usage", "style").file("image", &drawn(64, 64, 2)), 1),
        ("a mask is ignored", form().file("image", &drawn(64, 64, 2)).file("mask", &drawn(64, 64, 3)), 1),
        (
            "Nano Banana",
            Form::new().text("model", "nano-banana").text("prompt", "x").file("image", &drawn(64, 64, 2)),
            1,
        ),
    ] {
        let before = gateway.upstream.account(TOKEN).book().accepted(Op::Upload);
        let answer =
            client.post_form("/v1/images/edits", form.text("size", "1024x1024")).send().await.unwrap();
        assert_eq!(sizes(&answer), [(1024, 1024)], "{name}");
        let uploaded = gateway.upstream.account(TOKEN).book().accepted(Op::Upload) - before;
        assert_eq!(uploaded, uploads, "{name}");
    }
    gateway.app.finish().await;
}

async fn film_of(client: &Client, answer: Answer) -> (u64, u64) {
    let video = answer.json();
    assert_eq!((answer.status, &video["status"], &video["object"]), (200, &json!("queued"), &json!("video")));
    let id = video["id"].as_str().unwrap();
    let done = films::ended(client, id).await;
    assert_eq!(done["status"], "completed", "{done}");
    let file = films::content(client, id, "?variant=video").await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("video/mp4")));
    films::sides(&file.body)
}

#[actix_rt::test]
async fn every_example_of_videos_gets_what_it_is_promised() {
    let gateway = Gateway::web(&[]).await;
    let owner = gateway.app.metered(1000).await;
    let client = &owner.client;
    let form = || {
        Form::new()
            .text("prompt", "a calm ocean wave at sunset, cinematic")
            .text("model", "sora-2")
            .text("seconds", "4")
    };
    let texts = client.post_form("/v1/videos", form().text("size", "1280x720")).send().await.unwrap();
    assert_eq!(film_of(client, texts).await, (1280, 720));
    let frame = form().text("size", "720x1280").named_file(
        "input_reference",
        "frame.jpg",
        "image/jpeg",
        &jpeg(640, 360),
    );
    let framed = client.post_form("/v1/videos", frame).send().await.unwrap();
    assert_eq!(film_of(client, framed).await, (720, 1280));
    let json = create(client, &json!({"prompt": "a fox", "model": "sora-2-pro", "seconds": 8})).await;
    assert_eq!(film_of(client, json).await, (1280, 720));
    let body =
        json!({"model": "sora-2", "prompt": "a calm ocean wave", "duration": 4, "aspect_ratio": "9:16"});
    let waited = client.post("/v1/videos/generations", &body).send().await.unwrap().json();
    assert_eq!(
        (&waited["size"], &waited["fps"], &waited["duration"]),
        (&json!("720x1280"), &json!(24), &json!(4))
    );
    assert_eq!(waited["usage"]["credits_charged"], 5, "{waited}");
    let mut later = body.clone();
    later["background"] = true.into();
    let job = client.post("/v1/videos/generations", &later).send().await.unwrap().json();
    assert_eq!(job["object"], "image.job");
    let (path, began) = (format!("/v1/videos/jobs/{}", job["id"].as_str().unwrap()), Instant::now());
    let done = loop {
        let job = client.get(&path).send().await.unwrap().json();
        if job["status"] == "succeeded" {
            break job;
        }
        assert!(job["status"] != "failed" && began.elapsed() < PATIENCE, "{job}");
        actix_rt::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(done["result"]["data"][0]["url"].is_string(), "{done}");
    let edit = Form::new().text("prompt", "comes to life").text("duration", "4").text("aspect_ratio", "16:9");
    let edit = edit.named_file("image", "ref.jpg", "image/jpeg", &jpeg(1280, 720));
    let edited = client.post_form("/v1/videos/edits", edit).send().await.unwrap();
    assert!(edited.json()["data"][0]["url"].is_string(), "{}", edited.text());
    assert_eq!(gateway.submits(), 6, "something was made twice");
    gateway.app.finish().await;
}

#[actix_rt::test]
async fn films_are_asked_for_deleted_and_remixed_as_documented() {
    let gateway = Gateway::web(&[]).await;
    let health = gateway.app.stranger().get("/v1/health").send().await.unwrap().json();
    assert_eq!((&health["status"], &health["accounts_active"]), (&json!("ok"), &json!(1)), "{health}");
    assert!(health["total_credits"].is_number(), "{health}");
    let owner = gateway.app.metered(50).await;
    let client = &owner.client;
    let body = json!({"prompt": "a fox", "model": "sora-2", "seconds": "4"});
    let begin = async |end| {
        let message = "it went wrong".to_owned();
        gateway.script(Op::SubmitVideo, [Behaviour::Job(Course { end, message, ..Course::default() })]);
        let (before, began) = (gateway.submits(), Instant::now());
        let id = create(client, &body).await.json()["id"].as_str().unwrap().to_owned();
        while gateway.submits() == before {
            assert!(began.elapsed() < PATIENCE, "{id} was never submitted");
            actix_rt::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        id
    };
    let endless = begin(Outcome::Never).await;
    expect_error(&films::content(client, &endless, "").await, 425, "video_not_ready");
    let deleted = client.delete(&format!("/v1/videos/{endless}")).send().await.unwrap().json();
    assert_eq!(deleted, json!({"id": endless, "object": "video.deleted", "deleted": true}));
    expect_error(&films::content(client, &endless, "").await, 404, "video_not_found");
    expect_error(&films::content(client, "video_nobody", "").await, 404, "video_not_found");
    let failing = begin(Outcome::Failed).await;
    assert_eq!(films::ended(client, &failing).await["status"], "failed");
    expect_error(&films::content(client, &failing, "").await, 400, "video_failed");
    let done = create(client, &body).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(films::ended(client, &done).await["status"], "completed");
    let remix = client.post(&format!("/v1/videos/{done}/remix"), &json!({"prompt": "at night"}));
    expect_error(&remix.send().await.unwrap(), 501, "remix_unsupported");
    let list = client.get("/v1/videos").send().await.unwrap().json();
    assert_eq!((&list["object"], list["data"].as_array().map(Vec::len)), (&json!("list"), Some(2)), "{list}");
    assert_eq!(credits(client).await, (45, 0), "only the film that was made costs");
    gateway.app.finish().await;
}

/// What is scripted, what is sent, and what the document says it is answered with.
fn refusals() -> Vec<(&'static str, Behaviour, Value, u16, &'static str)> {
    let plain = || json!({"model": "gpt-image-1", "prompt": "a fox"});
    let high = || json!({"model": "gpt-image-1", "prompt": "a fox", "quality": "high"});
    let refuse = |reason: Reason| Behaviour::Refuse(reason.into());
    let failed = Course { end: Outcome::Failed, code: "image_unsafe".into(), ..Course::default() };
    vec![
        ("not entitled", refuse(Reason::NoPermission), high(), 422, "quality_not_entitled"),
        ("unsafe", refuse(Reason::ModerationBlocked), plain(), 451, "image_unsafe"),
        ("unsafe in the end", Behaviour::Job(failed), plain(), 451, "image_unsafe"),
        ("under load", refuse(Reason::Timeout), plain(), 503, "upstream_saturated"),
        ("malformed", refuse(Reason::Unprocessable), plain(), 422, "upstream_rejected"),
        ("unknown", Behaviour::AcceptThenReset, plain(), 502, "submit_outcome_unknown"),
    ]
}

#[actix_rt::test]
async fn every_documented_error_is_told_as_documented_and_costs_nothing() {
    let settings = [("POOL__MAX_ATTEMPTS", "1"), ("POOL__OVERLOADED_COOLDOWN_S", "1")];
    let gateway = Gateway::web(&settings).await;
    let owner = gateway.app.metered(50).await;
    for (name, behaviour, body, status, code) in refusals() {
        let before = gateway.submits();
        gateway.script(Op::SubmitImage, [behaviour]);
        let answer = generate(&owner.client, &body).await;
        expect_error(&answer, status, code);
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{name}");
        assert_eq!(gateway.submits() - before, 1, "{name}: one request became several submits");
        assert_eq!(credits(&owner.client).await, (50, 0), "{name}");
    }
    let poor = gateway.app.metered(0).await;
    expect_error(
        &generate(&poor.client, &json!({"model": "gpt-image-1", "prompt": "a fox"})).await,
        402,
        "insufficient_credits",
    );
    let stranger = gateway.app.stranger();
    expect_error(&generate(&stranger, &json!({"prompt": "a fox"})).await, 401, "invalid_key");
    for (path, body, status, code) in [
        ("/v1/images/generations", json!({"model": "no-such", "prompt": "x"}), 400, "unknown_model"),
        ("/v1/images/generations", json!({"model": "gpt-image-1"}), 400, "missing_prompt"),
        (
            "/v1/images/generations",
            json!({"model": "gpt-image-1", "prompt": "x", "size": "1000x1000"}),
            422,
            "bad_size",
        ),
        ("/v1/images/edits", json!({"model": "gpt-image-1", "prompt": "x"}), 400, "missing_image"),
        (
            "/v1/videos/generations",
            json!({"model": "sora-2", "prompt": "x", "duration": 5}),
            422,
            "bad_duration",
        ),
        (
            "/v1/videos/generations",
            json!({"model": "sora-2", "prompt": "x", "size": "640x480"}),
            422,
            "bad_size",
        ),
        (
            "/v1/videos/generations",
            json!({"model": "sora-2", "prompt": "x", "duration": 10}),
            422,
            "bad_duration",
        ),
    ] {
        expect_error(&owner.client.post(path, &body).send().await.unwrap(), status, code);
    }
    let two = Form::new().text("prompt", "x").file("image", &jpeg(64, 64)).file("image[1]", &jpeg(64, 64));
    let last = owner.client.post_form("/v1/videos/edits", two).send().await.unwrap();
    expect_error(&last, 422, "last_frame_unsupported");
    let only = Form::new().text("prompt", "x").file("last_frame", &jpeg(64, 64));
    expect_error(
        &owner.client.post_form("/v1/videos/edits", only).send().await.unwrap(),
        400,
        "missing_first_frame",
    );
    assert_eq!(credits(&owner.client).await, (50, 0));
    gateway.app.finish().await;
}

#[actix_rt::test]
async fn an_exhausted_pool_is_saturated_and_the_other_one_is_not() {
    let gateway = Gateway::web(&[("GENERATION__IMAGE_TIMEOUT", "5")]).await;
    gateway.upstream.account(TOKEN).limits(Limits { images: Some(0), ..Limits::default() });
    let client = gateway.app.client();
    let answer = generate(&client, &json!({"model": "gpt-image-1", "prompt": "a fox"})).await;
    expect_error(&answer, 503, "upstream_saturated");
    assert!(answer.header("retry-after").is_some());
    let film = create(&client, &json!({"prompt": "a fox", "model": "sora-2"})).await;
    assert_eq!(film_of(&client, film).await, (1280, 720));
    gateway.app.finish().await;
}

#[actix_rt::test]
async fn an_upstream_that_cannot_be_reached_is_a_gateway_timeout() {
    let gateway = Gateway::start(&[("POOL__MAX_ATTEMPTS", "1")]).await;
    let nowhere = "http://127.0.0.1:1";
    gateway
        .add(json!({ "provider": "firefly", "dialect": "web", "token": TOKEN, "base_url": nowhere, "check": false }))
        .await;
    let answer = generate(&gateway.app.client(), &json!({"model": "gpt-image-1", "prompt": "a fox"})).await;
    expect_error(&answer, 504, "submit_network");
    gateway.app.finish().await;
}

#[actix_rt::test]
async fn another_account_takes_over_with_pictures_of_its_own() {
    let gateway = Gateway::web(&[]).await;
    let second = "firefly-token-of-another-account";
    let setup = AccountSetup { email: Some("b@example.com".into()), ..AccountSetup::default() };
    gateway.upstream.put(second, setup);
    gateway
        .add(json!({ "provider": "firefly", "dialect": "web", "token": second, "email": "b@example.com" }))
        .await;
    let limited = Refusal::new(Reason::RateLimited).retry_after(60);
    gateway.script(Op::SubmitImage, [Behaviour::Refuse(limited.clone())]);
    let form = Form::new().text("model", "gpt-image-1").text("prompt", "x").file("image", &drawn(64, 64, 2));
    let answer = gateway
        .app
        .client()
        .post_form("/v1/images/edits", form.text("size", "1024x1024"))
        .send()
        .await
        .unwrap();
    assert_eq!(sizes(&answer), [(1024, 1024)]);
    let book = gateway.upstream.book();
    let accepted: u64 = [TOKEN, second].iter().map(|name| book.account(name).accepted(Op::SubmitImage)).sum();
    assert_eq!(accepted, 1, "it was made twice");
    for name in [TOKEN, second] {
        let account = book.account(name);
        assert_eq!(
            account.arrived(Op::Upload),
            account.arrived(Op::SubmitImage),
            "{name}: a picture of somebody else was used"
        );
    }
    gateway.app.finish().await;
}

#[actix_rt::test]
async fn accounts_of_both_flavours_are_added_renewed_and_listed() {
    let gateway = Gateway::start(&[]).await;
    let machine = AccountSetup {
        client_id: Some("client-1".into()),
        client_secret: Some("planted-client-secret".into()),
        ..AccountSetup::default()
    };
    gateway.upstream.put("machine", machine);
    let session = AccountSetup { session_token: Some("planted-session".into()), ..AccountSetup::default() };
    gateway.upstream.put("person", session);
    let services =
        gateway.add(json!({ "provider": "firefly", "client_id": "client-1", "client_secret": "planted-client-secret" })).await;
    assert_eq!((&services["health"], &services["provider"]), (&json!("ok"), &json!("firefly")), "{services}");
    let web = json!({ "provider": "firefly", "dialect": "web", "cookie": "ims_sid=planted-session", "email": "p@example.com" });
    let web = gateway.add(web).await;
    assert_eq!(web["health"], "ok", "{web}");
    assert!(!format!("{services}{web}").contains("planted"));
    let client = gateway.app.client();
    let listed = client.get("/v1/firefly/models").send().await.unwrap().json();
    let names: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    for name in ["gpt-image-2", "nano-banana-3", "sora-2", "fluxPro", "firefly-image-4", "firefly-video-1"] {
        assert!(names.contains(&name), "{name}: {listed}");
    }
    let made = generate(&client, &json!({"model": "firefly-image-4", "prompt": "a fox", "n": 2})).await;
    assert_eq!(sizes(&made), [(1024, 1024), (1024, 1024)]);
    assert_eq!(gateway.upstream.account("machine").book().accepted(Op::SubmitImage), 1);
    // Its tokens end: the next job has new ones.
    gateway.upstream.account("machine").revoke();
    gateway.upstream.account("person").revoke();
    for model in ["firefly-image-4", "gpt-image-2"] {
        assert_eq!(
            sizes(&generate(&client, &json!({"model": model, "prompt": "a fox"})).await),
            [(1024, 1024)],
            "{model}"
        );
    }
    expect_error(&gateway.app.stranger().get("/v1/firefly/models").send().await.unwrap(), 401, "invalid_key");
    gateway.app.finish().await;
}
