//! The gallery: what is published outlives its job, is counted once per key, and is met once by whoever turns its pages.

use crate::support::{Setup, World, new_job};
use atelier_actors::{
    gallery::{Cursor, Feed, Gallery},
    janitor,
    profiles::Profiles,
};
use atelier_domain::{
    code::Code,
    ids::{JobId, KeyId, MediaId, PostId},
    job::{Job, JobSource, Prompt, VideoJob, Work},
    key::ApiKey,
    post::{Post, Reception},
    reference::Reference,
    size::Size,
    time::Clock,
    username::{Bearer, Username},
    video::SourceUse,
};
use atelier_store::{Scan, Table};
use std::{collections::HashSet, sync::Arc, time::Duration};
use uuid::Uuid;

fn gallery(world: &World) -> Gallery {
    Gallery::open(world.store.clone(), world.clock.clone() as Arc<dyn Clock>, world.library.clone())
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

fn rows(world: &World, table: Table) -> usize {
    world.store.scan(table, Scan::all()).unwrap().len()
}

async fn walk(world: &World) -> usize {
    let (store, clock) = (world.store.clone(), world.clock.clone());
    tokio::task::spawn_blocking(move || janitor::walk(&store, &*clock)).await.unwrap().unwrap()
}

/// Another completed job with the outputs of this one. Jobs are not published in the order in which they were handed in.
fn another(job: &Job) -> Job {
    Job { id: JobId::from_uuid(Uuid::new_v4()), ..job.clone() }
}

/// The same made over another.
fn over(job: &Job, source: JobId) -> Job {
    let file = Reference {
        media: MediaId::from_uuid(Uuid::now_v7()),
        mime: "video/mp4".into(),
        bytes: 1,
        size: Size::new(2, 2),
    };
    let video = VideoJob {
        prompt: Prompt::of("again"),
        size: Size::new(2, 2),
        seconds: 4,
        negative_prompt: None,
        style: None,
        seed: None,
        first_frame: None,
        source: Some(JobSource {
            way: SourceUse::Remix,
            file,
            of: Some(source),
            account: None,
            handle: None,
        }),
        cast: Vec::new(),
    };
    Job { work: Work::Video(video), ..another(job) }
}

fn reception(gallery: &Gallery, post: &Post) -> Reception {
    gallery.find(post.id).unwrap().unwrap().reception
}

#[actix::test]
async fn what_is_published_outlives_its_job_and_leaves_nothing_when_it_is_taken_back() {
    let world = World::start(Setup::default()).await;
    let (key, other) = (world.metered_key(5).await, world.metered_key(5).await);
    let job = world.run(new_job(&key, 2)).await;
    let gallery = gallery(&world);
    let post = gallery.publish(&job, Some("two pictures".into())).await.unwrap();
    assert_eq!((post.attachments.len(), post.text.as_str(), post.job()), (2, "two pictures", job.id));
    assert_eq!((files(&world), kept(&world, &key)), (4, 8 << 10));
    gallery.view(post.id, other.id).await.unwrap();

    world.clock.advance_to(job.keep_until.unwrap() + Duration::from_secs(3_600));
    walk(&world).await;
    assert!(world.jobs.get(key.id, job.id).unwrap().is_none());
    assert_eq!(files(&world), 2);
    for attachment in &post.attachments {
        let (media, _) = world.library.find(attachment.file.media).unwrap().unwrap();
        assert_eq!(media.mime, "image/png");
        assert!(!world.library.read(media.id).await.unwrap().is_empty());
        drop(gallery.reuse(other.id, attachment).await.unwrap());
    }
    until_files(&world, 2).await;
    assert!(!gallery.unpublish(other.id, post.id).await.unwrap(), "somebody else's");
    assert!(gallery.unpublish(key.id, post.id).await.unwrap());
    assert!(!gallery.unpublish(key.id, post.id).await.unwrap());
    assert!(gallery.find(post.id).unwrap().is_none());
    walk(&world).await;
    let left: usize =
        [Table::Posts, Table::Social, Table::Media].map(|table| rows(&world, table)).iter().sum();
    assert_eq!((files(&world), kept(&world, &key), left), (0, 0, 0));
}

#[actix::test]
async fn a_job_is_published_once_however_often_it_is_said_at_once() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let job = world.run(new_job(&key, 1)).await;
    let gallery = gallery(&world);
    let posts = futures_util::future::join_all((0..6).map(|_| gallery.publish(&job, None))).await;
    let places: HashSet<_> = posts.into_iter().map(|post| post.unwrap().place).collect();
    assert_eq!(places.len(), 1);
    until_files(&world, 2).await;
    assert_eq!((rows(&world, Table::Posts), kept(&world, &key)), (1, 4 << 10));
    let text = gallery.publish(&job, Some("a word".into())).await.unwrap().text;
    assert_eq!(
        (text.as_str(), gallery.publish(&job, None).await.unwrap().text.as_str()),
        ("a word", "a word")
    );
}

