//! What is shown to everybody: who is who, and posts, page by page.

use super::lists::missing;
use crate::upstream::{
    reply::Reply,
    stage::{Call, Stage},
};
use serde_json::{Value, json};
use url::form_urlencoded;

/// The user id of the account that bears a user name: the name in another coat.
fn user_id(username: &str) -> String {
    format!("user-{username:0>24}")
}

fn shown(username: &str) -> Value {
    json!({
        "user_id": user_id(username), "username": username, "display_name": username, "profile_picture_url": null,
        "permalink": format!("/profile/{username}"), "verified": false, "follower_count": 7, "can_cameo": true,
        "owner_profile": null, "plan_type": "chatgpt_pro",
    })
}

fn names(stage: &Stage) -> Vec<String> {
    let world = stage.world();
    world.accounts.all().filter_map(|(_, account)| account.sora.username.clone()).collect()
}

fn told(stage: &Stage, call: &Call, body: &Value) -> Reply {
    stage.world().book.accepted(&call.account, call.op, None);
    Reply::json(200, body)
}

/// What a part of a path says, its escapes read.
fn unescaped(part: &str) -> String {
    let pair = format!("part={}", part.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Somebody's profile.
pub fn profile(stage: &Stage, call: &Call) -> Reply {
    let wanted = unescaped(&call.id);
    match names(stage).iter().find(|name| **name == wanted) {
        Some(name) => told(stage, call, &shown(name)),
        None => missing(stage),
    }
}

/// Whoever's user name begins so.
pub fn search(stage: &Stage, call: &Call) -> Reply {
    let start = call.head.param("username").unwrap_or_default();
    let limit = call.head.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(10);
    let found = names(stage).into_iter().filter(|name| name.starts_with(&start)).take(limit);
    let items: Vec<_> = found
        .map(|name| json!({"token": format!("<@ch_{:032x}>", name.len()), "profile": shown(&name)}))
        .collect();
    told(stage, call, &json!({"items": items}))
}

/// Everybody's posts.
pub fn feed(stage: &Stage, call: &Call) -> Reply {
    page(stage, call, |_| true)
}

/// Somebody's posts.
pub fn user_feed(stage: &Stage, call: &Call) -> Reply {
    let wanted = unescaped(&call.id);
    if !names(stage).iter().any(|name| user_id(name) == wanted) {
        return missing(stage);
    }
    page(stage, call, |name| user_id(name) == wanted)
}

fn page(stage: &Stage, call: &Call, is_meant: impl Fn(&str) -> bool) -> Reply {
    let number = |name: &str| call.head.param(name).and_then(|text| text.parse::<usize>().ok());
    let (limit, from) = (number("limit").unwrap_or(8).max(1), number("cursor").unwrap_or(0));
    let posts: Vec<_> = {
        let mut world = stage.world();
        let all: Vec<_> = world.sora.all_posts().map(|(id, task)| (id.to_owned(), task.to_owned())).collect();
        let mut posts = Vec::new();
        for (id, task) in all {
            let Some(job) = world.jobs.all().find(|job| job.id == task).cloned() else { continue };
            let name = world.accounts.get(&job.account).and_then(|account| account.sora.username.clone());
            let name = name.unwrap_or_default();
            if is_meant(&name) {
                let attachment = json!({"kind": "sora", "n_frames": job.seconds * 30, "encodings": {}});
                let post =
                    json!({"id": id, "text": job.prompt, "like_count": 0, "attachments": [attachment]});
                posts.push(json!({"post": post, "profile": shown(&name), "reposter_profile": null}));
            }
        }
        posts
    };
    let next = from + limit;
    let cursor = (next < posts.len()).then(|| next.to_string());
    let items: Vec<_> = posts.into_iter().skip(from).take(limit).collect();
    told(stage, call, &json!({"items": items, "cursor": cursor}))
}
