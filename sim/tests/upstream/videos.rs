//! Video jobs go their course, and their films are real ones.

use super::{KEY, picture, upstream, with};
use atelier_sim::{
    client::{Answer, Client},
    form::Form,
    upstream::{Behaviour, Course, Op, Outcome, Reason, Setup},
};
use serde_json::{Value, json};
use std::{io::Write, process::Command};

async fn create(client: &Client, more: Value) -> Answer {
    let mut order = json!({"model": "sora-2", "prompt": "a film", "size": "1280x720"});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/v1/videos", &order).send().await.unwrap()
}

async fn begun(client: &Client, more: Value) -> String {
    create(client, more).await.json()["id"].as_str().unwrap().to_owned()
}

async fn poll(client: &Client, id: &str) -> Answer {
    client.get(&format!("/v1/videos/{id}")).send().await.unwrap()
}

/// Polls it to its end.
async fn finish(client: &Client, id: &str) -> Value {
    for _ in 0..10 {
        let told = poll(client, id).await.json();
        if told["status"] == "completed" || told["status"] == "failed" {
            return told;
        }
    }
    panic!("{id} does not end");
}

#[actix_rt::test]
async fn a_job_is_ready_after_its_polls_with_progress_that_only_rises() {
    let (upstream, client) = with(Setup { poll_after_ms: Some(5), ..Setup::default() });
    let course = Course { polls: 3, ..Course::default() };
    upstream.account(KEY).script(Op::SubmitVideo, [Behaviour::Job(course)]);
    let created = create(&client, json!({"seconds": "8"})).await.json();
    assert_eq!((created["status"].as_str(), created["progress"].as_u64()), (Some("queued"), Some(0)));
    let id = created["id"].as_str().unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = poll(&client, id).await;
        assert_eq!(answer.header("openai-poll-after-ms"), Some("5"));
        let told = answer.json();
        assert_eq!(told["seconds"], "8");
        seen.push((told["status"].as_str().unwrap().to_owned(), told["progress"].as_u64().unwrap()));
    }
    let running = |progress| ("in_progress".to_owned(), progress);
    assert_eq!(seen, [running(25), running(50), running(75), ("completed".to_owned(), 100)]);
}

#[actix_rt::test]
async fn time_that_passes_for_the_upstream_finishes_a_job() {
    let (upstream, client) = upstream();
    let course = Course { polls: 0, takes_ms: 60_000, ..Course::default() };
    upstream.account(KEY).usually(Op::SubmitVideo, Behaviour::Job(course));
    let id = begun(&client, json!({})).await;
    assert_eq!(poll(&client, &id).await.json()["status"], "in_progress");
    upstream.advance(std::time::Duration::from_secs(60));
    assert_eq!(poll(&client, &id).await.json()["status"], "completed");
}

#[actix_rt::test]
async fn a_film_is_h264_of_the_asked_size_and_length_and_names_its_prompt() {
    let (_upstream, client) = upstream();
    for (size, seconds) in [("1280x720", 4), ("720x1280", 8), ("1792x1024", 12), ("1024x1792", 4)] {
        let more = json!({"size": size, "seconds": seconds.to_string(), "prompt": "marked 7"});
        let id = begun(&client, more).await;
        finish(&client, &id).await;
        let film = client.get(&format!("/v1/videos/{id}/content")).send().await.unwrap();
        assert_eq!(film.header("content-type"), Some("video/mp4"));
        assert!(film.body.ends_with(b"marked 7"));
        assert_eq!(probe(&film.body), format!("h264,{},{seconds}.000000,96", size.replace('x', ",")));
    }
}

/// What ffprobe says of a film, and ffmpeg that it can be decoded.
fn probe(film: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(film).unwrap();
    let shown = ["-v", "error", "-show_entries", "stream=codec_name,width,height,duration,nb_frames"];
    let probed =
        Command::new("ffprobe").args(shown).args(["-of", "csv=p=0"]).arg(file.path()).output().unwrap();
    let mut decode = Command::new("ffmpeg");
    let decoded =
        decode.args(["-v", "error", "-i"]).arg(file.path()).args(["-f", "null", "-"]).output().unwrap();
    assert!(decoded.stderr.is_empty(), "{}", String::from_utf8_lossy(&decoded.stderr));
    String::from_utf8(probed.stdout).unwrap().trim().to_owned()
}

#[actix_rt::test]
async fn variants_are_pictures_and_an_unready_job_has_no_content() {
    let (_upstream, client) = upstream();
    let id = begun(&client, json!({})).await;
    let early = client.get(&format!("/v1/videos/{id}/content")).send().await.unwrap();
    assert_eq!(early.status, 404);
    finish(&client, &id).await;
    for (variant, mime) in [("thumbnail", "image/webp"), ("spritesheet", "image/jpeg")] {
        let path = format!("/v1/videos/{id}/content?variant={variant}");
        let answer = client.get(&path).send().await.unwrap();
        assert_eq!(answer.header("content-type"), Some(mime));
        image::load_from_memory(&answer.body).unwrap();
    }
    let odd = client.get(&format!("/v1/videos/{id}/content?variant=poster")).send().await.unwrap();
    assert_eq!(odd.status, 400);
}

