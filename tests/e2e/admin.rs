//! The operator: getting in, staying out, keys, the pool, the proof of the books, and no secret in any answer.

use crate::support::{
    App,
    answers::generate,
    app::{FIRST_KEY, PASSWORD},
    expect_error, small,
};
use atelier_sim::client::Client;
use awc::http::Method;
use serde_json::{Value, json};

/// A path with this in place of its parameters.
fn filled(path: &str, id: &str) -> String {
    let filled = |part: &str| if part.starts_with('{') { id.to_owned() } else { part.to_owned() };
    path.split('/').map(filled).collect::<Vec<_>>().join("/")
}

async fn login(client: &Client, username: &str, password: &str) -> atelier_sim::client::Answer {
    client.post("/api/login", &json!({ "username": username, "password": password })).send().await.unwrap()
}

#[actix_rt::test]
async fn a_wrong_login_fails_in_both_dialects() {
    let app = App::start().await;
    for (username, password) in [("admin", "wrong"), ("root", PASSWORD), ("", ""), ("admin", "")] {
        let answer = login(&app.stranger(), username, password).await;
        expect_error(&answer, 401, "invalid_credentials");
        let body = answer.json();
        assert_eq!((&body["success"], &body["token"]), (&json!(false), &Value::Null), "{body}");
        assert_eq!(body["message"], body["error"]["message"]);
        assert!(answer.header("set-cookie").is_none());
    }
    let longest = "x".repeat(10_000);
    expect_error(&login(&app.stranger(), "admin", &longest).await, 401, "invalid_credentials");
    let odd = app.stranger().post("/api/login", &json!({ "username": 5 })).send().await.unwrap();
    expect_error(&odd, 422, "bad_username");
    app.finish().await;
}

#[actix_rt::test]
async fn guessing_is_throttled() {
    let app = App::start().await;
    let admin = app.admin().await;
    for _ in 0..10 {
        expect_error(&login(&app.stranger(), "admin", "guess").await, 401, "invalid_credentials");
    }
    let answer = login(&app.stranger(), "admin", PASSWORD).await;
    expect_error(&answer, 429, "login_throttled");
    assert!((1..=60).contains(&answer.header("retry-after").unwrap().parse::<u64>().unwrap()));
    // Nor can the old password be guessed by whoever finds a session open.
    let change = json!({ "old_password": PASSWORD, "new_password": "another-password" });
    let answer = admin.post("/api/admin/password", &change).send().await.unwrap();
    expect_error(&answer, 429, "login_throttled");
    // A session that is open stays open; `finish` would need a new one.
    assert_eq!(admin.get("/api/ledger/verify").send().await.unwrap().json()["ok"], true);
    let mut app = app;
    app.stop().await;
}

#[actix_rt::test]
async fn a_cookie_session_reads_writes_from_our_pages_only_and_ends() {
    let app = App::start().await;
    let answer = login(&app.stranger(), "admin", PASSWORD).await;
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let stranger = app.stranger();
    let read = stranger.get("/api/keys").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(read.status, 200);
    let write = || stranger.post("/api/keys", &json!({ "name": "x" })).header("cookie", &cookie);
    for foreign in
        ["https://evil.example", "null", "http://127.0.0.1:1", "http://evil.example?http://127.0.0.1"]
    {
        expect_error(&write().header("origin", foreign).send().await.unwrap(), 403, "wrong_origin");
    }
    expect_error(&write().send().await.unwrap(), 403, "wrong_origin");
    assert_eq!(write().header("origin", &app.origin).send().await.unwrap().status, 201);
    let out =
        stranger.post("/api/logout", &json!({})).header("cookie", &cookie).header("origin", &app.origin);
    assert_eq!(out.send().await.unwrap().status, 200);
    let read = stranger.get("/api/keys").header("cookie", &cookie).send().await.unwrap();
    expect_error(&read, 401, "invalid_session");
    app.finish().await;
}

#[actix_rt::test]
async fn logging_out_ends_one_session_and_not_the_others() {
    let app = App::start().await;
    let (one, two) = (app.admin().await, app.admin().await);
    assert_eq!(one.post("/api/logout", &json!({})).send().await.unwrap().status, 200);
    expect_error(&one.get("/api/keys").send().await.unwrap(), 401, "invalid_session");
    assert_eq!(two.get("/api/keys").send().await.unwrap().status, 200);
    app.finish().await;
}

/// Every route of the OpenAPI document under `/api/` is tried without a session; one that cannot be tried fails the test.
#[actix_rt::test]
async fn nothing_of_the_admin_answers_without_a_session() {
    let app = App::start().await;
    let document = app.stranger().get("/openapi.json").send().await.unwrap().json();
    let mut tried = 0;
    for (path, item) in
        document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/"))
    {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            if path == "/api/login" {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let filled = filled(path, "key_00000000000070008000000000000000");
            // The key of a client is no session, nor is a token that looks like one.
            for client in [app.stranger(), app.client(), app.stranger().with_token("admin-0000")] {
                let call = client.call(method.clone(), &filled).json(&json!({ "amount": 5 }));
                expect_error(&call.send().await.unwrap(), 401, "invalid_session");
            }
            let cookie =
                app.stranger().call(method.clone(), &filled).header("cookie", "atelier_session=admin-0000");
            let answer = cookie.header("origin", &app.origin).send().await.unwrap();
            expect_error(&answer, 401, "invalid_session");
            tried += 1;
        }
    }
    assert!(tried >= 12, "only {tried} routes were tried");
    app.finish().await;
}

