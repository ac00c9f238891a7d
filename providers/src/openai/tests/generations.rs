//! Images from words: what is sent, what comes back, and what becomes of it.

use super::*;
use crate::doubles::Reply;
use atelier_domain::engine::TokenUsage;
use serde_json::json;

fn one(bytes: &[u8]) -> Reply {
    Reply::json(200, &json!({"created": 1, "data": [{"b64_json": b64(bytes)}]}))
}

#[actix_rt::test]
async fn an_image_that_fits_is_handed_on_byte_for_byte() {
    let png = picture(1024, 1024, ImageFormat::Png);
    let answer = json!({"created": 1, "data": [{"b64_json": b64(&png), "revised_prompt": "a red fox"}],
        "usage": {"input_tokens": 15, "output_tokens": 100, "input_tokens_details": {"text_tokens": 12, "image_tokens": 3}}});
    let upstream = Double::start(move |_| Reply::json(200, &answer)).await;
    let outputs = World::new().images(spec(), &upstream, "openai").await;
    assert_eq!(outputs.len(), 1);
    assert!(outputs[0].bytes == png, "it was made anew");
    assert_eq!((outputs[0].mime, outputs[0].width, outputs[0].height), ("image/png", 1024, 1024));
    assert_eq!(outputs[0].revised_prompt.as_deref(), Some("a red fox"));
    assert_eq!(outputs[0].usage, Some(TokenUsage { input_text: 12, input_image: 3, output: 100 }));
    let seen = upstream.only();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/v1/images/generations"));
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert!(
        seen.header("x-client-request-id")
            .is_some_and(|id| id == JobId::from_uuid(Uuid::from_u128(7)).to_string())
    );
    assert_eq!(
        seen.json(),
        json!({"model": "m", "prompt": "a fox", "n": 1, "size": "1024x1024", "output_format": "png"})
    );
}

#[actix_rt::test]
async fn a_size_or_format_that_the_upstream_does_not_make_is_made_here_exactly() {
    for (dialect, asked, sent) in [
        ("openai", "1000x1000", "1008x1008"),
        ("sglang", "500x300", "496x304"),
        ("localai", "64x64", "64x64"),
    ] {
        // Whatever is asked, this one makes 512x512.
        let upstream = Double::start(|_| one(&picture(512, 512, ImageFormat::Png))).await;
        let asked: Size = asked.parse().unwrap();
        for (format, kind) in
            [(OutputFormat::Webp, ImageFormat::WebP), (OutputFormat::Jpeg, ImageFormat::Jpeg)]
        {
            let wanted = ImageSpec { size: asked, format, ..spec() };
            let output = World::new().images(wanted, &upstream, dialect).await.remove(0);
            assert_eq!(read(&output.bytes), (asked.width, asked.height, kind), "{dialect}");
            assert_eq!(
                (output.width, output.height, output.mime),
                (asked.width, asked.height, format.mime())
            );
        }
        for seen in upstream.seen() {
            assert_eq!(seen.json()["size"], sent, "{dialect}");
        }
    }
}

#[actix_rt::test]
async fn a_link_is_fetched_home_with_the_key_and_a_data_uri_is_read_where_it_stands() {
    let png = picture(1024, 1024, ImageFormat::Png);
    let uri = format!("data:image/png;base64,{}", b64(&png));
    let file = png.clone();
    let upstream = Double::start(move |seen| match &*seen.path {
        "/v1/images/generations" => Reply::json(
            200,
            &json!({"data": [{"url": "/generated-images/x.png"}, {"url": uri, "b64_json": null}]}),
        ),
        _ => Reply::file("image/png", &file),
    })
    .await;
    let outputs = World::new().images(ImageSpec { n: 2, ..spec() }, &upstream, "relay").await;
    assert!(outputs.len() == 2 && outputs.iter().all(|output| output.bytes == png));
    let seen = upstream.seen();
    assert_eq!(seen[1].path, "/generated-images/x.png");
    assert!(seen[1].header("authorization").is_some());
}

#[actix_rt::test]
async fn tokens_of_several_images_add_up_to_what_was_counted() {
    let png = picture(64, 64, ImageFormat::Png);
    let data: Vec<_> = (0..3).map(|_| json!({"b64_json": b64(&png)})).collect();
    let answer =
        json!({"data": data, "usage": {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}});
    let upstream = Double::start(move |_| Reply::json(200, &answer)).await;
    let outputs = World::new().images(ImageSpec { n: 3, ..spec() }, &upstream, "openai").await;
    let total = outputs.iter().filter_map(|output| output.usage).fold(TokenUsage::default(), |a, b| a + b);
    assert_eq!(total, TokenUsage { input_text: 10, input_image: 0, output: 100 });
}

#[actix_rt::test]
async fn one_broken_image_among_several_costs_only_itself_and_more_than_asked_are_not_taken() {
    let png = picture(64, 64, ImageFormat::Png);
    let good = b64(&png);
    let answer = json!({"data": [{"b64_json": "%%%"}, {"b64_json": good}, {"b64_json": b64(b"<html>")}, {"b64_json": good}, {"b64_json": good}]});
    let upstream = Double::start(move |_| Reply::json(200, &answer)).await;
    let outputs = World::new().images(ImageSpec { n: 3, ..spec() }, &upstream, "sd-server").await;
    assert_eq!(outputs.len(), 2, "of the four that are files, three were asked for and one is a page");
}

#[actix_rt::test]
async fn each_dialect_shows_its_key_in_its_own_way_and_a_missing_one_not_at_all() {
    let upstream = Double::start(|_| one(&picture(64, 64, ImageFormat::Png))).await;
    let world = World::new();
    world.images(spec(), &upstream, "azure").await;
    let mut call = world.call(Task::Image(spec()), &upstream, "sglang");
    call.credential.secrets = Arc::default();
    Arc::clone(&world.engine).submit(call).await;
    let mut call = world.call(Task::Image(spec()), &upstream, "openai");
    call.credential.secrets = Arc::new(AccountSecrets {
        organization: Some(Secret::new("org-1")),
        project: Some(Secret::new("proj_1")),
        ..AccountSecrets::clone(&call.credential.secrets)
    });
    Arc::clone(&world.engine).submit(call).await;
    let seen = upstream.seen();
    assert_eq!((seen[0].header("api-key"), seen[0].header("authorization")), (Some(KEY), None));
    assert_eq!((seen[1].header("api-key"), seen[1].header("authorization")), (None, None));
    assert_eq!(
        (seen[2].header("openai-organization"), seen[2].header("openai-project")),
        (Some("org-1"), Some("proj_1"))
    );
}
