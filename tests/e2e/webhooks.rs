//! Webhooks over real sockets: a signed event arrives, and a server inside is never connected to.

use crate::support::{
    App,
    answers::{generate, small_with},
    expect_error, small,
};
use awc::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Takes one request, answers it with 200 and returns its head in lower case and its body.
async fn received(listener: &TcpListener) -> (String, String) {
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.expect("no event came").unwrap();
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = line(&head.to_lowercase(), "content-length").parse::<usize>().unwrap();
            if body.len() >= length {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                return (head.to_owned(), body.to_owned());
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "cut off: {text}");
    }
}

fn line(head: &str, name: &str) -> String {
    let found =
        head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)));
    found.unwrap_or_else(|| panic!("no {name}: {head}")).1.to_owned()
}

#[actix_rt::test]
async fn a_signed_event_tells_of_the_end_of_a_job() {
    let app = App::with(&[("FETCH__ALLOW", "127.0.0.1/32")]).await;
    let admin = app.admin().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?t=1", listener.local_addr().unwrap());
    let made =
        admin.post("/api/keys", &json!({ "credits": 5, "webhook_url": url })).send().await.unwrap().json();
    let secret = made["webhook_secret"].as_str().unwrap();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let client = app.stranger().with_token(made["key"].as_str().unwrap());
    let path = format!("/api/keys/{}", made["id"].as_str().unwrap());
    for shown in [
        admin.get("/api/keys"),
        admin.get(&path),
        admin.call(Method::PATCH, &path).json(&json!({ "webhook_url": url })),
    ] {
        assert!(!shown.send().await.unwrap().text().contains("whsec_"), "the signing secret is shown again");
    }
    for (body, kind) in
        [(small("a"), "image.completed"), (small_with("[[fault:content]] a", json!({})), "image.failed")]
    {
        let answer = generate(&client, &body).await;
        let job = answer.header("x-job-id").unwrap().to_owned();
        let (head, body) = received(&listener).await;
        assert!(head.starts_with("POST /hook?t=1 HTTP/1.1"), "{head}");
        let event: Value = serde_json::from_str(&body).unwrap();
        let (id, at) = (line(&head, "webhook-id"), line(&head, "webhook-timestamp"));
        assert_eq!((event["id"].as_str(), event["type"].as_str()), (Some(id.as_str()), Some(kind)));
        assert_eq!((&event["object"], &event["data"]), (&json!("event"), &json!({ "id": job })));
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(line(&head, "webhook-signature"), signature);
        assert_eq!(line(&head, "content-type"), "application/json");
        assert!(line(&head, "user-agent").starts_with("atelier/"));
    }
    let rotated =
        admin.post(&format!("{path}/rotate"), &json!({ "webhook_secret": true })).send().await.unwrap();
    let rotated = rotated.json();
    assert!(rotated["webhook_secret"].as_str().is_some_and(|new| new.starts_with("whsec_") && new != secret));
    assert!(rotated.get("key").is_none(), "the key itself was renewed");
    app.finish().await;
}

#[actix_rt::test]
async fn a_server_inside_is_never_connected_to_and_the_event_waits() {
    let app = App::start().await;
    let admin = app.admin().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let failures = || app.figure("atelier_webhooks_total{outcome=\"failed\"}");
    let before = failures().await;
    let owner = app.key(json!({ "credits": 5, "webhook_url": url })).await;
    assert_eq!(generate(&owner.client, &small("a")).await.status, 200);
    let began = Instant::now();
    while failures().await <= before {
        assert!(began.elapsed() < PATIENCE, "the event was never tried");
        actix_rt::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        timeout(Duration::from_millis(200), listener.accept()).await.is_err(),
        "an inner address was reached"
    );
    let dead = admin.get("/api/webhooks/dead").send().await.unwrap().json();
    assert_eq!(dead, json!({ "object": "list", "data": [] }), "it is given up after one try");
    let none = "/api/webhooks/dead/evt_00000000000070008000000000000000/retry";
    expect_error(&admin.post(none, &json!({})).send().await.unwrap(), 404, "webhook_not_found");
    for bad in [
        "ftp://a.example/",
        "a.example",
        "http://",
        "http://user:pw@a.example/",
        "http://a b/",
        "javascript:1",
    ] {
        let made = admin.post("/api/keys", &json!({ "webhook_url": bad })).send().await.unwrap();
        expect_error(&made, 422, "bad_webhook_url");
    }
    app.finish().await;
}
