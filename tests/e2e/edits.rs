//! Edits: every way in which clients send pictures leads to the same picture, and masks mean what they say.

use crate::support::{
    App,
    answers::{credits, ended},
    expect_error,
    pictures::{bytes_of, decoded, different, drawn, encoded, is_drawn, with_hole},
};
use atelier_sim::{
    client::{Answer, Client},
    form::Form,
};
use awc::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use image::ImageFormat;
use serde_json::{Value, json};

const EDITS: &str = "/v1/images/edits";

fn base(prompt: &str) -> Form {
    Form::new().text("model", "nano-banana").text("prompt", prompt).text("size", "256x256")
}

fn data_uri(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

async fn edit(client: &Client, form: Form) -> Answer {
    client.post_form(EDITS, form).send().await.unwrap()
}

/// The picture in the first item of an answer.
#[track_caller]
fn picture(answer: &Answer) -> Vec<u8> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    bytes_of(&answer.json()["data"][0])
}

#[actix_rt::test]
async fn a_picture_is_the_same_however_a_form_brings_it() {
    let app = App::start().await;
    let (client, sent) = (app.client(), drawn(300, 200, 1));
    let expected = picture(&edit(&client, base("a red hat").file("image", &sent)).await);
    decoded(&expected, ImageFormat::Png, (256, 256));
    let without =
        Form::new().text("prompt", "a red hat").text("model", "nano-banana").text("size", "256x256");
    // Bytes behind the end of a picture change nothing of it.
    let long = [&sent[..], &[0; 100_000]].concat();
    let ways = [
        ("in a list of one", base("a red hat").file("image[]", &sent)),
        ("with a number", base("a red hat").file("image[0]", &sent)),
        (
            "before the texts",
            Form::new()
                .file("image", &sent)
                .text("prompt", "a red hat")
                .text("model", "nano-banana")
                .text("size", "256x256"),
        ),
        (
            "beside a mask that was not chosen in a browser",
            base("a red hat").file("image", &sent).named_file("mask", "", "application/octet-stream", b""),
        ),
        (
            "with texts that say they are JSON",
            Form::new()
                .json_text("prompt", "a red hat")
                .json_text("model", "nano-banana")
                .json_text("size", "256x256")
                .file("image", &sent),
        ),
        ("with flags as Python writes them", base("a red hat").text("stream", "False").file("image", &sent)),
        ("as another type", base("a red hat").named_file("image", "photo.jpg", "image/jpeg", &sent)),
        ("as a data URI", without.clone().text("image", &data_uri(&sent))),
        ("as a long data URI", without.clone().text("image", &data_uri(&long))),
        ("as bare base64", without.clone().text("image", &STANDARD.encode(&sent))),
        ("as long bare base64", without.clone().text("image", &STANDARD.encode(&long))),
        ("as a file that holds a long data URI", without.clone().file("image", data_uri(&long).as_bytes())),
        ("as a file that holds a data URI", without.file("image", data_uri(&sent).as_bytes())),
        ("with another boundary", {
            let form = Form::with_boundary("x").text("model", "nano-banana").text("prompt", "a red hat");
            form.text("size", "256x256").file("image", &sent)
        }),
    ];
    for (way, form) in ways {
        assert!(picture(&edit(&client, form).await) == expected, "{way}: another picture");
    }
    let other = picture(&edit(&client, base("a red hat").file("image", &drawn(300, 200, 2))).await);
    assert!(other != expected, "the picture that was sent has no effect");
    app.finish().await;
}

#[actix_rt::test]
async fn json_brings_pictures_in_every_shape() {
    let app = App::start().await;
    let (client, sent) = (app.client(), drawn(120, 120, 3));
    let said = json!({ "model": "nano-banana", "prompt": "a red hat", "size": "256x256" });
    let with = |field: &str, value: Value| {
        let mut body = said.clone();
        body[field] = value;
        body
    };
    let upload = Form::new().text("purpose", "vision").named_file("file", "hat.png", "image/png", &sent);
    let file = client.post_form("/v1/files", upload).send().await.unwrap().json();
    let id = file["id"].as_str().unwrap();
    let uri = data_uri(&sent);
    let expected = picture(&client.post(EDITS, &with("image", json!(uri))).send().await.unwrap());
    for body in [
        with("image", json!([uri])),
        with("image", json!({ "url": uri })),
        with("images", json!([{ "image_url": uri }])),
        with("images", json!([{ "image_url": { "url": uri } }])),
        with("images", json!([{ "file_id": id }])),
        with("image", json!(id)),
        with("references", json!([uri])),
        with("input_image", json!(STANDARD.encode(&sent))),
    ] {
        let answer = client.post(EDITS, &body).send().await.unwrap();
        assert!(picture(&answer) == expected, "{body}");
    }
    // References make an edit of a generation, too.
    let generated = client.post("/v1/images/generations", &with("image", json!(uri))).send().await.unwrap();
    assert!(picture(&generated) == expected);
    app.finish().await;
}

