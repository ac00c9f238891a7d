//! How tasks are getting on, which only lists tell: what is under way, finished films, and recent pictures.

use super::{
    errors::refuse,
    shelf::{Making, Sheet},
};
use crate::upstream::{
    behaviour::{Behaviour, Outcome},
    openai::{Job, Kept, Stand, film},
    picture::{Drawing, Format},
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Stage},
};
use serde_json::{Value, json};

/// Failures that are told as blocked content.
const BLOCKED: [&str; 3] = ["sora_content_violation", "content_policy_violation", "moderation_blocked"];

/// The account's tasks of a kind, the latest first, each one step further.
fn stepped(stage: &Stage, call: &Call, films: bool) -> Vec<(Job, Stand, Sheet)> {
    let now_ms = stage.clock.now_ms();
    let world = &mut *stage.world();
    let is_film = |sheet: &Sheet| matches!(sheet.making, Making::Film { .. });
    let ids: Vec<_> = world.jobs.of(&call.account).rev().map(|job| job.id.clone()).collect();
    let mut found = Vec::new();
    for id in ids {
        let Some(sheet) = world.sora.sheet(&id).filter(|sheet| is_film(sheet) == films).cloned() else {
            continue;
        };
        if let Some((job, stand)) = world.jobs.poll(&id, &call.account, now_ms) {
            found.push((job, stand, sheet));
        }
    }
    world.book.accepted(&call.account, call.op, None);
    found
}

/// Films under way: a bare list. Whatever is done or blocked is not in it any more.
pub fn pending(stage: &Stage, call: &Call) -> Reply {
    let under_way = stepped(stage, call, true).into_iter().filter_map(|(job, stand, sheet)| match stand {
        Stand::Running(percent) => Some(told(&job, &sheet, percent)),
        _ => None,
    });
    let tasks: Vec<_> = under_way.collect();
    Reply::json(200, &Value::Array(tasks))
}

fn told(job: &Job, sheet: &Sheet, percent: u64) -> Value {
    let upright = job.size.starts_with("720x") || job.size.starts_with("1024x");
    json!({
        "id": job.id, "task_type": "video_gen", "status": "running", "failure_reason": null, "prompt": job.prompt,
        "title": sheet.title, "progress_pct": if job.polls <= 1 { Value::Null } else { json!(percent as f64 / 100.0) },
        "generations": [],
        "creation_config": {
            "orientation": if upright { "portrait" } else { "landscape" }, "n_frames": job.seconds * 30, "style": sheet.style,
            "cameo_profiles": [], "remix_target_post": null, "storyboard_id": null, "inpaint_image": null,
        },
    })
}

/// Finished films, a page of them.
pub fn drafts(stage: &Stage, call: &Call) -> Reply {
    let number = |name: &str| call.head.param(name).and_then(|text| text.parse::<usize>().ok());
    let (limit, from) = (number("limit").unwrap_or(15).clamp(1, 15), number("cursor").unwrap_or(0));
    let now_ms = stage.clock.now_ms();
    let done: Vec<_> = {
        let world = stage.world();
        let jobs = world.jobs.of(&call.account).rev().filter(|job| {
            job.course.end != Outcome::Forgotten
                && matches!(job.stand(now_ms), Stand::Completed | Stand::Failed)
        });
        let with_sheet = jobs.filter_map(|job| Some((job.clone(), world.sora.sheet(&job.id)?.clone())));
        with_sheet.filter(|(_, sheet)| matches!(sheet.making, Making::Film { .. })).collect()
    };
    let page = done.iter().skip(from).take(limit);
    let items: Vec<_> = page.map(|(job, sheet)| draft(stage, call, (job, sheet))).collect();
    let next = from + limit;
    let cursor = (next < done.len()).then(|| next.to_string());
    stage.world().book.accepted(&call.account, Op::Drafts, None);
    Reply::json(200, &json!({"items": items, "cursor": cursor}))
}

