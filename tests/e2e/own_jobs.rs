//! Every job in one shape: listed, looked at, cancelled, followed by events that a broken connection takes up again; and the same
//! jobs as tasks.

use crate::support::{
    App,
    answers::{credits, ended, generate, in_background, until},
    chats::{CHAT, chunks, said},
    expect_error,
    films::create,
    small,
};
use atelier_sim::client::{Client, header};
use serde_json::{Value, json};

/// One event: id, name, data.
type Event = (String, String, Value);

fn events(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':')) {
        let lines: Vec<_> = block.lines().collect();
        let [id, name, data] = lines[..] else { panic!("{block}") };
        let of =
            |line: &str, key: &str| line.strip_prefix(key).unwrap_or_else(|| panic!("{block}")).to_owned();
        events.push((
            of(id, "id: "),
            of(name, "event: job."),
            serde_json::from_str(&of(data, "data: ")).unwrap(),
        ));
    }
    events
}

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(path).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[actix_rt::test]
async fn a_job_is_followed_from_its_acceptance_to_its_end() {
    let app = App::start().await;
    let id = in_background(&app.client(), small("[[delay:2500]] a harbour")).await;
    let answer = app.client().get(&format!("/v1/jobs/{id}/events")).send().await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    let events = events(&answer.text());
    let names: Vec<_> = events.iter().map(|(_, name, _)| name.as_str()).collect();
    assert!(names.contains(&"in_progress") && names.contains(&"progress"), "{names:?}");
    assert_eq!(names.last(), Some(&"completed"));
    let ids: std::collections::BTreeSet<_> = events.iter().map(|(id, ..)| id).collect();
    assert_eq!(ids.len(), events.len(), "two events have one id");
    let mut before = 0;
    for (_, _, job) in &events {
        assert_eq!((&job["id"], &job["object"]), (&json!(id), &json!("job")));
        let progress = job["progress"].as_u64().unwrap();
        assert!(progress >= before, "progress fell from {before} to {progress}");
        before = progress;
    }
    let end = &events.last().unwrap().2;
    assert_eq!(*end, get(&app.client(), &format!("/v1/jobs/{id}")).await, "the end is the job");
    let file = app.stranger().get(end["outputs"][0]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!((file.status, file.header("content-type")), (200, Some("image/png")));
    app.finish().await;
}

/// What a proxy does to a stream at its limit must cost the client nothing: neither the result nor a second payment.
#[actix_rt::test]
async fn a_chat_whose_stream_was_cut_is_taken_up_by_its_job() {
    let app = App::start().await;
    let owner = app.metered(1).await;
    let body = json!({ "model": "gpt-image", "messages": said("[[delay:1500]] a"), "stream": true });
    let mut cut = owner.client.post(CHAT, &body).begin().await.unwrap();
    cut.chunk().await.unwrap().unwrap();
    let path = format!("/v1/jobs/{}/events", header(&cut.headers, "x-job-id").unwrap());
    drop(cut);
    let mut first = owner.client.get(&path).begin().await.unwrap();
    let mut text = String::new();
    while !text.contains("event: job.") {
        text.push_str(&String::from_utf8(first.chunk().await.unwrap().unwrap()).unwrap());
    }
    drop(first);
    let last = events(&text).pop().unwrap().0;
    let rest = owner.client.get(&path).header("last-event-id", &last).send().await.unwrap();
    let rest = events(&rest.text());
    assert!(rest.iter().all(|(id, ..)| *id != last), "told twice: {last}");
    let (id, name, job) = rest.last().unwrap();
    assert_eq!((name.as_str(), &job["charged"]), ("completed", &json!(1)));
    let over = owner.client.get(&path).header("last-event-id", id).send().await.unwrap();
    assert_eq!((over.status, over.body.len()), (204, 0), "an EventSource would connect for ever");
    let again = owner.client.get(&path).send().await.unwrap();
    assert_eq!(events(&again.text()).len(), 1, "whoever knows nothing is told the end");
    assert_eq!(credits(&owner.client).await, (0, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_failed_and_a_cancelled_job_end_their_events_with_why() {
    let app = App::start().await;
    let failed = in_background(&app.client(), small("[[fault:content]]")).await;
    let text = app.client().get(&format!("/v1/jobs/{failed}/events")).send().await.unwrap().text();
    let (_, name, job) = events(&text).pop().unwrap();
    assert_eq!((name.as_str(), &job["error"]["code"]), ("failed", &json!("content_policy_violation")));
    let owner = app.metered(1).await;
    let id = in_background(&owner.client, small("[[delay:60000]] never")).await;
    let following = owner.client.get(&format!("/v1/jobs/{id}/events")).begin().await.unwrap();
    until(&owner.client, &id, &["running"]).await;
    let cancelled = owner.client.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).send().await.unwrap();
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("cancelled")));
    let (_, name, _) = events(&following.whole().await.unwrap().text()).pop().unwrap();
    assert_eq!(name, "cancelled");
    assert_eq!(credits(&owner.client).await, (1, 0));
    let again = owner.client.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).send().await.unwrap();
    assert_eq!(again.json()["status"], "cancelled");
    app.finish().await;
}

