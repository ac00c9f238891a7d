//! Firefly's wire: what it takes, what it refuses, and whose pictures are whose.

use super::{KEY, upstream};
use atelier_sim::{
    client::{Answer, Client},
    upstream::{AccountSetup, Limits, Op, Submits},
};
use serde_json::{Value, json};
use std::io::Cursor;

const IMAGES: &str = "/v2/3p-images/generate-async";
const VIDEOS: &str = "/v2/3p-videos/generate-async";

async fn post(client: &Client, path: &str, body: &Value) -> Answer {
    client.post(path, body).header("x-api-key", "site").header("accept", "*/*").send().await.unwrap()
}

async fn get(client: &Client, url: &str) -> Answer {
    let path = url.strip_prefix(client.origin()).unwrap_or(url);
    client.get(path).header("x-api-key", "site").send().await.unwrap()
}

async fn upload(client: &Client, (width, height): (u32, u32), format: image::ImageFormat) -> String {
    let mut bytes = Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
    let call = client.call(awc::http::Method::POST, "/v2/storage/image").header("x-api-key", "site");
    let answer =
        call.header("content-type", format.to_mime_type()).body(bytes.into_inner()).send().await.unwrap();
    answer.json()["images"][0]["id"].as_str().unwrap().to_owned()
}

fn picture(model: &str) -> Value {
    json!({
        "modelId": model, "modelVersion": "2", "n": 1, "prompt": "a heron", "size": {"width": 64, "height": 32},
        "generationMetadata": {"module": "text2image", "submodule": "ff-image-generate"}, "referenceBlobs": [],
    })
}

fn film(blobs: &[&String]) -> Value {
    let blobs: Vec<_> = blobs.iter().map(|blob| json!({"id": blob, "usage": "general"})).collect();
    json!({
        "modelId": "sora", "modelVersion": "sora-2", "n": 1, "duration": 4, "size": {"width": 1280, "height": 720},
        "prompt": json!({"prompt_text": "a heron"}).to_string(), "generationMetadata": {"module": "text2video"},
        "referenceBlobs": blobs,
    })
}

#[actix_rt::test]
async fn a_job_is_named_in_four_ways_and_ends_with_a_link_that_needs_no_key() {
    let (upstream, client) = upstream();
    for number in 0..4 {
        let begun = post(&client, IMAGES, &picture("gpt-image")).await;
        let said = begun.json();
        let ways = [
            said["links"]["result"]["href"].as_str(),
            begun.header("x-override-status-link"),
            said["links"]["result"].as_str(),
            said["statusUrl"].as_str(),
        ];
        let named: Vec<_> = ways.iter().map(Option::is_some).collect();
        assert_eq!(named.iter().position(|is| *is), Some(number), "{said}");
        let url = ways[number].unwrap();
        let link = loop {
            let told = get(&client, url).await.json();
            if let Some(link) = told["outputs"][0]["image"]["presignedUrl"].as_str() {
                break link.to_owned();
            }
        };
        let stranger = Client::new(client.origin());
        let file = get(&stranger, &link).await;
        assert_eq!(image::load_from_memory(&file.body).unwrap().width(), 64);
    }
    assert_eq!(upstream.book().prompt("a heron"), Submits { arrived: 4, accepted: 4 });
}

#[actix_rt::test]
async fn a_picture_belongs_to_the_account_that_took_it_there() {
    let (upstream, client) = upstream();
    upstream.account("other");
    let blob = upload(&client.with_token("other"), (64, 32), image::ImageFormat::Png).await;
    let mut order = picture("gpt-image");
    order["referenceBlobs"] = json!([{"id": blob, "usage": "subject"}]);
    assert_eq!(post(&client, IMAGES, &order).await.status, 400);
    assert_eq!(post(&client.with_token("other"), IMAGES, &order).await.status, 200);
    assert_eq!(upstream.account(KEY).book().accepted(Op::SubmitImage), 0);
}

#[actix_rt::test]
async fn what_is_refused_is_refused_in_its_words() {
    let (_upstream, client) = upstream();
    let right = upload(&client, (1280, 720), image::ImageFormat::Jpeg).await;
    let png = upload(&client, (1280, 720), image::ImageFormat::Png).await;
    let small = upload(&client, (640, 360), image::ImageFormat::Jpeg).await;
    for (blobs, words) in [
        (vec![&small], "Inpaint image must match the requested width and height"),
        (vec![&png], "Only JPEG is supported"),
        (
            vec![&right, &right],
            "Only one reference image with usage 'general' is supported to guide video generation",
        ),
    ] {
        let answer = post(&client, VIDEOS, &film(&blobs)).await;
        assert_eq!((answer.status, answer.json()["message"].as_str()), (400, Some(words)));
    }
    assert_eq!(post(&client, VIDEOS, &film(&[&right])).await.status, 200);
    let mut order = picture("gemini-flash");
    order["generationSettings"] = json!({"detailLevel": 5});
    assert_eq!(post(&client, IMAGES, &order).await.status, 422);
    let keyless = client.post(IMAGES, &picture("gpt-image")).send().await.unwrap();
    assert_eq!(keyless.status, 400, "a call without the key of its client");
}

#[actix_rt::test]
async fn pictures_and_films_run_out_apart() {
    let (upstream, client) = upstream();
    upstream.account(KEY).limits(Limits { images: Some(1), videos: Some(0), ..Limits::default() });
    let markers = [
        (IMAGES, picture("gpt-image"), None),
        (IMAGES, picture("gpt-image"), Some("taste_exhausted")),
        (VIDEOS, film(&[]), Some("quota_exhausted")),
    ];
    for (path, order, marker) in markers {
        let answer = post(&client, path, &order).await;
        assert_eq!(answer.header("x-access-error"), marker, "{path}");
    }
}

#[actix_rt::test]
async fn tokens_open_what_their_client_may_open() {
    let (upstream, client) = upstream();
    let setup = AccountSetup {
        client_id: Some("c".into()),
        client_secret: Some("s".into()),
        ..AccountSetup::default()
    };
    upstream.put("machine", setup);
    let form = "grant_type=client_credentials&client_id=c&client_secret=s&scope=openid";
    let ask = |form: &str| {
        let call = client.call(awc::http::Method::POST, "/ims/token/v3");
        call.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned()).send()
    };
    let token = ask(form).await.unwrap().json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&form.replace("=s&", "=x&")).await.unwrap().status, 400);
    let machine = client.with_token(&token);
    for (key, status) in [("c", 202), ("site", 401)] {
        let order = json!({"prompt": "a heron", "numVariations": 2, "seeds": [1, 2]});
        let answer =
            machine.post("/v3/images/generate-async", &order).header("x-api-key", key).send().await.unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}
