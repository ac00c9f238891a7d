//! Characters over HTTP: made in every way in which clients send videos, seen by their owner, used by prompts, shown to the operator.

use crate::support::{
    App,
    answers::{credits, generate, small_with},
    app::Owner,
    expect_error,
    films::{coloured, content, create, ended, first_of_cast, id, is_magenta},
    pictures::bytes_of,
    small,
};
use atelier_sim::{client::Client, form::Form};
use base64::{Engine, engine::general_purpose::STANDARD};
use image::ImageFormat;
use serde_json::{Value, json};

/// Where characters are made.
const CHARACTERS: &str = "/v1/characters";

async fn made(owner: &Owner, body: &Value) -> Value {
    let answer = owner.client.post(CHARACTERS, body).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(path).send().await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// The middle pixel of a character's portrait, decoded by a stranger without a key.
async fn seen(app: &App, character: &Value) -> [u8; 3] {
    let url = character["data"]["profile_picture_url"].as_str().unwrap();
    let file = app.stranger().get(url.strip_prefix(&app.origin).unwrap()).send().await.unwrap();
    assert_eq!((file.status, file.header("content-type")), (200, Some("image/webp")));
    let picture = image::load_from_memory_with_format(&file.body, ImageFormat::WebP).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (240, 240));
    picture.get_pixel(120, 120).0
}

#[actix_rt::test]
async fn the_portrait_is_the_part_of_the_video_that_was_named() {
    let app = App::start().await;
    let owner = app.metered(1).await;
    let film = STANDARD.encode(coloured(&["red", "blue"]));
    let [red, blue] = ["0,2", "2,4"].map(|part| json!({ "video": film, "timestamps": part }));
    let (red, blue) = (made(&owner, &red).await, made(&owner, &blue).await);
    let ([r, _, b], [r2, _, b2]) = (seen(&app, &red).await, seen(&app, &blue).await);
    assert!(r > 200 && b < 60 && r2 < 60 && b2 > 200, "{r} {b}, {r2} {b2}");
    app.finish().await;
}

#[actix_rt::test]
async fn a_character_is_made_in_every_way_in_which_a_video_is_sent() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let film = coloured(&["green"]);
    let said = || Form::new().text("model", "sora-video-10s").text("timestamps", "0,1");
    let form = said().named_file("video", "character_video.mp4", "video/mp4", &film);
    let form = form.text("username", "my_character").text("display_name", "My Character");
    let form = form.text("instruction_set", "Always speak politely.");
    let form = form.text("safety_instruction_set", "Avoid unsafe content.");
    let answer = owner.client.post_form(CHARACTERS, form).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let character = answer.json();
    assert!(character["id"].as_str().unwrap().starts_with("char_"));
    assert!(character["data"]["cameo_id"].as_str().unwrap().starts_with("ch_"));
    assert_eq!(
        [&character["object"], &character["model"], &character["data"]["message"]],
        [&json!("character"), &json!("sora-video-10s"), &json!("Character created successfully")]
    );
    assert_eq!(
        [&character["data"]["username"], &character["data"]["display_name"]],
        [&json!("my_character"), &json!("My Character")]
    );
    assert!(character["created"].is_i64());

    let encoded = STANDARD.encode(&film);
    for body in [
        json!({ "video": encoded, "username": "@My_Character" }),
        json!({ "video_base64": encoded, "timestamps": [0, 1] }),
        json!({ "video": format!("data:video/mp4;base64,{encoded}"), "display_name": "Mia" }),
    ] {
        let other = made(&owner, &body).await;
        assert_ne!(other["data"]["username"], "my_character", "a username has one bearer");
    }
    let again = json!({ "video": encoded, "username": "once" });
    let call = || owner.client.post(CHARACTERS, &again).header("idempotency-key", "k-1");
    let (first, second) = (call().send().await.unwrap(), call().send().await.unwrap());
    assert_eq!((second.status, second.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(first.json()["id"], second.json()["id"]);
    let other = owner.client.post(CHARACTERS, &json!({ "video": encoded })).header("idempotency-key", "k-1");
    expect_error(&other.send().await.unwrap(), 422, "idempotency_mismatch");
    let text = said().text("video_base64", &encoded);
    assert_eq!(owner.client.post_form(CHARACTERS, text).send().await.unwrap().status, 200);

    let page = get(&owner.client, &format!("{CHARACTERS}?limit=2")).await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["has_more"]), (2, &json!(true)));
    let after = page["last_id"].as_str().unwrap();
    let rest = get(&owner.client, &format!("{CHARACTERS}?limit=9&after={after}")).await;
    assert_eq!(rest["data"].as_array().unwrap().len(), 4);
    assert_eq!(rest["data"][3]["id"], character["id"], "the first that was made is the last");
    assert_eq!(credits(&owner.client).await, (5, 0), "characters are free");
    app.finish().await;
}

