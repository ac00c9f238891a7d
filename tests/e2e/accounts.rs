//! Accounts over HTTP: added, shown, changed, switched, looked at, imported and taken away, and no secret of theirs ever shown.

use crate::support::{App, answers::generate, expect_error, small};
use atelier_sim::client::{Answer, Client};
use awc::http::Method;
use serde_json::{Value, json};

/// Every field that older clients know of a token.
const TOKEN_FIELDS: [&str; 31] = [
    "id",
    "token",
    "st",
    "rt",
    "client_id",
    "proxy_url",
    "email",
    "username",
    "name",
    "remark",
    "expiry_time",
    "is_active",
    "cooled_until",
    "created_at",
    "last_used_at",
    "plan_type",
    "plan_title",
    "subscription_end",
    "sora2_supported",
    "sora2_invite_code",
    "sora2_redeemed_count",
    "sora2_total_count",
    "sora2_remaining_count",
    "sora2_cooldown_until",
    "image_enabled",
    "video_enabled",
    "image_concurrency",
    "video_concurrency",
    "provider",
    "quota",
    "health",
];

/// Secrets as an operator would plant them.
const PLANTED: [(&str, &str); 6] = [
    ("token", "planted-token-0123456789"),
    ("st", "planted-session-0123456789"),
    ("rt", "planted-refresh-0123456789"),
    ("client_secret", "planted-client-0123456789"),
    ("cookie", "sid=planted-cookie-0123456789"),
    ("proxy_url", "http://planted-user:planted-password@proxy.example:8080"),
];

async fn post(client: &Client, path: &str, body: Value) -> Answer {
    client.post(path, &body).send().await.unwrap()
}

async fn put(client: &Client, path: &str, body: Value) -> Answer {
    client.call(Method::PUT, path).json(&body).send().await.unwrap()
}

async fn get(client: &Client, path: &str) -> Value {
    client.get(path).send().await.unwrap().json()
}

#[actix_rt::test]
async fn an_account_lives_from_its_addition_to_its_removal_and_shows_no_secret() {
    let app = App::start().await;
    let admin = app.admin().await;
    let mut body = json!({
        "provider": "studio", "email": "me@up.example", "client_id": "client-0123456789", "remark": "test",
        "image_concurrency": 2, "video_enabled": false, "rpm": 30,
    });
    for (name, secret) in PLANTED {
        body[name] = secret.into();
    }
    let added = post(&admin, "/api/tokens", body.clone()).await;
    assert_eq!(added.status, 200, "{}", added.text());
    let answer = added.json();
    assert_eq!((&answer["success"], &answer["status"]), (&json!(true), &json!("success")));
    let number = answer["token_id"].as_u64().unwrap();
    let path = format!("/api/tokens/{number}");
    let shown = get(&admin, &path).await;
    assert_eq!(shown, answer["token"]);
    for field in TOKEN_FIELDS {
        assert!(shown.get(field).is_some(), "{field} is missing: {shown}");
    }
    assert_eq!(shown["token"], "plan…789");
    assert_eq!(shown["proxy_url"], "http://***@proxy.example:8080");
    assert_eq!((&shown["image_concurrency"], &shown["video_enabled"]), (&json!(2), &json!(false)));
    // What was shown may be sent back as a whole.
    let whole =
        put(&admin, &path, json!({ "token": shown["token"], "proxy_url": shown["proxy_url"], "remark": "" }))
            .await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    assert_eq!(whole.json()["token"]["token"], shown["token"]);
    assert_eq!(whole.json()["token"]["remark"], Value::Null);
    expect_error(&put(&admin, &path, json!({ "token": "plan…780" })).await, 422, "bad_token");
    for (on, path) in [(false, "disable"), (true, "enable")] {
        let switched = post(&admin, &format!("/api/tokens/{number}/{path}"), json!({})).await.json();
        assert_eq!(switched["token"]["is_active"], on);
        assert_eq!(switched["token"]["disabled_reason"], if on { Value::Null } else { json!("manual") });
    }
    let off = put(&admin, &format!("{path}/status"), json!({ "is_active": false })).await.json();
    assert_eq!(off["token"]["is_active"], false);
    expect_error(&put(&admin, &format!("{path}/status"), json!({})).await, 422, "bad_is_active");
    let tested = post(&admin, &format!("{path}/test"), json!({})).await.json();
    assert_eq!((&tested["status"], &tested["auto_enabled"]), (&json!("success"), &json!(false)));
    let same = post(&admin, "/api/tokens", body).await;
    expect_error(&same, 409, "account_exists");
    let seen = [
        added.text(),
        whole.text(),
        same.text(),
        get(&admin, "/api/tokens").await.to_string(),
        get(&admin, "/api/pool").await.to_string(),
    ];
    for text in seen {
        assert!(!text.contains("0123456789") && !text.contains("planted-password"), "{text}");
    }
    assert_eq!(admin.delete(&path).send().await.unwrap().status, 200);
    expect_error(&admin.get(&path).send().await.unwrap(), 404, "account_not_found");
    app.finish().await;
}

