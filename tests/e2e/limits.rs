//! What a key may do: its own limits, its models, and when it stops being a key.

use crate::support::{
    App,
    answers::{ended, generate, in_background},
    expect_error, small,
};
use atelier_sim::client::Answer;
use serde_json::{Value, json};
use std::time::Duration;

#[track_caller]
fn expect_limited(answer: &Answer) {
    expect_error(answer, 429, "rate_limit_exceeded");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "SDKs do not honour a wait of {wait} s");
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
}

#[actix_rt::test]
async fn calls_a_minute_are_counted_and_polls_are_not() {
    let app = App::start().await;
    let owner = app.key(json!({ "metered": false, "rpm": 2 })).await;
    for _ in 0..2 {
        assert_eq!(generate(&owner.client, &small("a")).await.status, 200);
    }
    expect_limited(&generate(&owner.client, &small("a")).await);
    assert_eq!(owner.client.get("/v1/models").send().await.unwrap().status, 200);
    app.finish().await;
}

#[actix_rt::test]
async fn open_jobs_are_counted_and_an_ended_one_makes_room() {
    let app = App::start().await;
    let owner = app.key(json!({ "metered": false, "concurrency": 1 })).await;
    let id = in_background(&owner.client, small("[[delay:60000]] a")).await;
    expect_limited(&generate(&owner.client, &small("b")).await);
    let other = app.key(json!({ "metered": false, "concurrency": 1 })).await;
    assert_eq!(generate(&other.client, &small("c")).await.status, 200, "another key has its own room");
    let cancelled = owner.client.delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    assert_eq!(cancelled.json()["status"], "cancelled");
    let answer = generate(&owner.client, &small("d")).await;
    assert_eq!(answer.status, 200, "the place of a cancelled job is not free: {}", answer.text());
    app.finish().await;
}

#[actix_rt::test]
async fn a_key_sees_and_uses_its_models_only() {
    let app = App::start().await;
    let owner = app.key(json!({ "metered": false, "models": ["nano-banana-3"] })).await;
    assert_eq!(generate(&owner.client, &small("an alias of it")).await.status, 200);
    let answer = generate(&owner.client, &json!({ "model": "gpt-image", "prompt": "a" })).await;
    expect_error(&answer, 403, "model_not_allowed");
    let models = owner.client.get("/v1/models").send().await.unwrap().json();
    let names: Vec<_> =
        models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(names.contains(&"nano-banana") && !names.contains(&"gpt-image-2"), "{names:?}");
    expect_error(&owner.client.get("/v1/models/gpt-image-2").send().await.unwrap(), 404, "model_not_found");
    app.finish().await;
}

#[actix_rt::test]
async fn a_key_that_is_no_more_opens_nothing() {
    let app = App::start().await;
    let admin = app.admin().await;
    let works =
        async |secret: &str| app.stranger().with_token(secret).get("/v1/credits").send().await.unwrap();
    let patch = |id: &str, body: Value| {
        admin.call(awc::http::Method::PATCH, &format!("/api/keys/{id}")).json(&body).send()
    };

    let disabled = app.metered(1).await;
    patch(&disabled.id, json!({ "disabled": true })).await.unwrap();
    expect_error(&works(&disabled.secret).await, 401, "invalid_key");
    patch(&disabled.id, json!({ "disabled": false })).await.unwrap();
    assert_eq!(works(&disabled.secret).await.status, 200);

    let expired = app.key(json!({ "expires_at": 1_000_000_000 })).await;
    expect_error(&works(&expired.secret).await, 401, "invalid_key");

    let rotated = app.metered(4).await;
    let answer =
        admin.post(&format!("/api/keys/{}/rotate", rotated.id), &json!({})).send().await.unwrap().json();
    expect_error(&works(&rotated.secret).await, 401, "invalid_key");
    assert_eq!(works(answer["key"].as_str().unwrap()).await.json()["balance"], 4);

    let deleted = app.metered(1).await;
    assert_eq!(admin.delete(&format!("/api/keys/{}", deleted.id)).send().await.unwrap().status, 200);
    expect_error(&works(&deleted.secret).await, 401, "invalid_key");
    app.finish().await;
}

#[actix_rt::test]
async fn a_key_expires_when_it_says() {
    let app = App::start().await;
    // The server's own clock, in seconds.
    let job = generate(&app.client(), &small("a")).await.json();
    let owner =
        app.key(json!({ "metered": false, "expires_at": job["created"].as_i64().unwrap() + 3 })).await;
    let works = async || owner.client.get("/v1/credits").send().await.unwrap();
    assert_eq!(works().await.status, 200);
    let ends = async {
        while works().await.status == 200 {
            actix_rt::time::sleep(Duration::from_millis(50)).await;
        }
    };
    actix_rt::time::timeout(Duration::from_secs(10), ends).await.expect("the key never expired");
    app.finish().await;
}

#[actix_rt::test]
async fn a_deleted_keys_job_still_ends_and_its_credit_is_settled() {
    let app = App::start().await;
    let owner = app.metered(2).await;
    let id = in_background(&owner.client, small("[[delay:300]] a")).await;
    let admin = app.admin().await;
    admin.delete(&format!("/api/keys/{}", owner.id)).send().await.unwrap();
    app.quiet().await;
    let answer = owner.client.get(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    expect_error(&answer, 401, "invalid_key");
    app.finish().await;
}

#[actix_rt::test]
async fn a_full_house_says_when_to_come_back_and_keeps_what_it_took() {
    let app = App::with(&[("JOBS__MAX_OPEN", "2")]).await;
    let owner = app.metered(9).await;
    let first = in_background(&owner.client, small("[[delay:500]] a")).await;
    let second = in_background(&owner.client, small("[[delay:500]] b")).await;
    let refused = generate(&owner.client, &small("c")).await;
    expect_error(&refused, 503, "queue_full");
    assert!(
        refused.header("retry-after").is_some_and(|wait| (1..=60).contains(&wait.parse::<u64>().unwrap()))
    );
    assert_eq!(refused.header("x-should-retry"), Some("true"));
    for id in [first, second] {
        assert_eq!(ended(&owner.client, &id).await["status"], "succeeded");
    }
    assert_eq!(crate::support::answers::credits(&owner.client).await, (7, 0));
    app.finish().await;
}