fn draft(stage: &Stage, call: &Call, (job, sheet): (&Job, &Sheet)) -> Value {
    let Making::Film { generation } = &sheet.making else { return Value::Null };
    let sides =
        job.size.split_once('x').and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)));
    let (width, height) = sides.unwrap_or_default();
    let post = stage.world().sora.post_of(&job.id).map(str::to_owned);
    let mut item = json!({
        "id": generation, "generation_id": generation, "task_id": job.id, "kind": "sora_draft", "url": null,
        "downloadable_url": null, "width": width, "height": height, "duration_s": f64::from(job.seconds) + 0.1,
        "generation_type": "video_gen", "created_at": job.created_ms as f64 / 1000.0, "prompt": job.prompt, "title": sheet.title,
        "reason_str": null, "markdown_reason_str": null, "can_remix": true, "can_extend": true, "creation_config": {},
        "post": post.map(|id| json!({"id": id})),
    });
    if job.course.end == Outcome::Failed {
        let blocked = BLOCKED.contains(&job.course.code.as_str());
        item["kind"] = if blocked { "sora_content_violation" } else { "sora_error" }.into();
        item["reason_str"] = if blocked { job.course.message.clone().into() } else { Value::Null };
        return item;
    }
    let bytes = match call.behaviour {
        Behaviour::NotAnImage => "this is not a film".into(),
        _ => film(&job.size, job.seconds, &job.prompt),
    };
    let url = keep(stage, call, ("video/mp4", "mp4"), bytes);
    item["url"] = url.clone().into();
    item["downloadable_url"] = url.into();
    item
}

/// A new link to a file.
pub fn keep(stage: &Stage, call: &Call, (mime, ending): (&'static str, &str), bytes: bytes::Bytes) -> String {
    let expired = match &call.behaviour {
        Behaviour::ExpiredUrl { status } => Some(*status),
        _ => None,
    };
    let mut world = stage.world();
    let name = format!("{}.{ending}", world.id("drv"));
    world.results.keep(&name, Kept { account: call.account.clone(), mime, bytes, expired });
    format!("{}/files/{name}", call.origin())
}

/// Recent pictures, the latest first.
pub fn recent(stage: &Stage, call: &Call) -> Reply {
    let limit = call.head.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20).min(100);
    let all = stepped(stage, call, false);
    let mut tasks = Vec::new();
    for (job, stand, sheet) in all.iter().take(limit) {
        let Making::Images { n, size, links } = &sheet.making else { continue };
        let (status, percent) = match stand {
            Stand::Completed => ("succeeded", json!(1.0)),
            Stand::Failed => ("failed", Value::Null),
            Stand::Queued => ("queued", Value::Null),
            Stand::Running(percent) => ("processing", json!(*percent as f64 / 100.0)),
        };
        let reason = (*stand == Stand::Failed).then(|| job.course.message.clone());
        let links = match (stand, links) {
            (Stand::Completed, None) => draw(stage, call, (job, *n, *size)),
            (Stand::Completed, Some(links)) => links.clone(),
            _ => Vec::new(),
        };
        let generation = |(number, url): (usize, &String)| json!({"id": format!("gen_{}_{number}", job.id), "url": url, "width": size.0 * 2, "height": size.1 * 2});
        let generations: Vec<_> = links.iter().enumerate().map(generation).collect();
        tasks.push(json!({
            "id": job.id, "status": status, "progress_pct": percent, "failure_reason": reason, "prompt": job.prompt,
            "generations": generations,
        }));
    }
    let last = tasks.last().map(|task| task["id"].clone());
    Reply::json(200, &json!({"task_responses": tasks, "has_more": all.len() > limit, "last_id": last}))
}

/// The pictures of a task, larger than was asked.
fn draw(stage: &Stage, call: &Call, (job, n, size): (&Job, u32, (u32, u32))) -> Vec<String> {
    let size = match &call.behaviour {
        Behaviour::WrongSize { size } => *size,
        _ => (size.0 * 2, size.1 * 2),
    };
    let picture = |tone: u8| match call.behaviour {
        Behaviour::NotAnImage => Some("this is not a picture".into()),
        _ => stage.pictures.signed(Drawing { size, format: Format::Png, tone, clear: false }, &job.prompt),
    };
    let numbers = 0..u8::try_from(n).unwrap_or(u8::MAX);
    let links: Vec<_> =
        numbers.filter_map(picture).map(|bytes| keep(stage, call, ("image/png", "png"), bytes)).collect();
    if links.is_empty() {
        return Vec::new();
    }
    stage.world().sora.link(&job.id, links.clone());
    links
}

/// Something that is not there.
pub fn missing(stage: &Stage) -> Reply {
    refuse(stage, &Refusal::new(Reason::NotFound))
}
