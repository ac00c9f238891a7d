//! Whatever a client sends gets the documented code in the documented body; nothing is charged, and nothing is our fault.

use crate::support::{
    App,
    answers::{credits, generate, small_with},
    app::{FIRST_KEY, Owner},
    expect_error, small,
};
use atelier_sim::client::Answer;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Bodies that are JSON objects, what is wrong with each, and what the message must say.
fn wrong_bodies() -> Vec<(Value, u16, &'static str, &'static str)> {
    let gpt = |size: &str| json!({ "model": "gpt-image-2", "prompt": "a", "size": size });
    let with = |more: Value| small_with("a", more);
    vec![
        (json!({}), 400, "missing_prompt", "prompt"),
        (json!({ "prompt": "" }), 400, "missing_prompt", "prompt"),
        (json!({ "prompt": " \n" }), 400, "missing_prompt", "prompt"),
        (json!({ "prompt": null }), 400, "missing_prompt", "prompt"),
        (json!({ "prompt": 5 }), 422, "bad_prompt", "string"),
        (json!({ "prompt": ["a"] }), 422, "bad_prompt", "string"),
        (small(&"a".repeat(33_000)), 422, "bad_prompt", "33000"),
        (small(&"漢".repeat(32_001)), 422, "bad_prompt", "32001"),
        (with(json!({ "model": "gpt-image-99" })), 400, "unknown_model", "gpt-image-99"),
        (with(json!({ "model": "sora-2" })), 400, "unknown_model", "sora-2"),
        (with(json!({ "model": 7 })), 422, "bad_model", "string"),
        (gpt("1000x1000"), 422, "bad_size", "multiples of 16"),
        (gpt("4112x2048"), 422, "bad_size", "longest side"),
        (gpt("3200x1024"), 422, "bad_size", "ratio"),
        (gpt("512x512"), 422, "bad_size", "fewer"),
        (gpt("4096x4096"), 422, "bad_size", "more than"),
        (gpt("huge"), 422, "bad_size", "WIDTHxHEIGHT"),
        (gpt("0x0"), 422, "bad_size", "WIDTHxHEIGHT"),
        (gpt("-16x16"), 422, "bad_size", "WIDTHxHEIGHT"),
        (gpt("99999999999x16"), 422, "bad_size", "WIDTHxHEIGHT"),
        (gpt("256x256"), 422, "bad_size", "fewer"),
        (with(json!({ "size": 1024 })), 422, "bad_size", "string"),
        (json!({ "model": "sora-image", "prompt": "a", "size": "512x512" }), 422, "bad_size", "1792x1024"),
        (with(json!({ "aspect_ratio": "0:1" })), 422, "bad_aspect_ratio", "ratio"),
        (with(json!({ "n": 11 })), 422, "bad_n", "10"),
        (with(json!({ "n": 0 })), 422, "bad_n", "1"),
        (with(json!({ "n": -1 })), 422, "bad_n", "1"),
        (with(json!({ "n": "x" })), 422, "bad_n", "number"),
        (with(json!({ "n": 1.5 })), 422, "bad_n", "whole"),
        (with(json!({ "n": [1] })), 422, "bad_n", "number"),
        (with(json!({ "n": 1e300 })), 422, "bad_n", "number"),
        (with(json!({ "quality": "best" })), 422, "bad_quality", "high"),
        (with(json!({ "output_format": "tiff" })), 422, "bad_output_format", "webp"),
        (with(json!({ "response_format": "file" })), 422, "bad_response_format", "url"),
        (with(json!({ "output_compression": 101 })), 422, "bad_output_compression", "100"),
        (with(json!({ "background": "blue" })), 422, "bad_background", "transparent"),
        (with(json!({ "background": "transparent", "output_format": "jpeg" })), 422, "bad_background", "png"),
        (with(json!({ "stream": "maybe" })), 422, "bad_stream", "true or false"),
        (with(json!({ "stream": true, "output_format": "gif" })), 422, "bad_stream", "gif"),
        (with(json!({ "stream": true, "output_format": "svg" })), 422, "bad_stream", "svg"),
        (with(json!({ "stream": true, "background": true })), 422, "bad_stream", "background"),
        (with(json!({ "partial_images": 4, "stream": true })), 422, "bad_partial_images", "3"),
        (with(json!({ "frame_count": 4 })), 422, "bad_frame_count", "gif"),
        (with(json!({ "frame_count": 17, "output_format": "gif" })), 422, "bad_frame_count", "16"),
        (
            with(json!({ "output_compression": 5, "output_format": "gif" })),
            422,
            "bad_output_compression",
            "jpeg",
        ),
        (with(json!({ "n": 2, "output_format": "svg" })), 422, "bad_n", "svg"),
        (with(json!({ "svg": { "model": "x" } })), 422, "bad_svg", "svg"),
        (with(json!({ "moderation": "none" })), 422, "bad_moderation", "low"),
        (with(json!({ "complexity": "extreme" })), 422, "bad_complexity", "high"),
        (with(json!({ "negative_prompt": "x".repeat(4_001) })), 422, "bad_negative_prompt", "4000"),
        (with(json!({ "style": "x".repeat(201) })), 422, "bad_style", "200"),
        (with(json!({ "seed": "lucky" })), 422, "bad_seed", "number"),
        (with(json!({ "image": "https://127.0.0.1/a.png" })), 400, "invalid_image_url", "public"),
        (with(json!({ "references": [{ "url": "data:," }] })), 422, "bad_references", "base64"),
    ]
}

