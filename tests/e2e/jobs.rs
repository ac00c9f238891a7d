//! Background jobs: handed in, polled, cancelled, seen by their owner only, gone after their retention.

use crate::support::{
    App,
    answers::{credits, ended, generate, in_background, small_with, until},
    expect_error,
    pictures::{bytes_of, decoded},
    small,
};
use image::ImageFormat;
use serde_json::json;
use std::time::Duration;

#[actix_rt::test]
async fn a_background_job_goes_from_queued_to_succeeded_with_its_pictures() {
    let app = App::start().await;
    let (client, body) =
        (app.client(), small_with("[[delay:400]] a harbour", json!({ "background": true, "n": 2 })));
    let answer = generate(&client, &body).await;
    let job = answer.json();
    assert_eq!((answer.status, &job["object"]), (200, &json!("image.job")));
    assert!(matches!(job["status"].as_str(), Some("queued" | "running")), "{job}");
    assert!(
        job.get("completed").is_none() && job.get("result").is_none() && job["created"].is_i64(),
        "{job}"
    );
    let asked = &job["request"];
    assert_eq!(asked["endpoint"], "/v1/images/generations");
    assert_eq!((&asked["n"], &asked["size"], &asked["price"]), (&json!(2), &json!("256x256"), &json!(2)));
    assert!(asked["prompt_preview"].as_str().unwrap().contains("a harbour"));
    let id = job["id"].as_str().unwrap();
    until(&client, id, &["running"]).await;
    let job = until(&client, id, &["succeeded"]).await;
    assert!(job["completed"].is_i64() && job["progress"] == 100, "{}", job["progress"]);
    let pictures = job["result"]["data"].as_array().unwrap();
    assert_eq!(pictures.len(), 2);
    for picture in pictures {
        decoded(&bytes_of(picture), ImageFormat::Png, (256, 256));
    }
    app.finish().await;
}

#[actix_rt::test]
async fn both_spellings_of_background_make_a_job() {
    let app = App::start().await;
    for more in
        [json!({ "background": true }), json!({ "background": "true" }), json!({ "async_mode": true })]
    {
        let answer = generate(&app.client(), &small_with("a", more)).await;
        assert_eq!(answer.json()["object"], "image.job", "{}", answer.text());
    }
    let answer = generate(&app.client(), &small_with("a", json!({ "background": false }))).await;
    assert!(answer.json()["data"].is_array(), "background: false waits");
    app.finish().await;
}

#[actix_rt::test]
async fn cancelling_ends_a_job_at_once_and_gives_the_credit_back() {
    let app = App::start().await;
    let owner = app.metered(3).await;
    let id = in_background(&owner.client, small_with("[[delay:60000]] never", json!({ "n": 2 }))).await;
    assert_eq!(credits(&owner.client).await, (1, 2));
    until(&owner.client, &id, &["running"]).await;
    let path = format!("/v1/images/jobs/{id}");
    // Python sends a JSON content type with an empty body.
    let cancel = owner.client.delete(&path).header("content-type", "application/json");
    let answer = cancel.send().await.unwrap();
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("cancelled")), "{}", answer.text());
    assert_eq!(credits(&owner.client).await, (3, 0));
    let again = owner.client.delete(&path).send().await.unwrap();
    assert_eq!((again.status, &again.json()["status"]), (200, &json!("cancelled")));
    assert_eq!(credits(&owner.client).await, (3, 0), "cancelling twice releases once");
    app.finish().await;
}

#[actix_rt::test]
async fn whoever_waits_for_a_job_that_is_cancelled_is_told() {
    let app = App::start().await;
    let client = app.client();
    let stream = small_with("[[delay:60000]] a", json!({ "stream": true }));
    let reply = client.post("/v1/images/generations", &stream).begin().await.unwrap();
    let id = atelier_sim::client::header(&reply.headers, "x-job-id").unwrap().to_owned();
    let cancelled = client.delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    assert_eq!(cancelled.json()["status"], "cancelled");
    let text = reply.whole().await.unwrap().text();
    assert!(text.contains("event: error") && text.contains("\"code\":\"cancelled\""), "{text}");
    app.finish().await;
}

#[actix_rt::test]
async fn an_ended_job_cannot_be_cancelled() {
    let app = App::start().await;
    let owner = app.metered(2).await;
    let id = in_background(&owner.client, small("a")).await;
    ended(&owner.client, &id).await;
    let answer = owner.client.delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("succeeded")));
    assert_eq!(credits(&owner.client).await, (1, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn somebody_elses_job_is_not_there() {
    let app = App::start().await;
    let (owner, other) = (app.metered(2).await, app.metered(2).await);
    let id = in_background(&owner.client, small("[[delay:300]] mine")).await;
    let path = format!("/v1/images/jobs/{id}");
    for client in [&other.client, &app.client()] {
        expect_error(&client.get(&path).send().await.unwrap(), 404, "job_not_found");
        expect_error(&client.delete(&path).send().await.unwrap(), 404, "job_not_found");
    }
    expect_error(&app.stranger().get(&path).send().await.unwrap(), 401, "invalid_key");
    assert_eq!(
        ended(&owner.client, &id).await["status"],
        "succeeded",
        "a stranger's DELETE must not reach it"
    );
    for unknown in ["job_00000000000070008000000000000000", "nonsense", "..%2F..", "job_"] {
        let answer = owner.client.get(&format!("/v1/images/jobs/{unknown}")).send().await.unwrap();
        expect_error(&answer, 404, "job_not_found");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn an_ended_job_is_gone_after_its_retention_and_not_before() {
    let app = App::with(&[("JOBS__RETENTION_S", "2")]).await;
    let client = app.client();
    let id = in_background(&client, small("a")).await;
    ended(&client, &id).await;
    let gone = async {
        loop {
            let answer = client.get(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
            if answer.status != 200 {
                return answer;
            }
            actix_rt::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answer = actix_rt::time::timeout(Duration::from_secs(10), gone).await.expect("the job never went");
    expect_error(&answer, 404, "job_not_found");
    app.finish().await;
}
