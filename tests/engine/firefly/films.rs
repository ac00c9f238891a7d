//! Films: made in both flavours, begun with a picture, watched and stopped.

use super::*;
use atelier_domain::{code::Code, engine::Cancellation, fault::FaultClass, media::Variant};
use atelier_sim::upstream::{Behaviour, Course, Outcome};

#[actix_rt::test]
async fn a_film_is_made_watched_and_brought_home() {
    let world = World::new();
    for (token, model, seconds) in [
        (FIRST, "sora-2", 4),
        (FIRST, "sora-2-pro", 12),
        (FIRST, "veo:3.1-fast-generate", 8),
        (FIRST, "kling:kling_v3_standard_i2v", 5),
        (MACHINE, "firefly-video-1", 5),
    ] {
        let task = Task::Video(video(model, seconds));
        let outputs = world.outputs(token, &task).await;
        let output = &outputs[0];
        assert_eq!((output.mime, output.width, output.height), ("video/mp4", 1280, 720), "{model}");
        let length = output.seconds.unwrap();
        assert!((length - f64::from(seconds)).abs() < 0.3, "{model}: {length}");
        let stills: Vec<_> = output.companions.iter().map(|still| still.variant).collect();
        assert_eq!(stills, [Variant::Thumbnail, Variant::Spritesheet], "{model}");
    }
}

#[actix_rt::test]
async fn a_first_frame_of_any_kind_becomes_a_jpeg_of_the_film_s_size() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    for (token, model, seconds) in [(FIRST, "sora-2", 4), (MACHINE, "firefly-video-1", 5)] {
        let frame = picture(folder.path(), "frame.png", (333, 500));
        let task = Task::Video(VideoSpec { first_frame: Some(frame), ..video(model, seconds) });
        assert_eq!(world.outputs(token, &task).await.len(), 1, "{model}");
    }
    let uploads = world.seen("/v2/storage");
    assert!(uploads.iter().all(|seen| seen.fields["body"].to_string().contains("image/jpeg")), "{uploads:?}");
}

#[actix_rt::test]
async fn progress_climbs_however_it_is_told() {
    let world = World::new();
    let slow = Course { polls: 6, ..Course::default() };
    for _ in 0..4 {
        world.upstream.account(FIRST).script(Op::SubmitVideo, [Behaviour::Job(slow.clone())]);
        let task = Task::Video(video("sora-2", 4));
        let handle = world.begin(FIRST, &task).await;
        let mut told = Vec::new();
        while let Polled::Pending { progress, .. } = world.poll(FIRST, &task, &handle).await {
            told.push(progress.unwrap());
        }
        assert_eq!(told, [14, 28, 42, 57, 71, 85]);
    }
}

#[actix_rt::test]
async fn a_length_or_size_that_sora_does_not_make_is_told_and_not_sent() {
    let world = World::new();
    let wide = VideoSpec { size: Size::new(1792, 1024), ..video("sora-2", 4) };
    for (spec, code) in [(video("sora-2", 10), Code::BadDuration), (wide, Code::BadSize)] {
        let (fault, _) = world.fault(FIRST, &Task::Video(spec)).await;
        assert_eq!((fault.class, fault.public_code()), (FaultClass::NotEntitled, code));
    }
    assert_eq!(world.upstream.book().requests, 0);
}

#[actix_rt::test]
async fn a_cancel_stops_what_can_be_stopped() {
    let world = World::new();
    let never = Course { end: Outcome::Never, ..Course::default() };
    for (token, model, seconds, expected) in [
        (MACHINE, "firefly-video-1", 5, Cancellation::Stopped),
        (FIRST, "sora-2", 4, Cancellation::Forgotten),
    ] {
        world.upstream.account(token).script(Op::SubmitVideo, [Behaviour::Job(never.clone())]);
        let task = Task::Video(video(model, seconds));
        let handle = world.begin(token, &task).await;
        let cancelled = Arc::clone(&world.engine).cancel(World::call(token, &task), handle).await;
        assert_eq!(cancelled, expected, "{model}");
    }
    assert_eq!(world.count(MACHINE, Op::Delete), (1, 1));
}

#[actix_rt::test]
async fn films_that_ran_out_leave_pictures_and_the_reverse() {
    use atelier_sim::upstream::Limits;
    let world = World::new();
    world.upstream.account(FIRST).limits(Limits { videos: Some(0), ..Limits::default() });
    world.upstream.account(SECOND).limits(Limits { images: Some(0), ..Limits::default() });
    let (picture, film) = (Task::Image(image("gpt-image-2")), Task::Video(video("sora-2", 4)));
    for (token, out, left) in [(FIRST, &film, &picture), (SECOND, &picture, &film)] {
        let (fault, _) = world.fault(token, out).await;
        assert_eq!(fault.class, FaultClass::QuotaWindow);
        assert_eq!(
            fault.scope,
            atelier_domain::fault::FaultScope::AccountModel,
            "the other pool would rest, too"
        );
        assert_eq!(world.outputs(token, left).await.len(), 1);
    }
}