#[actix_rt::test]
async fn every_wrong_body_gets_its_own_code_and_costs_nothing() {
    let app = App::start().await;
    let owner = app.metered(100).await;
    for (body, status, code, says) in wrong_bodies() {
        let answer = generate(&owner.client, &body).await;
        expect_error(&answer, status, code);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{code}: {message:?} does not say {says:?}");
        assert!(answer.body.len() < 2_000, "a wrong value is not echoed at length");
        assert!(answer.header("x-job-id").is_none());
    }
    nothing_happened(&owner).await;
    app.finish().await;
}

/// The docs and the reader know the same fields: a field that is documented and not read would take anything.
#[actix_rt::test]
async fn every_documented_field_is_read_and_checked() {
    let app = App::start().await;
    let owner = app.metered(100).await;
    let document = app.client().get("/openapi.json").send().await.unwrap().json();
    let fields = document["components"]["schemas"]["CreateImage"]["properties"].as_object().unwrap().clone();
    assert!(fields.len() > 15, "{fields:?}");
    for field in fields.keys() {
        let answer = generate(&owner.client, &small_with("a", json!({ field: { "no": "such" } }))).await;
        expect_error(&answer, 422, &format!("bad_{field}"));
    }
    nothing_happened(&owner).await;
    app.finish().await;
}

async fn nothing_happened(owner: &Owner) {
    assert_eq!(credits(&owner.client).await, (100, 0));
    let entries = owner.client.get("/v1/credits/entries").send().await.unwrap().json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 1, "only the opening credit: {entries}");
}

#[actix_rt::test]
async fn what_is_not_a_json_object_is_a_bad_body() {
    let app = App::start().await;
    let owner = app.metered(100).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"{\"prompt\":\"a\"",
        b"{\"prompt\":\"a\"} trailing",
        b"[]",
        b"\"prompt\"",
        b"null",
        b"\xff\xfe{}",
        b"prompt=a&n=1",
        deep.as_bytes(),
    ];
    for body in bodies {
        for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
            let call = owner.client.post("/v1/images/generations", &json!({}));
            let answer = call.header("content-type", kind).body(body).send().await.unwrap();
            expect_error(&answer, 400, "bad_body");
        }
    }
    nothing_happened(&owner).await;
    app.finish().await;
}

#[actix_rt::test]
async fn all_wrong_fields_are_told_at_once() {
    let app = App::start().await;
    let more = json!({ "n": 11, "quality": "best", "output_format": "tiff", "stream": "maybe" });
    let answer = generate(&app.client(), &small_with("a", more)).await;
    let body = answer.json();
    let names: std::collections::BTreeSet<_> = body["error"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["n", "output_format", "quality", "stream"].into());
    app.finish().await;
}

#[actix_rt::test]
async fn what_clients_really_send_is_taken() {
    let app = App::start().await;
    for more in [
        json!({ "n": null, "size": null, "model": null, "quality": null, "background": null, "stream": null }),
        json!({ "prompt_rewriter": true, "unheard_of": { "a": [1] } }),
        json!({ "n": "1", "stream": "false", "output_compression": "80", "output_format": "jpeg" }),
        json!({ "n": 1.0, "quality": "hd", "style": "vivid", "moderation": "low", "user": "u" }),
        json!({ "quality": "", "size": "", "response_format": "" }),
    ] {
        let mut body = small_with("a", more.clone());
        if body["model"].is_null() || body["size"] == "" {
            body["model"] = "gpt-image".into();
        }
        let answer = generate(&app.client(), &body).await;
        assert_eq!(answer.status, 200, "{more}: {}", answer.text());
    }
    let longest = small(&"漢".repeat(32_000));
    assert_eq!(generate(&app.client(), &longest).await.status, 200, "the longest prompt");
    app.finish().await;
}

