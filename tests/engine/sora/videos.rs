//! New films: every model, size and length, first frames, storyboards, and what can go wrong on the way.

use super::*;
use atelier_domain::{
    engine::{Cancellation, Lookup},
    fault::FaultClass,
    media::Variant,
    reference::Picture,
};
use atelier_sim::upstream::{Behaviour, Course, Framing, Op, Outcome, Reason};
use serde_json::json;

#[actix_rt::test]
async fn films_of_every_model_size_and_length_are_brought_home() {
    let world = World::pro();
    for (model, (width, height), seconds, wire) in [
        ("sora-2", (1280, 720), 10, ("sy_8", "landscape", "small", 300)),
        ("sora-2", (720, 1280), 15, ("sy_8", "portrait", "small", 450)),
        ("sora2-landscape-25s", (1280, 720), 25, ("sy_8", "landscape", "small", 750)),
        ("sora2pro-portrait-10s", (720, 1280), 10, ("sy_ore", "portrait", "small", 300)),
        ("sora2pro-hd-landscape-15s", (1792, 1024), 15, ("sy_ore", "landscape", "large", 450)),
        ("sora2pro-hd-portrait-10s", (1024, 1792), 10, ("sy_ore", "portrait", "large", 300)),
    ] {
        let spec =
            VideoSpec { model: model.into(), size: Size::new(width, height), seconds, ..video("a fox") };
        let output = world.made(Task::Video(spec)).await.remove(0);
        assert_eq!((output.mime, output.width, output.height), ("video/mp4", width, height), "{model}");
        let real = output.seconds.unwrap();
        assert!((real - f64::from(seconds)).abs() < 0.2, "{model}: {real}");
        let stills: Vec<_> = output.companions.iter().map(|still| still.variant).collect();
        assert_eq!(stills, [Variant::Thumbnail, Variant::Spritesheet], "{model}");
        let sent = world.sent("/backend/nf/create");
        let said = (&sent["model"], &sent["orientation"], &sent["size"], &sent["n_frames"]);
        assert_eq!(said, (&json!(wire.0), &json!(wire.1), &json!(wire.2), &json!(wire.3)), "{model}");
    }
    let seen = world.upstream.book().seen;
    assert!(
        seen.iter()
            .filter(|call| call.target.starts_with("/backend"))
            .all(|call| call.headers["user-agent"] == "test/1")
    );
    assert!(seen.iter().all(|call| !call.headers.contains_key("openai-sentinel-token")));
}

#[actix_rt::test]
async fn a_film_begins_with_the_picture_that_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    image::RgbImage::from_pixel(900, 500, image::Rgb([200, 10, 10])).save(&path).unwrap();
    let frame = Picture { path, mime: "image/jpeg".into(), bytes: 1, size: Size::new(900, 500) };
    let world = World::new();
    let spec = VideoSpec { first_frame: Some(frame), style: Some("anime".into()), ..video("a fox") };
    assert_eq!(world.made(Task::Video(spec)).await[0].width, 1280);
    let sent = world.sent("/backend/nf/create");
    assert_eq!(sent["inpaint_items"], json!([{"kind": "upload", "upload_id": "media_00000001"}]));
    assert_eq!(sent["style_id"], "anime");
}

#[actix_rt::test]
async fn a_prompt_of_shots_is_a_storyboard() {
    let world = World::new();
    let spec = video("in ink [5.0s]a cat jumps [5.0s]it lands");
    world.made(Task::Video(spec)).await;
    let sent = world.sent("/backend/nf/create/storyboard");
    let told = "current timeline:\nShot 1:\nduration: 5sec\nScene: a cat jumps\n\nShot 2:\nduration: 5sec\nScene: it lands\n\ninstructions:\nin ink";
    assert_eq!(sent["prompt"], told);
}

#[actix_rt::test]
async fn progress_climbs_and_a_film_that_fails_is_what_it_failed_of() {
    let world = World::new();
    let task = Task::Video(video("a fox"));
    let slow = Course { polls: 4, ..Course::default() };
    world.account().script(Op::SubmitVideo, [Behaviour::Job(slow)]);
    let handle = world.begin(task.clone()).await;
    let mut told = Vec::new();
    while let Polled::Pending { progress, .. } = world.poll(task.clone(), &handle).await {
        told.push(progress);
    }
    assert_eq!(told, [None, Some(40), Some(60), Some(80)]);
    for (code, class) in
        [("sora_content_violation", FaultClass::Content), ("server_error", FaultClass::JobLost)]
    {
        let course = Course {
            end: Outcome::Failed,
            code: code.into(),
            message: "It shows somebody.".into(),
            ..Course::default()
        };
        world.account().script(Op::SubmitVideo, [Behaviour::Job(course)]);
        let handle = world.begin(task.clone()).await;
        let Polled::Failed(fault) = world.end(task.clone(), &handle).await else { panic!("{code}") };
        assert_eq!(fault.class, class, "{code}");
        assert_eq!(fault.message.contains("somebody"), class == FaultClass::Content, "{fault:?}");
    }
}

