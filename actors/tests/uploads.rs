//! What callers send: whose it is, what it may take, and that it never outlives what it was sent for.

use crate::support::{BUDGET, Setup, World, account, new_job};
use atelier_actors::{
    janitor,
    job_supervisor::NewJob,
    media_library::{NewFile, Upload},
};
use atelier_domain::{
    code::Code,
    image::ReferenceUsage,
    job::{JobState, Work},
    key::ApiKey,
    reference::References,
    time::{Clock, Millis},
};
use atelier_store::Table;
use std::{io::Cursor, sync::Arc, time::Duration};

/// A small picture with as many bytes behind its end as it takes to be this long.
fn picture(bytes: usize) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(8, 6).write_to(&mut file, image::ImageFormat::Png).unwrap();
    let mut file = file.into_inner();
    file.resize(bytes.max(file.len()), 0);
    file
}

async fn send(world: &World, key: &ApiKey, bytes: &[u8]) -> Result<Upload, Code> {
    let receive = async {
        let mut receiving = world.library.receive(key.id).await?;
        for piece in bytes.chunks(40_000) {
            receiving.write(piece.to_vec().into()).await?;
        }
        receiving.finish().await
    };
    receive.await.map_err(|refused: atelier_actors::Refused| refused.code)
}

fn edit(key: &Arc<ApiKey>, uploads: Vec<Arc<Upload>>) -> NewJob {
    let mut new = new_job(key, 1);
    let Work::Image(image) = &mut new.work else { unreachable!("an image job") };
    let images = uploads.iter().map(|upload| upload.reference().unwrap()).collect();
    let (mask, markup, usage) = (None, None, ReferenceUsage::Subject);
    image.references = Some(Box::new(References { images, mask, markup, usage, fidelity: None }));
    NewJob { uploads, ..new }
}

fn files(world: &World) -> u64 {
    world.store.media().usage().unwrap().files
}

/// Files are removed where they hold nobody up, so a moment later.
async fn until_files(world: &World, count: u64) {
    for _ in 0..10_000 {
        if files(world) == count {
            return;
        }
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
    assert_eq!(files(world), count);
}

fn kept(world: &World, key: &ApiKey) -> i64 {
    -world.store.sum(Table::Disk, key.id.uuid().as_bytes()).unwrap()
}

#[actix::test]
async fn a_file_in_pieces_is_whole_and_known_by_its_bytes() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let sent = picture(700_000);
    let upload = send(&world, &key, &sent).await.unwrap();
    assert_eq!(world.library.read(upload.id).await.unwrap(), sent);
    let reference = upload.reference().unwrap();
    assert_eq!((reference.mime.as_str(), reference.size.to_string()), ("image/png", "8x6".into()));
    assert_eq!(upload.digest.len(), 64);
    assert_eq!(upload.digest, send(&world, &key, &sent).await.unwrap().digest);
    assert!(send(&world, &key, b"no picture").await.unwrap().reference().is_err());
}

#[actix::test]
async fn a_picture_goes_with_its_job_and_not_before() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let upload = Arc::new(send(&world, &key, &picture(5_000)).await.unwrap());
    let id = upload.id;
    let job = world.run(edit(&key, vec![upload])).await;
    assert_eq!(job.state, JobState::Completed);
    assert_eq!((files(&world), kept(&world, &key)), (2, 5_000));
    assert!(world.library.find(id).unwrap().is_none(), "no link leads to what a job works from");

    world.clock.advance_to(job.keep_until.unwrap());
    let (store, clock) = (world.store.clone(), world.clock.clone());
    tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap();
    assert_eq!((files(&world), kept(&world, &key)), (0, 0));
    assert!(world.store.get(Table::Media, id.uuid().as_bytes()).unwrap().is_none());
}

#[actix::test]
async fn what_no_job_took_leaves_nothing_behind() {
    let world = World::start(Setup::default()).await;
    let poor = world.metered_key(0).await;
    let upload = Arc::new(send(&world, &poor, &picture(5_000)).await.unwrap());
    let refused = world.jobs.submit(edit(&poor, vec![upload])).await.err().unwrap();
    assert_eq!(refused.code, Code::InsufficientCredits);
    until_files(&world, 0).await;
    assert_eq!(kept(&world, &poor), 0);
    drop(send(&world, &poor, &picture(5_000)).await.unwrap());
    until_files(&world, 0).await;
}

/// Asks a future once, so that it begins.
async fn begun<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) {
    tokio::select! {
        biased;
        _ = &mut future => panic!("it has ended already"),
        () = std::future::ready(()) => {}
    }
}

