//! Chats as stock clients read them: messages in, chunks and links out.

use atelier_sim::client::{Answer, Client};
use serde_json::{Value, json};

/// Where chats are answered.
pub const CHAT: &str = "/v1/chat/completions";

/// One message of the user.
pub fn said(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

/// Posts a chat.
pub async fn ask(client: &Client, body: Value) -> Answer {
    client.post(CHAT, &body).send().await.unwrap()
}

/// Posts a chat that is streamed; its chunks.
pub async fn streamed(client: &Client, mut body: Value) -> Vec<Value> {
    body["stream"] = true.into();
    let answer = ask(client, body).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/event-stream")),
        "{}",
        answer.text()
    );
    chunks(&answer.text())
}

/// The chunks of a stream that ended well. What breaks SDKs fails the test.
pub fn chunks(text: &str) -> Vec<Value> {
    let text = text.strip_suffix("data: [DONE]\n\n").unwrap_or_else(|| panic!("no end: {text}"));
    let mut chunks = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        if block.lines().all(|line| line.starts_with(':')) {
            continue;
        }
        let data = block.strip_prefix("data: ").unwrap_or_else(|| panic!("no chunk: {block}"));
        assert_eq!(data.lines().count(), 1, "{block}");
        chunks.push(serde_json::from_str(data).unwrap());
    }
    chunks
}

fn joined(chunks: &[Value], key: &str) -> String {
    let choices = chunks.iter().filter_map(|chunk| chunk["choices"].get(0));
    let texts =
        choices.filter_map(|choice| choice["delta"][key].as_str().or(choice["message"][key].as_str()));
    texts.collect()
}

/// The content of all chunks, or of a whole completion, joined as clients do.
pub fn content(chunks: &[Value]) -> String {
    joined(chunks, "content")
}

/// The progress of all chunks.
pub fn reasoning(chunks: &[Value]) -> String {
    joined(chunks, "reasoning_content")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

/// The links of `![image](…)`.
pub fn image_links(content: &str) -> Vec<String> {
    between(content, "![image](", ")").into_iter().map(str::to_owned).collect()
}

/// The link of `<video src='…' controls>` or of `{"type":"video","url":…}`.
pub fn video_link(content: &str) -> String {
    if let Ok(video) = serde_json::from_str::<Value>(content) {
        assert_eq!(video["type"], "video", "{video}");
        return video["url"].as_str().unwrap().to_owned();
    }
    let links = between(content, "<video src='", "' controls></video>");
    assert_eq!(links.len(), 1, "{content}");
    links[0].to_owned()
}
