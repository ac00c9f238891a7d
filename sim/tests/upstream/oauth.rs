//! Tokens are minted, rotate, expire, and get lost on the way as told.

use super::{draw, raw};
use atelier_sim::{
    client::{Answer, Client},
    upstream::{AccountSetup, Behaviour, Framing, Op, Reason, Setup, Upstream},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::time::Duration;

/// An account that only tokens open: its name is a key that is void.
fn upstream() -> (Upstream, Client) {
    let upstream = Upstream::start(Setup::default()).unwrap();
    let account = AccountSetup {
        session_token: Some("st-1".to_owned()),
        refresh_token: Some("rt-1".to_owned()),
        client_id: Some("app_1".to_owned()),
        email: Some("a@example.com".to_owned()),
        token_ttl_s: Some(600),
        ..AccountSetup::default()
    };
    upstream.put("account", account).revoke();
    let client = Client::new(&upstream.origin());
    (upstream, client)
}

fn grant(token: &str) -> Value {
    json!({"client_id": "app_1", "grant_type": "refresh_token", "redirect_uri": "app://callback", "refresh_token": token})
}

async fn refresh(client: &Client, token: &str) -> Answer {
    client.post("/oauth/token", &grant(token)).send().await.unwrap()
}

async fn session(client: &Client, token: &str) -> Answer {
    let cookie = format!("other=1; __Secure-next-auth.session-token={token}");
    client.get("/api/auth/session").header("cookie", &cookie).send().await.unwrap()
}

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

#[actix_rt::test]
async fn a_session_gives_a_token_that_opens_the_account_until_it_expires() {
    let (upstream, client) = upstream();
    assert_eq!(draw(&client.with_token("account"), "void").await.status, 401);
    let told = session(&client, "st-1").await.json();
    let token = told["accessToken"].as_str().unwrap();
    let claims = claims(token);
    assert_eq!(claims["https://api.openai.com/profile"]["email"], "a@example.com");
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
    assert!(told["expires"].as_str().unwrap().ends_with(".000Z"), "{told}");
    assert_eq!(draw(&client.with_token(token), "open").await.status, 200);
    assert_eq!(upstream.account("account").book().accepted(Op::SubmitImage), 1);
    upstream.advance(Duration::from_secs(600));
    assert_eq!(draw(&client.with_token(token), "late").await.status, 401);
}

#[actix_rt::test]
async fn a_session_that_is_not_good_is_null() {
    let (upstream, client) = upstream();
    let answer = session(&client, "st-2").await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"null".as_slice()));
    let report = upstream.book();
    assert!(report.strangers == 1 && report.has_seen("st-2") && !report.has_seen("st-1"));
}

#[actix_rt::test]
async fn a_refresh_token_is_good_once() {
    let (upstream, client) = upstream();
    let first = refresh(&client, "rt-1").await.json();
    assert_eq!(upstream.book().seen.last().unwrap().fields["refresh_token"], "…rt-1");
    assert_eq!((first["token_type"].as_str(), first["expires_in"].as_u64()), (Some("Bearer"), Some(600)));
    let again = refresh(&client, "rt-1").await;
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));
    let second = refresh(&client, first["refresh_token"].as_str().unwrap()).await;
    assert_eq!(second.status, 200);
    let token = second.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(draw(&client.with_token(&token), "open").await.status, 200);
}

#[actix_rt::test]
async fn a_refresh_token_belongs_to_its_client() {
    let (upstream, client) = upstream();
    let mut other = grant("rt-1");
    other["client_id"] = "app_2".into();
    let answer = client.post("/oauth/token", &other).send().await.unwrap();
    assert_eq!(answer.json()["error"], "invalid_grant");
    assert_eq!(upstream.account("account").refresh_token().as_deref(), Some("rt-1"), "it is not spent");
}

#[actix_rt::test]
async fn a_refresh_that_breaks_off_has_rotated_all_the_same() {
    let (upstream, client) = upstream();
    let cut = Behaviour::Cut { how: Framing::Length, percent: 50 };
    upstream.account("account").script(Op::Token, [cut, Behaviour::Ok, Behaviour::AcceptThenReset]);
    let (answer, _) =
        raw::exchange(upstream.address(), &raw::post("/oauth/token", "none", &grant("rt-1").to_string()));
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(refresh(&client, "rt-1").await.json()["error"], "invalid_grant");
    let next = upstream.account("account").refresh_token().unwrap();
    let lost =
        raw::exchange(upstream.address(), &raw::post("/oauth/token", "none", &grant(&next).to_string()));
    assert_eq!(lost, (Vec::new(), raw::Ended::Rst));
    assert_ne!(upstream.account("account").refresh_token(), Some(next));
}

#[actix_rt::test]
async fn refreshes_fail_and_lie_as_scripted() {
    let (upstream, client) = upstream();
    let refuse = |reason: Reason| Behaviour::Refuse(reason.into());
    let script = [refuse(Reason::Overloaded), refuse(Reason::InvalidGrant), Behaviour::StaleToken];
    upstream.account("account").script(Op::Token, script);
    assert_eq!(refresh(&client, "rt-1").await.status, 503);
    assert_eq!(refresh(&client, "rt-1").await.json()["error"], "invalid_grant");
    let stale = refresh(&client, "rt-1").await.json();
    let token = stale["access_token"].as_str().unwrap();
    let claims = claims(token);
    assert!(claims["exp"].as_u64() < claims["iat"].as_u64());
    assert_eq!(draw(&client.with_token(token), "stale").await.status, 401);
}
