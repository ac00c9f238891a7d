//! A server that ends and comes back: what was accepted goes on, once, with the right money.

use crate::support::{
    answers::{credits, ended, generate, in_background, small_with, until},
    app::{FIRST_KEY, PASSWORD},
    expect_error,
    pictures::{bytes_of, decoded},
    small,
};
use atelier_sim::{
    client::{Client, header},
    process::{Server, Setup},
};
use image::ImageFormat;
use serde_json::json;
use std::{path::Path, time::Duration};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// The program, told to do as the servers of other stories do.
pub fn setup(room: &TempDir) -> Setup {
    let setup = Setup::new(Path::new(env!("CARGO_BIN_EXE_atelier")), room.path(), 0).unwrap();
    setup
        .set("GLOBAL__API_KEY", FIRST_KEY)
        .set("GLOBAL__ADMIN_PASSWORD", PASSWORD)
        .set("STUDIO__FAULTS", "true")
        .set("SERVER__SHUTDOWN_TIMEOUT_S", "20")
}

/// A metered key of a server, with this much credit.
pub async fn metered(server: &Server, credits: i64) -> (Client, String) {
    let admin = admin(server).await;
    let made = admin.post("/api/keys", &json!({ "credits": credits })).send().await.unwrap().json();
    let secret = made["key"].as_str().unwrap().to_owned();
    (server.client().with_token(&secret), secret)
}

pub async fn admin(server: &Server) -> Client {
    let login = json!({ "username": "admin", "password": PASSWORD });
    let session = server.client().post("/api/login", &login).send().await.unwrap().json();
    server.client().with_token(session["token"].as_str().unwrap())
}

#[actix_rt::test]
async fn jobs_that_a_stop_interrupts_end_once_after_the_next_start() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room).set("SERVER__SHUTDOWN_TIMEOUT_S", "0");
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 10).await;
    let running = in_background(&client, small_with("[[delay:1500]] a", json!({ "n": 3 }))).await;
    let waiting = in_background(&client, small("[[delay:1500]] b")).await;
    until(&client, &running, &["running"]).await;
    assert_eq!(credits(&client).await, (6, 4));
    assert!(server.terminate(PATIENCE).await.unwrap().success());

    let server = setup.start(PATIENCE).await.unwrap();
    assert_eq!(ended(&client, &running).await["result"]["data"].as_array().unwrap().len(), 3);
    assert_eq!(ended(&client, &waiting).await["status"], "succeeded");
    assert_eq!(credits(&client).await, (6, 0));
    let entries = client.get("/v1/credits/entries?limit=100").send().await.unwrap().json();
    let captures =
        entries["data"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "capture").count();
    assert_eq!(captures, 2, "{entries}");
    drop(server);
}

#[actix_rt::test]
async fn a_job_that_a_kill_interrupts_is_there_and_ends_with_its_pictures() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 10).await;
    let id = in_background(&client, small("[[delay:800]] a")).await;
    server.kill().unwrap();

    let server = setup.start(PATIENCE).await.unwrap();
    let job = ended(&client, &id).await;
    assert_eq!(job["status"], "succeeded", "{job}");
    decoded(&bytes_of(&job["result"]["data"][0]), ImageFormat::Png, (256, 256));
    assert_eq!(credits(&client).await, (9, 0));
    drop(server);
}

#[actix_rt::test]
async fn a_draining_server_takes_nothing_new_and_finishes_what_it_has() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 10).await;
    let id = in_background(&client, small("[[delay:1500]] a")).await;
    let body = small("[[delay:1500]] waited for");
    let waiting = actix_rt::spawn(client.post("/v1/images/generations", &body).send());
    until(&client, &id, &["running"]).await;
    server.ask_to_stop().unwrap();
    let refused = loop {
        match client.post("/v1/images/generations", &small("b")).send().await {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => break answer,
            Err(error) => panic!("a draining server answers: {error}"),
        }
    };
    expect_error(&refused, 503, "shutting_down");
    assert!(refused.header("retry-after").is_some());
    let waited = waiting.await.unwrap().unwrap();
    assert_eq!(waited.status, 200, "{}", waited.text());
    assert!(server.ended(PATIENCE).await.unwrap().success());

    let server = setup.start(PATIENCE).await.unwrap();
    assert_eq!(ended(&client, &id).await["status"], "succeeded");
    drop(server);
}