#[actix_rt::test]
async fn a_result_is_the_next_edits_picture_by_its_own_link() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let made =
        json!({ "model": "nano-banana", "prompt": "a boat", "size": "256x256", "response_format": "url" });
    let made = owner.client.post("/v1/images/generations", &made).send().await.unwrap().json();
    let url = made["data"][0]["url"].as_str().unwrap();
    let next = json!({ "model": "nano-banana", "prompt": "at night", "image": url });
    let answer = owner.client.post(EDITS, &next).send().await.unwrap();
    decoded(&picture(&answer), ImageFormat::Png, (256, 256));

    let altered =
        json!({ "model": "nano-banana", "prompt": "at night", "image": url.replace("sig=", "sig=A") });
    expect_error(&owner.client.post(EDITS, &altered).send().await.unwrap(), 400, "invalid_image_url");
    // Whoever holds the link may look at the picture; only its owner may work from it.
    expect_error(&app.client().post(EDITS, &next).send().await.unwrap(), 400, "invalid_image_url");
    assert_eq!(credits(&owner.client).await, (7, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn an_edit_of_no_size_follows_its_first_picture() {
    let app = App::start().await;
    for (sent, size) in [(drawn(320, 200, 1), (320, 200)), (turned(&drawn_jpeg(320, 200)), (200, 320))] {
        let form =
            Form::new().text("prompt", "brighter").file("image", &sent).file("image", &drawn(64, 64, 2));
        decoded(&picture(&edit(&app.client(), form).await), ImageFormat::Png, size);
    }
    app.finish().await;
}

fn drawn_jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = image::load_from_memory(&drawn(width, height, 1)).unwrap().to_rgb8();
    encoded(&picture.into(), ImageFormat::Jpeg)
}

/// The JPEG with an EXIF block that turns it by a quarter.
fn turned(jpeg: &[u8]) -> Vec<u8> {
    let exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat()
}

#[actix_rt::test]
async fn a_mask_keeps_what_it_covers_and_frees_the_rest() {
    let app = App::start().await;
    let sent = drawn(240, 160, 4);
    for format in ["png", "webp"] {
        let form = Form::new().text("prompt", "a window").text("output_format", format);
        let form = form.file("image", &sent).file("mask", &with_hole(240, 160, (40, 30, 120, 100)));
        let made = picture(&edit(&app.client(), form).await);
        let (before, after) =
            (image::load_from_memory(&sent).unwrap(), image::load_from_memory(&made).unwrap());
        let (inside, outside) = different(&before, &after, (40, 30, 120, 100));
        assert_eq!(outside, 0, "{format}: pixels under the mask changed");
        assert!(inside > 80 * 70 / 2, "{format}: only {inside} pixels of the hole changed");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn edits_stream_and_run_in_the_background_under_their_own_names() {
    let app = App::start().await;
    let sent = drawn(128, 128, 5);
    let streamed = base("a hat").text("stream", "true").text("partial_images", "2").text("n", "2");
    let answer = edit(&app.client(), streamed.file("image", &sent)).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{}", answer.text());
    let text = answer.text();
    let count = |name: &str| text.matches(&format!("event: image_edit.{name}\n")).count();
    assert_eq!((count("partial_image"), count("completed")), (4, 2), "{text:.300}");
    assert!(!text.contains("image_generation."));

    let answer = edit(&app.client(), base("a hat").text("background", "true").file("image", &sent)).await;
    let job = answer.json();
    assert_eq!((answer.status, &job["object"]), (200, &json!("image.job")), "{job}");
    let job = ended(&app.client(), job["id"].as_str().unwrap()).await;
    assert_eq!((&job["status"], &job["request"]["endpoint"]), (&json!("succeeded"), &json!(EDITS)));
    decoded(&bytes_of(&job["result"]["data"][0]), ImageFormat::Png, (256, 256));
    app.finish().await;
}

#[actix_rt::test]
async fn a_variation_needs_no_words_and_takes_the_old_sizes() {
    let app = App::start().await;
    let owner = app.metered(4).await;
    let form = Form::new().file("image", &drawn(90, 90, 6)).text("n", "2").text("size", "256x256");
    let answer = owner.client.post_form("/v1/images/variations", form.clone()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let data = answer.json()["data"].as_array().unwrap().clone();
    let pictures: Vec<_> =
        data.iter().map(|item| decoded(&bytes_of(item), ImageFormat::Png, (256, 256))).collect();
    assert!(pictures.len() == 2 && pictures[0] != pictures[1] && is_drawn(&pictures[0]));
    assert_eq!(answer.json()["usage"]["credits_charged"], 2);
    let links = form.text("response_format", "url").text("model", "dall-e-2");
    let answer = owner.client.post_form("/v1/images/variations", links).send().await.unwrap();
    assert!(answer.json()["data"][1]["url"].is_string(), "{}", answer.text());
    app.finish().await;
}

#[actix_rt::test]
async fn an_edit_that_is_sent_again_is_made_once_whatever_its_boundary() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let sent = drawn(64, 64, 7);
    let send = async |boundary: &str, prompt: &str, header: (&str, &str)| {
        let form = Form::with_boundary(boundary).text("model", "nano-banana").text("prompt", prompt);
        let call = owner.client.post_form(EDITS, form.text("size", "256x256").file("image", &sent));
        call.header(header.0, header.1).send().await.unwrap()
    };
    let key = ("idempotency-key", "once");
    let (first, again) = (send("a", "a hat", key).await, send("b", "a hat", key).await);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("x-job-id"), again.header("x-job-id"));
    expect_error(&send("a", "another hat", key).await, 422, "idempotency_mismatch");
    let (first, retry) = (
        send("a", "a scarf", ("x-stainless-retry-count", "0")).await,
        send("c", "a scarf", ("x-stainless-retry-count", "1")).await,
    );
    assert_eq!(first.header("x-job-id"), retry.header("x-job-id"));
    assert_eq!(credits(&owner.client).await, (3, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn files_are_kept_listed_served_and_deleted_for_their_owner_only() {
    let app = App::start().await;
    let (owner, other) = (app.metered(1).await, app.metered(1).await);
    let sent = drawn(32, 32, 8);
    let mut ids = Vec::new();
    for name in ["one.png", "two.png", "снег.png"] {
        let form = Form::new().named_file("file", name, "image/png", &sent).text("purpose", "vision");
        let answer = owner.client.post_form("/v1/files", form).send().await.unwrap();
        let file = answer.json();
        assert_eq!(
            (answer.status, &file["object"], &file["filename"], &file["bytes"]),
            (200, &json!("file"), &json!(name), &json!(sent.len())),
            "{file}"
        );
        ids.push(file["id"].as_str().unwrap().to_owned());
    }
    let page = owner.client.get("/v1/files?limit=2").send().await.unwrap().json();
    assert_eq!(
        (&page["has_more"], &page["data"][0]["id"], &page["last_id"]),
        (&json!(true), &json!(ids[2]), &json!(ids[1]))
    );
    let rest = owner.client.get(&format!("/v1/files?after={}", ids[1])).send().await.unwrap().json();
    assert_eq!((&rest["has_more"], &rest["data"][0]["id"]), (&json!(false), &json!(ids[0])));
    assert_eq!(other.client.get("/v1/files").send().await.unwrap().json()["data"], json!([]));

    let path = format!("/v1/files/{}", ids[0]);
    let content = owner.client.get(&format!("{path}/content")).send().await.unwrap();
    assert_eq!((content.header("content-type"), &content.body), (Some("image/png"), &sent));
    let snow = owner.client.get(&format!("/v1/files/{}/content", ids[2])).send().await.unwrap();
    assert_eq!((snow.status, &snow.body), (200, &sent), "a name that is not ASCII");
    let part =
        owner.client.get(&format!("{path}/content")).header("range", "bytes=0-7").send().await.unwrap();
    assert_eq!((part.status, &part.body[..]), (206, &sent[..8]));
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::GET, format!("{path}/content")),
        (Method::DELETE, path.clone()),
    ] {
        expect_error(&other.client.call(method, &path).send().await.unwrap(), 404, "file_not_found");
    }
    let edit = json!({ "prompt": "a hat", "image": [{ "file_id": ids[0] }] });
    expect_error(&other.client.post(EDITS, &edit).send().await.unwrap(), 404, "file_not_found");

    let deleted = owner.client.delete(&path).send().await.unwrap().json();
    assert_eq!(deleted, json!({ "id": ids[0], "object": "file", "deleted": true }));
    expect_error(&owner.client.delete(&path).send().await.unwrap(), 404, "file_not_found");
    for (form, code) in [
        (Form::new().file("file", &sent), "bad_purpose"),
        (Form::new().file("file", &sent).text("purpose", "fine-tune"), "bad_purpose"),
        (Form::new().text("purpose", "vision"), "bad_file"),
        (
            Form::new().file("file", &sent).text("purpose", "vision").text("expires_after[seconds]", "5"),
            "bad_expires_after",
        ),
    ] {
        expect_error(&owner.client.post_form("/v1/files", form).send().await.unwrap(), 422, code);
    }
    app.finish().await;
}
