//! What is examined. A clause is named by what holds; each starts from an upstream of its own.

use crate::subject::{SECRET, Subject, Talk, Trouble};
use atelier_domain::{
    engine::{EngineEvent, Lookup, Output, Polled, Submission, Task},
    fault::{Fault, FaultClass},
    image::{ImageSpec, OutputFormat, ReferenceUsage},
    reference::{Picture, References},
    size::Size,
};

fn done(polled: Polled) -> Vec<Output> {
    match polled {
        Polled::Done(outputs) => outputs,
        Polled::Failed(fault) | Polled::Unlearned(fault) => panic!("{fault:?}"),
        Polled::Pending { .. } => panic!("not yet"),
    }
}

fn refused(submission: Submission) -> Fault {
    match submission {
        Submission::Rejected(fault) => fault,
        Submission::Unknown(fault) => panic!("unknown: {fault:?}"),
        Submission::Accepted { .. } | Submission::Done(_) => panic!("accepted"),
    }
}

pub async fn names_itself<S: Subject>() {
    let subject = S::start();
    assert_eq!(subject.engine().name(), S::NAME);
    let abilities = subject.engine().abilities(&subject.account());
    assert!(abilities.families.is_none_or(|families| !families.is_empty()), "it is meant for nothing");
}

pub async fn brings_as_many_pictures_as_were_asked_for_in_the_format_and_size<S: Subject>() {
    let subject = S::start();
    let talk = Talk::with(&subject);
    for (format, n) in [(OutputFormat::Png, 1), (OutputFormat::Jpeg, 3), (OutputFormat::Webp, 2)] {
        let spec = ImageSpec { format, n, ..subject.image() };
        let size = spec.size;
        let outputs = done(talk.end(&Task::Image(spec)).await);
        assert_eq!(outputs.len(), n as usize, "{format:?}");
        for output in outputs {
            assert_eq!(output.mime, format.mime());
            let picture = image::load_from_memory(&output.bytes).unwrap();
            let guessed = image::guess_format(&output.bytes).unwrap();
            assert_eq!(guessed.to_mime_type(), format.mime());
            let seen = Size::new(picture.width(), picture.height());
            assert_eq!((seen, Size::new(output.width, output.height)), (size, size), "{format:?}");
        }
    }
}

pub async fn tells_no_completion_before_the_end<S: Subject>() {
    let subject = S::start();
    let talk = Talk::with(&subject);
    done(talk.end(&Task::Image(ImageSpec { partial_images: 2, ..subject.image() })).await);
    let seen = talk.seen.lock().unwrap();
    for event in seen.iter() {
        match event {
            EngineEvent::Progress(percent) => assert!(*percent < 100),
            EngineEvent::Partial { output, bytes, .. } => {
                assert_eq!(*output, 0);
                image::load_from_memory(bytes).expect("a preview is a whole picture");
            }
            EngineEvent::Made => {}
        }
    }
    let made = seen.iter().position(|event| *event == EngineEvent::Made);
    let last_preview = seen.iter().rposition(|event| matches!(event, EngineEvent::Partial { .. }));
    assert!(made.is_none() || made > last_preview, "it was made before its last preview");
}

pub async fn brings_a_film_home_after_a_restart<S: Subject>() {
    if !S::CAN.films {
        return;
    }
    let subject = S::start();
    let talk = Talk::with(&subject);
    let film = subject.film();
    let (size, seconds) = (film.size, f64::from(film.seconds));
    let task = Task::Video(film);
    let handle = talk.begin(&task).await;
    let [output] = <[Output; 1]>::try_from(done(talk.end_of(&task, &handle).await)).unwrap();
    assert_eq!((output.mime, Size::new(output.width, output.height)), ("video/mp4", size));
    assert!(output.seconds.is_some_and(|lasts| (lasts - seconds).abs() < 0.3), "{:?}", output.seconds);
    assert_eq!(&output.bytes[4..8], b"ftyp");
}

pub async fn is_polled_again_after_the_end_without_starting_anything<S: Subject>() {
    if !S::CAN.films {
        return;
    }
    let subject = S::start();
    let talk = Talk::with(&subject);
    let task = Task::Video(subject.film());
    let handle = talk.begin(&task).await;
    let first = done(talk.end_of(&task, &handle).await);
    let second = done(talk.end_of(&task, &handle).await);
    assert_eq!(first[0].bytes, second[0].bytes, "another film");
    assert!(subject.submits() <= 1, "{} submits", subject.submits());
}

pub async fn never_sends_a_submit_twice_by_itself<S: Subject>() {
    if !S::CAN.has_upstream {
        return;
    }
    for trouble in S::CAN.refusals.iter().copied().map(Trouble::Refused).chain([Trouble::AnswerLost]) {
        let subject = S::start();
        let talk = Talk::with(&subject);
        subject.trouble(trouble);
        let before = subject.submits();
        let submission = talk.submit(&Task::Image(subject.image())).await;
        assert!(!matches!(submission, Submission::Done(_)), "{trouble:?} was got over in one call");
        assert_eq!(subject.submits() - before, 1, "{trouble:?}: it came more than once");
    }
}

