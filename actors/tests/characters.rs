//! Characters: one bearer per username, seen by those who may, gone without a trace, and those of earlier versions taken over.

use crate::support::{Setup, World};
use atelier_actors::{
    characters::{CharacterChanges, Characters, NewCharacter, NotCreated, Repeat},
    janitor,
    media_library::{NewFile, Upload},
};
use atelier_domain::{
    character::{Character, NoPortrait, Portrait, Portraitist, Timestamps, Visibility},
    code::Code,
    ids::CharacterId,
    key::ApiKey,
    mention::Named,
    size::Size,
    time::Clock,
    video::VideoFacts,
};
use atelier_store::Table;
use std::{collections::HashSet, io::Cursor, path::Path, sync::Arc, time::Duration};

/// Makes every portrait of the same colour; a video is what begins with `film`.
struct Painter;

impl Portraitist for Painter {
    fn portray(&self, video: &Path, part: Timestamps) -> Result<Portrait, NoPortrait> {
        let bytes = std::fs::read(video).unwrap();
        if !bytes.starts_with(b"film") {
            return Err(NoPortrait::Video("it is no video".into()));
        }
        part.moment(10.0).map_err(NoPortrait::Timestamps)?;
        let mut file = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(8, 8).write_to(&mut file, image::ImageFormat::WebP).unwrap();
        let video = VideoFacts { size: Size::new(320, 180), seconds: 10.0 };
        Ok(Portrait { bytes: file.into_inner(), video })
    }
}

fn characters(world: &World) -> Characters {
    let clock = world.clock.clone() as Arc<dyn Clock>;
    let day = Duration::from_secs(86_400);
    Characters::open(world.store.clone(), clock, world.library.clone(), Arc::new(Painter), day)
}

async fn video(world: &World, key: &ApiKey, bytes: &[u8]) -> Upload {
    let mut receiving = world.library.receive(key.id).await.unwrap();
    receiving.write(bytes.to_vec().into()).await.unwrap();
    receiving.finish().await.unwrap()
}

async fn new(world: &World, key: &ApiKey, username: Option<&str>) -> NewCharacter {
    let film = video(world, key, b"film of somebody").await;
    NewCharacter { username: username.map(str::to_owned), ..shown_by(key, film) }
}

fn shown_by(key: &ApiKey, video: Upload) -> NewCharacter {
    NewCharacter {
        owner: key.id,
        model: "sora-2".into(),
        video,
        timestamps: Timestamps::default(),
        username: None,
        display_name: None,
        instruction_set: None,
        safety_instruction_set: None,
        visibility: Visibility::Private,
        account: None,
    }
}

async fn made(world: &World, key: &ApiKey, username: &str) -> Character {
    characters(world).create(new(world, key, Some(username)).await).await.unwrap()
}

fn files(world: &World) -> u64 {
    world.store.media().usage().unwrap().files
}

fn kept(world: &World, key: &ApiKey) -> i64 {
    -world.store.sum(Table::Disk, key.id.uuid().as_bytes()).unwrap()
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

fn rows(world: &World) -> usize {
    [Table::Characters, Table::Usernames, Table::Social, Table::Media]
        .into_iter()
        .map(|table| world.store.scan(table, atelier_store::Scan::all()).unwrap().len())
        .sum()
}

#[actix::test]
async fn a_username_has_one_bearer_however_many_ask_for_it_at_once() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    // Two handles, as two parts of a process have: what keeps names apart is the committer, not a lock.
    let handles = [characters(&world), characters(&world)];
    let mut wanted = Vec::new();
    for turn in 0..12 {
        wanted.push((handles[turn % 2].clone(), new(&world, &key, Some("@Mia")).await));
    }
    let made = futures_util::future::join_all(
        wanted.into_iter().map(|(handle, new)| async move { handle.create(new).await.unwrap() }),
    );
    let made = made.await;
    let names: HashSet<_> = made.iter().map(|character| character.username.clone()).collect();
    assert_eq!(names.len(), made.len(), "{names:?}");
    assert_eq!(made.iter().filter(|one| one.username.as_str() == "mia").count(), 1);
    assert!(names.iter().all(|name| name.as_str().starts_with("mia")), "{names:?}");
    for character in &made {
        let found = handles[0].find_by_username(key.id, &character.username).unwrap().unwrap();
        assert_eq!(found.id, character.id);
    }
}

