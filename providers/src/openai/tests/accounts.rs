//! Accounts: what they can do, what a look at them finds, and text that is passed through.

use super::*;
use crate::doubles::Reply;
use atelier_domain::{
    account::Account,
    engine::{RelayCall, VideoSources},
    fault::FaultClass,
    job::JobKind,
};
use serde_json::json;

fn account(endpoint: Endpoint) -> Account {
    let id = AccountId::from_uuid(Uuid::from_u128(1));
    Account { endpoint, ..Account::new(id, 1, "openai", "a", EPOCH) }
}

#[actix_rt::test]
async fn an_account_can_do_what_its_dialect_can() {
    let engine = World::new().engine;
    let at = |base: Option<&str>, dialect: Option<&str>| {
        engine.abilities(&account(Endpoint {
            base_url: base.map(Into::into),
            dialect: dialect.map(Into::into),
        }))
    };
    let openai = at(None, None);
    assert!(openai.mask && openai.relays && openai.references == 16);
    assert_eq!(openai.video_sources, VideoSources::OwnHandle);
    let home = at(Some("http://gpu:8000/v1"), Some("vllm-omni"));
    assert!(!home.mask && home.relays && home.references == 16 && home.video_sources == VideoSources::None);
    assert!(at(Some("http://gpu:8080"), Some("sd-server")).mask);
    assert_eq!(at(Some("http://gpu:8080"), Some("localai")).references, 0);
    assert_eq!(at(Some("https://gateway.example/v1"), None).video_sources, VideoSources::OwnHandle);
    let wrong = at(None, Some("klingon"));
    assert!(!wrong.mask && !wrong.relays && wrong.references == 0);
}

async fn check(reply: Reply, dialect: &str) -> Result<Option<Vec<(String, Option<JobKind>)>>, FaultClass> {
    let upstream = Double::start(move |_| reply.clone()).await;
    let engine = World::new().engine;
    let found = engine.check(credential(&upstream.url("/v1"), Some(dialect))).await;
    let seen = upstream.only();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/v1/models"));
    let models = found.map_err(|fault| fault.class)?.models;
    Ok(models.map(|models| models.into_iter().map(|model| (model.name, model.kind)).collect()))
}

#[actix_rt::test]
async fn a_look_finds_the_models_or_why_the_key_does_not_open() {
    let list =
        json!({"object": "list", "data": [{"id": "gpt-image-2"}, {"id": "sora-2"}, {"id": "gpt-5.5"}]});
    let expected =
        [("gpt-image-2", Some(JobKind::Image)), ("sora-2", Some(JobKind::Video)), ("gpt-5.5", None)];
    let expected: Vec<_> = expected.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
    assert_eq!(check(Reply::json(200, &list), "openai").await, Ok(Some(expected)));
    let cards = json!({"data": [{"id": "Wan", "task_type": "T2V", "num_gpus": 1}]});
    assert_eq!(
        check(Reply::json(200, &cards), "sglang").await,
        Ok(Some(vec![("Wan".into(), Some(JobKind::Video))]))
    );
    assert_eq!(check(Reply::json(404, &json!({"detail": "Not Found"})), "localai").await, Ok(None));
    let key = json!({"error": {"code": "invalid_api_key", "message": "Incorrect API key provided: sk-x"}});
    assert_eq!(check(Reply::json(401, &key), "openai").await, Err(FaultClass::Auth));
    assert_eq!(check(Reply::html(200), "openai").await, Err(FaultClass::Network));
    assert_eq!(check(Reply::html(502), "openai").await, Err(FaultClass::Overloaded));
    assert_eq!(check(Reply::Raw(Vec::new()), "openai").await, Err(FaultClass::Network));
}

async fn relay(reply: Reply) -> (Result<(u16, String, Vec<u8>), FaultClass>, Double) {
    let upstream = Double::start(move |_| reply.clone()).await;
    let credential = credential(&upstream.url("/v1"), None);
    let body = bytes::Bytes::from_static(b"{\"model\":\"gpt-5.5\",\"stream\":true}");
    let engine = World::new().engine;
    let outcome = match engine.relay(RelayCall { credential, path: "/chat/completions", body }).await {
        Ok(mut relayed) => {
            let mut bytes = Vec::new();
            while let Some(piece) = relayed.body.chunk().await.unwrap() {
                bytes.extend_from_slice(&piece);
            }
            Ok((relayed.status, relayed.media_type, bytes))
        }
        Err(fault) => Err(fault.class),
    };
    (outcome, upstream)
}

#[actix_rt::test]
async fn text_is_passed_through_untouched_in_both_directions() {
    let events = ["data: {\"a\":1}\n\n".to_owned(), "data: [DONE]\n\n".to_owned()];
    let (outcome, upstream) = relay(Reply::events(&events)).await;
    assert_eq!(outcome, Ok((200, "text/event-stream".to_owned(), events.concat().into_bytes())));
    let seen = upstream.only();
    assert_eq!(
        (seen.path.as_str(), &seen.body[..]),
        ("/v1/chat/completions", &b"{\"model\":\"gpt-5.5\",\"stream\":true}"[..])
    );
    assert!(seen.header("authorization").is_some());
    for (reply, class) in [
        (Reply::json(429, &json!({"error": {"code": "insufficient_quota"}})), FaultClass::Billing),
        (Reply::json(500, &json!({"error": {"message": "sorry"}})), FaultClass::Overloaded),
        (Reply::Raw(Vec::new()), FaultClass::UnknownOutcome),
    ] {
        assert_eq!(relay(reply).await.0, Err(class));
    }
}
