//! Videos from create to file, in each dialect.

use super::*;
use crate::{
    doubles::{Reply, Seen},
    studio::{Studio, StudioConfig},
};
use atelier_domain::{
    engine::{Cancellation, Output, Polled},
    fault::FaultClass,
    media::Variant,
    reference::Picture,
    video::{SourceUse, SourceVideo},
};
use serde_json::{Value, json};
use std::{cell::RefCell, sync::OnceLock, time::Duration};

/// A real film: two seconds of 64x48, made once.
async fn film() -> &'static [u8] {
    static FILM: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(film) = FILM.get() {
        return film;
    }
    let clock = Arc::new(ManualClock::default());
    let studio = Arc::new(Studio::new(StudioConfig::default(), clock).unwrap());
    let spec = VideoSpec { size: Size::new(64, 48), seconds: 2, ..video() };
    let upstream = Double::start(|_| Reply::html(500)).await;
    let call = World::new().call(Task::Video(spec), &upstream, "openai");
    let Submission::Accepted { handle, .. } = Arc::clone(&studio).submit(call.clone()).await else {
        panic!()
    };
    let Polled::Done(mut outputs) = studio.poll(call, handle).await else { panic!() };
    FILM.get_or_init(|| outputs.remove(0).bytes)
}

async fn look(world: &World, upstream: &Double, dialect: &str, handle: &UpstreamHandle) -> Polled {
    let call = world.call(Task::Video(video()), upstream, dialect);
    Arc::clone(&world.engine).poll(call, handle.clone()).await
}

fn done(polled: Polled) -> Output {
    match polled {
        Polled::Done(mut outputs) => outputs.remove(0),
        other => panic!("{other:?}"),
    }
}

fn unlearned(polled: Polled) -> FaultClass {
    match polled {
        Polled::Unlearned(fault) => fault.class,
        other => panic!("{other:?}"),
    }
}

fn failed(polled: Polled) -> Fault {
    match polled {
        Polled::Failed(fault) => fault,
        other => panic!("{other:?}"),
    }
}

/// Answers a create, and then polls with what `polls` says, in turn; the last one again and again.
fn script(polls: Vec<Reply>, content: Reply) -> impl Fn(&Seen) -> Reply {
    let polls = RefCell::new(polls);
    move |seen| match (&*seen.method, &*seen.path) {
        ("POST", _) => Reply::json(200, &json!({"id": "video_1", "object": "video", "status": "queued"})),
        ("GET", path) if path.contains("/content") => content.clone(),
        ("GET", _) => {
            let mut polls = polls.borrow_mut();
            if polls.len() > 1 { polls.remove(0) } else { polls[0].clone() }
        }
        _ => Reply::json(200, &json!({"id": "video_1", "deleted": true})),
    }
}

fn state(status: &str) -> Value {
    json!({"id": "video_1", "object": "video", "status": status, "progress": 40})
}

#[actix_rt::test]
async fn a_video_comes_home_with_its_real_size_length_and_stills() {
    let film = film().await;
    for (dialect, content) in [
        ("openai", "/v1/videos/video_1/content?variant=video"),
        ("sglang", "/v1/videos/video_1/content"),
        ("vllm-omni", "/v1/videos/video_1/content"),
    ] {
        let polls = vec![
            Reply::json(200, &state("in_progress")).with("openai-poll-after-ms", "2500"),
            Reply::json(200, &state("completed")),
        ];
        let upstream = Double::start(script(polls, Reply::file("video/mp4", film))).await;
        let world = World::new();
        let handle = world.handle(video(), &upstream, dialect).await;
        match look(&world, &upstream, dialect, &handle).await {
            Polled::Pending { progress, poll_at } => {
                assert_eq!((progress, poll_at), (Some(40), Millis(2500)))
            }
            other => panic!("{other:?}"),
        }
        let output = done(look(&world, &upstream, dialect, &handle).await);
        assert!(output.bytes == film);
        assert_eq!(
            (output.mime, output.width, output.height, output.seconds),
            ("video/mp4", 64, 48, Some(2.0))
        );
        let stills: Vec<_> =
            output.companions.iter().map(|still| (still.variant, read(&still.bytes))).collect();
        assert_eq!(stills[0], (Variant::Thumbnail, (64, 48, ImageFormat::WebP)));
        assert_eq!(stills[1], (Variant::Spritesheet, (320, 240, ImageFormat::Jpeg)));
        let seen = upstream.seen();
        assert_eq!(seen[3].path, content);
        assert!(seen.iter().all(|seen| seen.header("authorization").is_some()));
    }
}

