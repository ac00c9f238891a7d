//! The log of requests and the figures over HTTP.

use crate::support::{
    App,
    answers::{generate, in_background, small_with, until},
    expect_error, small,
};
use atelier_sim::client::Client;
use serde_json::{Value, json};

/// Every field of a row that older clients read.
const FIELDS: [&str; 13] = [
    "id",
    "token_id",
    "token_email",
    "token_username",
    "operation",
    "status_code",
    "duration",
    "created_at",
    "request_body",
    "response_body",
    "task_id",
    "progress",
    "task_status",
];

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(path).send().await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

#[actix_rt::test]
async fn the_log_shows_what_ended_what_runs_and_nothing_that_was_refused() {
    let app = App::with(&[("STUDIO__ACCOUNTS", "1")]).await;
    let (admin, client) = (app.admin().await, app.client());
    let made = generate(&client, &small_with("a lighthouse", json!({ "n": 2 }))).await;
    let made = made.header("x-job-id").unwrap().to_owned();
    expect_error(&generate(&client, &small("[[fault:content]] x")).await, 400, "content_policy_violation");
    expect_error(&generate(&client, &json!({ "prompt": "" })).await, 400, "missing_prompt");
    let open = in_background(&client, small("[[delay:60000]] slow")).await;
    until(&client, &open, &["running"]).await;
    let rows = get(&admin, "/api/logs").await;
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3, "{rows:?}");
    for field in FIELDS {
        assert!(rows.iter().all(|row| row.get(field).is_some()), "{field}");
    }
    let (running, refused, ended) = (&rows[0], &rows[1], &rows[2]);
    assert_eq!(
        (&running["task_id"], &running["status_code"], &running["duration"]),
        (&json!(open), &json!(-1), &json!(-1.0))
    );
    assert_eq!((&running["response_body"], &running["task_status"]), (&Value::Null, &json!("processing")));
    assert_eq!((&refused["status_code"], &refused["task_status"]), (&json!(400), &json!("failed")));
    assert!(refused["response_body"].as_str().unwrap().contains("content_policy_violation"));
    assert_eq!(
        (&ended["task_id"], &ended["status_code"], &ended["progress"]),
        (&json!(made), &json!(200), &json!(100))
    );
    assert_eq!((&ended["operation"], &ended["token_id"]), (&json!("image_generation"), &json!(1)));
    let request: Value = serde_json::from_str(ended["request_body"].as_str().unwrap()).unwrap();
    assert_eq!(request, json!({ "model": "nano-banana-3", "prompt": "a lighthouse", "has_image": false }));
    let response: Value = serde_json::from_str(ended["response_body"].as_str().unwrap()).unwrap();
    assert_eq!(response["result_urls"].as_array().unwrap().len(), 2);
    assert!(!ended.to_string().contains("sig"), "a link in the log opens nothing: {ended}");
    let page =
        get(&admin, &format!("/api/logs?limit=1&before={}", refused["task_id"].as_str().unwrap())).await;
    assert_eq!(page[0]["task_id"], made);
    for (query, code) in [
        ("limit=0", "bad_limit"),
        ("limit=1001", "bad_limit"),
        ("before=x", "bad_before"),
        ("limit=x", "bad_query"),
    ] {
        expect_error(&admin.get(&format!("/api/logs?{query}")).send().await.unwrap(), 422, code);
    }
    client.delete(&format!("/v1/images/jobs/{open}")).send().await.unwrap();
    let cancelled = &get(&admin, "/api/logs?limit=1").await[0];
    assert_eq!((&cancelled["status_code"], &cancelled["id"]), (&json!(499), &running["id"]));
    let emptied = admin.delete("/api/logs").send().await.unwrap().json();
    assert_eq!(emptied["deleted"], 3);
    assert_eq!(get(&admin, "/api/logs").await, json!([]));
    app.finish().await;
}

#[actix_rt::test]
async fn figures_are_exact_and_survive_a_restart() {
    let mut app = App::with(&[("STUDIO__ACCOUNTS", "1")]).await;
    let (admin, client) = (app.admin().await, app.client());
    generate(&client, &small_with("a", json!({ "n": 3 }))).await;
    generate(&client, &small("[[fault:content]] x")).await;
    assert_eq!(generate(&client, &small("[[fault:job-lost]] x")).await.status, 502);
    app.restart().await;
    let admin = {
        drop(admin);
        app.admin().await
    };
    let stats = get(&admin, "/api/stats?days=2").await;
    assert_eq!((&stats["total_tokens"], &stats["active_tokens"]), (&json!(1), &json!(1)));
    for (field, count) in [("images", 3), ("videos", 0), ("errors", 1)] {
        // A midnight in the middle of this story is a day in the list.
        let days: i64 =
            stats["days"].as_array().unwrap().iter().map(|day| day[field].as_i64().unwrap()).sum();
        assert_eq!((&stats[format!("total_{field}")], days), (&json!(count), count), "{field}: {stats}");
    }
    let account = get(&admin, "/api/tokens/1").await;
    assert_eq!(
        (&account["use_count"], &account["image_count"], &account["video_count"], &account["error_count"]),
        (&json!(3), &json!(3), &json!(0), &json!(1)),
        "{account}"
    );
    assert!(account["last_used_at"].is_string());
    for query in ["days=0", "days=401"] {
        expect_error(&admin.get(&format!("/api/stats?{query}")).send().await.unwrap(), 422, "bad_days");
    }
    app.finish().await;
}
