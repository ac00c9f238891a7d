//! Published works over HTTP: links that anybody may open, feeds, remixes of others' works, and what is left when they are taken back.

use crate::{
    restart::{metered, setup},
    support::{
        App,
        answers::{credits, ended as image_ended, in_background},
        app::Owner,
        expect_error,
        films::{self, content, create, id},
        small,
    },
};
use atelier_sim::client::{Answer, Client};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(path).send().await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

async fn post(client: &Client, path: &str, body: Value) -> Answer {
    client.post(path, &body).send().await.unwrap()
}

/// Publishes a job and returns the post.
async fn published(owner: &Owner, job: &str, body: Value) -> Value {
    let answer = post(&owner.client, &format!("/v1/jobs/{job}/publish"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A picture that is made and published.
async fn picture(owner: &Owner, text: &str) -> Value {
    let job = in_background(&owner.client, small(text)).await;
    image_ended(&owner.client, &job).await;
    published(owner, &job, json!({ "text": text })).await
}

async fn film(client: &Client, prompt: &str) -> String {
    let video = id(&create(client, &json!({ "prompt": prompt, "seconds": "4" })).await);
    assert_eq!(films::ended(client, &video).await["status"], "completed");
    video
}

fn path_of(app: &App, link: &Value) -> String {
    link.as_str().unwrap().strip_prefix(&app.origin).unwrap().to_owned()
}

fn ids(items: &Value) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Both have exactly these keys.
#[track_caller]
fn has_keys(value: &Value, keys: &[&str]) {
    let found: BTreeSet<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let missing: Vec<_> = keys.iter().filter(|key| !found.contains(*key)).collect();
    assert!(missing.is_empty(), "missing {missing:?}: {value}");
}

#[actix_rt::test]
async fn a_published_film_is_seen_by_anybody_and_remixed_by_any_key_until_it_is_taken_back() {
    let app = App::start().await;
    let (owner, other) = (app.metered(5).await, app.metered(10).await);
    let video = film(&owner.client, "a boat").await;
    let shared = published(&owner, &video, json!({ "text": "A boat <at> sea" })).await;
    let (share, link) = (shared["id"].as_str().unwrap(), path_of(&app, &shared["permalink"]));
    assert_eq!((share.len(), &share[..2], link.as_str()), (34, "s_", format!("/p/{share}").as_str()));

    let page = app.stranger().get(&link).send().await.unwrap();
    let text = page.text();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(text.contains("<video src=\"") && text.contains("A boat &lt;at&gt; sea"), "{text}");
    let as_json = app.stranger().get(&link).header("accept", "application/json").send().await.unwrap().json();
    let file = path_of(&app, &as_json["attachment"]["url"]);
    let bytes = app.stranger().get(&file).send().await.unwrap();
    assert_eq!(bytes.header("content-type"), Some("video/mp4"));
    assert_eq!(bytes.body, content(&owner.client, &video, "").await.body);
    let still = app.stranger().get(&path_of(&app, &as_json["preview_image_url"])).send().await.unwrap();
    assert_eq!(still.header("content-type"), Some("image/webp"));
    assert_eq!(get(&app.stranger(), &format!("{link}?format=json")).await["id"], share);

    // The job goes, the post stays; and a remix of it needs neither the job nor its key.
    owner.client.delete(&format!("/v1/videos/{video}")).send().await.unwrap();
    let by_path =
        post(&other.client, &format!("/v1/videos/{share}/remix"), json!({ "prompt": "at night" })).await;
    let by_field = json!({ "prompt": "in fog", "remix_target_id": format!("https://example.org{link}?x=1") });
    let by_field = create(&other.client, &by_field).await;
    let (by_path, by_field) = (id(&by_path), id(&by_field));
    let remix = films::ended(&other.client, &by_path).await;
    assert_eq!((&remix["status"], &remix["seconds"]), (&json!("completed"), &json!("4")));
    assert_eq!(remix["remixed_from_video_id"], format!("video_{}", &share[2..]));
    films::ended(&other.client, &by_field).await;
    let derived = published(&other, &by_path, json!({})).await;
    assert_eq!((&derived["parent_post_id"], &derived["root_post_id"]), (&json!(share), &json!(share)));
    assert_eq!(get(&owner.client, &format!("/v1/posts/{share}")).await["remix_count"], 1);
    let remixes = get(&owner.client, &format!("/v1/posts/{share}/remixes")).await;
    assert_eq!(ids(&remixes["items"]), [derived["id"].as_str().unwrap()]);

    let taken_back = format!("/v1/jobs/{video}/publish");
    expect_error(&other.client.delete(&taken_back).send().await.unwrap(), 404, "post_not_found");
    let gone = owner.client.delete(&taken_back).send().await.unwrap();
    assert_eq!(gone.json(), json!({ "id": share, "object": "post.deleted", "deleted": true }));
    let lost = app.stranger().get(&link).send().await.unwrap();
    assert_eq!((lost.status, lost.header("content-type")), (404, Some("text/html; charset=utf-8")));
    assert_eq!(app.stranger().get(&file).send().await.unwrap().status, 404, "a link that was handed out");
    for (call, code) in [
        (app.stranger().get(&link).header("accept", "application/json"), "post_not_found"),
        (owner.client.get(&format!("/v1/posts/{share}")), "post_not_found"),
        (owner.client.post(&format!("/v1/posts/{share}/like"), &json!({})), "post_not_found"),
        (owner.client.get(&format!("/v1/posts/{share}/remixes")), "post_not_found"),
        (
            other.client.post(&format!("/v1/videos/{share}/remix"), &json!({ "prompt": "x" })),
            "video_not_found",
        ),
        (
            other.client.post("/v1/videos", &json!({ "prompt": "x", "remix_target_id": share })),
            "video_not_found",
        ),
    ] {
        expect_error(&call.send().await.unwrap(), 404, code);
    }
    assert_eq!(credits(&other.client).await, (0, 0), "two remixes, and no more");
    app.finish().await;
}

#[actix_rt::test]
async fn what_was_published_named_and_counted_is_there_after_a_kill() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let mut server = setup.start(films::PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 3).await;
    let job = in_background(&client, small("it stays")).await;
    image_ended(&client, &job).await;
    let shared =
        post(&client, &format!("/v1/jobs/{job}/publish"), json!({ "text": "it stays" })).await.json();
    let path = format!("/v1/posts/{}", shared["id"].as_str().unwrap());
    assert_eq!(post(&client, &format!("{path}/like"), json!({})).await.json()["like_count"], 1);
    let film = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, films::coloured(&["red"]));
    let character = post(&client, "/v1/characters", json!({ "video": film, "username": "mia" })).await.json();
    let me = get(&client, "/v1/profiles/me").await;
    server.kill().unwrap();

    let server = setup.start(films::PATIENCE).await.unwrap();
    let there = get(&client, &path).await;
    assert_eq!((&there["text"], &there["like_count"]), (&json!("it stays"), &json!(1)));
    let url = there["attachment"]["url"].as_str().unwrap();
    let file = url.split_once("/media/").unwrap().1;
    assert_eq!(client.get(&format!("/media/{file}")).send().await.unwrap().status, 200);
    let id = character["id"].as_str().unwrap();
    assert_eq!(get(&client, &format!("/v1/characters/{id}")).await["data"]["username"], "mia");
    assert_eq!(get(&client, "/v1/profiles/me").await, me);
    assert_eq!(get(&client, "/v1/feed").await["count"], 1);
    drop(server);
}

#[actix_rt::test]
async fn each_key_counts_once_and_what_is_liked_comes_first() {
    let app = App::start().await;
    let (owner, other) = (app.metered(5).await, app.metered(5).await);
    let (first, second) = (picture(&owner, "first").await, picture(&owner, "second").await);
    let [first, second] = [&first, &second].map(|post| post["id"].as_str().unwrap());
    let path = format!("/v1/posts/{first}");
    for client in [&other.client, &other.client, &owner.client] {
        get(client, &path).await;
        client.get(&format!("/p/{first}")).send().await.unwrap();
    }
    app.stranger().get(&format!("/p/{first}")).send().await.unwrap();
    for _ in 0..2 {
        assert_eq!(post(&other.client, &format!("{path}/like"), json!({})).await.status, 200);
    }
    let seen = get(&other.client, &path).await;
    assert_eq!(
        [&seen["view_count"], &seen["like_count"], &seen["user_liked"], &seen["is_owner"]],
        [&json!(2), &json!(1), &json!(true), &json!(false)]
    );
    let order = async |cut: &str| ids(&get(&owner.client, &format!("/v1/feed?cut={cut}")).await["items"]);
    assert_eq!(order("nf2_latest").await, [second, first]);
    assert_eq!(order("nf2_top").await, [first, second]);
    let unliked = other.client.delete(&format!("{path}/like")).send().await.unwrap().json();
    assert_eq!((&unliked["like_count"], &unliked["user_liked"]), (&json!(0), &json!(false)));
    app.finish().await;
}

#[actix_rt::test]
async fn a_feed_is_turned_page_by_page_while_works_are_published() {
    let app = App::start().await;
    let owner = app.metered(200).await;
    let mut there = Vec::new();
    for number in 0..5 {
        there.push(picture(&owner, &format!("work {number}")).await["id"].as_str().unwrap().to_owned());
    }
    let me = get(&owner.client, "/v1/profiles/me").await["profile"].clone();
    let user = format!("/v1/users/{}/feed", me["user_id"].as_str().unwrap());
    for feed in ["/v1/feed?", &format!("{user}?"), "/v1/tokens/1/profile-feed?", "/v1/feed?cut=nf2_top&"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&owner.client, &format!("{feed}limit=2{cursor}")).await;
            let page = if page["items"].is_array() { page } else { page["feed"].clone() };
            assert!(page["items"].as_array().unwrap().len() <= 2);
            seen.extend(ids(&page["items"]));
            picture(&owner, "in between").await;
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
            if seen.len() > 40 {
                panic!("{feed} has no end");
            }
        }
        // An account of the pool made some of them only.
        let expected = if feed.contains("tokens") { Vec::new() } else { there.clone() };
        let missed: Vec<_> = expected.iter().filter(|id| !seen.contains(id)).collect();
        assert!(missed.is_empty(), "{feed}: {missed:?}");
        let once: BTreeSet<_> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "{feed}: met twice");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn every_example_of_the_older_documents_has_its_shape() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let shared = picture(&owner, "A beautiful sunset").await;
    let film = films::coloured(&["red"]);
    let film = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, film);
    let body = json!({ "video": film, "username": "john_doe", "visibility": "public" });
    assert_eq!(post(&owner.client, "/v1/characters", body).await.status, 200);
    let author = ["user_id", "username", "display_name", "profile_picture_url", "verified", "follower_count"];

    let feed = get(&owner.client, "/v1/feed?limit=10&cut=nf2_top").await;
    assert_eq!(
        (&feed["success"], &feed["cut"], &feed["count"]),
        (&json!(true), &json!("nf2_top"), &json!(1))
    );
    assert!(feed.as_object().unwrap().contains_key("cursor"));
    let item = &feed["items"][0];
    has_keys(
        item,
        &[
            "id",
            "text",
            "permalink",
            "preview_image_url",
            "posted_at",
            "like_count",
            "view_count",
            "remix_count",
            "attachment",
            "author",
        ],
    );
    has_keys(
        &item["attachment"],
        &[
            "kind",
            "url",
            "downloadable_url",
            "width",
            "height",
            "n_frames",
            "duration_seconds",
            "thumbnail_url",
        ],
    );
    has_keys(&item["author"], &author);
    assert_eq!((&item["id"], &item["text"]), (&shared["id"], &json!("A beautiful sunset")));
    assert!(item["posted_at"].as_str().unwrap().ends_with('Z'));

    let name = item["author"]["username"].as_str().unwrap();
    let profile = get(&owner.client, &format!("/v1/profiles/{name}")).await;
    assert_eq!((&profile["success"], &profile["profile"]), (&json!(true), &item["author"]));
    has_keys(&profile["profile"], &author);
    let user = profile["profile"]["user_id"].as_str().unwrap();
    assert!(user.starts_with("user-") && user.len() == 29, "{user}");
    let feed = get(&owner.client, &format!("/v1/users/{user}/feed?limit=10")).await;
    assert_eq!((&feed["success"], &feed["user_id"]), (&json!(true), &json!(user)));
    assert_eq!(ids(&feed["feed"]["items"]), [shared["id"].as_str().unwrap()]);

    let other = app.metered(1).await;
    let found = get(&other.client, "/v1/characters/search?username=john&intent=cameo&limit=5").await;
    assert_eq!(
        (&found["success"], &found["query"], &found["count"]),
        (&json!(true), &json!("john"), &json!(1))
    );
    let found = &found["results"][0];
    has_keys(found, &author);
    assert_eq!((&found["username"], &found["can_cameo"]), (&json!("john_doe"), &json!(true)));
    assert!(found["token"].as_str().unwrap().starts_with("<@ch_"));
    assert_eq!(found["owner"]["user_id"], user);
    let everybody = get(&other.client, &format!("/v1/characters/search?username={}", &name[..3])).await;
    assert!(everybody["results"].as_array().unwrap().iter().any(|one| one["user_id"] == user));
    assert_eq!(get(&other.client, "/v1/profiles/john_doe").await["profile"]["username"], "john_doe");

    let body = json!({ "prompt": "多镜头多角度拍摄", "expansion_level": "long", "duration_s": 15 });
    let enhanced = post(&owner.client, "/v1/enhance_prompt", body).await.json()["enhanced_prompt"].clone();
    let enhanced = enhanced.as_str().unwrap();
    assert!(
        enhanced.starts_with("PRIMARY: 多镜头多角度拍摄") && enhanced.contains("\nSETTING: "),
        "{enhanced}"
    );
    assert!(enhanced.contains("\nLOOK: "));

    let codes = get(&owner.client, "/v1/invite-codes").await;
    assert_eq!(codes["success"], false);
    assert!(codes["message"].is_string());
    let stats = get(&owner.client, "/v1/stats").await;
    has_keys(
        &stats["stats"],
        &[
            "total_tokens",
            "active_tokens",
            "today_images",
            "total_images",
            "today_videos",
            "total_videos",
            "today_errors",
            "total_errors",
        ],
    );
    assert_eq!((&stats["success"], &stats["stats"]["total_images"]), (&json!(true), &json!(1)));
    assert_eq!(get(&owner.client, "/v1/tokens/1/profile-feed?limit=10").await["token_id"], 1);
    assert_eq!(credits(&owner.client).await, (8, 0), "only the picture costs");
    app.finish().await;
}