#[actix::test]
async fn a_request_that_is_sent_again_makes_one_character_for_a_day() {
    let world = World::start(Setup::default()).await;
    let (key, other) = (world.metered_key(1).await, world.metered_key(1).await);
    let characters = characters(&world);
    let repeat = |body_hash: &str| Repeat { idempotency_key: "k".into(), body_hash: body_hash.into() };
    let same = repeat("a");
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(new(&world, &key, Some("mia")).await);
    }
    let made =
        futures_util::future::join_all(sent.into_iter().map(|new| characters.create_once(new, Some(&same))));
    let made: Vec<_> = made.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(made.iter().map(|(one, _)| one.id).collect::<HashSet<_>>().len(), 1);
    assert_eq!(made.iter().filter(|(_, replayed)| *replayed).count(), 3);
    until_files(&world, 2).await;
    let wrong = characters.create_once(new(&world, &key, None).await, Some(&repeat("b"))).await.unwrap_err();
    assert!(matches!(wrong, NotCreated::Refused(refused) if refused.code == Code::IdempotencyMismatch));
    let (theirs, replayed) =
        characters.create_once(new(&world, &other, None).await, Some(&same)).await.unwrap();
    assert!(!replayed && theirs.owner == other.id, "a key is its API key's own");
    world.clock.advance(Duration::from_secs(86_400));
    let (next, replayed) = characters.create_once(new(&world, &key, None).await, Some(&same)).await.unwrap();
    assert!(!replayed && next.id != made[0].0.id);
}

#[actix::test]
async fn numbers_are_never_given_twice() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let first = made(&world, &key, "first").await;
    let second = made(&world, &key, "second").await;
    assert!(characters(&world).delete(second.id).await.unwrap());
    let third = made(&world, &key, "third").await;
    assert_eq!([first.number, second.number, third.number], [1, 2, 3]);
}

#[actix::test]
async fn a_prompt_speaks_of_own_and_public_characters_and_of_nobody_elses() {
    let world = World::start(Setup::default()).await;
    let (owner, other) = (world.metered_key(1).await, world.metered_key(1).await);
    let (mia, leo) = (made(&world, &owner, "mia").await, made(&world, &owner, "leo").await);
    let characters = characters(&world);
    let prompt = format!("@mia and <@{}> wave to @mia, @nobody and a@mia.org", leo.cameo());
    let ids = |key: &ApiKey| -> Vec<CharacterId> {
        characters.mentioned(key.id, &prompt).unwrap().iter().map(|one| one.id).collect()
    };
    assert_eq!(ids(&owner), [mia.id, leo.id]);
    assert_eq!(ids(&other), []);
    let public = CharacterChanges { visibility: Some(Visibility::Public), ..CharacterChanges::default() };
    characters.update(leo.id, public).await.unwrap().unwrap();
    assert_eq!(ids(&other), [leo.id]);
    assert!(characters.get(other.id, leo.id).unwrap().is_none(), "to use is not to own");
    assert!(characters.named(other.id, &Named::Id(mia.id)).unwrap().is_none());
    let portrait = characters.portrait(other.id, &leo).await.unwrap();
    assert_eq!(portrait.reference().unwrap().size, Size::new(8, 8));
}

#[actix::test]
async fn a_deleted_character_leaves_nothing_and_its_name_is_free() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let characters = characters(&world);
    let mia = made(&world, &key, "mia").await;
    assert_eq!((files(&world), kept(&world, &key)), (2, 8 << 10));
    assert!(characters.delete(mia.id).await.unwrap());
    assert!(!characters.delete(mia.id).await.unwrap());
    assert_eq!((files(&world), kept(&world, &key), rows(&world)), (0, 0, 0));
    assert_eq!(made(&world, &key, "mia").await.username.as_str(), "mia");
}

