//! Refusals, lost answers and nonsense: each becomes the fault that it is, in words that give nothing away.

use super::*;
use crate::{
    doubles::Reply,
    openai::Dialect,
    openai::error::{Asked, Refusal},
};
use atelier_domain::fault::{FaultClass, FaultScope};
use awc::http::header::HeaderMap;
use futures_util::join;
use serde_json::{Value, json};
use std::time::Duration;

fn fault(status: u16, body: &str, asked: Asked) -> Fault {
    let refusal = Refusal::read(status, &HeaderMap::new(), body.as_bytes(), EPOCH);
    refusal.fault(asked, Dialect::named("openai").unwrap(), &AccountSecrets::default())
}

fn said(code: &str, kind: &str, message: &str) -> String {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
}

#[test]
fn each_refusal_is_the_class_that_it_is() {
    use FaultClass::*;
    let html = "<html><body>cloudflare</body></html>";
    for (status, body, class, scope) in [
        // OpenAI's own.
        (429, said("rate_limit_exceeded", "requests", "Rate limit reached for gpt-image-2 on images per minute (IPM): Limit: 5/1min. Current: 6/1min. Please try again in 12s."), RateLimited, FaultScope::AccountModel),
        (429, said("rate_limit_exceeded", "requests", "Rate limit reached: Limit: 0/1min. Current: 1/1min."), NotEntitled, FaultScope::AccountModel),
        (429, said("rate_limit_exceeded", "requests", "Rate limit reached on requests per day (RPD): Limit 50"), QuotaWindow, FaultScope::AccountModel),
        (429, said("insufficient_quota", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."), Billing, FaultScope::Account),
        (429, said("slow_down", "rate_limit_error", "Slow down"), RateLimited, FaultScope::Account),
        (400, said("billing_hard_limit_reached", "image_generation_user_error", "Billing hard limit has been reached"), Billing, FaultScope::Account),
        (400, said("moderation_blocked", "image_generation_user_error", "Your request was rejected by the safety system."), Content, FaultScope::Request),
        (400, said("content_policy_violation", "invalid_request_error", "no"), Content, FaultScope::Request),
        (400, said("", "invalid_request_error", "Your request was rejected as a result of our safety system."), Content, FaultScope::Request),
        (400, said("invalid_value", "invalid_request_error", "Invalid value: 'xl'."), Invalid, FaultScope::Request),
        (401, said("invalid_api_key", "invalid_request_error", "Incorrect API key provided: sk-x."), Auth, FaultScope::Account),
        (403, said("", "invalid_request_error", "Your organization must be verified to use the model `gpt-image-2`."), NotEntitled, FaultScope::AccountModel),
        (403, said("unsupported_country_region_territory", "request_forbidden", "Country, region, or territory not supported"), NotEntitled, FaultScope::Account),
        (403, said("", "", "no"), Auth, FaultScope::Account),
        (404, said("model_not_found", "invalid_request_error", "The model `x` does not exist or you do not have access to it."), ModelGone, FaultScope::AccountModel),
        (404, said("model_not_found", "invalid_request_error", "The model `dall-e-3` has been deprecated."), ModelGone, FaultScope::Model),
        (404, said("", "", "Invalid URL (POST /v1/images)"), NotEntitled, FaultScope::AccountModel),
        (409, said("", "", "conflict"), Overloaded, FaultScope::Account),
        (408, said("", "", "timeout"), Overloaded, FaultScope::Account),
        (500, said("", "server_error", "The server had an error"), Overloaded, FaultScope::Account),
        (503, said("server_is_overloaded", "service_unavailable_error", "busy"), Overloaded, FaultScope::Account),
        // Other shapes.
        (400, json!({"detail": "Input was blocked by content policy"}).to_string(), Content, FaultScope::Request),
        (422, json!({"detail": [{"loc": ["body", "size"], "msg": "bad size", "type": "value_error"}]}).to_string(), Invalid, FaultScope::Request),
        (400, json!({"error": "prompt is required"}).to_string(), Invalid, FaultScope::Request),
        (503, json!({"error": "scheduler is dead"}).to_string(), Overloaded, FaultScope::Account),
        (429, json!({"error": "job queue is full"}).to_string(), Concurrency, FaultScope::Account),
        (429, json!({"code": "x", "error": "Your team has either used all available credits or reached its monthly spending limit."}).to_string(), Billing, FaultScope::Account),
        (429, json!({"detail": "Request was throttled. Your rate limit resets in ~30s."}).to_string(), RateLimited, FaultScope::AccountModel),
        (429, json!([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}}]).to_string(), RateLimited, FaultScope::AccountModel),
        (404, json!({"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}).to_string(), ModelGone, FaultScope::AccountModel),
        (400, json!({"detail": "Model mismatch: request asks 'a', server has 'b'"}).to_string(), ModelGone, FaultScope::AccountModel),
        (400, said("invalid_value", "", "The model `m` does not support the size 64x64."), Invalid, FaultScope::Request),
        (403, said("", "", "Unable to verify the key."), Auth, FaultScope::Account),
        (429, said("", "", "Limit: 0.5/1min."), RateLimited, FaultScope::AccountModel),
        (402, json!({"message": "pay"}).to_string(), Billing, FaultScope::Account),
        // Nobody's shape.
        (403, html.into(), Network, FaultScope::Account),
        (404, html.into(), NotEntitled, FaultScope::AccountModel),
        (301, String::new(), Network, FaultScope::Account),
        (503, html.into(), Overloaded, FaultScope::Account),
        (522, html.into(), Overloaded, FaultScope::Account),
        (500, "Internal Server Error".into(), UnknownOutcome, FaultScope::Request),
        (502, html.into(), UnknownOutcome, FaultScope::Request),
        (504, String::new(), UnknownOutcome, FaultScope::Request),
        (524, html.into(), UnknownOutcome, FaultScope::Request),
        (400, "nonsense".into(), Invalid, FaultScope::Request),
        (418, "{".into(), Invalid, FaultScope::Request),
    ] {
        let fault = fault(status, &body, Asked::Image);
        assert_eq!((fault.class, fault.scope), (class, scope), "{status} {body}");
        assert!(!fault.message.is_empty() && fault.context.contains(&status.to_string()), "{fault:?}");
    }
}

#[test]
fn a_failed_create_of_a_video_may_have_begun_one_and_a_failed_look_cannot() {
    let own = said("", "server_error", "The server had an error");
    for (status, body, class) in [
        (500, own.as_str(), FaultClass::UnknownOutcome),
        (503, own.as_str(), FaultClass::Overloaded),
        (503, "<html>", FaultClass::UnknownOutcome),
        (521, "<html>", FaultClass::Overloaded),
        (400, own.as_str(), FaultClass::Invalid),
    ] {
        assert_eq!(fault(status, body, Asked::Video).class, class, "{status} {body}");
        if status >= 500 {
            assert_eq!(fault(status, body, Asked::Look).class, FaultClass::Overloaded, "{status} {body}");
        }
    }
}

#[test]
fn words_are_repeated_where_they_help_and_without_what_they_should_not_tell() {
    let told = said("", "", "Bad size for org-abc at https://api.example.com/v1: use 1024x1024");
    let fault_told = fault(400, &told, Asked::Image);
    assert_eq!(fault_told.message, "the engine refuses the request: Bad size for … at … use 1024x1024");
    let key = said("invalid_api_key", "", "Incorrect API key provided: sk-abc");
    let fault_key = fault(401, &key, Asked::Image);
    assert!(!format!("{fault_key:?}").contains("sk-abc"));
    assert_eq!(fault_key.message, "the engine refuses the key of the account in use");
}

#[actix_rt::test]
async fn a_hint_of_when_to_come_again_is_kept() {
    let upstream = Double::start(|_| {
        let body: Value = serde_json::from_str(&said("rate_limit_exceeded", "requests", "slow")).unwrap();
        Reply::json(429, &body).with("retry-after-ms", "1500").with("x-request-id", "req_123")
    })
    .await;
    let (fault, unknown) = World::new().fault(Task::Image(spec()), &upstream, "openai").await;
    assert_eq!((fault.retry_at, unknown), (Some(Millis(1500)), false));
    assert!(fault.context.contains("request req_123"), "{}", fault.context);
}

#[actix_rt::test]
async fn an_answer_that_is_no_result_is_a_fault_and_never_a_crash() {
    use FaultClass::{Content, JobLost, Network, UnknownOutcome};
    for (reply, class) in [
        (Reply::html(200), Network),
        (Reply::file("text/plain", b"pong"), Network),
        (Reply::file("application/json", b""), UnknownOutcome),
        (Reply::json(200, &json!({"data": []})).with("content-encoding", "gzip"), UnknownOutcome),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\n\r\n{\"data\": []}".to_vec()), UnknownOutcome),
        (Reply::file("application/json", b"{\"data\": [{\"b64_json\": \"iVBOR"), UnknownOutcome),
        (Reply::json(200, &json!({"data": []})), JobLost),
        (Reply::json(200, &json!({"created": 1})), JobLost),
        (Reply::json(200, &json!({"data": null})), JobLost),
        (Reply::json(200, &json!({"data": "x"})), JobLost),
        (Reply::json(200, &json!({"data": [{"b64_json": b64(b"<html>no</html>")}]})), JobLost),
        (Reply::json(200, &json!({"data": [{"b64_json": "%%%"}]})), JobLost),
        (Reply::json(200, &json!({"data": [{"url": "file:///etc/passwd"}]})), JobLost),
        (Reply::json(200, &json!({"data": [{"url": "http://127.0.0.1:1/x.png"}]})), JobLost),
        (Reply::json(200, &json!({"error": {"code": "moderation_blocked", "message": "no"}})), Content),
        (Reply::Raw(Vec::new()), UnknownOutcome),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\"".to_vec()), UnknownOutcome),
        (Reply::redirect(308, "https://elsewhere.example/v1/images/generations"), Network),
    ] {
        let shown = format!("{reply:?}");
        let upstream = Double::start(move |_| reply.clone()).await;
        let (fault, unknown) = World::new().fault(Task::Image(spec()), &upstream, "openai").await;
        assert_eq!(fault.class, class, "{shown}");
        assert_eq!(unknown, class == UnknownOutcome, "{shown}");
        assert!(!format!("{fault:?}").contains(KEY));
    }
}