#[actix_rt::test]
async fn an_unknown_account_is_404_everywhere() {
    let app = App::start().await;
    let admin = app.admin().await;
    for id in ["99", "0", "x", "-1", "18446744073709551616"] {
        let path = format!("/api/tokens/{id}");
        for (method, path) in [
            (Method::GET, path.clone()),
            (Method::PUT, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::PUT, format!("{path}/status")),
            (Method::POST, format!("{path}/enable")),
            (Method::POST, format!("{path}/disable")),
            (Method::POST, format!("{path}/test")),
            (Method::POST, format!("{path}/sora2/activate?invite_code=ABC123")),
            (Method::POST, format!("{path}/activate-username")),
        ] {
            let answer = admin.call(method, &path).json(&json!({ "is_active": true })).send().await.unwrap();
            expect_error(&answer, 404, "account_not_found");
        }
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_wrong_account_is_refused_with_every_wrong_field_and_none_of_its_secrets() {
    let app = App::start().await;
    let admin = app.admin().await;
    for (body, code) in [
        (json!({ "token": "planted-secret" }), "bad_provider"),
        (json!({ "provider": "abacus", "token": "x" }), "bad_provider"),
        (json!({ "provider": "studio", "token": "planted secret" }), "bad_token"),
        (json!({ "provider": "studio", "token": 5 }), "bad_token"),
        (json!({ "provider": "studio", "proxy_url": "ftp://planted:secret@proxy" }), "bad_proxy_url"),
        (json!({ "provider": "studio", "proxy_url": "planted secret" }), "bad_proxy_url"),
        (json!({ "provider": "studio", "client_secret": "planted-secret" }), "bad_client_id"),
        (json!({ "provider": "studio", "image_concurrency": 0 }), "bad_image_concurrency"),
        (json!({ "provider": "studio", "video_concurrency": -2 }), "bad_video_concurrency"),
        (json!({ "provider": "studio", "image_enabled": "maybe" }), "bad_image_enabled"),
        (json!({ "provider": "studio", "base_url": "http://me:planted-secret@box" }), "bad_base_url"),
        (json!({ "provider": "studio", "models": [{ "name": "a", "kind": "song" }] }), "bad_models"),
        (json!({ "provider": "studio", "expiry_time": "tomorrow" }), "bad_expiry_time"),
    ] {
        let answer = post(&admin, "/api/tokens", body).await;
        expect_error(&answer, 422, code);
        assert!(
            !answer.text().contains("secret@") && !answer.text().contains("planted"),
            "{}",
            answer.text()
        );
    }
    let many = post(&admin, "/api/tokens", json!({ "provider": "abacus", "rpm": -1, "models": 5 })).await;
    assert_eq!(many.json()["error"]["fields"].as_array().unwrap().len(), 4, "{}", many.text());
    assert!(many.text().contains("studio"), "the engines that are here are named");
    app.finish().await;
}

#[actix_rt::test]
async fn lists_of_accounts_answer_for_each_row() {
    let app = App::start().await;
    let admin = app.admin().await;
    let tokens = json!({ "tokens": [
        { "provider": "studio", "token": "planted-row-one-0123", "remark": "1" },
        { "provider": "studio", "token": "planted-row-one-0123" },
        { "token": "who knows" },
        "nonsense",
    ] });
    let added = post(&admin, "/api/tokens/batch-add", tokens).await.json();
    assert_eq!(
        (&added["success"], &added["added"], &added["skipped"], &added["failed"], &added["total"]),
        (&json!(true), &json!(1), &json!(1), &json!(2), &json!(4)),
        "{added}"
    );
    let details = added["details"].as_array().unwrap();
    let told: Vec<_> = details.iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(told, ["added", "skipped", "failed", "failed"]);
    assert_eq!(details[0]["token"], "plan…123");
    let row = |token: &str, remark: &str| json!({ "tokens": [{ "provider": "studio", "email": "row@up.example", "access_token": token, "remark": remark }] });
    let first = post(&admin, "/api/tokens/import", row("planted-import-0123", "old")).await.json();
    let again = post(&admin, "/api/tokens/import", row("planted-import-4567", "new")).await.json();
    assert_eq!((&first["added"], &again["updated"]), (&json!(1), &json!(1)), "{first} {again}");
    let number = again["results"][0]["token_id"].as_u64().unwrap();
    assert_eq!(first["results"][0]["token_id"], number);
    let account = get(&admin, &format!("/api/tokens/{number}")).await;
    assert_eq!((&account["remark"], &account["token"]), (&json!("new"), &json!("plan…567")));
    let nameless = json!({ "tokens": [{ "provider": "studio", "access_token": "x" }] });
    assert_eq!(post(&admin, "/api/tokens/import", nameless).await.json()["failed"], 1);
    for body in [json!({}), json!({ "tokens": [] }), json!({ "tokens": 5 })] {
        expect_error(&post(&admin, "/api/tokens/batch-add", body.clone()).await, 422, "bad_tokens");
        expect_error(&post(&admin, "/api/tokens/import", body).await, 422, "bad_tokens");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn accounts_that_are_off_do_no_work_until_they_are_on_again() {
    let app = App::with(&[("STUDIO__ACCOUNTS", "2")]).await;
    let (admin, client) = (app.admin().await, app.client());
    let off = post(&admin, "/api/tokens/batch-disable", json!({})).await.json();
    assert_eq!((&off["success"], &off["disabled_count"]), (&json!(true), &json!(2)));
    expect_error(&generate(&client, &small("a")).await, 503, "no_account_available");
    let nothing = post(&admin, "/api/tokens/batch-test", json!({})).await.json();
    assert_eq!((&nothing["valid"], &nothing["invalid"]), (&json!(0), &json!(0)));
    let tested = post(&admin, "/api/tokens/batch-test?only_disabled=true", json!({})).await.json();
    assert_eq!(
        (&tested["valid"], &tested["auto_enabled"], &tested["auto_disabled"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!(generate(&client, &small("a")).await.status, 200);
    post(&admin, "/api/tokens/1/disable", json!({})).await;
    let on = post(&admin, "/api/tokens/batch-enable", json!({})).await.json();
    assert_eq!(on["enabled_count"], 1);
    post(&admin, "/api/tokens/2/disable", json!({})).await;
    let gone = admin.delete("/api/tokens/batch-delete-disabled").send().await.unwrap().json();
    assert_eq!(gone["deleted_count"], 1);
    let left = get(&admin, "/api/tokens").await;
    assert_eq!(
        left.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1]
    );
    app.finish().await;
}

#[actix_rt::test]
async fn what_no_engine_here_knows_is_said_clearly() {
    let app = App::start().await;
    let admin = app.admin().await;
    for (path, body, status, code) in [
        ("/api/tokens/1/sora2/activate?invite_code=ABC123", json!({}), 501, "activation_unsupported"),
        ("/api/tokens/1/sora2/activate?invite_code=ABC", json!({}), 422, "bad_invite_code"),
        ("/api/tokens/1/sora2/activate", json!({}), 422, "bad_invite_code"),
        ("/api/tokens/1/activate-username", json!({}), 501, "activation_unsupported"),
        ("/api/tokens/batch-activate", json!({ "invite_code": "ABC123" }), 501, "activation_unsupported"),
        ("/api/tokens/batch-activate", json!({}), 422, "bad_invite_code"),
        ("/api/tokens/batch-activate-username", json!({}), 501, "activation_unsupported"),
    ] {
        expect_error(&post(&admin, path, body).await, status, code);
    }
    app.finish().await;
}
