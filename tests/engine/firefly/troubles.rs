//! Troubles of every kind: what each becomes, and that none makes a job twice.

use super::*;
use atelier_domain::{
    code::Code,
    fault::{FaultClass, FaultScope},
};
use atelier_sim::upstream::{Answer, Behaviour, Course, Framing, Outcome, Reason};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn says(status: u16, marker: &str, json: Value) -> Behaviour {
    let mut headers = BTreeMap::new();
    if !marker.is_empty() {
        headers.insert("x-access-error".to_owned(), marker.to_owned());
    }
    Behaviour::Answer(Answer { status, headers, json: Some(json), text: String::new() })
}

#[actix_rt::test]
async fn each_refusal_of_a_submit_is_what_it_is_and_is_sent_once() {
    use FaultClass::*;
    let fine = Task::Image(ImageSpec { quality: Quality::High, ..image("gpt-image-2") });
    let plain = Task::Image(image("gpt-image-2"));
    for (behaviour, task, class, code) in [
        (Behaviour::Refuse(Reason::BadKey.into()), &plain, Auth, Code::NoAccountAvailable),
        (Behaviour::Html { status: 403 }, &plain, Network, Code::SubmitNetwork),
        (says(403, "taste_exhausted", json!({})), &plain, QuotaWindow, Code::UpstreamSaturated),
        (says(401, "quota_exhausted", json!({})), &plain, QuotaWindow, Code::UpstreamSaturated),
        (says(403, "user_not_entitled", json!({})), &plain, NotEntitled, Code::PlanRequired),
        (says(403, "user_not_entitled", json!({})), &fine, NotEntitled, Code::QualityNotEntitled),
        (says(403, "blocked_by_3p_model_provider", json!({})), &plain, Content, Code::ImageUnsafe),
        (says(400, "", json!({"error_code": "bad_request"})), &plain, Invalid, Code::UpstreamRejected),
        (says(408, "", json!({"error_code": "timeout_error"})), &plain, Overloaded, Code::UpstreamSaturated),
        (Behaviour::Refuse(Reason::Unprocessable.into()), &plain, Invalid, Code::UpstreamRejected),
        (Behaviour::Refuse(Reason::RateLimited.into()), &plain, RateLimited, Code::UpstreamSaturated),
        (Behaviour::Refuse(Reason::Concurrency.into()), &plain, RateLimited, Code::UpstreamSaturated),
        (Behaviour::Refuse(Reason::ModerationBlocked.into()), &plain, Content, Code::ImageUnsafe),
        (Behaviour::Refuse(Reason::Illegal.into()), &plain, Content, Code::ImageUnsafe),
        (Behaviour::Refuse(Reason::ServerError.into()), &plain, Overloaded, Code::UpstreamOverloaded),
        (Behaviour::Html { status: 502 }, &plain, UnknownOutcome, Code::SubmitOutcomeUnknown),
        (Behaviour::AcceptThenReset, &plain, UnknownOutcome, Code::SubmitOutcomeUnknown),
        (Behaviour::CloseAfterBody, &plain, UnknownOutcome, Code::SubmitOutcomeUnknown),
        (
            Behaviour::Cut { how: Framing::Length, percent: 50 },
            &plain,
            UnknownOutcome,
            Code::SubmitOutcomeUnknown,
        ),
        (says(200, "", json!({"progress": 0})), &plain, UnknownOutcome, Code::SubmitOutcomeUnknown),
        (Behaviour::Html { status: 200 }, &plain, Network, Code::SubmitNetwork),
    ] {
        let world = World::new();
        world.upstream.account(FIRST).script(Op::SubmitImage, [behaviour.clone()]);
        let (fault, is_unknown) = world.fault(FIRST, task).await;
        assert_eq!((fault.class, fault.public_code()), (class, code), "{behaviour:?}: {fault:?}");
        assert_eq!(is_unknown, class == UnknownOutcome, "{behaviour:?}");
        assert_eq!(world.count(FIRST, Op::SubmitImage).0, 1, "{behaviour:?}");
        assert!(!format!("{fault:?}").contains(FIRST), "{behaviour:?}: {fault:?}");
    }
}

#[actix_rt::test]
async fn an_upload_that_fails_has_begun_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let given = references(vec![picture(folder.path(), "a.png", (64, 48))]);
    let task = Task::Image(ImageSpec { references: Some(given), ..image("gpt-image-2") });
    for (behaviour, class) in [
        (Behaviour::AcceptThenReset, FaultClass::Network),
        (Behaviour::Html { status: 502 }, FaultClass::Overloaded),
        (Behaviour::Refuse(Reason::BadKey.into()), FaultClass::Auth),
        (Behaviour::Refuse(Reason::ModerationBlocked.into()), FaultClass::Content),
    ] {
        let world = World::new();
        world.upstream.account(FIRST).script(Op::Upload, [behaviour.clone()]);
        let (fault, is_unknown) = world.fault(FIRST, &task).await;
        assert_eq!((fault.class, is_unknown), (class, false), "{behaviour:?}");
        assert_eq!(world.count(FIRST, Op::SubmitImage).0, 0, "{behaviour:?}");
    }
}