#[actix_rt::test]
async fn somebody_elses_character_is_not_there_under_any_of_its_ids() {
    let app = App::start().await;
    let (owner, other) = (app.metered(1).await, app.metered(1).await);
    let character = made(&owner, &json!({ "video": STANDARD.encode(coloured(&["red"])) })).await;
    let ids = [&character["id"], &character["data"]["cameo_id"]].map(|id| id.as_str().unwrap());
    for id in ids {
        for path in [format!("{CHARACTERS}/{id}"), format!("/v1/videos/characters/{id}")] {
            assert_eq!(owner.client.get(&path).send().await.unwrap().status, 200);
            expect_error(&other.client.get(&path).send().await.unwrap(), 404, "character_not_found");
            expect_error(&other.client.delete(&path).send().await.unwrap(), 404, "character_not_found");
        }
    }
    assert_eq!(get(&other.client, CHARACTERS).await["data"], json!([]));
    let view = get(&owner.client, &format!("/v1/videos/characters/{}", ids[0])).await;
    assert_eq!((&view["id"], &view["name"]), (&character["id"], &character["data"]["display_name"]));
    let gone = owner.client.delete(&format!("{CHARACTERS}/{}", ids[1])).send().await.unwrap().json();
    assert_eq!(gone, json!({ "id": character["id"], "object": "character.deleted", "deleted": true }));
    expect_error(
        &owner.client.get(&format!("{CHARACTERS}/{}", ids[0])).send().await.unwrap(),
        404,
        "character_not_found",
    );
    app.finish().await;
}