#[actix_rt::test]
async fn a_key_sees_its_own_tasks_at_an_account_and_nobody_elses() {
    let app = App::with(&[("STUDIO__LATENCY_MS", "600000"), ("STUDIO__ACCOUNTS", "1")]).await;
    let (owner, other) = (app.metered(5).await, app.metered(5).await);
    let video = id(&create(&owner.client, &json!({ "prompt": "A cat walking", "seconds": "4" })).await);
    let task = format!("task_{}", &video["video_".len()..]);
    let began = std::time::Instant::now();
    let pending = loop {
        let pending = get(&owner.client, "/v1/tokens/1/pending-tasks").await;
        if pending["count"] == 1 {
            break pending;
        }
        assert!(began.elapsed() < films::PATIENCE, "{pending}");
        actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!((&pending["success"], &pending["token_id"]), (&json!(true), &json!(1)));
    let one = &pending["tasks"][0];
    assert_eq!((&one["id"], &one["prompt"]), (&json!(task), &json!("A cat walking")));
    assert!(one["progress_pct"].is_f64() && one["status"] == "running", "{one}");
    let full = get(&owner.client, "/v1/tokens/1/pending-tasks-v2").await["tasks"][0].clone();
    has_keys(
        &full,
        &["id", "status", "prompt", "progress_pct", "task_type", "title", "generations", "creation_config"],
    );
    assert_eq!(full["creation_config"]["n_frames"], 120);
    let single = get(&owner.client, &format!("/v1/tokens/1/tasks/{task}")).await;
    assert_eq!((&single["success"], &single["task"]["id"]), (&json!(true), &json!(task)));
    assert_eq!(single["task"]["title"], "Video Generation");

    assert_eq!(get(&other.client, "/v1/tokens/1/pending-tasks").await["tasks"], json!([]));
    for (client, path, code) in [
        (&other.client, format!("/v1/tokens/1/tasks/{task}"), "task_not_found"),
        (&owner.client, "/v1/tokens/1/tasks/task_x".to_owned(), "task_not_found"),
        (&owner.client, "/v1/tokens/2/pending-tasks".to_owned(), "token_not_found"),
        (&owner.client, "/v1/tokens/x/pending-tasks-v2".to_owned(), "token_not_found"),
        (&owner.client, format!("/v1/tokens/9/tasks/{task}"), "token_not_found"),
        (&owner.client, "/v1/tokens/0/profile-feed".to_owned(), "token_not_found"),
    ] {
        expect_error(&client.get(&path).send().await.unwrap(), 404, code);
    }
    owner.client.delete(&format!("/v1/videos/{video}")).send().await.unwrap();
    app.finish().await;
}

#[actix_rt::test]
async fn wrong_requests_are_told_and_nothing_is_published() {
    let app = App::start().await;
    let (owner, other) = (app.metered(9).await, app.metered(9).await);
    let job = in_background(&owner.client, small("mine")).await;
    image_ended(&owner.client, &job).await;
    let failed = in_background(&owner.client, small("x [[fault:content]]")).await;
    image_ended(&owner.client, &failed).await;
    let publish = |job: &str| format!("/v1/jobs/{job}/publish");
    for (client, path, body, status, code) in [
        (&other.client, publish(&job), json!({}), 404, "job_not_found"),
        (&owner.client, publish("job_x"), json!({}), 404, "job_not_found"),
        (&owner.client, publish("key_0199abcd000070008000000000000001"), json!({}), 404, "job_not_found"),
        (&owner.client, publish(&failed), json!({}), 409, "job_not_completed"),
        (&owner.client, publish(&job), json!({ "text": 5 }), 422, "bad_text"),
        (&owner.client, publish(&job), json!({ "text": "x".repeat(2_001) }), 422, "bad_text"),
        (&owner.client, publish(&job), json!([]), 400, "bad_body"),
        (&owner.client, "/v1/posts/s_x/like".to_owned(), json!({}), 404, "post_not_found"),
        (&owner.client, "/v1/enhance_prompt".to_owned(), json!({}), 400, "missing_prompt"),
        (&owner.client, "/v1/enhance_prompt".to_owned(), json!({ "prompt": 5 }), 422, "bad_prompt"),
        (
            &owner.client,
            "/v1/enhance_prompt".to_owned(),
            json!({ "prompt": "a", "expansion_level": "huge" }),
            422,
            "bad_expansion_level",
        ),
        (
            &owner.client,
            "/v1/enhance_prompt".to_owned(),
            json!({ "prompt": "a", "duration_s": 0 }),
            422,
            "bad_duration_s",
        ),
        (
            &owner.client,
            "/v1/enhance_prompt?token_id=99".to_owned(),
            json!({ "prompt": "a" }),
            404,
            "token_not_found",
        ),
    ] {
        expect_error(&post(client, &path, body).await, status, code);
    }
    expect_error(&owner.client.delete(&publish(&job)).send().await.unwrap(), 404, "post_not_found");
    let user = get(&owner.client, "/v1/profiles/me").await["profile"]["user_id"].as_str().unwrap().to_owned();
    for (path, status, code) in [
        ("/v1/posts/s_0199abcd000070008000000000000001", 404, "post_not_found"),
        ("/v1/posts/x", 404, "post_not_found"),
        ("/v1/feed?cut=best", 422, "bad_cut"),
        ("/v1/feed?cursor=!", 422, "bad_cursor"),
        ("/v1/feed?cursor=AAAA", 422, "bad_cursor"),
        ("/v1/feed?limit=many", 422, "bad_query"),
        ("/v1/feed?token_id=99", 404, "token_not_found"),
        (&format!("/v1/users/{user}/feed?cursor=AAAA"), 422, "bad_cursor"),
        ("/v1/users/user-x/feed", 404, "profile_not_found"),
        ("/v1/users/user-000000000000000000000001/feed", 404, "profile_not_found"),
        ("/v1/profiles/nobody_is_called_so", 404, "profile_not_found"),
        ("/v1/profiles/x", 404, "profile_not_found"),
        ("/v1/profiles/me?token_id=99", 404, "token_not_found"),
        ("/v1/characters/search", 422, "bad_username"),
        ("/v1/characters/search?username=a&intent=all", 422, "bad_intent"),
        ("/v1/characters/search?username=a&token_id=x", 404, "token_not_found"),
    ] {
        expect_error(&owner.client.get(path).send().await.unwrap(), status, code);
    }
    for path in ["/v1/feed", "/v1/profiles/me", "/v1/stats", "/v1/posts/s_x", "/v1/tokens/1/pending-tasks"] {
        expect_error(&app.stranger().get(path).send().await.unwrap(), 401, "invalid_key");
    }
    assert_eq!(get(&owner.client, "/v1/feed").await["items"], json!([]));
    assert_eq!(credits(&owner.client).await, (8, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_post_shows_its_files_when_its_job_is_past_its_retention() {
    let app = App::with(&[("JOBS__RETENTION_S", "1"), ("MEDIA__URL_TTL_S", "60")]).await;
    let owner = app.metered(5).await;
    let shared = picture(&owner, "it stays").await;
    let (post, job) =
        (shared["id"].as_str().unwrap(), format!("job_{}", &shared["id"].as_str().unwrap()[2..]));
    let began = std::time::Instant::now();
    while owner.client.get(&format!("/v1/images/jobs/{job}")).send().await.unwrap().status == 200 {
        assert!(began.elapsed() < films::PATIENCE);
        actix_rt::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let still = get(&owner.client, &format!("/v1/posts/{post}")).await;
    let file = app.stranger().get(&path_of(&app, &still["attachment"]["url"])).send().await.unwrap();
    assert_eq!((file.status, file.header("content-type")), (200, Some("image/png")));
    let again = published(&owner, &job, json!({ "text": "still here" })).await;
    assert_eq!((&again["id"], &again["text"]), (&json!(post), &json!("still here")));
    assert_eq!(owner.client.delete(&format!("/v1/jobs/{post}/publish")).send().await.unwrap().status, 200);
    app.finish().await;
}