#[actix_rt::test]
async fn a_poll_that_tells_nothing_ends_no_job_and_makes_none() {
    let world = World::new();
    let account = world.upstream.account(FIRST);
    let task = Task::Image(image("gpt-image-2"));
    let handle = world.begin(FIRST, &task).await;
    for (behaviour, class) in [
        (Behaviour::Refuse(Reason::Overloaded.into()), FaultClass::Overloaded),
        (Behaviour::Refuse(Reason::RateLimited.into()), FaultClass::RateLimited),
        (Behaviour::Refuse(Reason::Timeout.into()), FaultClass::Overloaded),
        (Behaviour::Refuse(Reason::Illegal.into()), FaultClass::Overloaded),
        (Behaviour::Refuse(Reason::BadKey.into()), FaultClass::Auth),
        (says(403, "taste_exhausted", json!({})), FaultClass::QuotaWindow),
        (Behaviour::Refuse(Reason::NotFound.into()), FaultClass::JobLost),
        (Behaviour::Html { status: 200 }, FaultClass::Network),
        (Behaviour::ResetAfterBody, FaultClass::Network),
    ] {
        account.script(Op::Poll, [behaviour.clone()]);
        match world.poll(FIRST, &task, &handle).await {
            Polled::Unlearned(fault) => assert_eq!(fault.class, class, "{behaviour:?}"),
            other => panic!("{behaviour:?}: {}", polled(&other)),
        }
    }
    assert!(matches!(world.end(FIRST, &task, &handle).await, Polled::Done(_)));
    assert_eq!(world.count(FIRST, Op::SubmitImage), (1, 1));
}

#[actix_rt::test]
async fn a_job_that_failed_is_what_it_failed_of_and_is_made_by_nobody_else() {
    for (token, model) in [(FIRST, "gpt-image-2"), (MACHINE, "firefly-image-4")] {
        for (code, class) in [
            ("image_unsafe", FaultClass::Content),
            ("runtime_error", FaultClass::JobLost),
            ("rate_limited", FaultClass::JobLost),
        ] {
            let world = World::new();
            let failed = Course { end: Outcome::Failed, code: code.into(), ..Course::default() };
            world.upstream.account(token).script(Op::SubmitImage, [Behaviour::Job(failed)]);
            let task = Task::Image(image(model));
            let handle = world.begin(token, &task).await;
            match world.end(token, &task, &handle).await {
                Polled::Failed(fault) => {
                    assert_eq!((fault.class, fault.scope), (class, FaultScope::Request), "{model} {code}");
                    assert!(!fault.class.fails_over());
                }
                other => panic!("{model} {code}: {}", polled(&other)),
            }
        }
    }
}

#[actix_rt::test]
async fn of_several_the_failed_ones_are_missing_and_the_others_are_there() {
    let world = World::new();
    let failed = Course { end: Outcome::Failed, ..Course::default() };
    world.upstream.account(FIRST).script(Op::SubmitImage, [Behaviour::Ok, Behaviour::Job(failed)]);
    let task = Task::Image(ImageSpec { n: 3, ..image("nano-banana-3") });
    assert_eq!(world.outputs(FIRST, &task).await.len(), 2);
}

#[actix_rt::test]
async fn a_link_that_ended_is_asked_for_anew_and_one_that_breaks_is_followed_again() {
    let world = World::new();
    let account = world.upstream.account(FIRST);
    let task = Task::Image(image("gpt-image-2"));
    let quick = Course { polls: 0, ..Course::default() };
    account.script(Op::SubmitImage, [Behaviour::Job(quick.clone())]);
    account.script(Op::Poll, [Behaviour::ExpiredUrl { status: 403 }]);
    assert_eq!(world.outputs(FIRST, &task).await.len(), 1);
    assert_eq!(world.count(FIRST, Op::Poll).0, 2, "the fresh link comes from another look");
    account.script(Op::SubmitImage, [Behaviour::Job(quick.clone())]);
    account.script(
        Op::File,
        [Behaviour::Cut { how: Framing::Length, percent: 30 }, Behaviour::Refuse(Reason::Overloaded.into())],
    );
    assert_eq!(world.outputs(FIRST, &task).await.len(), 1);
    account.script(Op::SubmitImage, [Behaviour::Job(quick)]);
    account.script(Op::Poll, [Behaviour::ExpiredUrl { status: 403 }, Behaviour::ExpiredUrl { status: 403 }]);
    let handle = world.begin(FIRST, &task).await;
    match world.end(FIRST, &task, &handle).await {
        Polled::Failed(fault) => assert_eq!(fault.class, FaultClass::JobLost),
        other => panic!("{}", polled(&other)),
    }
    assert_eq!(world.count(FIRST, Op::SubmitImage), (3, 3), "a link that ended made a job anew");
}

#[actix_rt::test]
async fn a_token_goes_nowhere_but_to_hosts_that_are_trusted() {
    let other = Upstream::start(Setup::default()).unwrap();
    let world = World::new();
    let elsewhere = json!({"links": {"result": {"href": format!("{}/v2/status/j", other.origin())}}});
    world.upstream.account(FIRST).script(Op::SubmitImage, [says(200, "", elsewhere)]);
    let task = Task::Image(image("gpt-image-2"));
    let (fault, is_unknown) = world.fault(FIRST, &task).await;
    assert!(is_unknown && fault.class == FaultClass::UnknownOutcome, "{fault:?}");
    let handle =
        json!({"since": 0, "parts": [{"poll": format!("{}/v2/status/j", other.origin()), "outputs": 1}]});
    assert!(matches!(world.poll(FIRST, &task, &handle).await, Polled::Failed(_)));
    assert_eq!(other.book().requests, 0, "a host that nobody trusts was asked");
}