#[actix_rt::test]
async fn wrong_characters_are_told_and_nothing_is_kept() {
    let app = App::start().await;
    let owner = app.metered(3).await;
    let film = STANDARD.encode(coloured(&["red"]));
    for (body, status, code) in [
        (json!({}), 422, "bad_video"),
        (json!({ "video": "" }), 422, "bad_video"),
        (json!({ "video": 5 }), 422, "bad_video"),
        (json!({ "video": "not base64!" }), 422, "bad_video"),
        (json!({ "video": STANDARD.encode(b"no film") }), 422, "bad_video"),
        (json!({ "video": film, "video_base64": film }), 422, "bad_video"),
        (json!({ "video": "http://127.0.0.1/a.mp4" }), 400, "invalid_image_url"),
        (json!({ "video": { "id": "video_x" } }), 404, "video_not_found"),
        (json!({ "video": film, "timestamps": "3,0" }), 422, "bad_timestamps"),
        (json!({ "video": film, "timestamps": "60,61" }), 422, "bad_timestamps"),
        (json!({ "video": film, "username": "no spaces please" }), 422, "bad_username"),
        (json!({ "video": film, "username": ["a"] }), 422, "bad_username"),
        (json!({ "video": film, "display_name": "x".repeat(101) }), 422, "bad_display_name"),
        (json!({ "video": film, "instruction_set": "x".repeat(2_001) }), 422, "bad_instruction_set"),
        (json!({ "video": film, "safety_instruction_set": {} }), 422, "bad_safety_instruction_set"),
        (json!({ "video": film, "visibility": "secret" }), 422, "bad_visibility"),
        (json!({ "video": film, "model": "gpt-image-2" }), 400, "unknown_model"),
    ] {
        expect_error(&owner.client.post(CHARACTERS, &body).send().await.unwrap(), status, code);
    }
    for (path, status, code) in [
        ("/v1/characters?order=up", 422, "bad_order"),
        ("/v1/characters?after=x", 422, "bad_after"),
        ("/v1/characters/x", 404, "character_not_found"),
        ("/v1/characters/ch_0199abcd000070008000000000000001", 404, "character_not_found"),
    ] {
        expect_error(&owner.client.get(path).send().await.unwrap(), status, code);
    }
    assert_eq!(get(&owner.client, CHARACTERS).await["data"], json!([]));
    assert_eq!(credits(&owner.client).await, (3, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_film_shows_whom_its_prompt_speaks_of_though_they_are_deleted_meanwhile() {
    let app = App::start().await;
    let (owner, other) = (app.metered(15).await, app.metered(5).await);
    let body = json!({ "video": STANDARD.encode(coloured(&["magenta"])), "username": "mia" });
    let character = made(&owner, &body).await;
    let cameo = character["data"]["cameo_id"].as_str().unwrap();
    let film = |prompt: &str| json!({ "prompt": prompt, "seconds": "4" });
    let mut films = Vec::new();
    for (client, prompt, shows) in [
        (&owner.client, "@mia dances".to_owned(), true),
        (&owner.client, format!("<@{cameo}> and @nobody dance"), true),
        (&other.client, "@mia dances".to_owned(), false),
    ] {
        films.push((client, id(&create(client, &film(&prompt)).await), prompt, shows));
    }
    let path = format!("{CHARACTERS}/{cameo}");
    assert_eq!(owner.client.delete(&path).send().await.unwrap().status, 200);
    films.push((
        &owner.client,
        id(&create(&owner.client, &film("@mia is gone")).await),
        "@mia is gone".into(),
        false,
    ));
    for (client, id, prompt, shows) in films {
        let video = ended(client, &id).await;
        assert_eq!((&video["status"], &video["prompt"]), (&json!("completed"), &json!(prompt)));
        let seen = first_of_cast(&content(client, &id, "").await.body);
        assert_eq!(is_magenta(seen), shows, "{prompt}: {seen:?}");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_picture_is_worked_from_the_portrait_of_whom_its_prompt_speaks_of() {
    let app = App::start().await;
    let (owner, other) = (app.metered(9).await, app.metered(9).await);
    let film = STANDARD.encode(coloured(&["magenta"]));
    made(&owner, &json!({ "video": film, "username": "mia" })).await;
    let drawn = async |client: &Client, prompt: &str| {
        let answer = generate(client, &small_with(prompt, json!({ "seed": 7 }))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        bytes_of(&answer.json()["data"][0])
    };
    let (with, without) = (drawn(&owner.client, "@mia").await, drawn(&other.client, "@mia").await);
    assert_ne!(with, without, "the portrait is not used");
    assert_eq!(drawn(&owner.client, "@leo").await, drawn(&other.client, "@leo").await);
    for name in ["ann", "bob", "cid"] {
        made(&owner, &json!({ "video": film, "username": name })).await;
    }
    let crowd = small("@mia @ann @bob @cid");
    expect_error(&generate(&owner.client, &crowd).await, 422, "bad_prompt");
    let crowd = json!({ "prompt": "@mia @ann @bob @cid" });
    expect_error(&create(&owner.client, &crowd).await, 422, "bad_prompt");
    assert_eq!(credits(&owner.client).await, (7, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn the_operator_sees_changes_and_deletes_everybodys_characters() {
    let app = App::start().await;
    let (owner, admin) = (app.metered(1).await, app.admin().await);
    let body = json!({ "video": STANDARD.encode(coloured(&["red"])), "username": "mia" });
    let character = made(&owner, &body).await;
    let cameo = character["data"]["cameo_id"].as_str().unwrap();
    let all = get(&admin, "/api/characters").await;
    let listed = &all["characters"][0];
    assert_eq!(
        [&all["success"], &listed["id"], &listed["token_id"], &listed["cameo_id"], &listed["character_id"]],
        [&json!(true), &json!(1), &json!(1), &json!(cameo), &character["id"]]
    );
    for (key, value) in
        [("username", "mia"), ("display_name", "Mia"), ("visibility", "private"), ("status", "finalized")]
    {
        assert_eq!(listed[key], value);
    }
    assert!(listed["profile_url"].as_str().unwrap().starts_with(&app.origin));
    assert!(listed["created_at"].as_str().unwrap().ends_with('Z'));
    for id in ["1", &owner.id] {
        assert_eq!(
            get(&admin, &format!("/api/characters/by-token/{id}")).await["characters"],
            all["characters"]
        );
    }
    assert_eq!(get(&admin, "/api/characters/by-token/2").await["characters"], json!([]));

    let update = json!({ "instruction_set": "Be kind.", "visibility": "public" });
    let path = format!("/api/characters/{cameo}");
    let updated = admin.post(&format!("{path}/update"), &update).send().await.unwrap();
    assert_eq!(updated.status, 200, "{}", updated.text());
    let one = get(&admin, &path).await["character"].clone();
    assert_eq!(
        [&one["instruction_set"], &one["safety_instruction_set"], &one["visibility"]],
        [&json!("Be kind."), &Value::Null, &json!("public")]
    );
    let wrong = admin.post(&format!("{path}/update"), &json!({ "visibility": "x" })).send().await.unwrap();
    expect_error(&wrong, 422, "bad_visibility");
    assert_eq!(admin.delete(&path).send().await.unwrap().json()["success"], true);
    for call in [
        admin.get(&path),
        admin.delete(&path),
        admin.post(&format!("{path}/update"), &update),
        admin.get("/api/characters/nobody"),
    ] {
        expect_error(&call.send().await.unwrap(), 404, "character_not_found");
    }
    expect_error(&admin.get("/api/characters/by-token/99").send().await.unwrap(), 404, "token_not_found");
    expect_error(&owner.client.get("/api/characters").send().await.unwrap(), 401, "invalid_session");
    app.finish().await;
}
