//! Sending twice: what is one job, and what is two.

use crate::support::{
    App,
    answers::{credits, small_with},
    expect_error, small,
};
use atelier_sim::client::{Answer, Call};
use futures_util::future::join_all;
use serde_json::{Value, json};

fn sent(owner: &crate::support::app::Owner, body: &Value, headers: &[(&str, &str)]) -> Call {
    let call = owner.client.post("/v1/images/generations", body);
    headers.iter().fold(call, |call, (name, value)| call.header(name, value))
}

fn job(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-job-id").unwrap().to_owned()
}

#[actix_rt::test]
async fn the_same_key_and_body_get_the_same_answer_once_paid() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let headers = [("idempotency-key", "order-1")];
    let first = sent(&owner, &small("a"), &headers).send().await.unwrap();
    // The order of the keys and an explicit null are not another body.
    let same = json!({ "prompt": "a", "size": "256x256", "n": null, "model": "nano-banana" });
    let again = sent(&owner, &same, &headers).send().await.unwrap();
    assert_eq!(job(&first), job(&again));
    assert_eq!(first.json()["data"], again.json()["data"]);
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        (None, Some("true"))
    );
    assert_eq!(credits(&owner.client).await, (8, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn the_same_key_with_another_body_is_refused() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let headers = [("idempotency-key", "order-1")];
    sent(&owner, &small("a"), &headers).send().await.unwrap();
    for other in [small("b"), small_with("a", json!({ "n": 2 })), small_with("a", json!({ "stream": true }))]
    {
        let answer = sent(&owner, &other, &headers).send().await.unwrap();
        expect_error(&answer, 422, "idempotency_mismatch");
    }
    assert_eq!(credits(&owner.client).await, (8, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn an_idempotency_key_belongs_to_its_api_key() {
    let app = App::start().await;
    let (one, two) = (app.metered(1).await, app.metered(1).await);
    let headers = [("idempotency-key", "the same words")];
    let first = job(&sent(&one, &small("a"), &headers).send().await.unwrap());
    let other = job(&sent(&two, &small("b"), &headers).send().await.unwrap());
    assert_ne!(first, other);
    app.finish().await;
}

#[actix_rt::test]
async fn many_at_once_with_one_key_are_one_job() {
    let app = App::start().await;
    let owner = app.metered(20).await;
    let body = small("[[delay:200]] once");
    let sends = (0..20).map(|_| sent(&owner, &body, &[("idempotency-key", "at once")]).send());
    let answers: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
    let jobs: std::collections::BTreeSet<_> = answers.iter().map(job).collect();
    assert_eq!(jobs.len(), 1);
    let fresh = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count();
    assert_eq!(fresh, 1);
    assert_eq!(credits(&owner.client).await, (19, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_repeat_that_comes_at_once_joins_even_where_the_key_has_room_for_one_job() {
    let app = App::start().await;
    let owner = app.key(json!({ "credits": 20, "concurrency": 1 })).await;
    let body = small("[[delay:200]] once");
    for round in 0..5 {
        let key = format!("round {round}");
        let headers = [("idempotency-key", key.as_str())];
        let sends = (0..8).map(|_| sent(&owner, &body, &headers).send());
        let answers: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().map(job).collect::<std::collections::BTreeSet<_>>().len(), 1);
        let other = sent(&owner, &small("another"), &headers).send().await.unwrap();
        expect_error(&other, 422, "idempotency_mismatch");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_failure_is_replayed_too() {
    let app = App::start().await;
    let owner = app.metered(1).await;
    let headers = [("idempotency-key", "refused")];
    let first = sent(&owner, &small("[[fault:content]]"), &headers).send().await.unwrap();
    let again = sent(&owner, &small("[[fault:content]]"), &headers).send().await.unwrap();
    expect_error(&again, 400, "content_policy_violation");
    assert_eq!(first.header("x-job-id"), again.header("x-job-id"));
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        (None, Some("true"))
    );
    app.finish().await;
}

#[actix_rt::test]
async fn a_replayed_stream_sends_the_end_only() {
    let app = App::start().await;
    let owner = app.metered(2).await;
    let body = small_with("a", json!({ "stream": true, "partial_images": 2 }));
    let headers = [("idempotency-key", "stream")];
    let first = sent(&owner, &body, &headers).send().await.unwrap().text();
    let again = sent(&owner, &body, &headers).send().await.unwrap();
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert!(first.contains("partial_image") && !again.text().contains("partial_image"));
    assert_eq!(again.text().matches("event: image_generation.completed").count(), 1);
    assert_eq!(credits(&owner.client).await, (1, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_key_that_is_too_long_or_empty_is_refused_and_the_longest_is_not() {
    let app = App::start().await;
    let owner = app.metered(3).await;
    for wrong in ["k".repeat(256), String::new()] {
        let answer = sent(&owner, &small("a"), &[("idempotency-key", &wrong)]).send().await.unwrap();
        expect_error(&answer, 422, "bad_idempotency_key");
    }
    job(&sent(&owner, &small("a"), &[("idempotency-key", &"k".repeat(255))]).send().await.unwrap());
    assert_eq!(credits(&owner.client).await, (2, 0));
    app.finish().await;
}

/// SDKs send a failed request twice more without any key: only the count says so.
#[actix_rt::test]
async fn an_sdk_retry_joins_the_job_of_the_first_send() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let body = small("[[delay:200]] a");
    let retry = |count: &'static str| sent(&owner, &body, &[("x-stainless-retry-count", count)]).send();
    let answers = join_all([retry("0"), retry("1"), retry("2")]).await;
    let jobs: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| job(answer.as_ref().unwrap())).collect();
    assert_eq!(jobs.len(), 1, "a retry while it runs");
    assert_eq!(Some(&job(&retry("1").await.unwrap())), jobs.first(), "a retry after its end");
    let other = sent(&owner, &small("b"), &[("x-stainless-retry-count", "1")]).send().await.unwrap();
    assert!(!jobs.contains(&job(&other)), "another body is another job");
    assert_eq!(credits(&owner.client).await, (7, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn equal_requests_without_these_headers_are_two_jobs() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let body = small("a");
    let zero = [("x-stainless-retry-count", "0")];
    let one = job(&sent(&owner, &body, &[]).send().await.unwrap());
    let two = job(&sent(&owner, &body, &[]).send().await.unwrap());
    let three = job(&sent(&owner, &body, &zero).send().await.unwrap());
    assert!(one != two && two != three && one != three);
    assert_eq!(credits(&owner.client).await, (6, 0));
    app.finish().await;
}
