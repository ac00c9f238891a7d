//! Words for requests and answers.

use atelier_sim::client::{Answer, Client};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a job may take to reach a state that a story waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The cheapest request there is: one small picture, one credit.
pub fn small(prompt: &str) -> Value {
    json!({ "model": "nano-banana", "size": "256x256", "prompt": prompt })
}

/// [`small`] with more fields, which win.
pub fn small_with(prompt: &str, more: Value) -> Value {
    let mut body = small(prompt);
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Posts to `images/generations`.
pub async fn generate(client: &Client, body: &Value) -> Answer {
    client.post("/v1/images/generations", body).send().await.unwrap()
}

/// Posts a background job and returns its id.
pub async fn in_background(client: &Client, mut body: Value) -> String {
    body["background"] = true.into();
    let answer = generate(client, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let job = answer.json();
    assert_eq!(answer.header("x-job-id"), job["id"].as_str());
    job["id"].as_str().unwrap().to_owned()
}

/// Polls a job until its status is one of these.
pub async fn until(client: &Client, id: &str, statuses: &[&str]) -> Value {
    let began = Instant::now();
    loop {
        let answer = client.get(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let job = answer.json();
        if statuses.contains(&job["status"].as_str().unwrap()) {
            return job;
        }
        assert!(began.elapsed() < PATIENCE, "{id} never became {statuses:?}: {job}");
        actix_rt::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Polls a job to its end.
pub async fn ended(client: &Client, id: &str) -> Value {
    until(client, id, &["succeeded", "failed", "cancelled"]).await
}

/// The answer is this error, in the one body that satisfies every dialect, with a request id, and it is not about us.
#[track_caller]
pub fn expect_error(answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status, body["error"]["code"].as_str()), (status, Some(code)), "{}", answer.text());
    let error = body["error"].as_object().unwrap();
    for key in ["message", "type"] {
        assert!(error[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {body}");
    }
    assert!(error["param"].is_string() || error.get("param") == Some(&Value::Null), "{body}");
    let detail = format!("[{status} {code}] {}", error["message"].as_str().unwrap());
    assert_eq!(body["detail"], detail, "{body}");
    if status == 422 && code.starts_with("bad_") {
        let fields = error["fields"].as_array().unwrap();
        let are_named = fields.iter().all(|field| field["name"].is_string() && field["message"].is_string());
        assert!(!fields.is_empty() && are_named, "{body}");
    }
    assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{:?}", answer.headers);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// What a key has: what it can spend and what is held.
pub async fn credits(client: &Client) -> (i64, i64) {
    let credits = client.get("/v1/credits").send().await.unwrap().json();
    (credits["balance"].as_i64().unwrap(), credits["held"].as_i64().unwrap())
}