#[actix_rt::test]
async fn a_handle_is_enough_after_a_restart() {
    let upstream = Double::start(script(
        vec![Reply::json(200, &state("completed"))],
        Reply::file("video/mp4", film().await),
    ))
    .await;
    let handle = World::new().handle(video(), &upstream, "openai").await;
    let kept: UpstreamHandle = serde_json::from_str(&handle.to_string()).unwrap();
    done(look(&World::new(), &upstream, "openai", &kept).await);
    assert!(!kept.to_string().contains(KEY));
}

#[actix_rt::test]
async fn a_create_is_sent_as_the_dialect_wants_it() {
    let upstream = Double::start(script(vec![], Reply::html(404))).await;
    let world = World::new();
    let asked = VideoSpec { negative_prompt: Some("rain".into()), seed: Some(7), ..video() };
    for dialect in ["openai", "sglang", "vllm-omni"] {
        world.handle(asked.clone(), &upstream, dialect).await;
    }
    let seen = upstream.seen();
    assert_eq!(
        seen[0].json(),
        json!({"model": "sora-2", "prompt": "a fox\n\nLeave out: rain.", "seconds": "4", "size": "1280x720"})
    );
    assert_eq!(
        seen[1].json(),
        json!({"model": "sora-2", "prompt": "a fox", "seconds": "4", "size": "1280x720", "seed": 7, "negative_prompt": "rain"})
    );
    assert!(
        seen[2].header("content-type").unwrap().starts_with("multipart/form-data"),
        "vLLM-Omni refuses JSON"
    );
    assert_eq!(seen[2].field("seconds").await.as_deref(), Some("4"));
    assert_eq!(seen[2].field("seed").await.as_deref(), Some("7"));
}

#[actix_rt::test]
async fn a_first_frame_goes_along_in_exactly_the_video_s_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frame");
    std::fs::write(&path, picture(900, 300, ImageFormat::Jpeg)).unwrap();
    let frame = Picture { path, mime: "image/jpeg".into(), bytes: 1, size: Size::new(900, 300) };
    let upstream = Double::start(script(vec![], Reply::html(404))).await;
    let asked = VideoSpec { first_frame: Some(frame), ..video() };
    World::new().handle(asked, &upstream, "openai").await;
    let parts = upstream.only().form().await;
    let frame = parts.iter().find(|part| part.0 == "input_reference").unwrap();
    assert_eq!(read(&frame.2), (1280, 720, ImageFormat::Png));
}

#[actix_rt::test]
async fn videos_over_others_name_the_account_s_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.mp4");
    std::fs::write(&path, film().await).unwrap();
    let upstream = Double::start(script(vec![], Reply::html(404))).await;
    let world = World::new();
    let over = |way, handle| VideoSpec {
        seconds: 10,
        source: Some(SourceVideo { way, path: path.clone(), handle }),
        ..video()
    };
    let handle = Some(json!({"id": "video_0", "since": 0}));
    for (way, path, body) in [
        (SourceUse::Remix, "/v1/videos/video_0/remix", json!({"prompt": "a fox"})),
        (SourceUse::Edit, "/v1/videos/edits", json!({"prompt": "a fox", "video": {"id": "video_0"}})),
        // The source lasts two seconds of the ten.
        (
            SourceUse::Extend,
            "/v1/videos/extensions",
            json!({"prompt": "a fox", "video": {"id": "video_0"}, "seconds": "8"}),
        ),
    ] {
        world.handle(over(way, handle.clone()), &upstream, "openai").await;
        let seen = upstream.seen().pop().unwrap();
        assert_eq!((seen.path.as_str(), seen.json()), (path, body));
    }
    let asked = upstream.seen().len();
    for (dialect, handle) in
        [("openai", None), ("sglang", handle), ("openai", Some(json!({"id": "../../models", "since": 0})))]
    {
        let (fault, unknown) =
            world.fault(Task::Video(over(SourceUse::Remix, handle)), &upstream, dialect).await;
        assert!(matches!(fault.class, FaultClass::Invalid | FaultClass::JobLost) && !unknown, "{fault:?}");
    }
    assert_eq!(upstream.seen().len(), asked, "something was sent");
}