#[actix_rt::test]
async fn a_list_has_every_job_of_the_key_and_no_other_page_by_page() {
    let app = App::start().await;
    let owner = app.metered(20).await;
    in_background(&app.client(), small("somebody else's")).await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(in_background(&owner.client, small(&format!("number {number}"))).await);
    }
    let video = create(&owner.client, &json!({ "prompt": "a kite", "seconds": "4" })).await;
    made.push(video.header("x-job-id").unwrap().to_owned());
    made.reverse();
    for (path, key, prefix) in [("/v1/jobs", "id", "job_"), ("/v1/tasks", "task_id", "task_")] {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let page = get(&owner.client, &format!("{path}?limit=4&after={after}")).await;
            let ids =
                page["data"].as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned());
            seen.extend(ids);
            after = page["last_id"].as_str().unwrap().to_owned();
            assert!(after.starts_with(prefix), "{after}");
            if page["has_more"] == false {
                break;
            }
        }
        let wanted: Vec<_> = made.iter().map(|id| id.replace("job_", prefix)).collect();
        assert_eq!(seen, wanted, "{path}");
    }
    let oldest = get(&owner.client, "/v1/jobs?order=asc&limit=1").await;
    assert_eq!(oldest["data"][0]["id"], made[5].as_str());
    assert_eq!(get(&owner.client, "/v1/videos").await["data"].as_array().unwrap().len(), 1);
    for (path, code) in [("/v1/jobs?order=up", "bad_order"), ("/v1/tasks?after=x", "bad_after")] {
        expect_error(&owner.client.get(path).send().await.unwrap(), 422, code);
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_deleted_or_foreign_job_is_nowhere() {
    let app = App::start().await;
    let owner = app.metered(10).await;
    let id = in_background(&owner.client, small("mine")).await;
    ended(&owner.client, &id).await;
    let task = id.replace("job_", "task_");
    let paths = [
        (format!("/v1/jobs/{id}"), "job_not_found"),
        (format!("/v1/jobs/{id}/events"), "job_not_found"),
        (format!("/v1/tasks/{task}"), "task_not_found"),
        ("/v1/jobs/job_1".to_owned(), "job_not_found"),
        ("/v1/tasks/x".to_owned(), "task_not_found"),
    ];
    for (path, code) in paths {
        expect_error(&app.client().get(&path).send().await.unwrap(), 404, code);
    }
    let foreign = app.client().post(&format!("/v1/jobs/{id}/cancel"), &json!({})).send().await.unwrap();
    expect_error(&foreign, 404, "job_not_found");
    let video = create(&owner.client, &json!({ "prompt": "a kite", "seconds": "4" })).await.json();
    let path = format!("/v1/videos/{}", video["id"].as_str().unwrap());
    owner.client.delete(&path).send().await.unwrap();
    let left = get(&owner.client, "/v1/jobs").await;
    assert_eq!(left["data"].as_array().unwrap().len(), 1, "{left}");
    app.finish().await;
}

#[actix_rt::test]
async fn a_task_is_polled_to_its_links() {
    let app = App::start().await;
    let owner = app.metered(1).await;
    let body =
        json!({ "prompt": "[[delay:400]] a cat", "model": "gpt-image", "async_mode": true, "stream": true });
    let answer = owner.client.post("/v1/images/generate", &body).send().await.unwrap();
    let task = answer.json();
    assert_eq!((answer.status, &task["status"]), (200, &json!("processing")), "{task}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "stream is ignored");
    let id = task["task_id"].as_str().unwrap();
    assert_eq!(answer.header("x-job-id").unwrap().replace("job_", "task_"), id);
    let keys: Vec<_> = task.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = [
        "completed_at",
        "created_at",
        "error_message",
        "model",
        "progress",
        "prompt",
        "result_urls",
        "status",
        "task_id",
    ];
    assert_eq!(keys, documented);
    assert!(task["completed_at"].is_null() && task["error_message"].is_null() && task["progress"].is_f64());
    let job = answer.header("x-job-id").unwrap();
    ended(&owner.client, job).await;
    let task = get(&owner.client, &format!("/v1/tasks/{id}")).await;
    assert_eq!((&task["status"], &task["progress"]), (&json!("completed"), &json!(100.0)), "{task}");
    // As Python's datetime.fromisoformat reads it in every version.
    let at = task["completed_at"].as_str().unwrap();
    assert!(at.len() == 19 && at.as_bytes()[10] == b'T', "{at}");
    let links = task["result_urls"].as_array().unwrap();
    assert_eq!(links.len(), 1);
    assert_eq!(app.stranger().get(links[0].as_str().unwrap()).send().await.unwrap().status, 200);
    assert_eq!(get(&owner.client, &format!("/v1/tasks/{job}")).await, task, "the job's own id is one, too");
    app.finish().await;
}

/// The same job answers in every shape, so that a client may begin with one and go on with another.
#[actix_rt::test]
async fn a_streamed_chat_is_a_job_and_a_task_as_well() {
    let app = App::start().await;
    let body = json!({ "model": "gpt-image", "messages": said("a gate"), "stream": true });
    let answer = app.client().post(CHAT, &body).send().await.unwrap();
    chunks(&answer.text());
    let job = get(&app.client(), &format!("/v1/jobs/{}", answer.header("x-job-id").unwrap())).await;
    assert_eq!((&job["endpoint"], &job["kind"]), (&json!(CHAT), &json!("image")), "{job}");
    let other = generate(&app.client(), &small("a gate")).await;
    assert_eq!(other.status, 200);
    assert_eq!(get(&app.client(), "/v1/tasks").await["data"].as_array().unwrap().len(), 2);
    app.finish().await;
}
