//! Pictures: every format at the size that was asked for, in the body and behind links.

use crate::support::{
    App,
    answers::{generate, small_with},
    expect_error,
    pictures::{bytes_of, decoded, is_drawn},
    small,
};
use image::{AnimationDecoder, ImageFormat, codecs::gif::GifDecoder};
use serde_json::json;
use std::{io::Cursor, time::Duration};

#[actix_rt::test]
async fn the_default_request_makes_a_png_of_a_megapixel() {
    let app = App::start().await;
    let answer = generate(&app.client(), &json!({ "prompt": "a lighthouse at dawn" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let picture = decoded(&bytes_of(&body["data"][0]), ImageFormat::Png, (1024, 1024));
    assert!(is_drawn(&picture));
    assert_eq!((&body["model"], &body["size"]), (&json!("gpt-image-2"), &json!("1024x1024")));
    assert_eq!((&body["output_format"], &body.get("quality")), (&json!("png"), &None));
    assert!(body["created"].is_i64());
    assert!(answer.header("x-job-id").is_some_and(|id| id.starts_with("job_")));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    app.finish().await;
}

#[actix_rt::test]
async fn every_format_decodes_at_the_size_that_was_asked_for() {
    let app = App::start().await;
    for (word, format) in [
        ("png", ImageFormat::Png),
        ("jpeg", ImageFormat::Jpeg),
        ("jpg", ImageFormat::Jpeg),
        ("webp", ImageFormat::WebP),
        ("gif", ImageFormat::Gif),
    ] {
        let body = small_with("a kite", json!({ "output_format": word, "size": "272x256" }));
        let answer = generate(&app.client(), &body).await;
        assert_eq!(answer.status, 200, "{word}: {}", answer.text());
        assert!(is_drawn(&decoded(&bytes_of(&answer.json()["data"][0]), format, (272, 256))), "{word}");
        let said = answer.json().get("output_format").cloned();
        let known = matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP);
        assert_eq!(said.is_some(), known, "openai-python 2.32 rejects a word that it does not know");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn an_svg_is_a_document_of_the_size_and_runs_nothing() {
    let app = App::start().await;
    let body = small_with("<script>alert(1)</script>", json!({ "output_format": "svg" }));
    let answer = generate(&app.client(), &body).await;
    let text = String::from_utf8(bytes_of(&answer.json()["data"][0])).unwrap();
    assert!(text.contains("<svg") && text.contains("width=\"256\"") && text.contains("height=\"256\""));
    assert!(!text.contains("<script"), "a prompt became markup");
    app.finish().await;
}

#[actix_rt::test]
async fn a_gif_moves_as_often_and_as_slowly_as_asked() {
    let app = App::start().await;
    let more = json!({ "output_format": "gif", "frame_count": 4, "frame_duration_ms": 123 });
    let answer = generate(&app.client(), &small_with("waves", more)).await;
    let bytes = bytes_of(&answer.json()["data"][0]);
    let frames = GifDecoder::new(Cursor::new(bytes)).unwrap().into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 4);
    assert!(frames.iter().all(|frame| Duration::from(frame.delay()) == Duration::from_millis(120)));
    app.finish().await;
}

#[actix_rt::test]
async fn compression_is_honoured() {
    let app = App::start().await;
    let mut sizes = Vec::new();
    for quality in [10, 95] {
        let more = json!({ "output_format": "jpeg", "output_compression": quality });
        let answer = generate(&app.client(), &small_with("a forest", more)).await;
        sizes.push(bytes_of(&answer.json()["data"][0]).len());
    }
    assert!(sizes[0] * 2 < sizes[1], "{sizes:?}");
    app.finish().await;
}

#[actix_rt::test]
async fn n_pictures_differ_and_a_seed_repeats_them() {
    let app = App::start().await;
    let body = small_with("three boats", json!({ "n": 3, "seed": 7 }));
    let first = generate(&app.client(), &body).await.json();
    let again = generate(&app.client(), &body).await.json();
    let pictures: Vec<_> = first["data"].as_array().unwrap().iter().map(bytes_of).collect();
    assert_eq!(pictures.len(), 3);
    assert!(pictures[0] != pictures[1] && pictures[1] != pictures[2] && pictures[0] != pictures[2]);
    assert_eq!(first["data"], again["data"], "the same seed must draw the same");
    let other =
        generate(&app.client(), &small_with("three boats", json!({ "n": 3, "seed": 8 }))).await.json();
    assert_ne!(first["data"], other["data"]);
    app.finish().await;
}

#[actix_rt::test]
async fn a_transparent_background_has_holes_and_an_opaque_one_has_none() {
    let app = App::start().await;
    for (background, format) in [("transparent", "png"), ("transparent", "webp"), ("opaque", "png")] {
        let more = json!({ "background": background, "output_format": format });
        let answer = generate(&app.client(), &small_with("a fox", more)).await;
        let picture = image::load_from_memory(&bytes_of(&answer.json()["data"][0])).unwrap().to_rgba8();
        let holes = picture.pixels().filter(|pixel| pixel.0[3] == 0).count();
        assert_eq!(holes > 0, background == "transparent", "{background} {format}: {holes} holes");
        assert_eq!(answer.json()["background"], background);
    }
    app.finish().await;
}

#[actix_rt::test]
async fn ratios_and_names_find_their_sizes() {
    let app = App::start().await;
    for (body, size) in [
        (json!({ "model": "gpt-image", "prompt": "a" }), (360, 360)),
        (json!({ "model": "gpt-image-landscape", "prompt": "a" }), (540, 360)),
        (json!({ "model": "gpt-image", "size": "2:3", "prompt": "a" }), (360, 540)),
        (
            json!({ "model": "gpt-image", "size": "540x360", "aspect_ratio": "square", "prompt": "a" }),
            (360, 360),
        ),
        (
            json!({ "model": "dall-e-2", "size": "256x256", "prompt": "a", "response_format": "b64_json" }),
            (256, 256),
        ),
        (json!({ "model": "gpt-image-2", "size": "16:9", "prompt": "a" }), (1280, 720)),
    ] {
        let answer = generate(&app.client(), &body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        decoded(&bytes_of(&answer.json()["data"][0]), ImageFormat::Png, size);
    }
    app.finish().await;
}

/// LangChain joins the links of `dall-e-2` and knows nothing of base64.
#[actix_rt::test]
async fn dall_e_names_answer_with_links_unless_told_otherwise() {
    let app = App::start().await;
    for model in ["dall-e-2", "dall-e-3"] {
        let size = if model == "dall-e-2" { "256x256" } else { "auto" };
        let body = json!({ "model": model, "prompt": "a", "size": size });
        let item = generate(&app.client(), &body).await.json()["data"][0].clone();
        assert!(item["url"].is_string() && item.get("b64_json").is_none(), "{item}");
    }
    let item = generate(&app.client(), &small("a")).await.json()["data"][0].clone();
    assert!(item.get("url").is_none() && item["b64_json"].is_string());
    app.finish().await;
}

#[actix_rt::test]
async fn a_link_serves_the_file_whole_in_part_and_not_again() {
    let app = App::start().await;
    let answer = generate(&app.client(), &small_with("a", json!({ "response_format": "url" }))).await.json();
    let url = answer["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&app.origin), "{url}");
    let stranger = app.stranger();
    let whole = stranger.get(&url).send().await.unwrap();
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("image/png")));
    decoded(&whole.body, ImageFormat::Png, (256, 256));
    let length = whole.body.len();
    assert_eq!(whole.header("content-length"), Some(length.to_string().as_str()));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(whole.header("content-disposition").is_none_or(|value| value.starts_with("inline")));
    let etag = whole.header("etag").unwrap();

    let part = stranger.get(&url).header("range", "bytes=8-15").send().await.unwrap();
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[8..16]));
    assert_eq!(part.header("content-range"), Some(format!("bytes 8-15/{length}").as_str()));
    let tail = stranger.get(&url).header("range", "bytes=-4").send().await.unwrap();
    assert_eq!((tail.status, &tail.body[..]), (206, &whole.body[length - 4..]));
    let beyond =
        stranger.get(&url).header("range", format!("bytes={length}-").as_str()).send().await.unwrap();
    assert_eq!(beyond.status, 416);
    let fresh = stranger.get(&url).header("if-none-match", etag).send().await.unwrap();
    assert_eq!((fresh.status, fresh.body.len()), (304, 0));
    let head = stranger.call(awc::http::Method::HEAD, &url).send().await.unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some(length.to_string().as_str())));
    app.finish().await;
}

