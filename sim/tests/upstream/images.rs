//! Images are real files of the asked size, in the shapes of OpenAI.

use super::{KEY, draw, order, picture, upstream};
use atelier_sim::{
    client::Answer,
    form::Form,
    upstream::{Behaviour, Op},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::ImageFormat;
use serde_json::{Value, json};

/// The events of a stream, each with the name that stands before it.
pub fn events(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let events = text.split_terminator("\n\n").map(|event| {
        let (kind, data) = event.split_once("\ndata: ").expect("a typed event");
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(kind, format!("event: {}", data["type"].as_str().unwrap()));
        data
    });
    events.collect()
}

#[actix_rt::test]
async fn a_picture_has_the_asked_size_and_format_and_says_its_prompt() {
    let (_upstream, client) = upstream();
    for (name, format) in
        [("png", ImageFormat::Png), ("jpeg", ImageFormat::Jpeg), ("webp", ImageFormat::WebP)]
    {
        let mut order = order("a red fox");
        order["output_format"] = name.into();
        order["size"] = "1536x864".into();
        let answer = client.post("/v1/images/generations", &order).send().await.unwrap();
        let bytes = picture(&answer);
        assert_eq!(image::guess_format(&bytes).unwrap(), format);
        let decoded = image::load_from_memory(&bytes).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (1536, 864));
        let told = answer.json();
        assert_eq!((told["size"].as_str(), told["output_format"].as_str()), (Some("1536x864"), Some(name)));
        assert_eq!(bytes.windows(9).any(|it| it == b"a red fox"), name == "png");
    }
}

#[actix_rt::test]
async fn n_pictures_come_with_a_usage_that_adds_up() {
    let (_upstream, client) = upstream();
    let mut order = order("four");
    order["n"] = 4.into();
    order["background"] = "transparent".into();
    let told = client.post("/v1/images/generations", &order).send().await.unwrap().json();
    assert_eq!(told["data"].as_array().unwrap().len(), 4);
    let usage = &told["usage"];
    let sum = usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"].as_u64(), Some(sum));
    let bytes = STANDARD.decode(told["data"][3]["b64_json"].as_str().unwrap()).unwrap();
    assert_eq!(image::load_from_memory(&bytes).unwrap().to_rgba8().get_pixel(0, 0).0[3], 0);
}

#[actix_rt::test]
async fn a_stream_has_its_partial_images_before_its_completed_one() {
    let (_upstream, client) = upstream();
    let mut order = order("streamed");
    order["stream"] = true.into();
    order["partial_images"] = 2.into();
    let answer = client.post("/v1/images/generations", &order).send().await.unwrap();
    assert!(answer.header("content-type").unwrap().starts_with("text/event-stream"));
    let events = events(&answer);
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let partial = "image_generation.partial_image";
    assert_eq!(kinds, [partial, partial, "image_generation.completed"]);
    assert_eq!(events[1]["partial_image_index"], 1);
    assert!(events[2]["usage"]["input_tokens_details"].is_object());
    let last = STANDARD.decode(events[2]["b64_json"].as_str().unwrap()).unwrap();
    assert_eq!(image::load_from_memory(&last).unwrap().width(), 64);
}

#[actix_rt::test]
async fn an_edit_takes_forms_and_json_and_looks_at_its_files() {
    let (upstream, client) = upstream();
    let source = picture(&draw(&client, "source").await);
    let form = || Form::new().text("model", "gpt-image-2").text("prompt", "edited").text("size", "64x32");
    let good = form().file("image[]", &source).file("image[]", &source).file("mask", &source);
    let answer = client.post_form("/v1/images/edits", good).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = upstream.book().seen.last().cloned().unwrap();
    assert_eq!(seen.fields["prompt"], "edited");
    assert!(seen.fields["image[]"].as_str().unwrap().starts_with("application/octet-stream of "));
    let broken = form().file("image", b"no picture");
    let answer = client.post_form("/v1/images/edits", broken).send().await.unwrap();
    assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some("image")));
    let mut json = order("edited");
    json["stream"] = true.into();
    json["images"] = json!([{"image_url": "data:image/png;base64,AA=="}]);
    let answer = client.post("/v1/images/edits", &json).send().await.unwrap();
    assert_eq!(events(&answer)[0]["type"], "image_edit.completed");
    let none = client.post("/v1/images/edits", &order("edited")).send().await.unwrap();
    assert_eq!((none.status, none.json()["error"]["param"].as_str()), (400, Some("image")));
}

#[actix_rt::test]
async fn values_that_openai_refuses_are_refused_and_not_charged() {
    let (upstream, client) = upstream();
    let wrong = [
        ("size", json!("100x100"), "invalid_value"),
        ("size", json!("3856x1024"), "invalid_value"),
        ("size", json!("1600x512"), "invalid_value"),
        ("n", json!(11), "invalid_value"),
        ("output_format", json!("bmp"), "invalid_value"),
        ("partial_images", json!(4), "invalid_value"),
        ("response_format", json!("url"), "unknown_parameter"),
        ("prompt", json!(""), "invalid_value"),
    ];
    for (field, value, code) in wrong {
        let mut order = order("wrong");
        order[field] = value;
        let answer = client.post("/v1/images/generations", &order).send().await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{order}");
        assert_eq!(answer.json()["error"]["param"], field, "{order}");
    }
    let mut order = order("gone");
    order["model"] = "dall-e-3".into();
    let answer = client.post("/v1/images/generations", &order).send().await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (404, "model_not_found"));
    assert_eq!(upstream.account(KEY).book().accepted(Op::SubmitImage), 0);
}

#[actix_rt::test]
async fn a_link_works_unless_it_is_told_to_have_expired() {
    use atelier_sim::upstream::{Dialect, Setup};
    let (upstream, client) = super::with(Setup::default().speaking(Dialect::Relay));
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::Ok, Behaviour::ExpiredUrl { status: 410 }]);
    let mut order = order("linked");
    order["response_format"] = "url".into();
    for status in [200, 410] {
        let told = client.post("/v1/images/generations", &order).send().await.unwrap().json();
        let url = told["data"][0]["url"].as_str().unwrap();
        // Links need no key.
        let file = atelier_sim::client::Client::new("").get(url).send().await.unwrap();
        assert_eq!((file.status, image::load_from_memory(&file.body).is_ok()), (status, status == 200));
    }
}
