//! Keys open what they should, quotas hold, and the book is right.

use super::{KEY, draw, upstream};
use atelier_sim::{
    client::Client,
    upstream::{AccountSetup, Behaviour, Course, KeyTerm, Limits, Op, Reason, Report, Submits, Upstream},
};
use serde_json::{Value, json};
use std::time::Duration;

#[actix_rt::test]
async fn a_key_that_nobody_made_is_refused_and_counted() {
    let (upstream, client) = upstream();
    let answer = draw(&client.with_token("sk-other"), "stranger").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"));
    assert!(!answer.text().contains("sk-other"));
    let report = upstream.book();
    assert_eq!((report.strangers, report.prompt("stranger").arrived), (1, 0));
    let credential = &report.credentials[0];
    assert_eq!((credential.last4.as_str(), credential.times), ("ther", 1));
    assert!(!serde_json::to_string(&report).unwrap().contains("sk-other"));
}

#[actix_rt::test]
async fn submits_are_counted_by_account_and_prompt() {
    let (upstream, client) = upstream();
    upstream.account("sk-b").script(Op::SubmitImage, [Behaviour::Refuse(Reason::Overloaded.into())]);
    let second = client.with_token("sk-b");
    draw(&client, "job 1").await;
    draw(&second, "job 1").await;
    draw(&second, "job 2").await;
    let report = upstream.book();
    assert_eq!(report.prompt("job 1"), Submits { arrived: 2, accepted: 1 });
    assert_eq!(report.account("sk-b").prompts["job 2"], Submits { arrived: 1, accepted: 1 });
    assert_eq!(report.account("sk-b").arrived(Op::SubmitImage), 2);
    assert_eq!((report.in_flight, report.requests), (0, 3));
    let seen = report.seen.last().unwrap();
    assert_eq!(
        (seen.fields["prompt"].as_str(), seen.headers["authorization"].as_str()),
        (Some("job 2"), "…sk-b")
    );
}

#[actix_rt::test]
async fn a_minute_of_images_fills_and_empties() {
    let (upstream, client) = upstream();
    upstream.account(KEY).limits(Limits { ipm: Some(2), ..Limits::default() });
    draw(&client, "1").await;
    draw(&client, "2").await;
    let refused = draw(&client, "3").await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limit_exceeded"));
    assert!(refused.text().contains("Limit: 2/1min. Current: 3/1min"), "{}", refused.text());
    upstream.advance(Duration::from_secs(60));
    assert_eq!(draw(&client, "4").await.status, 200);
}

#[actix_rt::test]
async fn a_minute_of_requests_tells_when_to_come_back() {
    let (upstream, client) = upstream();
    upstream.account(KEY).limits(Limits { rpm: Some(1), ..Limits::default() });
    client.get("/v1/models").send().await.unwrap();
    let refused = client.get("/v1/models").send().await.unwrap();
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!(refused.status == 429 && (59..=60).contains(&wait), "{wait}");
    upstream.advance(Duration::from_secs(wait));
    assert_eq!(client.get("/v1/models").send().await.unwrap().status, 200);
}

#[actix_rt::test]
async fn money_and_the_day_run_out_in_their_own_words() {
    let (upstream, client) = upstream();
    upstream.account(KEY).limits(Limits { images: Some(1), videos: Some(1), ..Limits::default() });
    let film = json!({"prompt": "film", "model": "sora-2"});
    draw(&client, "1").await;
    assert_eq!(draw(&client, "2").await.code(), "insufficient_quota");
    assert_eq!(client.post("/v1/videos", &film).send().await.unwrap().status, 200);
    let refused = client.post("/v1/videos", &film).send().await.unwrap();
    assert!(refused.status == 429 && refused.text().contains("per day"), "{}", refused.text());
}

#[actix_rt::test]
async fn open_films_take_up_room_until_they_are_ready() {
    let (upstream, client) = upstream();
    let account = upstream.account(KEY);
    account.limits(Limits { in_flight: Some(1), ..Limits::default() });
    account.usually(Op::SubmitVideo, Behaviour::Job(Course { polls: 1, ..Course::default() }));
    let film = json!({"prompt": "film", "model": "sora-2"});
    let first = client.post("/v1/videos", &film).send().await.unwrap().json();
    let refused = client.post("/v1/videos", &film).send().await.unwrap();
    assert!(refused.status == 429 && refused.text().contains("Limit: 1. Current: 1"), "{}", refused.text());
    client.get(&format!("/v1/videos/{}", first["id"].as_str().unwrap())).send().await.unwrap();
    assert_eq!(client.post("/v1/videos", &film).send().await.unwrap().status, 200);
}