#[actix::test]
async fn what_is_wrong_is_told_and_keeps_nothing() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let characters = characters(&world);
    let good = async || new(&world, &key, None).await;
    let wrong = [
        ("username", NewCharacter { username: Some("not a name".into()), ..good().await }),
        ("display_name", NewCharacter { display_name: Some("x".repeat(101)), ..good().await }),
        ("instruction_set", NewCharacter { instruction_set: Some("x".repeat(2_001)), ..good().await }),
        ("video", NewCharacter { video: video(&world, &key, b"noise").await, ..good().await }),
        ("timestamps", NewCharacter { timestamps: Timestamps { start: 20.0, end: 21.0 }, ..good().await }),
    ];
    for (wrong, new) in wrong {
        match characters.create(new).await.unwrap_err() {
            NotCreated::Wrong { field, .. } => assert_eq!(field, wrong),
            NotCreated::Refused(refused) => panic!("{wrong}: {refused}"),
        }
    }
    until_files(&world, 0).await;
    assert_eq!((kept(&world, &key), rows(&world)), (0, 0));
}

#[actix::test]
async fn a_key_without_room_keeps_no_character() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let room = video(&world, &key, &[0; 1_000_000]).await;
    let said = NewFile { filename: "a".into(), purpose: "vision".into(), expires_at: None };
    world.library.keep_file(key.id, room, said).await.unwrap();
    // The video fits, its portrait does not.
    let long = video(&world, &key, &[b"film".as_slice(), &[0; 996_000]].concat()).await;
    let long = shown_by(&key, long);
    match characters(&world).create(long).await.unwrap_err() {
        NotCreated::Refused(refused) => assert_eq!(refused.code, Code::StorageLimitExceeded),
        wrong => panic!("{wrong}"),
    }
    until_files(&world, 1).await;
}

#[actix::test]
async fn a_character_goes_with_its_owner() {
    let world = World::start(Setup::default()).await;
    let (key, other) = (world.metered_key(1).await, world.metered_key(1).await);
    made(&world, &key, "mia").await;
    let stays = made(&world, &other, "leo").await;
    world.keys.delete(key.id).await.unwrap();
    let (store, clock) = (world.store.clone(), world.clock.clone());
    let gone = tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap();
    assert_eq!((gone, files(&world), kept(&world, &key)), (1, 2, 0));
    assert_eq!(characters(&world).all(None, 10).unwrap(), [stays]);
}

#[actix::test]
async fn characters_that_were_kept_as_files_are_taken_over_with_their_ids() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(1).await;
    let said =
        |purpose: &str| NewFile { filename: "Mia Old".into(), purpose: purpose.into(), expires_at: None };
    let upload = video(&world, &key, b"film of mia").await;
    let file = world.library.keep_file(key.id, upload, said("character")).await.unwrap();
    let picture =
        world.library.keep_file(key.id, video(&world, &key, b"x").await, said("vision")).await.unwrap();
    let before = kept(&world, &key);
    let characters = characters(&world);
    assert_eq!(characters.adopt().await.unwrap(), 1);
    assert_eq!(characters.adopt().await.unwrap(), 0);
    assert_eq!(kept(&world, &key), before);
    let mia = characters.get(key.id, CharacterId::from_uuid(file.id.uuid())).unwrap().unwrap();
    assert_eq!(
        (mia.display_name.as_str(), mia.created_at, &mia.portrait),
        ("Mia Old", file.created_at, &None)
    );
    assert!(mia.username.as_str().starts_with("mia_old"));
    assert_eq!(world.library.files(key.id, None, true, 10).unwrap(), [picture]);
    drop(characters.portrait(key.id, &mia).await.unwrap());
    let portrayed = characters.get(key.id, mia.id).unwrap().unwrap();
    assert_eq!(portrayed.portrait.unwrap().size, Size::new(8, 8));
    assert!(characters.delete(mia.id).await.unwrap());
    until_files(&world, 1).await;
}