#[actix_rt::test]
async fn an_admin_session_is_no_api_key() {
    let app = App::start().await;
    let admin = app.admin().await;
    expect_error(&generate(&admin, &small("a")).await, 401, "invalid_key");
    expect_error(&admin.get("/v1/credits").send().await.unwrap(), 401, "invalid_key");
    app.finish().await;
}

#[actix_rt::test]
async fn a_key_is_made_changed_listed_and_deleted() {
    let app = App::start().await;
    let admin = app.admin().await;
    let made =
        admin.post("/api/keys", &json!({ "name": "shop", "credits": 7, "rpm": 60, "profile": "sora2api" }));
    let made = made.send().await.unwrap();
    assert_eq!(made.status, 201);
    let key = made.json();
    let secret = key["key"].as_str().unwrap();
    assert!(secret.starts_with("sk-") && secret.len() > 30);
    assert!(
        secret.starts_with(key["prefix"].as_str().unwrap()) && key["prefix"].as_str().unwrap().len() < 16
    );
    assert_eq!((&key["balance"], &key["rpm"], &key["profile"]), (&json!(7), &json!(60), &json!("sora2api")));
    let path = format!("/api/keys/{}", key["id"].as_str().unwrap());
    let patched = admin
        .call(Method::PATCH, &path)
        .json(&json!({ "name": "till", "rpm": 0 }))
        .send()
        .await
        .unwrap()
        .json();
    assert_eq!(
        (&patched["name"], &patched["rpm"], &patched["profile"]),
        (&json!("till"), &Value::Null, &key["profile"])
    );
    assert_eq!(admin.get(&path).send().await.unwrap().json(), patched);
    let list = admin.get("/api/keys").send().await.unwrap().json();
    assert!(list["data"].as_array().unwrap().contains(&patched));
    for (body, code) in [
        (json!({ "name": "x".repeat(101) }), "bad_name"),
        (json!({ "profile": "azure" }), "bad_profile"),
        (json!({ "models": ["nothing"] }), "bad_models"),
        (json!({ "rpm": -1 }), "bad_rpm"),
        (json!({ "credits": -1 }), "bad_credits"),
        (json!({ "expires_at": "tomorrow" }), "bad_expires_at"),
        (json!({ "webhook_url": "ftp://x" }), "bad_webhook_url"),
    ] {
        expect_error(&admin.post("/api/keys", &body).send().await.unwrap(), 422, code);
    }
    assert_eq!(admin.delete(&path).send().await.unwrap().json()["deleted"], true);
    expect_error(&admin.get(&path).send().await.unwrap(), 404, "key_not_found");
    expect_error(&admin.delete(&path).send().await.unwrap(), 404, "key_not_found");
    app.finish().await;
}

#[actix_rt::test]
async fn no_answer_ever_holds_a_secret_again() {
    let app = App::start().await;
    let (admin, owner) = (app.admin().await, app.metered(2).await);
    generate(&owner.client, &small("a")).await;
    let document = app.stranger().get("/openapi.json").send().await.unwrap().json();
    let gets = document["paths"].as_object().unwrap().iter().filter(|(_, item)| item.get("get").is_some());
    for (path, _) in gets {
        // A stream of events never ends by itself, and has a story of its own.
        if path == "/api/events" {
            continue;
        }
        let filled = filled(path, if path.contains("/keys/") { &owner.id } else { "x" });
        for client in [&admin, &owner.client] {
            let text = client.get(&filled).send().await.unwrap().text();
            for secret in [owner.secret.as_str(), FIRST_KEY, PASSWORD, "argon2", "secret_sha256"] {
                assert!(!text.contains(secret), "{path} answers with {secret}");
            }
        }
    }
    app.finish().await;
}

#[actix_rt::test]
async fn the_pool_shows_its_accounts_and_explains_its_choice() {
    let app = App::with(&[("STUDIO__ACCOUNTS", "2"), ("STUDIO__SLOTS", "1")]).await;
    let admin = app.admin().await;
    let pool = admin.get("/api/pool").send().await.unwrap().json();
    assert_eq!(pool["accounts"].as_array().unwrap().len(), 2);
    let job = crate::support::answers::in_background(&app.client(), small("[[delay:60000]] a")).await;
    crate::support::answers::until(&app.client(), &job, &["running"]).await;
    let explained = admin.get("/api/pool/explain?model=gpt-image-1").send().await.unwrap().json();
    assert_eq!(explained["model"], "gpt-image-2");
    let mut answers: Vec<_> = explained["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["answer"].as_str().unwrap())
        .collect();
    answers.sort_unstable();
    assert_eq!(answers, ["busy", "picked"], "{explained}");
    expect_error(&admin.get("/api/pool/explain?model=x").send().await.unwrap(), 404, "model_not_found");
    app.client().delete(&format!("/v1/images/jobs/{job}")).send().await.unwrap();
    app.finish().await;
}