#[actix_rt::test]
async fn keys_end_by_calls_by_time_and_at_once() {
    let (upstream, client) = upstream();
    let models = |key: &str| client.with_token(key).get("/v1/models").send();
    let ends = |key: KeyTerm| AccountSetup { key: Some(key), ..AccountSetup::default() };
    upstream.put("sk-calls", ends(KeyTerm { calls: Some(2), ..KeyTerm::default() }));
    upstream.put("sk-time", ends(KeyTerm { expires_in_ms: Some(5_000), ..KeyTerm::default() }));
    upstream.put("sk-later", ends(KeyTerm { valid_from_ms: Some(5_000), ..KeyTerm::default() }));
    let mut statuses = Vec::new();
    for key in ["sk-calls", "sk-calls", "sk-calls", "sk-time", "sk-later"] {
        statuses.push(models(key).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 200, 401, 200, 401]);
    upstream.advance(Duration::from_secs(5));
    assert_eq!(models("sk-time").await.unwrap().status, 401);
    assert_eq!(models("sk-later").await.unwrap().status, 200);
    upstream.account("sk-later").revoke();
    assert_eq!(models("sk-later").await.unwrap().status, 401);
}

#[actix_rt::test]
async fn everything_can_be_done_over_http() {
    let upstream = Upstream::start(Default::default()).unwrap();
    let control = Client::new(&upstream.origin());
    let put = |body: Value| control.call(awc::http::Method::PUT, "/_sim/accounts/sk-h").json(&body).send();
    let setup = json!({
        "scripts": {"submit_image": ["ok", {"refuse": "insufficient_quota"}, {"refuse": {"reason": "rate_limited", "retry_after": 3}}]},
        "usually": {"submit_image": {"delay": {"ms": 1}}},
        "limits": {"rpm": 100},
    });
    assert_eq!(put(setup).await.unwrap().status, 200);
    let client = control.with_token("sk-h");
    let mut statuses = Vec::new();
    for number in 0..4 {
        statuses.push(draw(&client, &format!("over http {number}")).await.status);
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
    let report = control.get("/_sim/report").send().await.unwrap().json();
    let read: Report = serde_json::from_value(report).unwrap();
    assert_eq!(read, upstream.book());
    assert_eq!(read.account("sk-h").accepted(Op::SubmitImage), 2);

    let script = json!({"scripts": {"models": [{"html": {}}]}});
    control.post("/_sim/accounts/sk-h/script", &script).send().await.unwrap();
    let page = client.get("/v1/models").send().await.unwrap();
    assert!(page.header("content-type").unwrap().starts_with("text/html"));

    control.post("/_sim/accounts/sk-h/revoke", &json!({})).send().await.unwrap();
    assert_eq!(client.get("/v1/models").send().await.unwrap().status, 401);
    assert_eq!(control.delete("/_sim").send().await.unwrap().status, 200);
    assert_eq!(upstream.book().requests, 0);

    let wrong = put(json!({"scripts": {"submit_image": ["hagn"]}})).await.unwrap();
    assert!(wrong.status == 400 && wrong.text().contains("hagn"), "{}", wrong.text());
    assert_eq!(control.get("/_sim/reprot").send().await.unwrap().status, 404);
}

#[actix_rt::test]
async fn a_restart_takes_the_jobs_and_leaves_the_accounts() {
    let (upstream, client) = upstream();
    let film = json!({"prompt": "film", "model": "sora-2"});
    let id = client.post("/v1/videos", &film).send().await.unwrap().json()["id"].as_str().unwrap().to_owned();
    upstream.forget_jobs();
    assert_eq!(client.get(&format!("/v1/videos/{id}")).send().await.unwrap().status, 404);
    assert_eq!(draw(&client, "still open").await.status, 200);
}

#[test]
fn the_account_that_the_readme_shows_is_one() {
    let readme = include_str!("../../README.md");
    let shown = readme.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let account: AccountSetup = serde_json::from_str(shown).unwrap();
    assert_eq!(account.scripts[&Op::SubmitImage].len(), 5);
}