#[actix_rt::test]
async fn troubles_on_the_way_start_nothing_anew_and_end_nothing() {
    let world = World::new();
    let task = Task::Video(video("a fox"));
    let handle = world.begin(task.clone()).await;
    for (op, behaviour, class) in [
        (Op::Poll, Behaviour::Refuse(Reason::Overloaded.into()), FaultClass::Overloaded),
        (Op::Poll, Behaviour::Refuse(Reason::RateLimited.into()), FaultClass::RateLimited),
        (Op::Poll, Behaviour::Refuse(Reason::BadKey.into()), FaultClass::Auth),
        (Op::Poll, Behaviour::Refuse(Reason::BadGateway.into()), FaultClass::Overloaded),
        (Op::Poll, Behaviour::Html { status: 200 }, FaultClass::Network),
        (Op::Poll, Behaviour::ResetAfterBody, FaultClass::Network),
        (Op::Drafts, Behaviour::Refuse(Reason::Overloaded.into()), FaultClass::Overloaded),
        (Op::Drafts, Behaviour::Cut { how: Framing::Length, percent: 30 }, FaultClass::Network),
        (Op::Drafts, Behaviour::ExpiredUrl { status: 403 }, FaultClass::Network),
        (Op::File, Behaviour::Cut { how: Framing::Length, percent: 30 }, FaultClass::Network),
        (Op::File, Behaviour::Refuse(Reason::Overloaded.into()), FaultClass::Overloaded),
    ] {
        world.account().script(op, [behaviour.clone()]);
        match world.end(task.clone(), &handle).await {
            Polled::Unlearned(fault) => assert_eq!(fault.class, class, "{behaviour:?}: {fault:?}"),
            other => panic!("{behaviour:?}: {}", super::super::polled(&other)),
        }
    }
    done(world.end(task, &handle).await);
    let submits = world.upstream.book().prompt("a fox");
    assert_eq!((submits.arrived, submits.accepted), (1, 1), "it was made twice");
}

#[actix_rt::test]
async fn a_create_without_an_answer_is_unknown_until_its_own_title_is_found() {
    let world = World::new();
    let task = Task::Video(video("a fox"));
    // Another film of the same prompt is no proof.
    let mut other = world.call(task.clone());
    other.attempt = 7;
    Arc::clone(&world.engine).submit(other).await;
    world.account().script(Op::SubmitVideo, [Behaviour::ResetAfterBody]);
    assert!(matches!(world.submit(task.clone()).await, Submission::Unknown(_)));
    let lookup = || Arc::clone(&world.engine).lookup(world.call(task.clone()));
    assert!(matches!(lookup().await, Lookup::CannotTell));
    for lost in [Behaviour::AcceptThenReset, Behaviour::AcceptThenRefuse(Reason::GatewayTimeout.into())] {
        let world = World::new();
        world.account().script(Op::SubmitVideo, [lost]);
        assert!(matches!(world.submit(task.clone()).await, Submission::Unknown(_)));
        let found = Arc::clone(&world.engine).lookup(world.call(task.clone())).await;
        let Lookup::Found { handle, .. } = found else { panic!("it is there, under its title") };
        done(world.end(task.clone(), &handle).await);
        assert_eq!(world.upstream.book().prompt("a fox").arrived, 1);
    }
}

#[actix_rt::test]
async fn an_image_without_an_answer_is_never_taken_for_another() {
    let world = World::new();
    let task = Task::Image(image("a fox"));
    world.account().script(Op::SubmitImage, [Behaviour::AcceptThenReset]);
    assert!(matches!(world.submit(task.clone()).await, Submission::Unknown(_)));
    assert!(matches!(Arc::clone(&world.engine).lookup(world.call(task)).await, Lookup::CannotTell));
}

#[actix_rt::test]
async fn a_cancel_is_forgetting_since_nothing_stops_a_task_there() {
    let world = World::new();
    let task = Task::Video(video("a fox"));
    let handle = world.begin(task.clone()).await;
    let cancelled = Arc::clone(&world.engine).cancel(world.call(task), handle).await;
    assert_eq!(cancelled, Cancellation::Forgotten);
}

#[actix_rt::test]
async fn a_file_without_a_mark_comes_from_the_operators_service_and_its_post_goes_again() {
    let world = World::of(None, true);
    let marked = |output: &Output| !output.bytes.windows(9).any(|window| window == b"(no mark)");
    let output = world.made(Task::Video(video("a fox"))).await.remove(0);
    assert!(!marked(&output));
    assert_eq!((world.upstream.posts(), world.account().book().accepted(Op::Publish)), (0, 1));
    // Whatever goes wrong there, the film is had, and nothing stays shown.
    for (op, behaviour) in [
        (Op::Parse, Behaviour::Refuse(Reason::ServerError.into())),
        (
            Op::Parse,
            Behaviour::Answer(atelier_sim::upstream::Answer {
                status: 200,
                headers: [].into(),
                json: Some(json!({"error": "no"})),
                text: String::new(),
            }),
        ),
        (Op::Parse, Behaviour::ExpiredUrl { status: 404 }),
        (Op::Publish, Behaviour::Refuse(Reason::NoPermission.into())),
    ] {
        world.account().script(op, [behaviour.clone()]);
        let output = world.made(Task::Video(video("a fox"))).await.remove(0);
        assert!(marked(&output), "{behaviour:?}");
        assert_eq!(world.upstream.posts(), 0, "{behaviour:?}");
    }
    let plain = World::new();
    assert!(marked(&plain.made(Task::Video(video("a fox"))).await[0]));
    assert_eq!(plain.account().book().arrived(Op::Parse), 0, "nobody is asked unless it is configured");
}
