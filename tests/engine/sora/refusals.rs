//! Every refusal that the wire reference knows, as it comes over a real connection.

use super::*;
use atelier_domain::fault::FaultClass;
use atelier_sim::upstream::{Answer, Behaviour, Limits, Op, Reason};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn answer(status: u16, code: &str, message: &str) -> Behaviour {
    let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": code});
    Behaviour::Answer(Answer {
        status,
        headers: BTreeMap::new(),
        json: Some(json!({"error": error})),
        text: String::new(),
    })
}

fn challenge(status: u16) -> Behaviour {
    let headers = [("cf-mitigated", "challenge"), ("content-type", "text/html")];
    Behaviour::Answer(Answer {
        status,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        json: None::<Value>,
        text: "<!DOCTYPE html><title>Just a moment...</title>".into(),
    })
}

#[actix_rt::test]
async fn every_refusal_of_a_create_is_the_class_that_it_is() {
    use FaultClass::*;
    let world = World::new();
    for (behaviour, class) in [
        (answer(400, "sentinel_block", "no"), RateLimited),
        (answer(400, "invalid_request", "Unable to process request"), Invalid),
        (answer(401, "token_invalidated", "no"), Auth),
        (answer(401, "token_expired", "no"), Auth),
        (answer(403, "unsupported_country_code", "no"), NotEntitled),
        (challenge(403), Network),
        (challenge(429), Network),
        (answer(429, "too_many_concurrent_tasks", "no"), Concurrency),
        (answer(503, "heavy_load", "We're under heavy load, please try again later"), Overloaded),
        (answer(400, "phone_number_required", "no"), NotEntitled),
        (answer(400, "sora_username_not_yet_created", "no"), NotEntitled),
        (Behaviour::Refuse(Reason::ModerationBlocked.into()), Content),
        (Behaviour::Refuse(Reason::DailyLimit.into()), QuotaWindow),
        (Behaviour::Refuse(Reason::Illegal.into()), NotEntitled),
        (Behaviour::Refuse(Reason::RateLimited.into()), RateLimited),
        (Behaviour::Refuse(Reason::BadGateway.into()), UnknownOutcome),
        (Behaviour::Refuse(Reason::GatewayTimeout.into()), UnknownOutcome),
        (Behaviour::Refuse(Reason::ServerError.into()), UnknownOutcome),
        (Behaviour::Html { status: 200 }, Network),
        (Behaviour::CloseAfterBody, UnknownOutcome),
    ] {
        for (op, task) in
            [(Op::SubmitVideo, Task::Video(video("a"))), (Op::SubmitImage, Task::Image(image("a")))]
        {
            world.account().script(op, [behaviour.clone()]);
            let (fault, unknown) = match world.submit(task).await {
                Submission::Rejected(fault) => (fault, false),
                Submission::Unknown(fault) => (fault, true),
                other => panic!("{behaviour:?}: {}", super::super::submitted(&other)),
            };
            assert_eq!(fault.class, class, "{behaviour:?}: {fault:?}");
            assert_eq!(unknown, class == UnknownOutcome, "{behaviour:?}");
            assert!(!format!("{fault:?}").contains(KEY), "{behaviour:?}: {fault:?}");
        }
    }
    assert_eq!(world.upstream.book().prompt("a").accepted, 0);
}

#[actix_rt::test]
async fn a_used_up_quota_rests_until_the_upstream_says_it_is_full_again() {
    let world = World::new();
    world.account().limits(Limits { videos: Some(1), ..Limits::default() });
    world.begin(Task::Video(video("a"))).await;
    let Submission::Rejected(fault) = world.submit(Task::Video(video("a"))).await else { panic!() };
    assert_eq!(fault.class, FaultClass::QuotaWindow);
    assert!(fault.retry_at.is_some());
}

#[actix_rt::test]
async fn what_needs_a_plan_is_refused_to_a_free_account_as_such() {
    let world = World::new();
    for spec in [
        VideoSpec { model: "sora-2-pro".into(), ..video("a") },
        VideoSpec { seconds: 25, ..video("a") },
        VideoSpec { size: Size::new(1792, 1024), ..video("a") },
    ] {
        let Submission::Rejected(fault) = world.submit(Task::Video(spec)).await else { panic!() };
        assert_eq!(fault.class, FaultClass::NotEntitled);
    }
}

#[actix_rt::test]
async fn a_refused_upload_begins_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    image::RgbImage::from_pixel(64, 48, image::Rgb([200, 10, 10])).save(&path).unwrap();
    let frame = atelier_domain::reference::Picture {
        path,
        mime: "image/png".into(),
        bytes: 1,
        size: Size::new(64, 48),
    };
    let world = World::new();
    for (behaviour, class) in [
        (Behaviour::Refuse(Reason::Overloaded.into()), FaultClass::Overloaded),
        (Behaviour::Refuse(Reason::BadGateway.into()), FaultClass::Overloaded),
        (Behaviour::AcceptThenReset, FaultClass::Network),
    ] {
        world.account().script(Op::Upload, [behaviour]);
        let spec = VideoSpec { first_frame: Some(frame.clone()), ..video("a") };
        let Submission::Rejected(fault) = world.submit(Task::Video(spec)).await else { panic!() };
        assert_eq!(fault.class, class);
    }
    assert_eq!(world.account().book().arrived(Op::SubmitVideo), 0);
}
