//! Firefly Services: submits and cancels.

use super::{
    refuse::refuse,
    works::{Work, begin, blob, sides},
};
use crate::upstream::{
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Stage},
};
use serde_json::{Value, json};

/// The longest prompt, in characters.
const LONGEST_PROMPT: usize = 1024;

fn flaw(text: &str) -> Refusal {
    Refusal::new(Reason::Unprocessable).saying(text)
}

fn prompt(call: &Call) -> Result<(), Refusal> {
    let length = call.asked.text("prompt").map_or(0, |prompt| prompt.chars().count());
    if (1..=LONGEST_PROMPT).contains(&length) { Ok(()) } else { Err(flaw("prompt: wrong length")) }
}

fn references(stage: &Stage, call: &Call) -> Result<(), Refusal> {
    let places = ["style", "structure"].map(|name| call.asked.fields.get(name));
    let conditions = call.asked.fields.get("image").and_then(|image| image.get("conditions")?.as_array());
    let pictures = places.into_iter().flatten().filter_map(|place| place.get("imageReference"));
    for picture in pictures.chain(conditions.into_iter().flatten()) {
        blob(stage, call, picture.pointer("/source/uploadId").and_then(Value::as_str))?;
    }
    Ok(())
}

/// Pictures.
pub fn picture(stage: &Stage, call: &Call) -> Reply {
    let n = call.asked.number("numVariations").unwrap_or(1);
    let wish = prompt(call).and_then(|()| {
        let seeds = call.asked.fields.get("seeds").and_then(Value::as_array).map(Vec::len);
        if !(1..=4).contains(&n) || seeds.is_some_and(|seeds| seeds as u64 != n) {
            return Err(flaw("numVariations: 1 to 4, and as many seeds"));
        }
        references(stage, call)?;
        let size = sides(call.asked.fields.get("size")).unwrap_or((2048, 2048));
        let version = call.head.header("x-model-version").unwrap_or("image3");
        if version.starts_with("image4") && size == (1024, 1024) {
            return Err(flaw("size: not supported by this model"));
        }
        Ok(Work { is_film: false, size, outputs: n, number: 0 })
    });
    answer(stage, call, wish, 1)
}

/// A film.
pub fn film(stage: &Stage, call: &Call) -> Reply {
    let wish = prompt(call).and_then(|()| {
        references(stage, call)?;
        let sizes = call.asked.fields.get("sizes").and_then(Value::as_array);
        let size =
            sides(sizes.and_then(|sizes| sizes.first())).ok_or_else(|| flaw("sizes: field required"))?;
        if call.head.header("x-model-version") != Some("video1_standard") {
            return Err(flaw("x-model-version: unexpected value"));
        }
        Ok(Work { is_film: true, size, outputs: 1, number: 0 })
    });
    answer(stage, call, wish, 5)
}

fn answer(stage: &Stage, call: &Call, wish: Result<Work, Refusal>, seconds: u32) -> Reply {
    match wish.and_then(|work| begin(stage, call, seconds, work)) {
        Ok((id, _)) => {
            let url = |what: &str| format!("{}/v3/{what}/{id}", call.origin());
            let told = json!({ "jobId": id, "statusUrl": url("status"), "cancelUrl": url("cancel") });
            Reply::json(202, &told)
        }
        Err(refusal) => refuse(stage, &refusal),
    }
}

/// Stops a job.
pub fn cancel(stage: &Stage, call: &Call) -> Reply {
    let removed = {
        let world = &mut *stage.world();
        if let Some(account) = world.accounts.get(&call.account) {
            account.open_jobs.remove(&call.id);
        }
        world.book.accepted(&call.account, Op::Delete, None);
        world.jobs.remove(&call.id, &call.account)
    };
    match removed {
        Some(job) => Reply::json(200, &json!({ "jobId": job.id, "status": "canceled" })),
        None => refuse(stage, &Refusal::new(Reason::NotFound)),
    }
}

/// None.
pub fn custom_models(_: &Stage, call: &Call) -> Reply {
    if call.head.header("x-request-id").is_none() {
        return Reply::json(
            400,
            &json!({ "error_code": "bad_request", "message": "x-request-id is required" }),
        );
    }
    Reply::json(200, &json!({ "custom_models": [], "total_count": 0 }))
}