#[actix_rt::test]
async fn jobs_fail_get_lost_and_never_end_as_told() {
    let (upstream, client) = upstream();
    let end = |end, status| Behaviour::Job(Course { polls: 1, end, status, ..Course::default() });
    let account = upstream.account(KEY);
    account.script(
        Op::SubmitVideo,
        [
            end(Outcome::Failed, None),
            end(Outcome::Failed, Some(400)),
            end(Outcome::Forgotten, None),
            end(Outcome::Never, None),
        ],
    );
    let mut ends = Vec::new();
    for _ in 0..4 {
        let id = begun(&client, json!({})).await;
        let mut last = poll(&client, &id).await;
        for _ in 0..3 {
            last = poll(&client, &id).await;
        }
        ends.push((last.status, last.json()["status"].as_str().unwrap_or("").to_owned()));
    }
    let expected = [(200, "failed"), (400, "failed"), (404, ""), (200, "in_progress")];
    assert_eq!(ends, expected.map(|(status, word)| (status, word.to_owned())));
}

#[actix_rt::test]
async fn a_refused_poll_and_a_refused_download_harm_nothing() {
    let (upstream, client) = upstream();
    let refuse = |reason: Reason| Behaviour::Refuse(reason.into());
    let account = upstream.account(KEY);
    account.script(Op::Poll, [refuse(Reason::Overloaded), refuse(Reason::SlowDown)]);
    account.script(Op::Content, [refuse(Reason::ServerError), refuse(Reason::BadGateway)]);
    let id = begun(&client, json!({})).await;
    assert_eq!(poll(&client, &id).await.status, 503);
    assert_eq!(poll(&client, &id).await.status, 429);
    assert_eq!(finish(&client, &id).await["status"], "completed");
    let path = format!("/v1/videos/{id}/content");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.get(&path).send().await.unwrap().status);
    }
    assert_eq!(statuses, [500, 502, 200]);
    let book = account.book();
    assert_eq!((book.arrived(Op::Content), book.accepted(Op::Content)), (3, 1));
}

#[actix_rt::test]
async fn a_job_is_nobody_elses() {
    let (upstream, client) = upstream();
    upstream.account("sk-b");
    let id = begun(&client, json!({})).await;
    let other = client.with_token("sk-b");
    assert_eq!(poll(&other, &id).await.status, 404);
    assert_eq!(other.delete(&format!("/v1/videos/{id}")).send().await.unwrap().status, 404);
    let list = other.get("/v1/videos").send().await.unwrap().json();
    assert_eq!(list["data"], json!([]));
    assert_eq!(poll(&client, &id).await.status, 200);
}

#[actix_rt::test]
async fn a_list_goes_page_by_page_and_shrinks_by_deletion() {
    let (_upstream, client) = upstream();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(begun(&client, json!({})).await);
    }
    let page = client.get("/v1/videos?limit=2&order=asc").send().await.unwrap().json();
    assert_eq!((page["first_id"].as_str(), page["has_more"].as_bool()), (Some(ids[0].as_str()), Some(true)));
    let path = format!("/v1/videos?limit=10&order=asc&after={}", page["last_id"].as_str().unwrap());
    let rest = client.get(&path).send().await.unwrap().json();
    assert_eq!((rest["data"].as_array().unwrap().len(), rest["has_more"].as_bool()), (3, Some(false)));
    let gone = client.delete(&format!("/v1/videos/{}", ids[4])).send().await.unwrap().json();
    assert_eq!(gone, json!({"id": ids[4], "object": "video.deleted", "deleted": true}));
    assert_eq!(poll(&client, &ids[4]).await.status, 404);
    let left = client.get("/v1/videos").send().await.unwrap().json();
    assert_eq!(left["data"].as_array().unwrap().len(), 4);
}

#[actix_rt::test]
async fn remixes_edits_and_extensions_come_from_a_finished_video() {
    let (_upstream, client) = upstream();
    let id = begun(&client, json!({})).await;
    let remix = || client.post(&format!("/v1/videos/{id}/remix"), &json!({"prompt": "again"})).send();
    assert_eq!(remix().await.unwrap().status, 400, "it is not ready");
    finish(&client, &id).await;
    assert_eq!(remix().await.unwrap().json()["remixed_from_video_id"], id.as_str());
    let edit = json!({"prompt": "changed", "video": {"id": id}});
    assert_eq!(client.post("/v1/videos/edits", &edit).send().await.unwrap().status, 200);
    let extend = Form::new().text("prompt", "longer").text("video[id]", &id).text("seconds", "16");
    let answer = client.post_form("/v1/videos/extensions", extend).send().await.unwrap();
    assert_eq!((answer.status, answer.json()["seconds"].as_str()), (200, Some("16")));
}

#[actix_rt::test]
async fn a_form_creates_and_its_first_frame_must_fit() {
    let (_upstream, client) = upstream();
    let frame = picture(&super::draw(&client, "frame").await);
    let form = || Form::new().text("prompt", "moving").text("model", "sora-2").text("seconds", "4");
    let plain = client.post_form("/v1/videos", form()).send().await.unwrap();
    assert_eq!((plain.status, plain.json()["size"].as_str()), (200, Some("720x1280")));
    let framed = form().file("input_reference", &frame);
    let answer = client.post_form("/v1/videos", framed).send().await.unwrap();
    assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some("input_reference")));
    for (field, value) in [("seconds", json!("5")), ("seconds", json!(8)), ("size", json!("640x480"))] {
        let answer = create(&client, json!({field: value})).await;
        assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some(field)));
    }
}
