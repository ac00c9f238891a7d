//! `POST /v1/chat/completions`: repeats what it was told, whole or word by word.

use super::{errors::refuse, images::model, prompt, shapes, tokens};
use crate::upstream::{
    limits::Load,
    reply::Reply,
    stage::{Call, Stage},
};
use bytes::Bytes;
use serde_json::{Value, json};

/// A completion.
pub fn complete(stage: &Stage, call: &Call) -> Reply {
    let accepted = model(stage, &call.asked).and_then(|model| {
        stage.accept(call, Load::Nothing)?;
        Ok(model)
    });
    let model = match accepted {
        Ok(model) => model,
        Err(refusal) => return refuse(stage, &refusal),
    };
    let said = format!("You said: {}", prompt(&call.asked));
    let usage = usage(&call.prompt(), &said);
    let id = stage.world().id("chatcmpl");
    let created = stage.clock.now_s();
    if !call.asked.flag("stream") {
        let message = json!({"role": "assistant", "content": said, "refusal": null});
        return Reply::json(
            200,
            &json!({
                "id": id, "object": "chat.completion", "created": created, "model": model,
                "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}],
                "usage": usage,
            }),
        );
    }
    let chunk = |choices: Value| json!({"id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": choices});
    let delta = |delta: Value, finish: Option<&str>| {
        shapes::chunk(&chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}])))
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    events.extend(said.split_inclusive(' ').map(|word| delta(json!({"content": word}), None)));
    events.push(delta(json!({}), Some("stop")));
    if call.asked.fields.get("stream_options").is_some_and(|options| options["include_usage"] == true) {
        let mut last = chunk(json!([]));
        last["usage"] = usage;
        events.push(shapes::chunk(&last));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Reply::events(events)
}

fn usage(prompt: &str, said: &str) -> Value {
    let (prompt, said) = (tokens(prompt), tokens(said));
    json!({"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said})
}
