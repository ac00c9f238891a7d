//! `POST /v1/responses` and `GET /v1/responses/{id}`: a picture when the tool for it is given, otherwise what was said.

use super::{errors::refuse, images::model, prompt, shapes, tokens};
use crate::upstream::{
    behaviour::Behaviour,
    limits::Load,
    picture::{Drawing, Format},
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// A response.
pub fn create(stage: &Stage, call: &Call) -> Reply {
    let asked = &call.asked;
    let tool = asked
        .fields
        .get("tools")
        .and_then(Value::as_array)
        .and_then(|tools| tools.iter().find(|tool| tool["type"] == "image_generation"));
    let load = if tool.is_some() { Load::Images(1) } else { Load::Nothing };
    let accepted = model(stage, asked).and_then(|model| {
        if tool.is_some_and(|tool| tool.get("n").is_some()) {
            let unknown = Refusal::new(Reason::UnknownParameter);
            return Err(unknown.saying("Unknown parameter: 'tools[0].n'.").blaming("tools[0].n"));
        }
        stage.accept(call, load)?;
        Ok(model)
    });
    let model = match accepted {
        Ok(model) => model,
        Err(refusal) => return refuse(stage, &refusal),
    };
    let (id, item_id) = {
        let mut world = stage.world();
        (world.id("resp"), world.id(if tool.is_some() { "ig" } else { "msg" }))
    };
    let item = match tool {
        Some(tool) => picture(stage, call, &item_id, tool),
        None => message(&item_id, &call.prompt()),
    };
    let response = response(stage, call, &id, &model, &item);
    if asked.fields.get("store") != Some(&Value::Bool(false)) {
        stage.world().results.keep_response(&id, &call.account, response.clone());
    }
    if asked.flag("stream") {
        let partials = tool.and_then(|tool| tool["partial_images"].as_u64()).unwrap_or(0).min(3);
        return Reply::events(events(&response, &item, partials));
    }
    Reply::json(200, &response)
}

/// A response that was kept.
pub fn read(stage: &Stage, call: &Call) -> Reply {
    let world = stage.world();
    match world.results.response(&call.id, &call.account) {
        Some(response) => Reply::json(200, response),
        None => {
            let text = format!("Response with id '{}' not found.", call.id);
            refuse(stage, &Refusal::new(Reason::NotFound).saying(text))
        }
    }
}

fn picture(stage: &Stage, call: &Call, id: &str, tool: &Value) -> Value {
    let word = |name: &str, usual: &'static str| tool[name].as_str().unwrap_or(usual).to_owned();
    let size = word("size", "1024x1024");
    let sides = size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let sides = match &call.behaviour {
        Behaviour::WrongSize { size } => *size,
        _ => sides.unwrap_or((1024, 1024)),
    };
    let format = Format::named(&word("output_format", "png")).unwrap_or(Format::Png);
    let clear = word("background", "opaque") == "transparent";
    let drawing = Drawing { size: sides, format, tone: 0, clear };
    let bytes = match &call.behaviour {
        Behaviour::NotAnImage => Bytes::from_static(b"this is not a picture"),
        _ => stage.pictures.signed(drawing, &call.prompt()).unwrap_or_default(),
    };
    json!({
        "id": id, "type": "image_generation_call", "status": "completed", "result": STANDARD.encode(&bytes),
        "revised_prompt": call.prompt(), "action": "generate", "output_format": format.name(),
        "background": if clear { "transparent" } else { "opaque" }, "quality": word("quality", "high"),
        "size": format!("{}x{}", sides.0, sides.1),
    })
}

fn message(id: &str, prompt: &str) -> Value {
    let part = json!({"type": "output_text", "text": format!("You said: {prompt}"), "annotations": []});
    json!({"id": id, "type": "message", "role": "assistant", "status": "completed", "content": [part]})
}

fn response(stage: &Stage, call: &Call, id: &str, model: &str, item: &Value) -> Value {
    let fields = &call.asked.fields;
    let (input, output) = (tokens(&prompt(&call.asked)), 200);
    json!({
        "id": id, "object": "response", "created_at": stage.clock.now_s(), "status": "completed", "model": model,
        "output": [item], "parallel_tool_calls": true, "error": null, "incomplete_details": null,
        "instructions": fields.get("instructions"), "metadata": {}, "previous_response_id": null,
        "tool_choice": fields.get("tool_choice").cloned().unwrap_or_else(|| "auto".into()),
        "tools": fields.get("tools").cloned().unwrap_or_else(|| json!([])),
        "usage": {
            "input_tokens": input, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + output,
        },
    })
}

fn events(response: &Value, item: &Value, partials: u64) -> Vec<Bytes> {
    let mut begun = response.clone();
    begun["status"] = "in_progress".into();
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    let mut told = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
    ];
    if item["type"] == "message" {
        told.extend(text_events(item));
    } else {
        told.extend(picture_events(item, partials));
    }
    told.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
    told.push(json!({"type": "response.completed", "response": response}));
    let numbered = told.into_iter().enumerate().map(|(number, mut event)| {
        event["sequence_number"] = number.into();
        shapes::event(&event)
    });
    numbered.collect()
}

fn picture_events(item: &Value, partials: u64) -> Vec<Value> {
    let id = &item["id"];
    let added = json!({"id": id, "type": "image_generation_call", "status": "in_progress", "result": null});
    let step = |name: &str| json!({"type": format!("response.image_generation_call.{name}"), "item_id": id, "output_index": 0});
    let mut told = vec![
        json!({"type": "response.output_item.added", "output_index": 0, "item": added}),
        step("in_progress"),
        step("generating"),
    ];
    for number in 0..partials {
        let mut partial = step("partial_image");
        partial["partial_image_b64"] = item["result"].clone();
        partial["partial_image_index"] = number.into();
        for field in ["size", "quality", "background", "output_format"] {
            partial[field] = item[field].clone();
        }
        told.push(partial);
    }
    told.push(step("completed"));
    told
}

fn text_events(item: &Value) -> Vec<Value> {
    let (id, part) = (&item["id"], &item["content"][0]);
    let mut added = item.clone();
    added["status"] = "in_progress".into();
    added["content"] = json!([]);
    let empty = json!({"type": "output_text", "text": "", "annotations": []});
    let place = |kind: &str, field: &str, value: &Value| json!({"type": kind, "item_id": id, "output_index": 0, "content_index": 0, field: value});
    // The strict reading of openai-python wants it in both.
    let words = |kind: &str, field: &str, value: &Value| {
        let mut event = place(kind, field, value);
        event["logprobs"] = json!([]);
        event
    };
    let mut told = vec![
        json!({"type": "response.output_item.added", "output_index": 0, "item": added}),
        place("response.content_part.added", "part", &empty),
    ];
    let text = part["text"].as_str().unwrap_or_default();
    let deltas = text.split_inclusive(' ');
    told.extend(deltas.map(|word| words("response.output_text.delta", "delta", &word.into())));
    told.push(words("response.output_text.done", "text", &part["text"]));
    told.push(place("response.content_part.done", "part", part));
    told
}