pub async fn tells_each_trouble_as_what_it_is<S: Subject>() {
    for class in S::CAN.refusals {
        let subject = S::start();
        let talk = Talk::with(&subject);
        subject.trouble(Trouble::Refused(*class));
        let fault = refused(talk.submit(&Task::Image(subject.image())).await);
        assert_eq!(fault.class, *class, "{fault:?}");
        assert!(!fault.message.is_empty(), "{class:?} is told without a word");
    }
}

pub async fn never_calls_an_unanswered_submit_a_refusal<S: Subject>() {
    if !S::CAN.has_upstream {
        return;
    }
    let subject = S::start();
    let talk = Talk::with(&subject);
    subject.trouble(Trouble::AnswerLost);
    match talk.submit(&Task::Image(subject.image())).await {
        Submission::Unknown(fault) => assert_eq!(fault.class, FaultClass::UnknownOutcome),
        other => panic!("{other:?}"),
    }
}

pub async fn ends_no_job_for_a_poll_that_failed<S: Subject>() {
    if !(S::CAN.films && S::CAN.has_upstream) {
        return;
    }
    let subject = S::start();
    let talk = Talk::with(&subject);
    let task = Task::Video(subject.film());
    let handle = talk.begin(&task).await;
    subject.blind_poll();
    match talk.poll(&task, &handle).await {
        Polled::Unlearned(_) => {}
        other => panic!("a poll that told nothing became {}", told(&other)),
    }
    done(talk.end_of(&task, &handle).await);
    assert_eq!(subject.submits(), 1);
}

pub async fn has_nobody_else_make_what_its_upstream_failed<S: Subject>() {
    if !(S::CAN.films && S::CAN.has_upstream) {
        return;
    }
    let subject = S::start();
    let talk = Talk::with(&subject);
    let task = Task::Video(subject.film());
    subject.fail_film();
    let handle = talk.begin(&task).await;
    match talk.end_of(&task, &handle).await {
        Polled::Failed(fault) => assert!(!fault.class.fails_over(), "it may be billed: {fault:?}"),
        other => panic!("a failed film is {}", told(&other)),
    }
}

fn told(polled: &Polled) -> String {
    match polled {
        Polled::Done(outputs) => format!("{} outputs", outputs.len()),
        other => format!("{other:?}"),
    }
}

pub async fn cancels_what_runs_and_what_has_ended<S: Subject>() {
    if !S::CAN.films {
        return;
    }
    let subject = S::start();
    let talk = Talk::with(&subject);
    let task = Task::Video(subject.film());
    let handle = talk.begin(&task).await;
    for _ in 0..2 {
        // Whether the upstream stops is its own affair; the answer must come, twice, and start nothing.
        subject.engine().cancel(talk.call(&task), handle.clone()).await;
    }
    assert!(subject.submits() <= 1);
}

pub async fn does_not_find_what_never_was<S: Subject>() {
    let subject = S::start();
    let talk = Talk::with(&subject);
    let mut tasks = vec![Task::Image(subject.image())];
    if S::CAN.films {
        tasks.push(Task::Video(subject.film()));
    }
    for task in tasks {
        let found = subject.engine().lookup(talk.call(&task)).await;
        assert!(!matches!(found, Lookup::Found { .. }), "{found:?}");
    }
    assert_eq!(subject.submits(), 0, "a look started something");
}

pub async fn tells_a_refused_credential_from_a_good_one<S: Subject>() {
    let subject = S::start();
    subject.engine().check(subject.credential(SECRET)).await.unwrap();
    assert_eq!(subject.submits(), 0, "a check costs something");
    if S::CAN.has_upstream {
        let fault = subject.engine().check(subject.credential("sk-that-was-never-good")).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth, "{fault:?}");
    }
}

pub async fn tells_no_secret<S: Subject>() {
    for class in S::CAN.refusals {
        let subject = S::start();
        let talk = Talk::with(&subject);
        subject.trouble(Trouble::Refused(*class));
        let fault = refused(talk.submit(&Task::Image(subject.image())).await);
        let said = format!("{fault:?} {}", fault.message);
        assert!(!said.contains(SECRET), "{said}");
    }
    let subject = S::start();
    let credential = format!("{:?}", subject.credential(SECRET));
    assert!(!credential.contains(SECRET), "{credential}");
}

pub async fn draws_from_references<S: Subject>() {
    let subject = S::start();
    let most = subject.engine().abilities(&subject.account()).references;
    if most == 0 {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    image::RgbImage::from_pixel(640, 480, image::Rgb([200, 10, 10])).save(&path).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let picture = Picture { path, mime: "image/png".into(), bytes, size: Size::new(640, 480) };
    let references = References {
        images: vec![picture; most.min(2)],
        mask: None,
        markup: None,
        usage: ReferenceUsage::Subject,
        fidelity: None,
    };
    let spec = ImageSpec { references: Some(references), ..subject.image() };
    let outputs = done(Talk::with(&subject).end(&Task::Image(spec)).await);
    image::load_from_memory(&outputs[0].bytes).unwrap();
}