#[actix_rt::test]
async fn whoever_waits_when_time_is_up_is_told_where_the_result_will_be() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room).set("SERVER__SHUTDOWN_TIMEOUT_S", "0");
    let mut server = setup.start(PATIENCE).await.unwrap();
    let client = server.client().with_token(FIRST_KEY);
    let body = small("[[delay:2000]] a");
    let call = client.post("/v1/images/generations", &body);
    let waiting = actix_rt::spawn(call.send());
    let began = std::time::Instant::now();
    while server.client().get("/health").send().await.unwrap().json()["jobs_open"] == 0 {
        assert!(began.elapsed() < PATIENCE);
        actix_rt::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(server.terminate(PATIENCE).await.unwrap().success());
    let told = waiting.await.unwrap().unwrap();
    expect_error(&told, 503, "request_timeout");
    assert_eq!(told.header("x-should-retry"), Some("false"), "a retry would pay twice");
    let id = told.header("x-job-id").unwrap().to_owned();

    let server = setup.start(PATIENCE).await.unwrap();
    assert_eq!(ended(&client, &id).await["status"], "succeeded");
    drop(server);
}

#[actix_rt::test]
async fn an_idempotency_key_is_remembered_across_a_kill() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 10).await;
    let body = small_with("[[delay:500]] a", json!({ "stream": true }));
    let send = || client.post("/v1/images/generations", &body).header("idempotency-key", "k");
    // The headers are the acknowledgement; the rest of this answer never comes.
    let interrupted = send().begin().await.unwrap();
    let id = header(&interrupted.headers, "x-job-id").unwrap().to_owned();
    server.kill().unwrap();
    assert!(interrupted.whole().await.map_or(true, |rest| !rest.text().contains("event: ")));

    let server = setup.start(PATIENCE).await.unwrap();
    let replayed = send().send().await.unwrap();
    assert_eq!((replayed.status, replayed.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(replayed.header("x-job-id"), Some(id.as_str()));
    assert!(replayed.text().contains("event: image_generation.completed"));
    assert_eq!(credits(&client).await, (9, 0));
    drop(server);
}

#[actix_rt::test]
async fn an_sdk_retry_after_a_kill_still_joins_the_first_send() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 10).await;
    let body = small("paid once");
    let first = generate(&client, &body).await;
    server.kill().unwrap();

    let server = setup.start(PATIENCE).await.unwrap();
    let retry = client.post("/v1/images/generations", &body).header("x-stainless-retry-count", "1");
    let retry = retry.send().await.unwrap();
    assert_eq!(retry.header("x-job-id"), first.header("x-job-id"));
    assert_eq!(credits(&client).await, (9, 0));
    drop(server);
}

#[actix_rt::test]
async fn a_link_survives_a_restart() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let mut server = setup.start(PATIENCE).await.unwrap();
    let client = server.client().with_token(FIRST_KEY);
    let answer = generate(&client, &small_with("a", json!({ "response_format": "url" }))).await.json();
    let url = answer["data"][0]["url"].as_str().unwrap().to_owned();
    server.kill().unwrap();
    let server = setup.start(PATIENCE).await.unwrap();
    let file = server.client().get(&url).send().await.unwrap();
    assert_eq!(file.status, 200);
    decoded(&file.body, ImageFormat::Png, (256, 256));
    drop(server);
}

#[actix_rt::test]
async fn a_second_server_on_the_same_data_is_refused_and_the_first_is_not_disturbed() {
    let room = tempfile::tempdir().unwrap();
    let first = setup(&room).start(PATIENCE).await.unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let second = setup(&room).set("SERVER__PORT", &port.to_string());
    let output = second.run(&["serve"]).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("in use by another process"), "{said}");
    assert!(!said.contains("restore"), "nothing is broken: {said}");
    let client = first.client().with_token(FIRST_KEY);
    assert_eq!(generate(&client, &small("a")).await.status, 200);
}

/// Nothing is acknowledged before it is on disk: not by the answer to a repeat that overtakes the first send either.
#[actix_rt::test]
async fn what_a_repeated_request_is_told_survives_a_kill_at_that_moment() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    for round in 0..8 {
        let mut server = setup.start(PATIENCE).await.unwrap();
        let client = server.client().with_token(FIRST_KEY);
        let body = small_with("[[delay:2000]] a", json!({ "background": true }));
        let key = format!("round {round}");
        let send = || client.post("/v1/images/generations", &body).header("idempotency-key", &key);
        let sends = (0..8).map(|turn| {
            let call = send();
            Box::pin(async move {
                actix_rt::time::sleep(Duration::from_micros(300 * turn)).await;
                call.begin().await
            })
        });
        let (first, _, rest) = futures_util::future::select_all(sends).await;
        server.kill().unwrap();
        drop(rest);
        let id = header(&first.unwrap().headers, "x-job-id").unwrap().to_owned();

        let server = setup.start(PATIENCE).await.unwrap();
        let client = server.client().with_token(FIRST_KEY);
        let answer = client.get(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
        assert_eq!(answer.status, 200, "round {round}: {id} was acknowledged and is lost");
        client.delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    }
}