#[actix_rt::test]
async fn a_poll_that_tells_nothing_ends_no_job() {
    let key = json!({"error": {"code": "invalid_api_key", "message": "no"}});
    for (reply, class) in [
        (Reply::json(401, &key), FaultClass::Auth),
        (Reply::json(429, &json!({"error": {"message": "try again in 3s"}})), FaultClass::RateLimited),
        (Reply::html(502), FaultClass::Overloaded),
        (Reply::html(200), FaultClass::Network),
        (Reply::Raw(Vec::new()), FaultClass::Network),
        (Reply::json(400, &json!({"error": {"message": "spurious"}})), FaultClass::Invalid),
        (Reply::json(404, &json!({"detail": "Not Found"})), FaultClass::JobLost),
    ] {
        let upstream = Double::start(script(vec![reply], Reply::html(404))).await;
        let world = World::new();
        let handle = world.handle(video(), &upstream, "openai").await;
        assert_eq!(unlearned(look(&world, &upstream, "openai", &handle).await), class);
    }
}

#[actix_rt::test]
async fn a_job_that_the_upstream_forgot_is_lost_once_it_is_no_newborn() {
    let upstream =
        Double::start(script(vec![Reply::json(404, &json!({"detail": "Not Found"}))], Reply::html(404)))
            .await;
    let world = World::new();
    let handle = world.handle(video(), &upstream, "sglang").await;
    assert_eq!(unlearned(look(&world, &upstream, "sglang", &handle).await), FaultClass::JobLost);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(failed(look(&world, &upstream, "sglang", &handle).await).class, FaultClass::JobLost);
}

#[actix_rt::test]
async fn a_failed_job_says_why_whatever_status_it_comes_with() {
    for (status, error, class) in [
        (
            200,
            json!({"code": "moderation_blocked", "message": "Blocked by our moderation system."}),
            FaultClass::Content,
        ),
        // It was accepted and may be billed, so that nobody else makes it again.
        (200, json!({"code": "server_error", "message": "sorry"}), FaultClass::JobLost),
        // vLLM-Omni answers with the failure's own status and number.
        (500, json!({"code": 500, "message": "CUDA out of memory"}), FaultClass::JobLost),
        (400, json!({"code": 400, "message": "size must be a multiple of 16"}), FaultClass::Invalid),
        (200, json!({"message": "broke"}), FaultClass::Invalid),
        (200, json!(null), FaultClass::Invalid),
    ] {
        let mut said = state("failed");
        said["error"] = error;
        let upstream = Double::start(script(vec![Reply::json(status, &said)], Reply::html(404))).await;
        let world = World::new();
        let handle = world.handle(video(), &upstream, "vllm-omni").await;
        assert_eq!(failed(look(&world, &upstream, "vllm-omni", &handle).await).class, class, "{said}");
    }
    for status in ["cancelled", "expired"] {
        let upstream = Double::start(script(vec![Reply::json(200, &state(status))], Reply::html(404))).await;
        let world = World::new();
        let handle = world.handle(video(), &upstream, "relay").await;
        assert_eq!(failed(look(&world, &upstream, "relay", &handle).await).class, FaultClass::JobLost);
    }
}

