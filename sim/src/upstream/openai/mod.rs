//! The OpenAI-shaped wire: images, videos, responses, chat and models, in the dialects of several engines.
//!
//! Reading order: `dialect`, `images`, `jobs` and `videos`, then the rest.

mod chat;
mod dialect;
mod errors;
mod film;
mod images;
mod jobs;
mod models;
mod responses;
mod results;
mod shapes;
mod submit;
mod videos;

pub use dialect::Dialect;
pub use film::film;
pub use jobs::{Job, Jobs, Stand};
pub use results::{Kept, Results};

use super::{
    account::ANONYMOUS,
    asked::{Asked, Head},
    book::last4,
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Route, Stage, Who, Wire},
};
use serde_json::Value;

/// This wire.
pub const WIRE: Wire = Wire { route, refuse: errors::refuse };

type Answer = fn(&Stage, &Call) -> Reply;

fn route(stage: &Stage, head: &Head) -> Option<Route> {
    let dialect = stage.setup.dialect;
    let mut segments = head.segments();
    if let ["files", name] = segments.as_slice() {
        return results::route(stage, head, name);
    }
    if dialect == Dialect::Azure && segments.first() == Some(&"openai") {
        segments.remove(0);
    }
    let path = segments.strip_prefix(&["v1"])?;
    let (op, id, answer): (Op, &str, Answer) = match (head.method.as_str(), path) {
        ("GET", ["models"]) => (Op::Models, "", models::list),
        ("POST", ["images", "generations"]) => (Op::SubmitImage, "", images::generate),
        ("POST", ["images", "edits"]) if dialect.edits_images() => (Op::SubmitImage, "", images::edit),
        ("POST", ["chat", "completions"]) if dialect.talks() => (Op::Chat, "", chat::complete),
        ("POST", ["responses"]) if dialect.talks() => (Op::Responses, "", responses::create),
        ("GET", ["responses", id]) if dialect.talks() => (Op::Poll, id, responses::read),
        (method, ["videos", rest @ ..]) if dialect.films() => video_route(dialect, method, rest)?,
        _ => return None,
    };
    Some(Route { op, id: id.to_owned(), who: who(stage, head), answer })
}

fn video_route<'a>(dialect: Dialect, method: &str, path: &[&'a str]) -> Option<(Op, &'a str, Answer)> {
    Some(match (method, path) {
        ("POST", []) => (Op::SubmitVideo, "", submit::create),
        ("GET", []) => (Op::List, "", videos::list),
        ("POST", ["edits"]) if dialect.works_over() => (Op::SubmitVideo, "", submit::edit),
        ("POST", ["extensions"]) if dialect.works_over() => (Op::SubmitVideo, "", submit::extend),
        ("POST", [id, "remix"]) if dialect.works_over() => (Op::SubmitVideo, id, submit::remix),
        ("GET", [id]) => (Op::Poll, id, videos::poll),
        ("DELETE", [id]) => (Op::Delete, id, videos::delete),
        ("GET", [id, "content"]) => (Op::Content, id, videos::content),
        _ => return None,
    })
}

/// Whose call it is, by the header that the dialect reads.
fn who(stage: &Stage, head: &Head) -> Who {
    let dialect = stage.setup.dialect;
    let api_key = head.header("api-key").filter(|_| dialect == Dialect::Azure);
    let key = api_key.or_else(|| head.bearer());
    let opened = key.and_then(|key| stage.world().accounts.opened_by(key, stage.clock.now_ms()));
    if let Some(name) = opened {
        return Who::Account(name);
    }
    if !dialect.needs_key() {
        return Who::Account(ANONYMOUS.to_owned());
    }
    let text = match key {
        Some(key) => format!("Incorrect API key provided: …{}.", last4(key)),
        None => "You didn't provide an API key.".to_owned(),
    };
    let refusal = Refusal::new(Reason::BadKey).saying(text);
    Who::Stranger(Box::new(errors::refuse(stage, &refusal)))
}

/// What is to be made: the prompt, or the last thing that was said in a chat or to a model.
pub fn prompt(asked: &Asked) -> String {
    if let Some(prompt) = asked.text("prompt") {
        return prompt.to_owned();
    }
    let said = match asked.fields.get("messages").or_else(|| asked.fields.get("input")) {
        Some(Value::String(text)) => return text.clone(),
        Some(Value::Array(items)) => items.last(),
        _ => None,
    };
    match said.and_then(|item| item.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// Tokens of a text, by the rule of thumb of four letters each.
fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}
