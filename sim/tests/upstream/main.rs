//! The simulated upstream as its clients see it, over real sockets: it does on the wire what it was told to, and counts it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod dialects;
mod faults;
mod firefly;
mod images;
mod oauth;
mod program;
mod proxies;
mod raw;
mod solver;
mod talk;
mod videos;

use atelier_sim::{
    client::{Answer, Client},
    upstream::{Setup, Upstream},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The key of most tests.
const KEY: &str = "sk-a";

/// An upstream with one account, and a client of it.
fn upstream() -> (Upstream, Client) {
    with(Setup::default())
}

/// The same, set up like this.
fn with(setup: Setup) -> (Upstream, Client) {
    let upstream = Upstream::start(setup).unwrap();
    upstream.account(KEY);
    let client = Client::new(&upstream.origin()).with_token(KEY);
    (upstream, client)
}

/// A small picture of this prompt.
fn order(prompt: &str) -> Value {
    json!({"model": "gpt-image-2", "prompt": prompt, "size": "64x32"})
}

/// The bytes of the first picture of an answer.
fn picture(answer: &Answer) -> Vec<u8> {
    STANDARD.decode(answer.json()["data"][0]["b64_json"].as_str().unwrap()).unwrap()
}

async fn draw(client: &Client, prompt: &str) -> Answer {
    client.post("/v1/images/generations", &order(prompt)).send().await.unwrap()
}
