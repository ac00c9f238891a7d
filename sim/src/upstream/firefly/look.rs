//! Looks: at jobs, at what is left of an account, at models.

use super::{refuse::refuse, works::Work};
use crate::upstream::{
    behaviour::Behaviour,
    openai::{Job, Kept, Stand, film},
    picture::{Drawing, Format},
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Stage},
};
use bytes::Bytes;
use serde_json::{Value, json};

fn asked(stage: &Stage, call: &Call) -> Option<(Job, Stand, Work)> {
    let mut world = stage.world();
    world.book.accepted(&call.account, Op::Poll, None);
    let (job, stand) = world.jobs.poll(&call.id, &call.account, stage.clock.now_ms())?;
    let work = world.works.get(&call.id)?.clone();
    Some((job, stand, work))
}

/// How a job of the web back end is getting on.
pub fn web(stage: &Stage, call: &Call) -> Reply {
    let Some((job, stand, work)) = asked(stage, call) else {
        return refuse(stage, &Refusal::new(Reason::NotFound));
    };
    let in_headers = work.number % 4 == 1;
    match stand {
        Stand::Queued | Stand::Running(_) => {
            let percent = if let Stand::Running(percent) = stand { percent } else { 0 };
            if in_headers {
                let reply = Reply::json(200, &json!({})).with("x-task-status", "IN_PROGRESS");
                return reply.with("x-task-progress", &percent.to_string());
            }
            let progress = match job.polls % 3 {
                1 => json!(percent),
                2 => json!(percent as f64 / 100.0),
                _ => json!(format!("{percent}%")),
            };
            Reply::json(200, &json!({ "status": "IN_PROGRESS", "progress": progress }))
        }
        Stand::Failed => {
            let told =
                json!({ "status": "FAILED", "error_code": job.course.code, "message": job.course.message });
            Reply::json(200, &told)
        }
        Stand::Completed => {
            let kind = if work.is_film { "video" } else { "image" };
            let outputs: Vec<_> = links(stage, call, (&job, &work))
                .into_iter()
                .map(|url| json!({ "seed": 1, kind: { "id": job.id, "presignedUrl": url } }))
                .collect();
            let word = if work.number % 2 == 0 { "SUCCEEDED" } else { "COMPLETED" };
            Reply::json(200, &json!({ "status": word, "progress": 100, "outputs": outputs }))
        }
    }
}

/// How a job of Firefly Services is getting on: always a 200.
pub fn services(stage: &Stage, call: &Call) -> Reply {
    let Some((job, stand, work)) = asked(stage, call) else {
        return refuse(stage, &Refusal::new(Reason::NotFound));
    };
    let told = match stand {
        Stand::Queued => json!({ "jobId": job.id, "status": "pending" }),
        Stand::Running(percent) => json!({ "jobId": job.id, "status": "running", "progress": percent }),
        Stand::Failed => {
            json!({ "jobId": job.id, "status": "failed", "error_code": job.course.code, "message": job.course.message })
        }
        Stand::Completed => {
            let kind = if work.is_film { "video" } else { "image" };
            let outputs: Vec<_> = links(stage, call, (&job, &work))
                .into_iter()
                .map(|url| json!({ "seed": 1, kind: { "url": url } }))
                .collect();
            let size = json!({ "width": work.size.0, "height": work.size.1 });
            json!({ "jobId": job.id, "status": "succeeded", "result": { "size": size, "outputs": outputs } })
        }
    };
    Reply::json(200, &told)
}

/// Links to the files of a finished job, new ones with each look.
fn links(stage: &Stage, call: &Call, (job, work): (&Job, &Work)) -> Vec<String> {
    let expired = match &call.behaviour {
        Behaviour::ExpiredUrl { status } => Some(*status),
        _ => None,
    };
    let file = |number: u64| {
        let (mime, bytes) = file(stage, call, (job, work), number);
        let mut world = stage.world();
        let name = world.id("presigned");
        let kept = Kept { account: call.account.clone(), mime, bytes, expired };
        world.results.keep(&name, kept);
        format!("{}/files/{name}?X-Amz-Expires=3600", call.origin())
    };
    (0..work.outputs).map(file).collect()
}

fn file(stage: &Stage, call: &Call, (job, work): (&Job, &Work), number: u64) -> (&'static str, Bytes) {
    if call.behaviour == Behaviour::NotAnImage {
        return ("image/png", Bytes::from_static(b"this is not a picture"));
    }
    if work.is_film {
        return ("video/mp4", film(&job.size, job.seconds, &job.prompt));
    }
    let tone = u8::try_from(number % 200).unwrap_or(0);
    let drawing = Drawing { size: work.size, format: Format::Png, tone, clear: false };
    ("image/png", stage.pictures.signed(drawing, &job.prompt).unwrap_or_default())
}

/// Credits: ten free ones, and how many pictures an account has left of them.
pub fn balance(stage: &Stage, call: &Call) -> Reply {
    let left = stage.world().accounts.of(&call.account, stage.clock.now_ms()).limits.images.unwrap_or(10);
    let quota = json!({ "total": 10, "used": 10_u32.saturating_sub(left), "available": left });
    let total = json!({ "quota": quota, "availableUntil": "2030-01-01T00:00:00.000Z", "planCap": "FREE" });
    Reply::json(200, &json!({ "total": total, "credits": { "firefly_free_credit": { "quota": quota } } }))
}

/// Models, as a list of JSON schemas.
pub fn discovery(_: &Stage, call: &Call) -> Reply {
    if call.head.header("accept").is_none() {
        return Reply::bare(406);
    }
    let card = |made: &str, enabled: bool| json!({ "modelDisplayName": "A model", "outputModality": [made], "enabled": enabled, "requestSchema": {} });
    let family = |id: &str, versions: Value| json!({ "modelId": id, "modelVersions": versions });
    let models = [
        family("gpt-image", json!({ "2": card("image", true) })),
        family(
            "gemini-flash",
            json!({ "nano-banana-3": card("image", true), "nano-banana": card("image", true) }),
        ),
        family("flux", json!({ "fluxPro": card("image", true), "old": card("image", false) })),
        family("sora", json!({ "sora-2": card("video", true) })),
        family("veo", json!({ "3.1-fast-generate": card("video", true) })),
    ];
    Reply::json(200, &json!({ "models": models }))
}