#[actix_rt::test]
async fn without_a_good_key_nothing_is_said() {
    let app = App::start().await;
    let owner = app.metered(100).await;
    let with = |name: &str, value: &str| app.stranger().get("/v1/models").header(name, value).send();
    expect_error(&app.stranger().get("/v1/models").send().await.unwrap(), 401, "invalid_key");
    for (name, value) in [
        ("authorization", "Bearer sk-wrong"),
        ("authorization", "Bearer "),
        ("authorization", "Basic c2s6"),
        ("authorization", FIRST_KEY),
        ("x-api-key", "sk-wrong"),
        ("x-api-key", ""),
    ] {
        let answer = with(name, value).await.unwrap();
        expect_error(&answer, 401, "invalid_key");
        assert_eq!(answer.json()["error"]["type"], "authentication_error");
        assert!(!answer.text().contains("sk-wrong"), "a secret must not be echoed");
    }
    assert_eq!(with("x-api-key", FIRST_KEY).await.unwrap().status, 200);
    assert_eq!(with("authorization", &format!("bearer {}", owner.secret)).await.unwrap().status, 200);
    // The key is judged before the body.
    expect_error(&generate(&app.stranger(), &json!({ "n": 11 })).await, 401, "invalid_key");
    app.finish().await;
}

#[actix_rt::test]
async fn wrong_paths_and_methods_say_so() {
    let app = App::start().await;
    let client = app.client();
    for (path, method, status, code) in [
        ("/v1/images/generations", awc::http::Method::GET, 405, "method_not_allowed"),
        ("/v1/models", awc::http::Method::DELETE, 405, "method_not_allowed"),
        ("/health", awc::http::Method::POST, 405, "method_not_allowed"),
        ("/v1/nothing", awc::http::Method::GET, 404, "route_not_found"),
        ("/v1/images/generations/x", awc::http::Method::POST, 404, "route_not_found"),
        ("/", awc::http::Method::PUT, 404, "route_not_found"),
        ("/v1/models/no-such-model", awc::http::Method::GET, 404, "model_not_found"),
        ("/v1/models/a%2Fb", awc::http::Method::GET, 404, "model_not_found"),
        ("/v1/credits/entries?limit=x", awc::http::Method::GET, 422, "bad_query"),
    ] {
        let answer = client.call(method.clone(), path).send().await.unwrap();
        expect_error(&answer, status, code);
    }
    app.finish().await;
}

/// One answer off a raw connection.
async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        assert!(
            stream.read_buf(&mut bytes).await.unwrap() > 0,
            "closed: {}",
            String::from_utf8_lossy(&bytes)
        );
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut headers = awc::http::header::HeaderMap::new();
    for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        headers.insert(name.to_lowercase().parse().unwrap(), value.parse().unwrap());
    }
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let length: usize = headers.get("content-length").unwrap().to_str().unwrap().parse().unwrap();
    while bytes.len() < head + length {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "closed within the body");
    }
    Answer { status, headers, body: bytes[head..].to_vec() }
}

#[actix_rt::test]
async fn a_body_of_65_mib_is_refused_and_the_connection_stays_usable() {
    let app = App::start().await;
    let owner = app.metered(100).await;
    let mut stream = TcpStream::connect(app.origin.trim_start_matches("http://")).await.unwrap();
    let length = 65 << 20;
    let head = |length: usize| {
        format!(
            "POST /v1/images/generations HTTP/1.1\r\nhost: atelier\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
            owner.secret
        )
    };
    stream.write_all(head(length).as_bytes()).await.unwrap();
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..65 {
        stream.write_all(&chunk).await.unwrap();
    }
    expect_error(&read_answer(&mut stream).await, 413, "body_too_large");
    let body = json!({ "n": 11, "prompt": "a" }).to_string();
    stream.write_all(head(body.len()).as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    expect_error(&read_answer(&mut stream).await, 422, "bad_n");
    nothing_happened(&owner).await;
    app.finish().await;
}