#[actix_rt::test]
async fn a_create_without_an_id_may_have_begun_something() {
    for (reply, class, unknown) in [
        (Reply::json(200, &json!({"object": "video"})), FaultClass::UnknownOutcome, true),
        (Reply::file("application/json", b"{\"id\": \"vid"), FaultClass::UnknownOutcome, true),
        (Reply::Raw(Vec::new()), FaultClass::UnknownOutcome, true),
        (Reply::json(500, &json!({"error": {"message": "x"}})), FaultClass::UnknownOutcome, true),
        (Reply::html(200), FaultClass::Network, false),
        (
            Reply::json(200, &json!({"error": {"code": "content_policy_violation", "message": "no"}})),
            FaultClass::Content,
            false,
        ),
        (
            Reply::json(400, &json!({"error": {"message": "seconds must be 4, 8 or 12"}})),
            FaultClass::Invalid,
            false,
        ),
    ] {
        let upstream = Double::start(move |_| reply.clone()).await;
        let (fault, lost) = World::new().fault(Task::Video(video()), &upstream, "openai").await;
        assert_eq!((fault.class, lost), (class, unknown));
    }
    let upstream = Double::start(|_| Reply::html(200)).await;
    let (fault, _) = World::new().fault(Task::Video(video()), &upstream, "sd-server").await;
    assert!(fault.class == FaultClass::NotEntitled && upstream.seen().is_empty());
}

#[actix_rt::test]
async fn a_file_that_is_elsewhere_is_found_and_one_that_is_none_is_not_polled_for_ever() {
    let film = film().await;
    let mut named = state("completed");
    named["url"] = json!("/files/a.mp4");
    let upstream = Double::start(move |seen| match &*seen.path {
        "/files/a.mp4" => Reply::file("video/mp4", film),
        path if path.contains("/content") => Reply::json(404, &json!({"detail": "uploaded elsewhere"})),
        path if path.ends_with("/link") => Reply::json(200, &state("completed")),
        _ if seen.method == "POST" => Reply::json(200, &json!({"id": "video_1", "status": "queued"})),
        _ => Reply::json(200, &named),
    })
    .await;
    let world = World::new();
    let handle = world.handle(video(), &upstream, "sglang").await;
    assert!(done(look(&world, &upstream, "sglang", &handle).await).bytes == film);

    let completed = || vec![Reply::json(200, &state("completed"))];
    let link = Reply::json(200, &json!({"url": "/files/a.mp4"}));
    let linked = script(completed(), link);
    let upstream = Double::start(move |seen| {
        if seen.path == "/files/a.mp4" { Reply::file("video/mp4", film) } else { linked(seen) }
    })
    .await;
    let handle = world.handle(video(), &upstream, "relay").await;
    assert!(done(look(&world, &upstream, "relay", &handle).await).bytes == film);

    for (content, lost) in [
        (Reply::html(200), true),
        (Reply::file("video/mp4", b"\0\0\0\x18ftypisom"), true),
        (Reply::json(200, &json!({"error": "no"})), true),
        (Reply::redirect(302, "http://127.0.0.1:1/inside.mp4"), true),
        (Reply::json(404, &json!({"detail": "not ready"})), false),
        (Reply::html(503), false),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort".to_vec()), false),
    ] {
        let upstream = Double::start(script(completed(), content)).await;
        let handle = world.handle(video(), &upstream, "openai").await;
        match look(&world, &upstream, "openai", &handle).await {
            Polled::Failed(fault) if lost => assert_eq!(fault.class, FaultClass::JobLost),
            Polled::Unlearned(_) if !lost => {}
            other => panic!("{other:?}"),
        }
    }
}

#[actix_rt::test]
async fn a_cancel_says_how_far_it_got() {
    for (dialect, expected) in [
        ("vllm-omni", Cancellation::Stopped),
        ("sglang", Cancellation::Forgotten),
        ("openai", Cancellation::Forgotten),
        ("sd-server", Cancellation::Forgotten),
    ] {
        let upstream = Double::start(script(vec![], Reply::html(404))).await;
        let world = World::new();
        let call = world.call(Task::Video(video()), &upstream, dialect);
        let handle = json!({"id": "video_1", "since": 0});
        assert_eq!(Arc::clone(&world.engine).cancel(call, handle).await, expected, "{dialect}");
        let deleted =
            upstream.seen().iter().any(|seen| seen.method == "DELETE" && seen.path == "/v1/videos/video_1");
        assert_eq!(deleted, dialect != "sd-server");
    }
}
