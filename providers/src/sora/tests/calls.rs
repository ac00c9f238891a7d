//! What is sent with each call, when one is sent again, and how long an absence lasts.

use super::*;
use crate::doubles::Reply;
use atelier_domain::{
    account::Account,
    engine::{Abilities, Lookup, Polled},
    fault::FaultClass,
    time::{Clock, Millis},
};
use futures_util::join;
use serde_json::json;
use std::time::Duration;

fn begun(_: &crate::doubles::Seen) -> Reply {
    Reply::json(200, &json!({"id": "task_1", "rate_limit_and_credit_balance": {}}))
}

#[actix_rt::test]
async fn every_call_carries_the_token_and_what_the_operator_says_and_nothing_that_poses_as_a_browser() {
    let upstream = Double::start(begun).await;
    World::new(SoraConfig::default()).handle(Task::Video(video()), &upstream).await;
    let plain = upstream.only();
    assert_eq!(plain.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert!(plain.header("user-agent").unwrap().starts_with("atelier/"));
    for absent in ["openai-sentinel-token", "oai-device-id", "cookie", "origin", "referer"] {
        assert_eq!(plain.header(absent), None, "{absent}");
    }
    assert_eq!(plain.json()["title"], "job_00000000000000000000000000000007.2");

    let upstream = Double::start(begun).await;
    let config = SoraConfig {
        user_agent: Some("mine/1".into()),
        device_id: Some("d-1".into()),
        headers: vec![("oai-language".into(), "en-US".into())],
        ..SoraConfig::default()
    };
    let world = World::new(config);
    let mut call = call(Task::Video(video()), &upstream);
    let secrets = AccountSecrets { cookie: Some(Secret::new("a=b")), ..AccountSecrets::default() };
    call.credential.secrets = Arc::new(secrets);
    Arc::clone(&world.engine).submit(call).await;
    let own = upstream.only();
    for (name, value) in
        [("user-agent", "mine/1"), ("oai-device-id", "d-1"), ("oai-language", "en-US"), ("cookie", "a=b")]
    {
        assert_eq!(own.header(name), Some(value), "{name}");
    }
    assert_eq!(own.header("authorization"), None);
}

#[actix_rt::test]
async fn what_did_not_leave_is_sent_again_as_often_as_configured_and_what_left_is_not() {
    let world = World::new(SoraConfig { retries: 2, ..SoraConfig::default() });
    let nobody = Double::start(begun).await;
    let mut call = call(Task::Video(video()), &nobody);
    call.credential.endpoint.base_url = Some("http://127.0.0.1:1/backend".into());
    let submit = async { (Arc::clone(&world.engine).submit(call).await, world.clock.now()) };
    let ((outcome, at), ()) = join!(submit, async {
        for _ in 0..2000 {
            tokio::task::yield_now().await;
            world.clock.advance(Duration::from_millis(5));
        }
    });
    let Submission::Rejected(fault) = outcome else { panic!("{outcome:?}") };
    assert_eq!(fault.class, FaultClass::Network);
    assert!(at >= Millis(600), "two repeats, 200 and 400 ms later, ended at {at:?}");

    let silent = Double::start(|_| Reply::Raw(Vec::new())).await;
    let outcome = world.submit(Task::Video(video()), &silent).await;
    assert!(matches!(outcome, Submission::Unknown(_)), "{outcome:?}");
    assert_eq!(silent.seen().len(), 1, "a create that may have arrived was sent twice");
}

#[actix_rt::test]
async fn a_task_in_no_list_is_waited_for_and_lost_only_after_so_many_looks() {
    let upstream = Double::start(|seen| match seen.path.as_str() {
        "/backend/nf/create" => Reply::json(200, &json!({"id": "task_1"})),
        "/backend/nf/pending/v2" => Reply::json(200, &json!([])),
        _ => Reply::json(200, &json!({"items": [], "cursor": null})),
    })
    .await;
    let world = World::new(SoraConfig { lost_after: 3, ..SoraConfig::default() });
    let handle = world.handle(Task::Video(video()), &upstream).await;
    let look = || Arc::clone(&world.engine).poll(call(Task::Video(video()), &upstream), handle.clone());
    for _ in 0..2 {
        let polled = look().await;
        assert!(matches!(polled, Polled::Pending { progress: None, poll_at: Millis(2_000) }), "{polled:?}");
    }
    let Polled::Failed(fault) = look().await else { panic!() };
    assert_eq!(fault.class, FaultClass::JobLost);
    let creates = upstream.seen().iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(creates, 1);
}

#[actix_rt::test]
async fn drafts_are_looked_through_page_by_page_and_not_for_ever() {
    let upstream = Double::start(|seen| match seen.path.as_str() {
        "/backend/nf/create" => Reply::json(200, &json!({"id": "task_1"})),
        "/backend/nf/pending/v2" => Reply::json(404, &json!({"error": {"message": "no"}})),
        "/backend/nf/pending" => Reply::json(200, &json!([])),
        _ => Reply::json(200, &json!({"items": [{"task_id": "task_2"}], "cursor": "a b&c"})),
    })
    .await;
    let world = World::new(SoraConfig::default());
    let handle = world.handle(Task::Video(video()), &upstream).await;
    let polled = Arc::clone(&world.engine).poll(call(Task::Video(video()), &upstream), handle).await;
    assert!(matches!(polled, Polled::Pending { .. }), "{polled:?}");
    let pages: Vec<_> = upstream.seen().iter().map(|seen| seen.path.clone()).collect();
    let first = "/backend/project_y/profile/drafts?limit=15".to_owned();
    let next = format!("{first}&cursor=a+b%26c");
    assert_eq!(pages[3..], [first, next.clone(), next]);
}

#[actix_rt::test]
async fn a_lost_create_is_found_only_by_its_own_title() {
    for (title, found) in
        [("job_00000000000000000000000000000007.2", true), ("job_00000000000000000000000000000007.1", false)]
    {
        let upstream = Double::start(move |seen| match seen.path.as_str() {
            "/backend/nf/pending/v2" => Reply::json(
                200,
                &json!([{"id": "task_9", "title": title, "prompt": "a fox", "status": "running"}]),
            ),
            _ => {
                Reply::json(200, &json!({"items": [{"task_id": "task_8", "prompt": "a fox", "title": null}]}))
            }
        })
        .await;
        let world = World::new(SoraConfig { poll_every: Duration::ZERO, ..SoraConfig::default() });
        let lookup = Arc::clone(&world.engine).lookup(call(Task::Video(video()), &upstream)).await;
        match lookup {
            Lookup::Found { handle, .. } => assert!(found && handle["task"] == "task_9", "{handle}"),
            Lookup::CannotTell => assert!(!found),
            Lookup::NeverArrived => panic!("it may have arrived"),
        }
        let images = Arc::clone(&world.engine).lookup(call(Task::Image(image()), &upstream)).await;
        assert!(matches!(images, Lookup::CannotTell));
    }
}

#[test]
fn what_an_account_can_do_follows_from_its_address_and_its_plan() {
    let account = |base: Option<&str>, plan: &str| {
        let mut account = Account::new(AccountId::from_uuid(Uuid::from_u128(1)), 1, "sora", "a", Millis(0));
        account.endpoint.base_url = base.map(str::to_owned);
        account.checked.plan = Some(atelier_domain::account::Plan { id: plan.into(), ..Default::default() });
        account
    };
    let world = World::new(SoraConfig::default());
    let can = |account: &Account| world.engine.abilities(account);
    assert_eq!(can(&account(None, "chatgpt_pro")), Abilities::NONE);
    let (free, pro) =
        (can(&account(Some("http://a/backend"), "")), can(&account(Some("http://a/backend"), "chatgpt_pro")));
    let (free, pro) = (free.video_range.unwrap(), pro.video_range.unwrap());
    assert!(!free.seconds.contains(&25) && pro.seconds.contains(&25));
    let hd = Size::new(1792, 1024);
    assert!(!free.sizes.contains(&hd) && pro.sizes.contains(&hd));
    let central =
        World::new(SoraConfig { base_url: Some("http://a/backend".into()), ..SoraConfig::default() });
    assert_ne!(central.engine.abilities(&account(None, "")), Abilities::NONE);
}
