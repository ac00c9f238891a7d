//! Calls that begin a video job: create, remix, edit, extend.

use super::{
    dialect::Dialect,
    errors::refuse,
    images::{dimensions, model},
    jobs::{Job, Stand},
    shapes,
};
use crate::upstream::{
    asked::{Asked, Written},
    behaviour::{Behaviour, Course},
    limits::Load,
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use serde_json::{Value, json};

/// Sizes that Sora makes.
const SIZES: &[&str] = &["720x1280", "1280x720", "1024x1792", "1792x1024"];

/// Lengths that Sora makes, in seconds; the last two only as extensions.
const SECONDS: &[u32] = &[4, 8, 12, 16, 20];

/// A new video.
pub fn create(stage: &Stage, call: &Call) -> Reply {
    let dialect = stage.setup.dialect;
    if dialect == Dialect::VllmOmni && call.asked.written != Written::Form {
        // What the framework says when a form's fields are not there.
        let missing =
            json!({"type": "missing", "loc": ["body", "prompt"], "msg": "Field required", "input": null});
        return Reply::json(422, &json!({"detail": [missing]}));
    }
    let wish = wish(stage, call).and_then(|wish| {
        first_frame(dialect, &call.asked, &wish.size)?;
        Ok(wish)
    });
    submit(stage, call, wish)
}

/// A video like another one.
pub fn remix(stage: &Stage, call: &Call) -> Reply {
    let id = call.id.clone();
    submit(stage, call, from(stage, call, &id))
}

/// A changed video.
pub fn edit(stage: &Stage, call: &Call) -> Reply {
    submit(stage, call, from_video(stage, call))
}

/// A longer video.
pub fn extend(stage: &Stage, call: &Call) -> Reply {
    submit(stage, call, from_video(stage, call))
}

struct Wish {
    model: String,
    prompt: String,
    size: String,
    seconds: u32,
    source: Option<String>,
}

fn invalid(param: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Invalid).saying(message).blaming(param)
}

fn prompt(asked: &Asked) -> Result<String, Refusal> {
    if asked.broken {
        return Err(Refusal::new(Reason::Invalid).saying("We could not parse the body of your request."));
    }
    let prompt = asked.text("prompt").filter(|prompt| !prompt.is_empty());
    Ok(prompt.ok_or_else(|| invalid("prompt", "Missing required parameter: 'prompt'."))?.to_owned())
}

fn wish(stage: &Stage, call: &Call) -> Result<Wish, Refusal> {
    let (asked, strict) = (&call.asked, stage.setup.dialect.is_strict());
    let prompt = prompt(asked)?;
    let model = match asked.text("model") {
        Some(_) => model(stage, asked)?,
        // The images come first among the models.
        None if strict => "sora-2".to_owned(),
        None => model(stage, asked)?,
    };
    let size = asked.text("size").unwrap_or("720x1280").to_owned();
    if strict && !SIZES.contains(&size.as_str()) {
        return Err(invalid(
            "size",
            format!("Invalid value: '{size}'. Supported values are: {}.", SIZES.join(", ")),
        ));
    }
    let seconds = seconds(asked, 4, strict)?;
    Ok(Wish { model, prompt, size, seconds, source: None })
}

fn seconds(asked: &Asked, usual: u32, strict: bool) -> Result<u32, Refusal> {
    let Some(given) = asked.fields.get("seconds") else { return Ok(usual) };
    let seconds = asked.number("seconds").and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(0);
    // OpenAI's own service takes the number as a string only.
    let told_right = !strict || given.is_string();
    if seconds == 0 || seconds > 3600 || !told_right || (strict && !SECONDS.contains(&seconds)) {
        let text = format!("Invalid value: {given}. Supported values are: '4', '8', and '12'.");
        return Err(invalid("seconds", text));
    }
    Ok(seconds)
}

fn first_frame(dialect: Dialect, asked: &Asked, size: &str) -> Result<(), Refusal> {
    for file in asked.files("input_reference") {
        let Some((width, height)) = dimensions(&file.bytes) else {
            return Err(invalid("input_reference", "Invalid image file."));
        };
        if dialect.is_strict() && format!("{width}x{height}") != size {
            let text = "Inpaint image must match the requested width and height";
            return Err(invalid("input_reference", text));
        }
    }
    Ok(())
}

/// A wish that begins with another video of the account.
fn from(stage: &Stage, call: &Call, id: &str) -> Result<Wish, Refusal> {
    let prompt = prompt(&call.asked)?;
    let now_ms = stage.clock.now_ms();
    let source = stage.world().jobs.get(id, &call.account).cloned();
    let source = source.ok_or_else(|| {
        Refusal::new(Reason::NotFound).saying(format!("Video with id '{id}' not found.")).blaming("video")
    })?;
    if source.stand(now_ms) != Stand::Completed {
        return Err(invalid("video", format!("Video '{id}' is not completed.")));
    }
    let seconds = seconds(&call.asked, source.seconds, stage.setup.dialect.is_strict())?;
    Ok(Wish { model: source.model, prompt, size: source.size, seconds, source: Some(source.id) })
}

fn from_video(stage: &Stage, call: &Call) -> Result<Wish, Refusal> {
    let asked = &call.asked;
    let id = asked.text("video[id]").or_else(|| asked.fields.get("video")?["id"].as_str());
    if let Some(id) = id {
        return from(stage, call, id);
    }
    if asked.files("video").any(|file| file.bytes.get(4..8) == Some(b"ftyp")) {
        return wish(stage, call);
    }
    Err(invalid("video", "Missing required parameter: 'video'."))
}

fn submit(stage: &Stage, call: &Call, wish: Result<Wish, Refusal>) -> Reply {
    let accepted = wish.and_then(|wish| {
        stage.accept(call, Load::Video)?;
        Ok(wish)
    });
    match accepted {
        Ok(wish) => Reply::json(200, &begin(stage, call, wish)),
        Err(refusal) => refuse(stage, &refusal),
    }
}

fn begin(stage: &Stage, call: &Call, wish: Wish) -> Value {
    let Wish { model, prompt, size, seconds, source } = wish;
    let now_ms = stage.clock.now_ms();
    let mut world = stage.world();
    let id = world.id(if stage.setup.dialect == Dialect::VllmOmni { "video_gen" } else { "video" });
    let job = Job {
        id: id.clone(),
        account: call.account.clone(),
        model,
        prompt,
        size,
        seconds,
        created_ms: now_ms,
        ended_ms: None,
        source,
        course: course(stage, &call.behaviour),
        polls: 0,
    };
    let told = shapes::video(stage.setup.dialect, &job, Stand::Queued);
    world.jobs.add(job);
    world.accounts.of(&call.account, now_ms).open_jobs.insert(id);
    told
}

fn course(stage: &Stage, behaviour: &Behaviour) -> Course {
    match behaviour {
        Behaviour::Job(course) => course.clone(),
        _ => stage.setup.course.clone(),
    }
}
