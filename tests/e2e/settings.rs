//! Settings over HTTP: the shapes that older clients know, where each value has come from, at once in force, and kept.

use crate::support::{
    App,
    answers::{generate, in_background, until},
    app::{FIRST_KEY, PASSWORD},
    expect_error, small,
};
use atelier_sim::client::{Answer, Client};
use serde_json::{Value, json};

async fn post(client: &Client, path: &str, body: Value) -> Answer {
    client.post(path, &body).send().await.unwrap()
}

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(path).send().await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

async fn saved(client: &Client, path: &str, body: Value) {
    let answer = post(client, path, body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.json()["success"], true);
}

/// What is read where, before and after what is written where.
const STORIES: [(&str, &str, &str, &str); 9] = [
    ("/api/admin/config", "error_ban_threshold", "/api/admin/config", r#"{"error_ban_threshold":7}"#),
    ("/api/admin/config", "debug_enabled", "/api/admin/debug", r#"{"enabled":true}"#),
    ("/api/proxy/config", "proxy_pool_enabled", "/api/proxy/config", r#"{"proxy_pool_enabled":true}"#),
    ("/api/generation/timeout", "video_timeout", "/api/generation/timeout", r#"{"video_timeout":1234}"#),
    ("/api/cache/config", "timeout", "/api/cache/config", r#"{"timeout":61}"#),
    ("/api/cache/config", "enabled", "/api/cache/enabled", r#"{"enabled":false}"#),
    ("/api/cache/config", "base_url", "/api/cache/base-url", r#"{"base_url":"https://cdn.example/"}"#),
    (
        "/api/cloudflare/config",
        "solver_api_url",
        "/api/cloudflare/config",
        r#"{"solver_enabled":true,"solver_api_url":"http://solver:8000/v1/challenge"}"#,
    ),
    (
        "/api/token-refresh/config",
        "at_auto_refresh_enabled",
        "/api/token-refresh/enabled",
        r#"{"enabled":false}"#,
    ),
];

fn field<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer.get("config").unwrap_or(answer).get(name).unwrap_or_else(|| panic!("{name} is missing: {answer}"))
}

#[actix_rt::test]
async fn each_setting_is_changed_at_once_says_so_and_survives_a_restart() {
    let mut app = App::with(&[("CACHE__TIMEOUT", "300")]).await;
    let admin = app.admin().await;
    let cache = get(&admin, "/api/cache/config").await;
    assert_eq!((field(&cache, "timeout"), &cache["sources"]["timeout"]), (&json!(300), &json!("env")));
    assert_eq!(field(&cache, "effective_base_url"), &json!(app.origin));
    let mut after = Vec::new();
    for (read, name, write, body) in STORIES {
        let before = get(&admin, read).await;
        assert_ne!(before["sources"][name], "stored", "{name}");
        saved(&admin, write, serde_json::from_str(body).unwrap()).await;
        let changed = get(&admin, read).await;
        assert_eq!(changed["sources"][name], "stored", "{name}");
        assert_ne!(field(&changed, name), field(&before, name), "{name}");
        after.push(field(&changed, name).clone());
    }
    app.restart().await;
    let admin = app.admin().await;
    for ((read, name, ..), kept) in STORIES.iter().zip(after) {
        assert_eq!(field(&get(&admin, read).await, name), &kept, "{name}");
    }
    let cache = get(&admin, "/api/cache/config").await;
    assert_eq!(field(&cache, "effective_base_url"), "https://cdn.example");
    saved(&admin, "/api/admin/config", json!({ "reset": ["cache.timeout", "cache.base_url"] })).await;
    let cache = get(&admin, "/api/cache/config").await;
    assert_eq!((field(&cache, "timeout"), &cache["sources"]["timeout"]), (&json!(300), &json!("env")));
    app.finish().await;
}

#[actix_rt::test]
async fn values_out_of_bounds_are_refused_and_change_nothing() {
    let app = App::start().await;
    let admin = app.admin().await;
    for (path, body, code) in [
        ("/api/admin/config", json!({}), "bad_error_ban_threshold"),
        ("/api/admin/config", json!({ "error_ban_threshold": 0 }), "bad_error_ban_threshold"),
        ("/api/admin/config", json!({ "error_ban_threshold": "many" }), "bad_error_ban_threshold"),
        ("/api/admin/config", json!({ "log_retention_days": 0 }), "bad_log_retention_days"),
        ("/api/admin/config", json!({ "reset": ["server.port"] }), "bad_reset"),
        ("/api/admin/debug", json!({}), "bad_enabled"),
        ("/api/admin/password", json!({}), "bad_old_password"),
        (
            "/api/admin/password",
            json!({ "old_password": PASSWORD, "new_password": "short" }),
            "bad_new_password",
        ),
        (
            "/api/admin/password",
            json!({ "old_password": "wrong", "new_password": "long enough" }),
            "bad_old_password",
        ),
        ("/api/admin/apikey", json!({}), "bad_new_api_key"),
        ("/api/admin/apikey", json!({ "new_api_key": "with space" }), "bad_new_api_key"),
        ("/api/proxy/config", json!({ "proxy_url": "ftp://planted:pw@p:1" }), "bad_proxy_url"),
        ("/api/proxy/config", json!({ "proxy_enabled": true }), "bad_proxy_url"),
        ("/api/proxy/config", json!({ "proxy_enabled": "perhaps" }), "bad_proxy_enabled"),
        ("/api/proxy/pool", json!({}), "bad_proxies"),
        ("/api/proxy/pool", json!({ "proxies": ["ok:1", "planted pw"] }), "bad_proxies"),
        ("/api/generation/timeout", json!({}), "bad_image_timeout"),
        ("/api/generation/timeout", json!({ "image_timeout": 59 }), "bad_image_timeout"),
        ("/api/generation/timeout", json!({ "video_timeout": 7201 }), "bad_video_timeout"),
        ("/api/cache/config", json!({ "timeout": 59 }), "bad_timeout"),
        ("/api/cache/config", json!({ "timeout": 86401 }), "bad_timeout"),
        ("/api/cache/base-url", json!({ "base_url": "cdn.example" }), "bad_base_url"),
        ("/api/cache/enabled", json!({ "enabled": 5 }), "bad_enabled"),
        ("/api/watermark-free/config", json!({ "parse_method": "magic" }), "bad_parse_method"),
        (
            "/api/watermark-free/config",
            json!({ "watermark_free_enabled": true, "parse_method": "custom" }),
            "bad_custom_parse_url",
        ),
        ("/api/cloudflare/config", json!({ "solver_enabled": true }), "bad_solver_api_url"),
        ("/api/cloudflare/config", json!({ "solver_api_url": "gopher://x" }), "bad_solver_api_url"),
        ("/api/token-refresh/enabled", json!({}), "bad_enabled"),
    ] {
        let answer = post(&admin, path, body).await;
        expect_error(&answer, 422, code);
        assert!(!answer.text().contains("planted"), "{}", answer.text());
    }
    let body = admin.post("/api/admin/config", &json!(5)).send().await.unwrap();
    expect_error(&body, 400, "bad_body");
    for path in ["/api/admin/config", "/api/proxy/config", "/api/cache/config", "/api/generation/timeout"] {
        let sources = get(&admin, path).await["sources"].to_string();
        assert!(!sources.contains("stored"), "{path}: {sources}");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn proxies_are_shown_without_their_logins_and_what_was_shown_may_be_sent_back() {
    let mut app = App::start().await;
    let admin = app.admin().await;
    let proxy =
        json!({ "proxy_enabled": true, "proxy_url": "socks5://planted-user:planted-pw@proxy.example:1080" });
    saved(&admin, "/api/proxy/config", proxy).await;
    let pool = "# ours\nhttp://planted-user:planted-pw@one.example:8080\n\ntwo.example:8080:planted-user:planted-pw\nst5 three.example:1080\n";
    saved(&admin, "/api/proxy/pool", json!({ "proxies": pool })).await;
    let token = json!({ "watermark_free_enabled": false, "custom_parse_token": "planted-parse-token" });
    saved(&admin, "/api/watermark-free/config", token).await;
    app.restart().await;
    let admin = app.admin().await;
    let shown = get(&admin, "/api/proxy/config").await;
    assert_eq!(shown["proxy_url"], "socks5://***@proxy.example:1080");
    assert_eq!((&shown["proxy_enabled"], &shown["proxy_pool_count"]), (&json!(true), &json!(3)));
    saved(&admin, "/api/proxy/config", shown).await;
    let mut listed = get(&admin, "/api/proxy/pool").await;
    assert_eq!(listed["proxies"][0], "http://***@one.example:8080");
    listed["proxies"].as_array_mut().unwrap().remove(2);
    saved(&admin, "/api/proxy/pool", listed).await;
    let listed = get(&admin, "/api/proxy/pool").await;
    assert_eq!(listed["proxies"], json!(["http://***@one.example:8080", "two.example:8080:***"]));
    let watermark = get(&admin, "/api/watermark-free/config").await;
    assert_eq!(watermark["custom_parse_token"], "plan…ken");
    saved(&admin, "/api/watermark-free/config", watermark.clone()).await;
    assert_eq!(get(&admin, "/api/watermark-free/config").await["custom_parse_token"], "plan…ken");
    saved(&admin, "/api/proxy/config", json!({ "proxy_enabled": false, "proxy_url": "" })).await;
    assert_eq!(get(&admin, "/api/proxy/config").await["proxy_url"], Value::Null);
    app.finish().await;
}

#[actix_rt::test]
async fn a_new_password_closes_sessions_and_a_new_first_key_shuts_the_old_one_out_for_good() {
    let mut app = App::start().await;
    let (admin, other) = (app.admin().await, app.admin().await);
    let shown = get(&admin, "/api/admin/config").await;
    assert_eq!((&shown["admin_username"], &shown["api_key"]), (&json!("admin"), &json!("sk-e2e-…")));
    saved(&admin, "/api/admin/apikey", json!({ "new_api_key": "sk-replaced-by-admin" })).await;
    let old = generate(&app.client(), &small("a")).await;
    expect_error(&old, 401, "invalid_key");
    let new = app.stranger().with_token("sk-replaced-by-admin");
    assert_eq!(generate(&new, &small("a")).await.status, 200);
    assert_eq!(get(&admin, "/api/admin/config").await["sources"]["api_key"], "stored");
    let body = json!({ "old_password": PASSWORD, "new_password": "another-password", "username": "boss" });
    saved(&admin, "/api/admin/password", body).await;
    for client in [&admin, &other] {
        expect_error(&client.get("/api/keys").send().await.unwrap(), 401, "invalid_session");
    }
    app.restart().await;
    let login = |username: &str, password: &str| {
        let body = json!({ "username": username, "password": password });
        let client = app.stranger();
        async move { client.post("/api/login", &body).send().await.unwrap() }
    };
    expect_error(&login("admin", PASSWORD).await, 401, "invalid_credentials");
    let admin = login("boss", "another-password").await.json();
    let admin = app.stranger().with_token(admin["token"].as_str().unwrap());
    assert_eq!(get(&admin, "/api/admin/config").await["admin_username"], "boss");
    expect_error(
        &app.stranger().with_token(FIRST_KEY).get("/v1/credits").send().await.unwrap(),
        401,
        "invalid_key",
    );
    let back = json!({ "old_password": "another-password", "new_password": PASSWORD, "username": "admin" });
    saved(&admin, "/api/admin/password", back).await;
    app.finish().await;
}

#[actix_rt::test]
async fn a_shorter_timeout_counts_for_the_next_job_and_not_for_those_that_run() {
    let app = App::start().await;
    let (admin, client) = (app.admin().await, app.client());
    let old = in_background(&client, small("[[delay:60000]] old")).await;
    saved(&admin, "/api/generation/timeout", json!({ "image_timeout": 60 })).await;
    let new = in_background(&client, small("[[delay:60000]] new")).await;
    until(&client, &new, &["running"]).await;
    let deadline = async |id: &str| {
        let jobs = get(&admin, "/api/jobs").await;
        let job = jobs["data"].as_array().unwrap().iter().find(|job| job["id"] == id).unwrap().clone();
        job["deadline"].as_i64().unwrap() - job["created_at"].as_i64().unwrap()
    };
    assert_eq!((deadline(&old).await, deadline(&new).await), (300, 60));
    for id in [old, new] {
        client.delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    }
    app.finish().await;
}
