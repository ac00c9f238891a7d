//! Calls that begin a task: pictures, a new film, one told in shots, a remix, an extension; and files to work from.

use super::{
    account,
    errors::{balance, refuse},
    shelf::{Making, Sheet},
};
use crate::upstream::{
    behaviour::Behaviour,
    limits::Load,
    openai::Job,
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use serde_json::{Value, json};

/// Frames of a second.
const FRAMES: u64 = 30;

/// Lengths of films, in seconds; the last two need a plan.
const SECONDS: [u64; 5] = [5, 10, 15, 20, 25];

struct Wish {
    model: String,
    prompt: String,
    size: String,
    seconds: u32,
    source: Option<String>,
    making: Making,
}

fn invalid(param: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Invalid).saying(message).blaming(param)
}

fn required<'a>(call: &'a Call, name: &str) -> Result<&'a str, Refusal> {
    let text = call.asked.text(name).filter(|text| !text.is_empty());
    text.ok_or_else(|| invalid(name, format!("Missing required parameter: '{name}'.")))
}

/// A file to work from.
pub fn upload(stage: &Stage, call: &Call) -> Reply {
    let Some(file) = call.asked.files("file").next().filter(|file| !file.bytes.is_empty()) else {
        return refuse(stage, &invalid("file", "Missing required parameter: 'file'."));
    };
    let known = image::guess_format(&file.bytes).is_ok();
    if !known || call.asked.text("file_name").is_none() {
        return refuse(stage, &invalid("file", "Unsupported file."));
    }
    let mut world = stage.world();
    let id = world.id("media");
    world.sora.upload(&id);
    world.book.accepted(&call.account, call.op, None);
    Reply::json(200, &json!({"id": id, "type": "image", "mime_type": file.mime}))
}

/// The items that a task begins with must be files that were sent.
fn known_items(stage: &Stage, call: &Call, name: &str) -> Result<usize, Refusal> {
    let items = call.asked.fields.get("inpaint_items").and_then(Value::as_array);
    let items =
        items.ok_or_else(|| invalid("inpaint_items", "Missing required parameter: 'inpaint_items'."))?;
    let world = stage.world();
    let known = |item: &Value| item[name].as_str().is_some_and(|id| world.sora.has_upload(id));
    match items.iter().all(known) {
        true => Ok(items.len()),
        false => Err(invalid("inpaint_items", "Unknown upload.")),
    }
}

/// Pictures.
pub fn image(stage: &Stage, call: &Call) -> Reply {
    let wish = || {
        let prompt = required(call, "prompt")?.to_owned();
        if required(call, "type")? != "image_gen" {
            return Err(invalid("type", "Invalid value."));
        }
        let starts = known_items(stage, call, "upload_media_id")?;
        let fits = match required(call, "operation")? {
            "simple_compose" => starts == 0,
            "remix" => starts > 0,
            _ => false,
        };
        if !fits {
            return Err(invalid("operation", "Invalid value."));
        }
        let number = |name: &str| call.asked.number(name).and_then(|number| u32::try_from(number).ok());
        let side = |name: &str| {
            number(name)
                .filter(|side| (64..=4096).contains(side))
                .ok_or_else(|| invalid(name, "Invalid value."))
        };
        let size = (side("width")?, side("height")?);
        let n = number("n_variants").filter(|n| (1..=4).contains(n)).unwrap_or(1);
        let making = Making::Images { n, size, links: None };
        Ok(Wish { model: "image".into(), prompt, size: String::new(), seconds: 0, source: None, making })
    };
    let n = call.asked.number("n_variants").and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    begin(stage, call, (wish(), Load::Images(n)))
}

/// A film; with `remix_target_id` one that derives from a post.
pub fn video(stage: &Stage, call: &Call) -> Reply {
    let wish = wish(stage, call, required(call, "prompt")).and_then(|wish| {
        let Some(post) = call.asked.text("remix_target_id") else { return Ok(wish) };
        let source = stage.world().sora.shown_by(post).map(str::to_owned);
        let source = source.ok_or_else(|| Refusal::new(Reason::NotFound).blaming("remix_target_id"))?;
        Ok(Wish { source: Some(source), ..wish })
    });
    begin(stage, call, (wish, Load::Video))
}