#[actix_rt::test]
async fn an_altered_or_old_link_opens_nothing() {
    let app = App::with(&[("MEDIA__URL_TTL_S", "2")]).await;
    let body = small_with("a", json!({ "response_format": "url", "n": 2 }));
    let answer = generate(&app.client(), &body).await.json();
    let url = |index: usize| answer["data"][index]["url"].as_str().unwrap().to_owned();
    let (first, second) = (url(0), url(1));
    let query = |url: &str| url.split_once('?').unwrap().1.to_owned();
    let stem = first.split_once('?').unwrap().0;
    let later = first.replace("exp=", "exp=9");
    let stranger = app.stranger();
    for altered in [format!("{stem}?{}", query(&second)), stem.to_owned(), later, format!("{first}A")] {
        let answer = stranger.get(&altered).send().await.unwrap();
        expect_error(&answer, 403, "bad_signature");
    }
    let unknown =
        format!("{}/media/media_00000000000070008000000000000000.png?{}", app.origin, query(&first));
    assert!(matches!(stranger.get(&unknown).send().await.unwrap().status, 403 | 404));
    for odd in ["/media/..%2F..%2Fsecret.key", "/media/x", "/media/%00"] {
        assert_eq!(stranger.get(odd).send().await.unwrap().status, 404, "{odd}");
    }
    let expired = async {
        while stranger.get(&first).send().await.unwrap().status == 200 {
            actix_rt::time::sleep(Duration::from_millis(50)).await;
        }
    };
    actix_rt::time::timeout(Duration::from_secs(10), expired).await.expect("the link never ended");
    expect_error(&stranger.get(&first).send().await.unwrap(), 403, "bad_signature");
    app.finish().await;
}
