//! Films over films: remixes and extensions.

use super::*;
use atelier_domain::{
    engine::Lookup,
    fault::FaultClass,
    video::{SourceUse, SourceVideo},
};
use atelier_sim::upstream::{Behaviour, Course, Op, Outcome, Reason};
use std::path::PathBuf;
use tempfile::TempDir;

/// A film of ten seconds, its handle, and where it lies.
async fn source_of(world: &World) -> (UpstreamHandle, PathBuf, TempDir) {
    let task = Task::Video(video("a fox"));
    let handle = world.begin(task.clone()).await;
    let first = done(world.end(task, &handle).await).remove(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("first.mp4");
    std::fs::write(&path, &first.bytes).unwrap();
    (handle, path, folder)
}

#[actix_rt::test]
async fn a_remix_is_shown_for_as_long_as_it_takes_and_no_longer() {
    let world = World::new();
    let (handle, path, _folder) = source_of(&world).await;
    for way in [SourceUse::Remix, SourceUse::Edit] {
        let source = SourceVideo { way, path: path.clone(), handle: Some(handle.clone()) };
        let task = Task::Video(VideoSpec { source: Some(source), ..video("at night") });
        let remix = world.begin(task.clone()).await;
        assert_eq!(world.upstream.posts(), 1);
        let post = world.sent("/backend/nf/create")["remix_target_id"].as_str().unwrap().to_owned();
        assert!(post.starts_with("s_"), "{post}");
        assert_eq!(done(world.end(task, &remix).await)[0].width, 1280);
        assert_eq!(world.upstream.posts(), 0, "its source is still shown");
    }
    assert_eq!(world.upstream.book().prompt("at night").accepted, 2);
}

#[actix_rt::test]
async fn nothing_stays_shown_when_a_remix_is_refused_fails_or_is_cancelled() {
    let world = World::new();
    let (handle, path, _folder) = source_of(&world).await;
    let source = SourceVideo { way: SourceUse::Remix, path, handle: Some(handle) };
    let task = Task::Video(VideoSpec { source: Some(source), ..video("at night") });
    world.account().script(Op::SubmitVideo, [Behaviour::Refuse(Reason::ModerationBlocked.into())]);
    let Submission::Rejected(fault) = world.submit(task.clone()).await else { panic!() };
    assert_eq!((fault.class, world.upstream.posts()), (FaultClass::Content, 0));

    let failing = Course { end: Outcome::Failed, ..Course::default() };
    world.account().script(Op::SubmitVideo, [Behaviour::Job(failing)]);
    let remix = world.begin(task.clone()).await;
    assert!(matches!(world.end(task.clone(), &remix).await, Polled::Failed(_)));
    assert_eq!(world.upstream.posts(), 0);

    // A create without an answer: found by its title it goes on needing its post, and what is given up does not.
    for (lost, is_there) in [(Behaviour::AcceptThenReset, true), (Behaviour::ResetAfterBody, false)] {
        world.account().script(Op::SubmitVideo, [lost]);
        // The source has the title of the first attempt.
        let call = Call { attempt: if is_there { 2 } else { 3 }, ..world.call(task.clone()) };
        assert!(matches!(Arc::clone(&world.engine).submit(call.clone()).await, Submission::Unknown(_)));
        assert_eq!(world.upstream.posts(), 1);
        match Arc::clone(&world.engine).lookup(call).await {
            Lookup::Found { handle, .. } => {
                assert!(is_there && world.upstream.posts() == 1);
                done(world.end(task.clone(), &handle).await);
            }
            _ => assert!(!is_there),
        }
        assert_eq!(world.upstream.posts(), 0);
    }

    let remix = world.begin(task.clone()).await;
    Arc::clone(&world.engine).cancel(world.call(task), remix).await;
    assert_eq!(world.upstream.posts(), 0);
}

#[actix_rt::test]
async fn a_remix_that_is_cancelled_before_it_was_answered_does_not_leave_its_source_shown() {
    let world = World::new();
    let (handle, path, _folder) = source_of(&world).await;
    let source = SourceVideo { way: SourceUse::Remix, path, handle: Some(handle) };
    let task = Task::Video(VideoSpec { source: Some(source), ..video("at night") });
    for act in [Behaviour::Ok.after_ms(200), Behaviour::AcceptThenReset.after_ms(200)] {
        world.account().script(Op::SubmitVideo, [act]);
        let leaving = world.submit(task.clone());
        tokio::select! {
            biased;
            _ = leaving => panic!("it was answered"),
            () = until(|| world.upstream.posts() == 1) => {}
        }
        until(|| world.upstream.posts() == 0).await;
    }
}

async fn until(holds: impl Fn() -> bool) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !holds() {
        assert!(std::time::Instant::now() < patience, "it never came to be");
        actix_rt::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[actix_rt::test]
async fn a_film_goes_on_for_ten_or_fifteen_seconds_and_for_nothing_else() {
    let world = World::new();
    let (handle, path, _folder) = source_of(&world).await;
    for (seconds, fits) in [(20, true), (25, true), (14, false), (40, false)] {
        let source = SourceVideo { way: SourceUse::Extend, path: path.clone(), handle: Some(handle.clone()) };
        let task = Task::Video(VideoSpec { source: Some(source), seconds, ..video("it runs off") });
        if !fits {
            let Submission::Rejected(fault) = world.submit(task).await else { panic!("{seconds}") };
            assert_eq!(fault.class, FaultClass::Invalid);
            assert!(fault.message.contains("10 or 15"), "{}", fault.message);
            continue;
        }
        let handle = world.begin(task.clone()).await;
        let real = done(world.end(task, &handle).await)[0].seconds.unwrap();
        assert!((real - f64::from(seconds)).abs() < 0.3, "{seconds}: {real}");
    }
    assert_eq!(world.upstream.book().prompt("it runs off").accepted, 2);
}

#[actix_rt::test]
async fn a_film_of_somebody_else_is_no_source() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    for handle in [None, Some(serde_json::json!({"task": "task_99999999", "since": 0}))] {
        let source = SourceVideo { way: SourceUse::Remix, path: path.clone(), handle };
        let task = Task::Video(VideoSpec { source: Some(source), ..video("at night") });
        let Submission::Rejected(fault) = world.submit(task).await else { panic!() };
        assert_eq!(fault.class, FaultClass::Invalid);
    }
    assert_eq!(world.account().book().arrived(Op::SubmitVideo), 0);
}
