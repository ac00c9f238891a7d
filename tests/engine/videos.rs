//! Videos in every dialect that makes some.

use super::*;
use atelier_domain::{
    engine::Cancellation,
    fault::FaultClass,
    media::Variant,
    video::{SourceUse, SourceVideo},
};
use atelier_sim::upstream::{Behaviour, Course, Op, Outcome, Reason};

fn done(answer: Polled) -> Output {
    match answer {
        Polled::Done(mut outputs) => outputs.remove(0),
        other => panic!("{}", polled(&other)),
    }
}

#[actix_rt::test]
async fn every_dialect_that_films_brings_a_film_home() {
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        if !world.films() {
            continue;
        }
        let spec = world.video("a fox");
        let handle = world.begin(&spec).await;
        let output = done(world.end(&spec, &handle).await);
        assert_eq!((output.mime, output.width, output.height), ("video/mp4", 1280, 720), "{name}");
        assert!(
            output.seconds.is_some_and(|seconds| (seconds - 4.0).abs() < 0.2),
            "{name}: {:?}",
            output.seconds
        );
        let stills: Vec<_> = output.companions.iter().map(|still| still.variant).collect();
        assert_eq!(stills, [Variant::Thumbnail, Variant::Spritesheet], "{name}");
        assert_eq!(world.upstream.book().prompt("a fox").accepted, 1, "{name}");
    }
}

#[actix_rt::test]
async fn a_film_begins_with_the_picture_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    image::RgbImage::from_pixel(900, 500, image::Rgb([200, 10, 10])).save(&path).unwrap();
    let frame = atelier_domain::reference::Picture {
        path,
        mime: "image/jpeg".into(),
        bytes: 1,
        size: Size::new(900, 500),
    };
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        if !world.films() {
            continue;
        }
        let spec = VideoSpec { first_frame: Some(frame.clone()), ..world.video("a fox") };
        let handle = world.begin(&spec).await;
        assert_eq!(done(world.end(&spec, &handle).await).width, 1280, "{name}");
    }
}

#[actix_rt::test]
async fn films_over_films_are_made_where_the_dialect_has_them() {
    let folder = tempfile::tempdir().unwrap();
    for dialect in [Dialect::Openai, Dialect::Relay] {
        let world = World::of(dialect);
        let spec = world.video("a fox");
        let handle = world.begin(&spec).await;
        let first = done(world.end(&spec, &handle).await);
        let path = folder.path().join("first.mp4");
        std::fs::write(&path, &first.bytes).unwrap();
        for way in [SourceUse::Remix, SourceUse::Edit, SourceUse::Extend] {
            let source = SourceVideo { way, path: path.clone(), handle: Some(handle.clone()) };
            let seconds = if way == SourceUse::Extend { 8 } else { 4 };
            let over = VideoSpec { source: Some(source), seconds, ..world.video("at night") };
            let handle = world.begin(&over).await;
            let made = done(world.end(&over, &handle).await);
            assert_eq!((made.width, made.height), (1280, 720), "{way:?}");
        }
    }
}

#[actix_rt::test]
async fn a_failed_job_is_what_it_failed_of_in_every_dialect() {
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        if !world.films() {
            continue;
        }
        for (code, message, class) in [
            ("moderation_blocked", "Blocked by our moderation system.", FaultClass::Content),
            ("server_error", "The engine ran out of memory.", FaultClass::JobLost),
        ] {
            let failed = Course {
                end: Outcome::Failed,
                code: code.into(),
                message: message.into(),
                ..Course::default()
            };
            world.upstream.account(KEY).script(Op::SubmitVideo, [Behaviour::Job(failed)]);
            let spec = world.video("a fox");
            let handle = world.begin(&spec).await;
            match world.end(&spec, &handle).await {
                Polled::Failed(fault) => assert_eq!(fault.class, class, "{name}: {fault:?}"),
                other => panic!("{name}: {}", polled(&other)),
            }
        }
    }
}

#[actix_rt::test]
async fn troubles_on_the_way_end_no_job() {
    let world = World::of(Dialect::Openai);
    let account = world.upstream.account(KEY);
    let spec = world.video("a fox");
    let handle = world.begin(&spec).await;
    account.script(
        Op::Poll,
        [
            Behaviour::Refuse(Reason::Overloaded.into()),
            Behaviour::Refuse(Reason::RateLimited.into()),
            Behaviour::Refuse(Reason::BadKey.into()),
            Behaviour::Refuse(Reason::BadGateway.into()),
            Behaviour::Html { status: 200 },
            Behaviour::ResetAfterBody,
        ],
    );
    for class in [
        FaultClass::Overloaded,
        FaultClass::RateLimited,
        FaultClass::Auth,
        FaultClass::Overloaded,
        FaultClass::Network,
        FaultClass::Network,
    ] {
        match world.poll(&spec, &handle).await {
            Polled::Unlearned(fault) => assert_eq!(fault.class, class),
            other => panic!("{class:?}: {}", polled(&other)),
        }
    }
    account.script(
        Op::Content,
        [
            Behaviour::Cut { how: atelier_sim::upstream::Framing::Length, percent: 30 },
            Behaviour::Refuse(Reason::Overloaded.into()),
        ],
    );
    for _ in 0..2 {
        assert!(matches!(world.end(&spec, &handle).await, Polled::Unlearned(_)));
    }
    done(world.end(&spec, &handle).await);
    assert_eq!(world.upstream.book().prompt("a fox").arrived, 1, "it was made twice");
}

#[actix_rt::test]
async fn a_create_whose_answer_is_lost_is_not_known_to_have_failed() {
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        let account = world.upstream.account(KEY);
        let lost = [
            Behaviour::AcceptThenReset,
            Behaviour::AcceptThenRefuse(Reason::GatewayTimeout.into()),
            Behaviour::CloseAfterBody,
        ];
        for behaviour in lost {
            let (op, task) = if world.films() {
                (Op::SubmitVideo, Task::Video(world.video("a fox")))
            } else {
                (Op::SubmitImage, Task::Image(world.image("a fox")))
            };
            account.script(op, [behaviour.clone()]);
            match world.submit(task).await {
                Submission::Unknown(fault) => assert_eq!(fault.class, FaultClass::UnknownOutcome, "{name}"),
                other => panic!("{name}: {behaviour:?}: {}", submitted(&other)),
            }
        }
    }
}

#[actix_rt::test]
async fn a_cancel_reaches_the_upstream() {
    for (dialect, expected) in
        [(Dialect::VllmOmni, Cancellation::Stopped), (Dialect::Openai, Cancellation::Forgotten)]
    {
        let world = World::of(dialect);
        let never = Course { end: Outcome::Never, ..Course::default() };
        world.upstream.account(KEY).script(Op::SubmitVideo, [Behaviour::Job(never)]);
        let spec = world.video("a fox");
        let handle = world.begin(&spec).await;
        let call = world.call(Task::Video(spec));
        assert_eq!(Arc::clone(&world.engine).cancel(call, handle).await, expected);
        assert_eq!(world.upstream.account(KEY).book().arrived(Op::Delete), 1);
    }
}
