//! Calls about video jobs that were begun: poll, list, content, delete.

use super::{
    dialect::Dialect,
    errors::refuse,
    film::film,
    jobs::{Job, Stand},
    shapes,
};
use crate::upstream::{
    behaviour::Behaviour,
    picture::{Drawing, Format},
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Stage},
};
use serde_json::json;

/// The most videos on one page of a list.
const LONGEST_PAGE: usize = 100;

fn missing(stage: &Stage, id: &str) -> Reply {
    let text = match stage.setup.dialect {
        Dialect::Sglang | Dialect::VllmOmni => "Video not found".to_owned(),
        _ => format!("Video with id '{id}' not found."),
    };
    refuse(stage, &Refusal::new(Reason::NotFound).saying(text))
}

/// How a job is getting on.
pub fn poll(stage: &Stage, call: &Call) -> Reply {
    let dialect = stage.setup.dialect;
    let polled = {
        let mut world = stage.world();
        world.book.accepted(&call.account, Op::Poll, None);
        world.jobs.poll(&call.id, &call.account, stage.clock.now_ms())
    };
    let Some((job, stand)) = polled else { return missing(stage, &call.id) };
    let status = if stand == Stand::Failed { shapes::failed_status(dialect, &job) } else { 200 };
    let reply = Reply::json(status, &shapes::video(dialect, &job, stand));
    match stage.setup.poll_after_ms {
        Some(ms) => reply.with("openai-poll-after-ms", &ms.to_string()),
        None => reply,
    }
}

/// The account's jobs.
pub fn list(stage: &Stage, call: &Call) -> Reply {
    let limit = call.head.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20);
    let limit = usize::min(limit, LONGEST_PAGE);
    let after = call.head.param("after");
    let now_ms = stage.clock.now_ms();
    let world = stage.world();
    let mut jobs: Vec<_> = world.jobs.of(&call.account).collect();
    if call.head.param("order").as_deref() != Some("asc") {
        jobs.reverse();
    }
    let start = after.and_then(|after| jobs.iter().position(|job| job.id == after)).map_or(0, |at| at + 1);
    let rest = jobs.get(start..).unwrap_or_default();
    let page = rest.get(..limit).unwrap_or(rest);
    let data: Vec<_> =
        page.iter().map(|job| shapes::video(stage.setup.dialect, job, job.stand(now_ms))).collect();
    let ends = (page.first().map(|job| &job.id), page.last().map(|job| &job.id));
    let more = rest.len() > page.len();
    Reply::json(
        200,
        &json!({"object": "list", "data": data, "first_id": ends.0, "last_id": ends.1, "has_more": more}),
    )
}

/// Deletes a job.
pub fn delete(stage: &Stage, call: &Call) -> Reply {
    let removed = {
        let world = &mut *stage.world();
        if let Some(account) = world.accounts.get(&call.account) {
            account.open_jobs.remove(&call.id);
        }
        world.book.accepted(&call.account, Op::Delete, None);
        world.jobs.remove(&call.id, &call.account)
    };
    let Some(job) = removed else { return missing(stage, &call.id) };
    if stage.setup.dialect == Dialect::Sglang {
        let mut told = shapes::video(Dialect::Sglang, &job, job.stand(stage.clock.now_ms()));
        told["status"] = "deleted".into();
        return Reply::json(200, &told);
    }
    Reply::json(200, &json!({"id": job.id, "object": "video.deleted", "deleted": true}))
}

/// What can be fetched of a finished job.
enum Variant {
    Film,
    Thumbnail,
    Spritesheet,
}

/// The bytes of a result.
pub fn content(stage: &Stage, call: &Call) -> Reply {
    let now_ms = stage.clock.now_ms();
    let job = stage.world().jobs.get(&call.id, &call.account).cloned();
    let Some(job) = job else { return missing(stage, &call.id) };
    if let Some(unready) = unready(stage, &job, job.stand(now_ms)) {
        return refuse(stage, &unready).with("x-should-retry", "false");
    }
    let variant = match variant(stage.setup.dialect, call.head.param("variant").as_deref()) {
        Ok(variant) => variant,
        Err(refusal) => return refuse(stage, &refusal),
    };
    stage.world().book.accepted(&call.account, Op::Content, None);
    if call.behaviour == Behaviour::NotAnImage {
        return Reply::bytes(200, "video/mp4", "this is not a film");
    }
    match variant {
        Variant::Film => Reply::bytes(200, "video/mp4", film(&job.size, job.seconds, &job.prompt)),
        Variant::Thumbnail => still(stage, (512, 512), Format::Webp),
        Variant::Spritesheet => still(stage, (1024, 512), Format::Jpeg),
    }
}

/// Why there is nothing to fetch yet, or never will be.
fn unready(stage: &Stage, job: &Job, stand: Stand) -> Option<Refusal> {
    let dialect = stage.setup.dialect;
    match (dialect, stand) {
        (_, Stand::Completed) => None,
        (Dialect::VllmOmni, Stand::Failed) => {
            Some(Refusal::new(Reason::Unprocessable).saying(job.course.message.clone()))
        }
        (Dialect::Relay, _) => Some(Refusal::new(Reason::Invalid).saying("Task is not completed yet")),
        _ => Some(
            Refusal::new(Reason::NotFound).saying("Video is not ready yet, use GET to check its status."),
        ),
    }
}

fn variant(dialect: Dialect, asked: Option<&str>) -> Result<Variant, Refusal> {
    match (dialect, asked) {
        (Dialect::VllmOmni, _) | (_, None) => Ok(Variant::Film),
        // An index into the job's outputs, of which there is one.
        (Dialect::Sglang, Some("0")) => Ok(Variant::Film),
        (Dialect::Sglang, Some(_)) => Err(Refusal::new(Reason::NotFound).saying("Variant not found")),
        (_, Some("video")) => Ok(Variant::Film),
        (_, Some("thumbnail")) => Ok(Variant::Thumbnail),
        (_, Some("spritesheet")) => Ok(Variant::Spritesheet),
        (_, Some(other)) => {
            Err(Refusal::new(Reason::Invalid).saying(format!("Invalid value: '{other}'.")).blaming("variant"))
        }
    }
}

fn still(stage: &Stage, size: (u32, u32), format: Format) -> Reply {
    let drawing = Drawing { size, format, tone: 0, clear: false };
    Reply::bytes(200, format.mime(), stage.pictures.get(drawing).unwrap_or_default())
}
