//! What a request to the Responses API orders: the fields around the tool, and the tool's own. Pure.

use crate::{fields::Fields, problem::Problem};
use atelier_domain::{
    code::Code,
    ids::ResponseId,
    response::{ECHOED_INSTRUCTIONS, ResponseEcho},
};
use serde_json::{Map, Value, json};

/// Fields of the tool that say how to draw; the rest of what it may have says what from.
const DRAWING: [&str; 13] = [
    "model",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "partial_images",
    "input_fidelity",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "svg",
];

/// How the caller's own notes are bounded.
const NOTES: usize = 16;
const NOTE_NAME: usize = 64;
const NOTE: usize = 512;

/// What the tool is to do with pictures of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// What fits: an edit when there is a picture.
    Auto,
    /// A new picture: what was made before does not count.
    Generate,
    /// An edit, which needs a picture.
    Edit,
}

impl Action {
    const WORDS: [&str; 3] = ["auto", "generate", "edit"];

    fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "generate" => Some(Self::Generate),
            "edit" => Some(Self::Edit),
            _ => None,
        }
    }
}

/// What is ordered.
pub struct Order {
    /// What the answer repeats.
    pub echo: ResponseEcho,
    /// The tool's fields, as those of an image request.
    pub drawing: Fields,
    /// The mask, if there is one.
    pub mask: Option<Value>,
    /// What to do with pictures.
    pub action: Action,
    /// Whether the client wants events.
    pub stream: bool,
}

/// Whether the tool that makes pictures is in the request: then they are made here, and charged.
pub fn wants_images(fields: &Fields) -> bool {
    let tools = fields.raw("tools").and_then(Value::as_array);
    tools
        .into_iter()
        .flatten()
        .any(|tool| tool.get("type").and_then(Value::as_str) == Some("image_generation"))
}

/// Reads everything but the input. `is_image_model` says whether the main model is one that draws, and needs no tool.
pub fn read(fields: &mut Fields, is_image_model: impl Fn(&str) -> bool) -> Result<Order, Problem> {
    let model = fields.filled("model").unwrap_or_default();
    let tools = match fields.raw("tools") {
        None => Vec::new(),
        Some(Value::Array(tools)) => tools.clone(),
        Some(_) => return Err(Problem::field("tools", "tools must be a list")),
    };
    let is_ours = |tool: &&Value| tool.get("type").and_then(Value::as_str) == Some("image_generation");
    let at = tools.iter().position(|tool| is_ours(&tool));
    let mut tool = match at.and_then(|at| tools[at].as_object()) {
        Some(tool) => tool.clone(),
        None if is_image_model(&model) => Map::from_iter([("model".to_owned(), json!(model))]),
        None => {
            let shown: String = model.chars().take(80).collect();
            let message = format!(
                "no engine here has a text model called {shown:?}; add the tool image_generation to have a picture made"
            );
            return Err(Problem::new(Code::ModelNotFound, message).param("model"));
        }
    };
    tool.retain(|_, value| !value.is_null());
    let mut drawing = Map::new();
    for name in DRAWING {
        drawing.extend(tool.remove_entry(name));
    }
    let mask = tool.remove("input_image_mask");
    let action = tool.remove("action");
    tool.remove("type");
    if let Some(unknown) = tool.keys().next() {
        let param = format!("tools[{}].{unknown}", at.unwrap_or(0));
        return Err(
            Problem::new(Code::UnknownParameter, format!("Unknown parameter: '{param}'.")).param(&param)
        );
    }
    let mut action = Fields::new(action.map(|action| ("action".to_owned(), action)).into_iter().collect());
    let wanted = action.word("action", Action::parse, &Action::WORDS).unwrap_or(Action::Auto);
    action.check()?;
    let stream = fields.flag("stream").unwrap_or(false);
    let echo = echo(fields, model, &tools)?;
    fields.check()?;
    Ok(Order { echo, drawing: Fields::new(drawing), mask, action: wanted, stream })
}

fn echo(fields: &mut Fields, model: String, tools: &[Value]) -> Result<ResponseEcho, Problem> {
    let previous = fields.filled("previous_response_id");
    let unknown = |_| {
        let message = "this API key has no such response: previous_response_id leads nowhere";
        Problem::new(Code::ResponseNotFound, message).param("previous_response_id")
    };
    let previous = previous.map(|id| id.parse::<ResponseId>().map_err(unknown)).transpose()?;
    let tool_choice = fields.take("tool_choice").unwrap_or_else(|| json!("auto"));
    let metadata = metadata(fields);
    let background = fields.flag("background").unwrap_or(false);
    let store = fields.flag("store").unwrap_or(true);
    if background && !store {
        fields.wrong("store", "a background response is stored, or nobody could ask for it");
    }
    Ok(ResponseEcho {
        model,
        instructions: fields.text("instructions").filter(|text| text.len() <= ECHOED_INSTRUCTIONS),
        tools: tools.iter().map(readable).collect(),
        tool_choice: if tool_choice.to_string().len() <= 1024 { tool_choice } else { json!("auto") },
        metadata,
        previous,
        background,
        store,
    })
}

