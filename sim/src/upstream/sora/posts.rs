//! Films that are shown to everybody, and the service of somebody else's that has files of them without a mark.

use super::{
    errors::refuse,
    lists::{keep, missing},
};
use crate::upstream::{
    openai::film,
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use serde_json::{Value, json};

fn shown(call: &Call, id: &str) -> Value {
    json!({"id": id, "permalink": format!("{}/p/{id}", call.origin()), "text": "", "attachments": []})
}

/// Shows a film.
pub fn publish(stage: &Stage, call: &Call) -> Reply {
    let generation =
        call.asked.fields.get("attachments_to_create").and_then(|list| list[0]["generation_id"].as_str());
    let world = &mut *stage.world();
    let task = generation.and_then(|id| world.sora.of_generation(id)).map(str::to_owned);
    let Some(task) = task.filter(|task| world.jobs.get(task, &call.account).is_some()) else {
        let text = "There is no such generation.";
        return refuse(stage, &Refusal::new(Reason::Invalid).saying(text).blaming("attachments_to_create"));
    };
    world.ids += 1;
    let id = format!("s_{:032x}", world.ids);
    world.sora.post(&id, &task);
    world.book.accepted(&call.account, call.op, None);
    Reply::json(200, &json!({"post": shown(call, &id)}))
}

/// A post.
pub fn read(stage: &Stage, call: &Call) -> Reply {
    match stage.world().sora.shown_by(&call.id) {
        Some(_) => Reply::json(200, &json!({"post": shown(call, &call.id)})),
        None => missing(stage),
    }
}

/// Takes a post back.
pub fn delete(stage: &Stage, call: &Call) -> Reply {
    let removed = {
        let mut world = stage.world();
        world.book.accepted(&call.account, call.op, None);
        world.sora.unpost(&call.id)
    };
    if removed { Reply::bare(204) } else { missing(stage) }
}

/// The link of a post changed into that of a file: only while the post is there.
pub fn parse(stage: &Stage, call: &Call) -> Reply {
    let post = call.asked.text("url").and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let job = {
        let mut world = stage.world();
        world.book.accepted(&call.account, call.op, None);
        let task = world.sora.shown_by(post).map(str::to_owned);
        task.and_then(|task| world.jobs.all().find(|job| job.id == task).cloned())
    };
    let Some(job) = job else { return Reply::json(200, &json!({"error": "not found"})) };
    let bytes = film(&job.size, job.seconds, &format!("{} (no mark)", job.prompt));
    Reply::json(200, &json!({"download_link": keep(stage, call, ("video/mp4", "mp4"), bytes)}))
}