#[actix::test]
async fn whoever_leaves_while_a_file_is_being_named_loses_neither_it_nor_the_room() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let said = NewFile { filename: "a.png".into(), purpose: "vision".into(), expires_at: None };
    let upload = send(&world, &key, &picture(9_000)).await.unwrap();
    begun(std::pin::pin!(world.library.keep_file(key.id, upload, said))).await;
    while kept(&world, &key) == 0 {
        tokio::task::yield_now().await;
    }
    let file = world.library.files(key.id, None, true, 1).unwrap().remove(0);
    // Whatever was to be removed is by now.
    until_files(&world, 1).await;
    for _ in 0..100 {
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
    assert!(world.library.read(file.media).await.is_ok(), "the row of a file names nothing");
    assert!(world.library.delete_file(key.id, file.id).await.unwrap());
    assert_eq!((files(&world), kept(&world, &key)), (0, 0));
}

#[actix::test]
async fn whoever_leaves_at_the_very_end_of_an_upload_leaves_no_file() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let mut receiving = world.library.receive(key.id).await.unwrap();
    receiving.write(picture(9_000).into()).await.unwrap();
    {
        let mut finish = std::pin::pin!(receiving.finish());
        'kept: loop {
            begun(finish.as_mut()).await;
            for _ in 0..2_000 {
                if files(&world) == 1 {
                    break 'kept;
                }
                tokio::task::spawn_blocking(|| ()).await.unwrap();
            }
        }
    }
    until_files(&world, 0).await;
}

#[actix::test]
async fn a_shared_file_is_as_new_as_its_name_however_old_its_bytes_are() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let said = NewFile { filename: "a.png".into(), purpose: "vision".into(), expires_at: None };
    let upload = send(&world, &key, &picture(9_000)).await.unwrap();
    let file = world.library.keep_file(key.id, upload, said).await.unwrap();
    let path = world.store.media().path(&file.media.to_string()).unwrap();
    let old = std::fs::File::options().write(true).open(path).unwrap();
    let now = old.metadata().unwrap().modified().unwrap();
    old.set_modified(now - Duration::from_secs(100_000)).unwrap();
    world.clock.advance_to(Millis(0) + now.duration_since(std::time::UNIX_EPOCH).unwrap());

    let shared = Arc::new(world.library.reuse_file(key.id, file.id).await.unwrap());
    let (store, clock) = (world.store.clone(), world.clock.clone());
    tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap();
    assert!(world.library.read(shared.id).await.is_ok(), "taken for an orphan before its job was accepted");
    assert_eq!(world.run(edit(&key, vec![shared])).await.state, JobState::Completed);
}

#[actix::test]
async fn a_job_that_a_kill_met_waiting_has_its_pictures_and_gives_their_room_back_once() {
    let world = World::start(Setup { accounts: vec![account(1, 0)], ..Setup::default() }).await;
    let key = world.metered_key(5).await;
    let said = NewFile { filename: "a.png".into(), purpose: "vision".into(), expires_at: None };
    let upload = send(&world, &key, &picture(9_000)).await.unwrap();
    let file = world.library.keep_file(key.id, upload, said).await.unwrap();
    let uploads = vec![
        Arc::new(send(&world, &key, &picture(5_000)).await.unwrap()),
        Arc::new(world.library.reuse_file(key.id, file.id).await.unwrap()),
    ];
    let pictures: Vec<_> = uploads.iter().map(|upload| upload.id).collect();
    let id = world.submit(edit(&key, uploads)).await.id;
    assert!(world.library.delete_file(key.id, file.id).await.unwrap());

    let world = world.killed(Setup::default());
    assert_eq!((world.jobs.resume().await.unwrap(), kept(&world, &key)), (1, 14_000));
    for picture in pictures {
        assert!(world.library.read(picture).await.is_ok());
    }
    assert_eq!(world.end_of(&key, id).await.state, JobState::Completed);
    assert!(world.jobs.forget(key.id, id).await.unwrap());
    assert!(!world.jobs.forget(key.id, id).await.unwrap(), "there is nothing left to forget");
    for _ in 0..2 {
        let (store, clock) = (world.store.clone(), world.clock.clone());
        tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap();
        assert_eq!((files(&world), kept(&world, &key)), (0, 0));
    }
    world.assert_books(&key, 4).await;
}

#[actix::test]
async fn a_repeated_request_keeps_one_copy() {
    let world = World::start(Setup { accounts: vec![account(1, 0)], ..Setup::default() }).await;
    let key = world.metered_key(5).await;
    let keyed = async || {
        let upload = Arc::new(send(&world, &key, &picture(5_000)).await.unwrap());
        NewJob { idempotency_key: Some("once".into()), ..edit(&key, vec![upload]) }
    };
    let first = world.submit(keyed().await).await;
    let again = world.submit(keyed().await).await;
    assert_eq!((first.id, again.replayed), (again.id, true));
    until_files(&world, 1).await;
    assert_eq!(kept(&world, &key), 5_000);
}