/// A film that is told in shots.
pub fn storyboard(stage: &Stage, call: &Call) -> Reply {
    let prompt = required(call, "prompt").and_then(|prompt| match prompt.contains("Shot 1:\nduration: ") {
        true => Ok(prompt),
        false => Err(invalid("prompt", "A storyboard has shots.")),
    });
    begin(stage, call, (wish(stage, call, prompt), Load::Video))
}

/// A film that goes on.
pub fn extension(stage: &Stage, call: &Call) -> Reply {
    let wish = || {
        let prompt = required(call, "user_prompt")?.to_owned();
        let more = call.asked.number("extension_duration_s").filter(|more| [10, 15].contains(more));
        let more = more.ok_or_else(|| invalid("extension_duration_s", "Invalid value."))?;
        let mut world = stage.world();
        let source =
            world.sora.of_generation(&call.id).and_then(|task| world.jobs.get(task, &call.account)).cloned();
        let source = source.ok_or_else(|| Refusal::new(Reason::NotFound))?;
        let seconds = source.seconds + u32::try_from(more).unwrap_or(0);
        let making = Making::Film { generation: world.id("gen") };
        Ok(Wish { model: source.model, prompt, size: source.size, seconds, source: Some(source.id), making })
    };
    let wish = wish();
    begin(stage, call, (wish, Load::Video))
}

fn wish(stage: &Stage, call: &Call, prompt: Result<&str, Refusal>) -> Result<Wish, Refusal> {
    let prompt = prompt?.to_owned();
    if required(call, "kind")? != "video" {
        return Err(invalid("kind", "Invalid value."));
    }
    known_items(stage, call, "upload_id")?;
    let model = required(call, "model")?.to_owned();
    let size = call.asked.text("size").unwrap_or("small");
    let size = match (required(call, "orientation")?, size) {
        ("landscape", "small") => "1280x720",
        ("portrait", "small") => "720x1280",
        ("landscape", "large") => "1792x1024",
        ("portrait", "large") => "1024x1792",
        _ => return Err(invalid("size", "Invalid value.")),
    };
    let frames = call.asked.number("n_frames").unwrap_or(0);
    let seconds = frames / FRAMES;
    if !frames.is_multiple_of(FRAMES) || !SECONDS.contains(&seconds) {
        return Err(invalid("n_frames", "Invalid value."));
    }
    let is_fine = model == "sy_ore" || size.contains("1792") || seconds > 15;
    if !["sy_8", "sy_ore"].contains(&model.as_str()) || (is_fine && !account::is_pro(stage, &call.account)) {
        return Err(Refusal::new(Reason::NoPermission).saying("This requires a ChatGPT Pro plan."));
    }
    let making = Making::Film { generation: stage.world().id("gen") };
    let seconds = u32::try_from(seconds).unwrap_or(0);
    Ok(Wish { model, prompt, size: size.to_owned(), seconds, source: None, making })
}

fn begin(stage: &Stage, call: &Call, (wish, load): (Result<Wish, Refusal>, Load)) -> Reply {
    let accepted = wish.and_then(|wish| {
        stage.accept(call, load)?;
        Ok(wish)
    });
    let Wish { model, prompt, size, seconds, source, making } = match accepted {
        Ok(wish) => wish,
        Err(refusal) => return refuse(stage, &refusal),
    };
    let now_ms = stage.clock.now_ms();
    let course = match &call.behaviour {
        Behaviour::Job(course) => course.clone(),
        _ => stage.setup.course.clone(),
    };
    let world = &mut *stage.world();
    let id = world.id("task");
    let text = |name: &str| call.asked.text(name).map(str::to_owned);
    world.sora.put(&id, Sheet { making, title: text("title"), style: text("style_id") });
    let account = call.account.clone();
    world.jobs.add(Job {
        id: id.clone(),
        account,
        model,
        prompt,
        size,
        seconds,
        created_ms: now_ms,
        ended_ms: None,
        source,
        course,
        polls: 0,
    });
    let account = world.accounts.of(&call.account, now_ms);
    account.open_jobs.insert(id.clone());
    let left = account.used.videos_left(&account.limits);
    Reply::json(200, &json!({"id": id, "rate_limit_and_credit_balance": balance(left)}))
}