#[actix::test]
async fn only_what_is_completed_and_fits_into_the_budget_is_published() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let job = world.run(new_job(&key, 1)).await;
    let gallery = gallery(&world);
    let failed = Job { state: atelier_domain::job::JobState::Failed, ..Job::clone(&job) };
    assert_eq!(gallery.publish(&failed, None).await.unwrap_err().code, Code::JobNotCompleted);
    let room = 2_000_000 / (4 << 10);
    for _ in 0..room {
        gallery.publish(&another(&job), None).await.unwrap();
    }
    let full = gallery.publish(&another(&job), None).await.unwrap_err();
    assert_eq!(full.code, Code::StorageLimitExceeded);
    until_files(&world, 1 + room).await;
}

#[actix::test]
async fn every_key_counts_once_however_many_come_at_once() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let gallery = gallery(&world);
    let post = gallery.publish(&*world.run(new_job(&key, 1)).await, None).await.unwrap();
    let keys: Vec<_> = (1..=20).map(|number| KeyId::from_uuid(Uuid::from_u128(number))).collect();
    let looks = keys.iter().chain(&keys).map(|key| gallery.view(post.id, *key));
    futures_util::future::join_all(looks).await.into_iter().for_each(|look| drop(look.unwrap().unwrap()));
    let likes = keys.iter().take(3).chain(&keys[..3]).map(|key| gallery.like(post.id, *key, true));
    futures_util::future::join_all(likes).await.into_iter().for_each(|like| drop(like.unwrap().unwrap()));
    assert_eq!(reception(&gallery, &post), Reception { views: 20, likes: 3, remixes: 0 });
    assert!(gallery.is_liked(&post, keys[0]).unwrap() && !gallery.is_liked(&post, keys[9]).unwrap());
    for likes in [false, false] {
        gallery.like(post.id, keys[0], likes).await.unwrap();
    }
    assert_eq!(reception(&gallery, &post).likes, 2);
    assert!(gallery.view(PostId::from_uuid(Uuid::nil()), key.id).await.unwrap().is_none());
    assert_eq!(rows(&world, Table::Social), 4 + 20 + 2, "four lists, and what was counted");
}

#[actix::test]
async fn what_derives_from_a_post_is_counted_and_knows_where_it_comes_from() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let gallery = gallery(&world);
    let job = world.run(new_job(&key, 1)).await;
    let first = gallery.publish(&job, None).await.unwrap();
    let second = over(&job, job.id);
    let third = over(&job, second.id);
    let (second, third) =
        (gallery.publish(&second, None).await.unwrap(), gallery.publish(&third, None).await.unwrap());
    let lineage = |post: &Post| post.descent.map(|descent| (descent.parent, descent.root));
    assert_eq!(lineage(&first), None);
    assert_eq!(lineage(&second), Some((first.id, first.id)));
    assert_eq!(lineage(&third), Some((second.id, first.id)));
    assert_eq!([&first, &second, &third].map(|post| reception(&gallery, post).remixes), [1, 1, 0]);
    let remixes = gallery.page(Feed::Remixes(first.id), None, 10).unwrap().unwrap().posts;
    assert_eq!(remixes.iter().map(|post| post.id).collect::<Vec<_>>(), [second.id]);
    let best = gallery.page(Feed::Top, None, 1).unwrap().unwrap().posts;
    assert_eq!(best[0].id, second.id, "of the same rank, the later one is first");
    assert!(gallery.unpublish(key.id, second.id).await.unwrap());
    assert_eq!(reception(&gallery, &first).remixes, 0);
    let orphan = over(&job, JobId::from_uuid(Uuid::nil()));
    assert_eq!(gallery.publish(&orphan, None).await.unwrap().descent, None);
}