fn metadata(fields: &mut Fields) -> Value {
    let notes = fields.take("metadata").unwrap_or_else(|| json!({}));
    let is_note = |(name, note): (&String, &Value)| {
        name.chars().count() <= NOTE_NAME && note.as_str().is_some_and(|note| note.chars().count() <= NOTE)
    };
    if !notes.as_object().is_some_and(|notes| notes.len() <= NOTES && notes.iter().all(is_note)) {
        let message =
            format!("metadata must be at most {NOTES} texts of {NOTE} characters, with names of {NOTE_NAME}");
        fields.wrong("metadata", message);
        return json!({});
    }
    notes
}

/// The tool with only what every strict client can read; other tools as they came, if they are short.
fn readable(tool: &Value) -> Value {
    let kind = tool.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind != "image_generation" {
        return if tool.to_string().len() <= 4096 { tool.clone() } else { json!({ "type": kind }) };
    }
    let mut shown = json!({ "type": kind });
    let known: [(&str, &[&str]); 6] = [
        ("size", &["1024x1024", "1024x1536", "1536x1024", "auto"]),
        ("quality", &["low", "medium", "high", "auto"]),
        ("background", &["transparent", "opaque", "auto"]),
        ("output_format", &["png", "webp", "jpeg"]),
        ("moderation", &["auto", "low"]),
        ("action", &["generate", "edit", "auto"]),
    ];
    for (name, words) in known {
        if let Some(word) = tool.get(name).and_then(Value::as_str).filter(|word| words.contains(word)) {
            shown[name] = json!(word);
        }
    }
    for name in ["partial_images", "output_compression"] {
        if let Some(number) = tool.get(name).and_then(Value::as_u64) {
            shown[name] = json!(number);
        }
    }
    if let Some(model) = tool.get("model").and_then(Value::as_str).filter(|model| model.len() <= 100) {
        shown["model"] = json!(model);
    }
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn order(body: Value) -> Result<Order, Problem> {
        let Value::Object(map) = body else { unreachable!("tests pass objects") };
        read(&mut Fields::new(map), |model| model == "gpt-image-2")
    }

    fn word(body: Value) -> String {
        order(body).err().unwrap().word().into_owned()
    }

    #[test]
    fn the_tool_says_how_to_draw_and_an_image_model_needs_none() {
        let tool = json!({"type": "image_generation", "size": "1536x1024", "quality": null, "input_image_mask": {"file_id": "x"}});
        let read = order(json!({"model": "gpt-5.5", "tools": [{"type": "web_search"}, tool]})).unwrap();
        assert!(read.drawing.has("size") && !read.drawing.has("quality") && read.mask.is_some());
        assert_eq!((read.action, read.echo.store, read.echo.background), (Action::Auto, true, false));
        assert!(order(json!({"model": "gpt-image-2"})).unwrap().drawing.has("model"));
    }

    #[test]
    fn what_is_unknown_is_named_as_openai_names_it() {
        let body =
            json!({"model": "m", "tools": [{"type": "web_search"}, {"type": "image_generation", "n": 2}]});
        let problem = order(body).err().unwrap();
        assert_eq!(
            (problem.word().as_ref(), problem.body()["error"]["param"].as_str()),
            ("unknown_parameter", Some("tools[1].n"))
        );
        assert_eq!(word(json!({"model": "gpt-5.5"})), "model_not_found");
        assert_eq!(word(json!({"model": "m", "tools": "image"})), "bad_tools");
        let tool = json!([{"type": "image_generation", "action": "paint"}]);
        assert_eq!(word(json!({"model": "m", "tools": tool})), "bad_action");
        let tools = json!([{"type": "image_generation"}]);
        assert_eq!(
            word(json!({"model": "m", "tools": tools, "background": true, "store": false})),
            "bad_store"
        );
        assert_eq!(word(json!({"model": "m", "tools": tools, "metadata": {"a": 1}})), "bad_metadata");
        assert_eq!(
            word(json!({"model": "m", "tools": tools, "previous_response_id": "resp_1"})),
            "response_not_found"
        );
    }

    #[test]
    fn the_echoed_tool_has_only_words_that_strict_clients_know() {
        let tool = json!({"type": "image_generation", "size": "640x640", "quality": "max", "output_format": "gif", "partial_images": 2});
        assert_eq!(readable(&tool), json!({"type": "image_generation", "partial_images": 2}));
    }
}
