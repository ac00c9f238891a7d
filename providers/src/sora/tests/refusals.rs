//! Refusals, lost answers and nonsense: each becomes the fault that it is, in words that give nothing away.

use super::*;
use crate::{doubles::Reply, openai::Asked, sora::refusal::No};
use atelier_domain::{
    fault::{Fault, FaultClass, FaultScope},
    time::Millis,
};
use awc::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

fn fault(status: u16, headers: &[(&'static str, &'static str)], body: &str, asked: Asked) -> Fault {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    No::read(status, &map, body.as_bytes(), Millis(0)).fault(asked, &AccountSecrets::default())
}

fn said(code: &str, message: &str) -> String {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}})
        .to_string()
}

/// One row per refusal that the wire reference knows, and for each shape that is nobody's.
#[test]
fn each_refusal_is_the_class_that_it_is() {
    use FaultClass::*;
    use FaultScope as S;
    let challenge = "<!DOCTYPE html><title>Just a moment...</title>";
    let page = "<html><body>nginx</body></html>";
    for (status, body, class, scope) in [
        (400, said("sentinel_block", "no"), RateLimited, S::Account),
        (400, said("invalid_request", "Unable to process request"), Invalid, S::Request),
        (401, said("token_invalidated", "Your token was invalidated"), Auth, S::Account),
        (401, said("token_expired", "expired"), Auth, S::Account),
        (401, json!({"detail": "Unauthorized"}).to_string(), Auth, S::Account),
        (403, said("unsupported_country_code", "no"), NotEntitled, S::Account),
        (400, said("unsupported_country_code", "no"), NotEntitled, S::Account),
        (403, challenge.into(), Network, S::Account),
        (429, challenge.into(), Network, S::Account),
        (429, said("too_many_concurrent_tasks", "3 tasks"), Concurrency, S::Account),
        (429, said("rate_limit_exhausted", "none left"), QuotaWindow, S::AccountModel),
        (429, json!({"type": "rate_limit_exhausted"}).to_string(), QuotaWindow, S::AccountModel),
        (503, said("heavy_load", "We're under heavy load, please try again later"), Overloaded, S::Account),
        (500, said("", "We're under heavy load, please try again later"), Overloaded, S::Account),
        (400, said("phone_number_required", "no"), NotEntitled, S::Account),
        (403, said("sora_username_not_yet_created", "no"), NotEntitled, S::Account),
        (400, said("content_policy_violation", "no"), Content, S::Request),
        (400, said("", "This prompt violates our guardrails"), Content, S::Request),
        (402, said("", "pay"), Billing, S::Account),
        (403, said("", "no"), NotEntitled, S::AccountModel),
        (429, said("rate_limit_exceeded", "slow"), RateLimited, S::AccountModel),
        (404, said("", "no such post"), NotEntitled, S::AccountModel),
        (409, said("", "conflict"), Overloaded, S::Account),
        (503, said("", "busy"), Overloaded, S::Account),
        // Nobody's shape.
        (403, page.into(), Network, S::Account),
        (401, page.into(), Network, S::Account),
        (308, String::new(), Network, S::Account),
        (407, String::new(), Network, S::Account),
        (521, page.into(), Overloaded, S::Account),
        (500, page.into(), UnknownOutcome, S::Request),
        (502, page.into(), UnknownOutcome, S::Request),
        (504, String::new(), UnknownOutcome, S::Request),
        (503, page.into(), UnknownOutcome, S::Request),
        (500, said("", "oops"), UnknownOutcome, S::Request),
        (400, "nonsense".into(), Invalid, S::Request),
    ] {
        let met = fault(status, &[], &body, Asked::Video);
        assert_eq!((met.class, met.scope), (class, scope), "{status} {body}");
        assert!(!met.message.is_empty() && met.context.contains(&status.to_string()), "{met:?}");
        if class == UnknownOutcome {
            assert_eq!(fault(status, &[], &body, Asked::Look).class, Overloaded, "{status} {body}");
        }
    }
    let mitigated = fault(403, &[("cf-mitigated", "challenge")], "", Asked::Look);
    assert!(mitigated.class == Network && mitigated.context.contains("challenge"), "{mitigated:?}");
}

#[test]
fn a_used_up_quota_says_until_when_wherever_that_stands() {
    let balance = json!({"access_resets_in_seconds": 120});
    for body in [
        json!({"type": "rate_limit_exhausted", "rate_limit_and_credit_balance": balance}),
        json!({"error": {"code": "rate_limit_exhausted", "rate_limit_and_credit_balance": balance}}),
        json!({"error": {"code": "rate_limit_exhausted", "details": {"rate_limit_and_credit_balance": balance}}}),
    ] {
        let met = fault(429, &[], &body.to_string(), Asked::Video);
        assert_eq!((met.class, met.retry_at), (FaultClass::QuotaWindow, Some(Millis(120_000))), "{body}");
    }
    let soon = fault(429, &[("retry-after", "7")], &said("", "slow"), Asked::Video);
    assert_eq!(soon.retry_at, Some(Millis(7_000)));
}

#[actix_rt::test]
async fn an_answer_that_is_no_result_is_a_fault_and_never_a_crash() {
    use FaultClass::{Network, UnknownOutcome};
    for (reply, class) in [
        (Reply::html(200), Network),
        (Reply::json(200, &json!({})), UnknownOutcome),
        (Reply::json(200, &json!({"id": "../me"})), UnknownOutcome),
        (Reply::json(200, &json!([])), UnknownOutcome),
        (Reply::file("application/json", b"{\"id\": \"task"), UnknownOutcome),
        (Reply::Raw(Vec::new()), UnknownOutcome),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()), UnknownOutcome),
        (Reply::redirect(308, "https://elsewhere.example/"), Network),
    ] {
        let shown = format!("{reply:?}");
        for task in [Task::Video(video()), Task::Image(image())] {
            let reply = reply.clone();
            let upstream = Double::start(move |_| reply.clone()).await;
            let world = World::new(SoraConfig::default());
            let (met, unknown) = match world.submit(task, &upstream).await {
                Submission::Rejected(met) => (met, false),
                Submission::Unknown(met) => (met, true),
                other => panic!("{other:?}"),
            };
            assert_eq!((met.class, unknown), (class, class == UnknownOutcome), "{shown}");
            assert!(!format!("{met:?}").contains(KEY));
        }
    }
}

#[actix_rt::test]
async fn an_account_without_an_address_can_do_nothing_and_says_what_to_do() {
    let world = World::new(SoraConfig::default());
    let upstream = Double::start(|_| Reply::html(500)).await;
    for base in [None, Some("ftp://x".to_owned()), Some("nowhere".to_owned())] {
        let mut call = call(Task::Video(video()), &upstream);
        call.credential.endpoint.base_url = base;
        let Submission::Rejected(met) = Arc::clone(&world.engine).submit(call).await else { panic!() };
        assert!(met.class.fails_over() && met.message.contains("base_url"), "{met:?}");
    }
    assert!(upstream.seen().is_empty());
}

#[test]
fn words_are_repeated_where_they_help_and_without_what_they_should_not_tell() {
    let told = said("", "Bad size for user-abc at https://api.example.com/v1: use small");
    let met = fault(400, &[], &told, Asked::Video);
    assert_eq!(met.message, "the engine refuses the request: Bad size for … at … use small");
    let nothing: Value = json!(null);
    assert_eq!(fault(400, &[], &nothing.to_string(), Asked::Video).message, "the engine refuses the request");
}