/// A small generator of numbers: the same order of events for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Turns the pages of a feed while works are published, liked and taken back in between.
async fn turn_pages(world: &World, gallery: &Gallery, (feed, seed): (Feed, u64), job: &Job) {
    let (mut dice, key) = (Dice(seed), job.key);
    let mut there = Vec::new();
    for number in 0..6 {
        let post = gallery.publish(&another(job), None).await.unwrap();
        for liker in 0..number % 3 {
            let liker = KeyId::from_uuid(Uuid::from_u128(100 + liker));
            gallery.like(post.id, liker, true).await.unwrap();
        }
        there.push(post.id);
    }
    if feed != Feed::Top {
        let page = gallery.page(feed, None, 10).unwrap().unwrap();
        let latest: Vec<_> = page.posts.iter().rev().map(|post| post.id).collect();
        assert_eq!(latest, there, "{feed:?}: the latest is not the first");
    }
    let (mut new, mut seen, mut cursor) = (Vec::new(), Vec::new(), None::<Cursor>);
    loop {
        for _ in 0..dice.below(3) {
            match dice.below(3) {
                0 => new.push(gallery.publish(&another(job), None).await.unwrap().id),
                1 if !new.is_empty() => {
                    let liker = KeyId::from_uuid(Uuid::from_u128(u128::from(dice.below(50))));
                    let liked = new[dice.below(new.len() as u64) as usize];
                    gallery.like(liked, liker, true).await.unwrap();
                }
                _ => {
                    let from = if dice.below(2) == 0 { &mut there } else { &mut new };
                    if !from.is_empty() {
                        let gone = from.swap_remove(dice.below(from.len() as u64) as usize);
                        assert!(gallery.unpublish(key, gone).await.unwrap());
                    }
                }
            }
        }
        let page = gallery.page(feed, cursor.as_ref(), 1 + dice.below(3) as usize).unwrap().unwrap();
        seen.extend(page.posts.iter().map(|post| post.id));
        match page.cursor {
            // Through the form that clients hold.
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    let met: HashSet<_> = seen.iter().copied().collect();
    let twice = seen.iter().filter(|id| there.contains(id)).count()
        - there.iter().filter(|id| met.contains(id)).count();
    assert_eq!(twice, 0, "{feed:?}, seed {seed}: met twice");
    let missed: Vec<_> = there.iter().filter(|id| !met.contains(id)).collect();
    assert!(missed.is_empty(), "{feed:?}, seed {seed}: missed {missed:?}");
    for id in there.into_iter().chain(new) {
        gallery.unpublish(key, id).await.unwrap();
    }
    assert_eq!(rows(world, Table::Posts), 0);
}

#[actix::test]
async fn whoever_turns_pages_meets_every_work_once_while_others_publish_and_take_back() {
    let world = World::start(Setup::default()).await;
    let key = world.metered_key(5).await;
    let gallery = gallery(&world);
    let job = world.run(new_job(&key, 1)).await;
    for seed in 1..=25 {
        for feed in [Feed::Latest, Feed::Of(key.id), Feed::Top] {
            turn_pages(&world, &gallery, (feed, seed * 7_919), &job).await;
        }
    }
    let cursor = gallery.page(Feed::Latest, None, 1).unwrap().unwrap().cursor;
    assert_eq!(cursor, None);
    let foreign: Cursor = "AAAA".parse().unwrap();
    assert!(gallery.page(Feed::Latest, Some(&foreign), 1).unwrap().is_none());
}

#[actix::test]
async fn posts_names_and_marks_go_with_their_owner() {
    let world = World::start(Setup::default()).await;
    let (key, other) = (world.metered_key(5).await, world.metered_key(5).await);
    let (gallery, profiles) = (gallery(&world), Profiles::open(world.store.clone()));
    let job = world.run(new_job(&other, 1)).await;
    let first = gallery.publish(&job, None).await.unwrap();
    let own = world.run(new_job(&key, 1)).await;
    let second = gallery.publish(&over(&own, job.id), None).await.unwrap();
    gallery.view(second.id, other.id).await.unwrap();
    gallery.like(second.id, other.id, true).await.unwrap();
    let names = [profiles.username(key.id).await.unwrap(), profiles.username(other.id).await.unwrap()];
    world.keys.delete(key.id).await.unwrap();
    assert!(gallery.find(second.id).unwrap().is_none(), "hidden at once");
    assert_eq!(gallery.page(Feed::Latest, None, 10).unwrap().unwrap().posts.len(), 1);
    assert_eq!(walk(&world).await, 4, "a post, two marks, a name");
    assert_eq!(reception(&gallery, &first).remixes, 0);
    assert_eq!(names.map(|name| profiles.find(&name).unwrap()), [None, Some(Bearer::Key(other.id))]);
    assert_eq!(rows(&world, Table::Social), 4 + 1, "four lists and a name");
}

#[actix::test]
async fn a_name_is_made_up_once_and_stays() {
    let world = World::start(Setup::default()).await;
    let profiles = Profiles::open(world.store.clone());
    let key = world.metered_key(1).await;
    let names = futures_util::future::join_all((0..8).map(|_| profiles.username(key.id))).await;
    let names: HashSet<Username> = names.into_iter().map(Result::unwrap).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let name = names.iter().next().unwrap();
    assert_eq!(profiles.find(name).unwrap(), Some(Bearer::Key(key.id)));
    let found = profiles.search(&name.as_str()[..3], 5, |name, _| Ok(Some(name.clone()))).unwrap();
    assert_eq!(found, std::slice::from_ref(name));
    assert!(profiles.search("no_such", 5, |_, _| Ok(Some(()))).unwrap().is_empty());
}