#[actix_rt::test]
async fn nobody_there_is_known_not_to_have_cost_anything_and_silence_is_not() {
    let world = World::new();
    let mut call = world.call(Task::Image(spec()), &Double::start(|_| Reply::html(200)).await, "openai");
    call.credential.endpoint.base_url = Some("http://127.0.0.1:1/v1".into());
    let Submission::Rejected(fault) = Arc::clone(&world.engine).submit(call.clone()).await else { panic!() };
    assert_eq!(fault.class, FaultClass::Network);
    call.credential.proxy = Some(Secret::new("socks5://u:planted@127.0.0.1:1"));
    let Submission::Rejected(fault) = Arc::clone(&world.engine).submit(call).await else { panic!() };
    assert_eq!(fault.class, FaultClass::Network);
    assert!(!format!("{fault:?}").contains("planted") && !fault.message.contains("127.0.0.1"), "{fault:?}");

    let silent = Double::start(|_| Reply::Stalled(Vec::new())).await;
    let (outcome, ()) = join!(world.fault(Task::Image(spec()), &silent, "openai"), async {
        silent.was_asked(1).await;
        world.clock.advance(Duration::from_secs(600));
    });
    assert_eq!((outcome.0.class, outcome.1), (FaultClass::UnknownOutcome, true));
}

#[actix_rt::test]
async fn an_account_that_is_not_configured_rightly_says_what_would_be_right() {
    let upstream = Double::start(|_| Reply::html(200)).await;
    let world = World::new();
    for (base, dialect, proxy, says) in [
        (
            Some(upstream.url("/v1")),
            Some("klingon"),
            None,
            "openai, azure, sglang, vllm-omni, sd-server, localai, relay",
        ),
        (Some("ftp://x".to_owned()), None, None, "http or https"),
        (Some("not a url".to_owned()), None, None, "http or https"),
        (Some(upstream.url("/v1")), None, Some("planted::x"), "not a proxy"),
    ] {
        let mut call = world.call(Task::Image(spec()), &upstream, "openai");
        call.credential.endpoint = Endpoint { base_url: base, dialect: dialect.map(str::to_owned) };
        call.credential.proxy = proxy.map(Secret::new);
        let Submission::Rejected(fault) = Arc::clone(&world.engine).submit(call).await else { panic!() };
        assert!(fault.context.contains(says) && fault.class.fails_over(), "{fault:?}");
        assert!(!format!("{fault:?}").contains("planted"));
    }
    assert!(upstream.seen().is_empty());
}