#[actix::test]
async fn a_key_cannot_keep_more_than_it_may_however_it_sends_it() {
    let world = World::start(Setup { accounts: vec![account(1, 0)], ..Setup::default() }).await;
    let (key, other) = (world.metered_key(9).await, world.metered_key(9).await);
    let long = BUDGET.file as usize;
    assert_eq!(send(&world, &key, &picture(long + 1)).await.err(), Some(Code::BodyTooLarge));

    // Two at once fill the budget while they arrive, and a third does not fit beside them.
    let (one, two) = (send(&world, &key, &picture(long)).await, send(&world, &key, &picture(long)).await);
    assert_eq!(send(&world, &key, &picture(100)).await.err(), Some(Code::StorageLimitExceeded));
    assert!(send(&world, &other, &picture(100)).await.is_ok(), "somebody else's room");

    // What jobs keep stays counted, and what is let go is free again.
    world.submit(edit(&key, vec![Arc::new(one.unwrap())])).await;
    assert_eq!(send(&world, &key, &picture(100)).await.err(), Some(Code::StorageLimitExceeded));
    drop(two);
    assert!(send(&world, &key, &picture(100)).await.is_ok());
    assert_eq!(kept(&world, &key), BUDGET.file as i64);
}

#[actix::test]
async fn files_without_bytes_are_not_without_end() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let said = NewFile { filename: "a".into(), purpose: "user_data".into(), expires_at: None };
    let keep = async || {
        let upload = send(&world, &key, b"").await?;
        world.library.keep_file(key.id, upload, said.clone()).await.map_err(|refused| refused.code)
    };
    let mut files = Vec::new();
    let refused = loop {
        match keep().await {
            Ok(file) => files.push(file),
            Err(code) => break code,
        }
        assert!(files.len() < 1_000, "a key keeps any number of files");
    };
    assert_eq!((refused, files.len() as u64), (Code::StorageLimitExceeded, BUDGET.key / 4_096));
    for file in files {
        assert!(world.library.delete_file(key.id, file.id).await.unwrap());
    }
    assert_eq!(kept(&world, &key), 0);
}

#[actix::test]
async fn the_books_of_the_disk_refuse_what_two_requests_would_overdraw() {
    let world = World::start(Setup { accounts: vec![account(1, 0)], ..Setup::default() }).await;
    let key = world.metered_key(9).await;
    let upload = Arc::new(send(&world, &key, &picture(5_000)).await.unwrap());
    // As if other jobs had taken the room since the upload began.
    let mut batch = atelier_store::Batch::new();
    batch.add(Table::Disk, key.id.uuid().as_bytes(), -(BUDGET.key as i64), None);
    world.store.submit(batch).await.unwrap();
    let refused = world.jobs.submit(edit(&key, vec![upload])).await.err().unwrap();
    assert_eq!(refused.code, Code::StorageLimitExceeded);
    world.assert_books(&key, 9).await;
    until_files(&world, 0).await;
}

#[actix::test]
async fn a_kept_file_is_its_owners_and_its_jobs_survive_it() {
    let world = World::start(Setup::default()).await;
    let (key, other) = (world.metered_key(5).await, world.metered_key(5).await);
    let said = NewFile { filename: "a.png".into(), purpose: "vision".into(), expires_at: None };
    let upload = send(&world, &key, &picture(5_000)).await.unwrap();
    let file = world.library.keep_file(key.id, upload, said.clone()).await.unwrap();
    assert_eq!(world.library.files(key.id, None, true, 10).unwrap(), std::slice::from_ref(&file));
    assert!(world.library.file(other.id, file.id).unwrap().is_none());
    assert_eq!(
        world.library.reuse_file(other.id, file.id).await.err().map(|e| e.code),
        Some(Code::FileNotFound)
    );

    let shared = Arc::new(world.library.reuse_file(key.id, file.id).await.unwrap());
    let waiting = edit(&key, vec![shared]);
    assert!(!world.library.delete_file(other.id, file.id).await.unwrap());
    assert!(world.library.delete_file(key.id, file.id).await.unwrap());
    assert!(!world.library.delete_file(key.id, file.id).await.unwrap());
    let job = world.run(waiting).await;
    assert_eq!((job.state, kept(&world, &key)), (JobState::Completed, 5_000));

    // One that is to go by itself goes, and gives its room back.
    let until = world.clock.now() + Duration::from_secs(60);
    let upload = send(&world, &key, &picture(6_000)).await.unwrap();
    let short = NewFile { expires_at: Some(until), ..said };
    let file = world.library.keep_file(key.id, upload, short).await.unwrap();
    world.clock.advance_to(until);
    assert!(world.library.file(key.id, file.id).unwrap().is_none());
    let (store, clock) = (world.store.clone(), world.clock.clone());
    tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap();
    assert_eq!(kept(&world, &key), 5_000);
}
