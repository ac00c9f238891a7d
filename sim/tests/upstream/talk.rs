//! Chat completions and responses, whole and streamed.

use super::{KEY, images::events, upstream};
use atelier_sim::upstream::{Behaviour, Limits, Op, Submits};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

fn said(text: &str) -> Value {
    json!({"model": "gpt-5.4", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]})
}

#[actix_rt::test]
async fn a_completion_repeats_what_was_said() {
    let (upstream, client) = upstream();
    let told = client.post("/v1/chat/completions", &said("hello there")).send().await.unwrap().json();
    assert_eq!(told["choices"][0]["message"]["content"], "You said: hello there");
    assert_eq!(told["choices"][0]["finish_reason"], "stop");
    assert_eq!(upstream.book().prompt("hello there"), Submits { arrived: 1, accepted: 1 });
}

#[actix_rt::test]
async fn a_streamed_completion_ends_with_its_usage_and_done() {
    let (_upstream, client) = upstream();
    let mut order = said("one two three");
    order["stream"] = true.into();
    order["stream_options"] = json!({"include_usage": true});
    let text = client.post("/v1/chat/completions", &order).send().await.unwrap().text();
    let mut data: Vec<_> =
        text.split_terminator("\n\n").map(|it| it.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(data.pop(), Some("[DONE]"));
    let chunks: Vec<Value> = data.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let words: String =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(words, "You said: one two three");
    let last = chunks.last().unwrap();
    assert!(last["choices"] == json!([]) && last["usage"]["total_tokens"].is_u64(), "{last}");
}

fn drawn(more: Value) -> Value {
    let tool = json!({"type": "image_generation", "size": "64x32", "partial_images": 1});
    let mut order = json!({"model": "gpt-5.4", "input": "a heron", "tools": [tool]});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    order
}

#[actix_rt::test]
async fn a_response_with_the_tool_is_a_picture_and_can_be_read_again() {
    let (upstream, client) = upstream();
    let told = client.post("/v1/responses", &drawn(json!({}))).send().await.unwrap().json();
    let item = &told["output"][0];
    assert_eq!(
        (item["type"].as_str(), item["status"].as_str()),
        (Some("image_generation_call"), Some("completed"))
    );
    let bytes = STANDARD.decode(item["result"].as_str().unwrap()).unwrap();
    assert_eq!(image::load_from_memory(&bytes).unwrap().height(), 32);
    assert!(told["usage"]["input_tokens_details"]["cache_write_tokens"].is_u64());
    let path = format!("/v1/responses/{}", told["id"].as_str().unwrap());
    assert_eq!(client.get(&path).send().await.unwrap().json(), told);
    upstream.account("sk-b");
    assert_eq!(client.with_token("sk-b").get(&path).send().await.unwrap().status, 404);
    let unkept = client.post("/v1/responses", &drawn(json!({"store": false}))).send().await.unwrap().json();
    let path = format!("/v1/responses/{}", unkept["id"].as_str().unwrap());
    assert_eq!(client.get(&path).send().await.unwrap().status, 404);
}

#[actix_rt::test]
async fn a_streamed_response_has_its_events_in_order_and_numbered() {
    let (_upstream, client) = upstream();
    let answer = client.post("/v1/responses", &drawn(json!({"stream": true}))).send().await.unwrap();
    let told = events(&answer);
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let call = |step: &str| format!("response.image_generation_call.{step}");
    let expected = [
        "response.created".to_owned(),
        "response.in_progress".to_owned(),
        "response.output_item.added".to_owned(),
        call("in_progress"),
        call("generating"),
        call("partial_image"),
        call("completed"),
        "response.output_item.done".to_owned(),
        "response.completed".to_owned(),
    ];
    assert_eq!(kinds, expected);
    assert!(told.iter().enumerate().all(|(number, event)| event["sequence_number"] == number));
    let plain = json!({"model": "gpt-5.4", "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi you"}]}], "stream": true});
    let told = events(&client.post("/v1/responses", &plain).send().await.unwrap());
    let text: String = told.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(text, "You said: hi you");
    let done = told.iter().find(|event| event["type"] == "response.output_text.done").unwrap();
    assert!(done["logprobs"].is_array(), "a strict SDK refuses it without: {done}");
}

#[actix_rt::test]
async fn pictures_of_responses_cost_what_pictures_cost_and_words_do_not() {
    let (upstream, client) = upstream();
    let account = upstream.account(KEY);
    account.limits(Limits { images: Some(1), ..Limits::default() });
    account.script(Op::Responses, [Behaviour::NotAnImage]);
    let told = client.post("/v1/responses", &drawn(json!({}))).send().await.unwrap().json();
    let bytes = STANDARD.decode(told["output"][0]["result"].as_str().unwrap()).unwrap();
    assert!(image::load_from_memory(&bytes).is_err());
    let second = client.post("/v1/responses", &drawn(json!({}))).send().await.unwrap();
    assert_eq!(second.code(), "insufficient_quota");
    assert_eq!(client.post("/v1/chat/completions", &said("still")).send().await.unwrap().status, 200);
    let n = json!({"model": "gpt-5.4", "input": "x", "tools": [{"type": "image_generation", "n": 2}]});
    let unknown = client.post("/v1/responses", &n).send().await.unwrap();
    assert_eq!(
        (unknown.code().as_str(), unknown.json()["error"]["param"].as_str()),
        ("unknown_parameter", Some("tools[0].n"))
    );
}
