//! Characters in a chat (api.md §5): a video without words makes one, a video with words has one in a single film.

use super::view::Reply;
use crate::{
    auth::Caller,
    fields::Fields,
    gateway::Gateway,
    native::characters,
    openai::{
        chat::Manner,
        follow::{sse, streamed},
    },
    problem::{Problem, REPLAYED},
};
use actix_web::{HttpRequest, HttpResponse, http::header::HeaderValue};
use atelier_actors::media_library::Upload;
use atelier_domain::{
    character::Character,
    job::VideoJob,
    mention::{self, Named},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What a request may say about a character, beside its video.
const OPTIONS: [&str; 5] =
    ["timestamps", "username", "display_name", "instruction_set", "safety_instruction_set"];

/// The character that a request brings: the fields that would make one by themselves; none when it brings no video.
pub fn take(fields: &mut Fields, model: &str, mut videos: Vec<Value>) -> Option<Fields> {
    videos.extend(fields.take("video"));
    let options = match fields.take("character_options") {
        Some(Value::Object(options)) => options,
        None => Map::new(),
        Some(_) => {
            fields.wrong("character_options", "character_options must be an object");
            Map::new()
        }
    };
    if videos.len() > 1 {
        fields.wrong("video", "video: send one, not several");
    }
    let mut map: Map<_, _> =
        options.into_iter().filter(|(name, _)| OPTIONS.contains(&name.as_str())).collect();
    // Where a character is all that is asked for, they stand by themselves.
    map.extend(OPTIONS.into_iter().filter_map(|name| Some((name.to_owned(), fields.take(name)?))));
    map.insert("video".to_owned(), videos.pop()?);
    map.insert("model".to_owned(), model.into());
    Some(Fields::new(map))
}

/// Makes the character and tells of it.
pub async fn create(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (mut fields, body_hash): (Fields, String),
    (manner, reply): (Manner, Reply),
) -> Result<HttpResponse, Problem> {
    let repeat = characters::repeat_of(request, body_hash)?;
    let new = characters::told(gateway, caller, &reply.origin, &mut fields).await?;
    let (character, replayed) = characters::create_once(gateway, new, repeat).await?;
    let mut response = if manner.stream {
        told(gateway, &character, (manner, &reply))
    } else {
        whole(gateway, &character, &reply)
    };
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Puts a character into a film and nowhere else, and its name into the prompt unless that speaks of it.
pub async fn put_guest(
    gateway: &Gateway,
    caller: &Caller,
    origin: &str,
    (fields, video): (&mut Fields, &mut VideoJob),
) -> Result<Arc<Upload>, Problem> {
    let new = characters::told(gateway, caller, origin, fields).await?;
    let (guest, portrait) = gateway.characters.guest(new).await?;
    let prompt = video.prompt.text.take().unwrap_or_default();
    let named = Named::Username(guest.username.clone());
    let is_named = mention::mentions(&prompt).iter().any(|mention| mention.named == named);
    video.prompt.text = Some(if is_named { prompt } else { format!("@{} {prompt}", guest.username) });
    video.cast.push(guest);
    Ok(Arc::new(portrait))
}

fn card(gateway: &Gateway, character: &Character, reply: &Reply) -> Value {
    json!({
        "id": character.id.to_string(),
        "cameo_id": character.cameo().to_string(),
        "username": character.username.to_string(),
        "display_name": character.display_name,
        "profile_picture_url": characters::picture(gateway, &reply.origin, character),
    })
}

fn words(character: &Character, reply: &Reply) -> (String, String) {
    reply.dialect.made(&character.display_name, character.username.as_str())
}

fn about(character: &Character, reply: &Reply, object: &str, choice: Value) -> Value {
    let id = format!("chatcmpl-{}", character.id.uuid().simple());
    reply.about((&id, character.created_at), object, choice)
}

fn whole(gateway: &Gateway, character: &Character, reply: &Reply) -> HttpResponse {
    let message = json!({
        "role": "assistant", "content": words(character, reply).1, "refusal": null,
        "character": card(gateway, character, reply),
    });
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" });
    let mut whole = about(character, reply, "chat.completion", choice);
    whole["usage"] = no_tokens();
    HttpResponse::Ok().json(whole)
}

fn told(gateway: &Gateway, character: &Character, (manner, reply): (Manner, &Reply)) -> HttpResponse {
    let (seen, made) = words(character, reply);
    let reasoning = if reply.dialect.tells_stages() {
        json!({ "stage": "character", "status": "completed", "progress": 100, "message": seen })
    } else {
        json!(format!("{seen}\n"))
    };
    let deltas = [
        (json!({ "role": "assistant", "content": null, "reasoning_content": reasoning }), None),
        (json!({ "content": made, "character": card(gateway, character, reply) }), None),
        (json!({}), Some("stop")),
    ];
    let chunk = |(delta, finish): (Value, Option<&str>)| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        about(character, reply, "chat.completion.chunk", choice)
    };
    let mut chunks: Vec<_> = deltas.into_iter().map(chunk).collect();
    if manner.include_usage {
        let mut usage = about(character, reply, "chat.completion.chunk", Value::Null);
        usage["choices"] = json!([]);
        usage["usage"] = no_tokens();
        chunks.push(usage);
    }
    let mut body = chunks.iter().map(sse).collect::<Vec<_>>().concat();
    body.extend_from_slice(&super::voice::done());
    streamed().body(body)
}

fn no_tokens() -> Value {
    json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 })
}
