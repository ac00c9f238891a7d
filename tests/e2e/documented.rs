//! The examples of two older gateways' documents, as they stand there, against a fresh server: each must get the documented shape.
//! What they leave to the reader (a file, an id, a link) is put in; nothing else is changed. Those about characters and social data
//! stand with their stories.

use crate::support::{
    App,
    chats::{chunks, content, image_links, video_link},
    expect_error,
    films::{self, PATIENCE, create, ended, probed},
    pictures::drawn,
};
use atelier_sim::{
    client::{Answer, Client},
    form::Form,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What an example sends.
enum Sent {
    Json(Value),
    Form(Form),
}

/// What its document says comes back.
#[derive(Clone, Copy)]
enum Shape {
    /// Chunks that end in a link to a picture of this size.
    PictureStream(u32, u32),
    /// Chunks that end in a link to a film of so many seconds and this size.
    FilmStream(u64, u64, u64),
    /// A completion with a link to such a film.
    Film(u64, u64, u64),
    /// A video of this length that is to be polled.
    Video(&'static str),
    /// A video that is done.
    DoneVideo(&'static str),
    /// Pictures of an image endpoint.
    Pictures,
    /// A task.
    Task,
}

struct Example {
    name: &'static str,
    path: String,
    sent: Sent,
    shape: Shape,
}

fn post(name: &'static str, path: &str, body: Value, shape: Shape) -> Example {
    Example { name, path: path.to_owned(), sent: Sent::Json(body), shape }
}

fn form(name: &'static str, path: &str, form: Form, shape: Shape) -> Example {
    Example { name, path: path.to_owned(), sent: Sent::Form(form), shape }
}

fn jpeg() -> Vec<u8> {
    let picture = image::load_from_memory(&drawn(640, 360, 4)).unwrap().to_rgb8();
    crate::support::pictures::encoded(&picture.into(), image::ImageFormat::Jpeg)
}

/// S, "chat/completions" and "videos".
fn chats_and_videos(source: &str) -> Vec<Example> {
    let chat = "/v1/chat/completions";
    let picture = STANDARD.encode(drawn(640, 360, 1));
    vec![
        post(
            "text to video",
            chat,
            json!({
                "model": "sora-video-landscape-10s",
                "messages": [{"role": "user", "content": "A beautiful sunset over the ocean"}],
                "stream": true
            }),
            Shape::FilmStream(10, 1280, 720),
        ),
        post(
            "image to video",
            chat,
            json!({
                "model": "sora-video-landscape-10s",
                "messages": [{"role": "user", "content": "Make this image come alive"}],
                "image": picture,
                "stream": true
            }),
            Shape::FilmStream(10, 1280, 720),
        ),
        post(
            "not streamed, several kinds of parts",
            chat,
            json!({
                "model": "sora-video-portrait-10s",
                "messages": [{"role": "user", "content": [
                    {"type": "text", "text": "A cat walking"},
                    {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{picture}")}}
                ]}]
            }),
            Shape::Film(10, 720, 1280),
        ),
        post(
            "a video, as JSON",
            "/v1/videos",
            json!({"prompt": "A cat playing with a ball", "model": "sora-2", "seconds": "10", "size": "1280x720"}),
            Shape::Video("10"),
        ),
        form(
            "a video, as a form",
            "/v1/videos",
            Form::new()
                .text("prompt", "A cat playing with a ball")
                .text("model", "sora-2")
                .text("seconds", "10")
                .named_file("input_reference", "reference.jpg", "image/jpeg", &jpeg()),
            Shape::Video("10"),
        ),
        post(
            "a video that is waited for",
            "/v1/videos",
            json!({"prompt": "A cat playing with a ball", "seconds": "10", "async_mode": false}),
            Shape::DoneVideo("10"),
        ),
        post(
            "a remix",
            &format!("/v1/videos/{source}/remix"),
            json!({"prompt": "Make it more colorful and vibrant"}),
            Shape::Video("4"),
        ),
    ]
}

/// S, "images". `link` stands for `https://example.com/ref-1.png`.
fn images(link: &str) -> Vec<Example> {
    let (generations, edits) = ("/v1/images/generations", "/v1/images/edits");
    let data = format!("data:image/png;base64,{}", STANDARD.encode(drawn(300, 200, 2)));
    vec![
        post(
            "a picture from words",
            generations,
            json!({"model": "gpt-image-2", "prompt": "A 16:9 cinematic cyberpunk city poster", "size": "16:9", "n": 1}),
            Shape::Pictures,
        ),
        post(
            "a picture from one",
            generations,
            json!({
                "model": "gpt-image-2",
                "prompt": "Use this reference and turn it into a vintage movie poster",
                "size": "3:2",
                "image": link
            }),
            Shape::Pictures,
        ),
        post(
            "a picture from several",
            generations,
            json!({
                "model": "gpt-image-2",
                "prompt": "Blend the subjects and colors from these references into a product key visual",
                "size": "1:1",
                "image": [link, data, { "url": link }]
            }),
            Shape::Pictures,
        ),
        post(
            "an edit as JSON",
            edits,
            json!({
                "model": "gpt-image-2",
                "prompt": "Use the first image as the subject and the second image as the color reference",
                "size": "1:1",
                "image": [link, data]
            }),
            Shape::Pictures,
        ),
        form(
            "an edit as a form",
            edits,
            Form::new()
                .text("model", "gpt-image-2")
                .text("prompt", "Blend these references into one consistent poster style")
                .text("size", "3:2")
                .named_file("image[]", "subject.png", "image/png", &drawn(300, 200, 2))
                .named_file("image[]", "style.png", "image/png", &drawn(200, 300, 3)),
            Shape::Pictures,
        ),
    ]
}

/// T, everything but characters. `shared` stands for the share id of its remix.
fn standalone(shared: &str) -> Vec<Example> {
    let data = format!("data:image/png;base64,{}", STANDARD.encode(drawn(360, 360, 6)));
    vec![
        post(
            "文生图",
            "/v1/images/generate",
            json!({"prompt": "一只可爱的小猫咪", "model": "gpt-image", "stream": true}),
            Shape::PictureStream(360, 360),
        ),
        post(
            "图生图",
            "/v1/images/transform",
            json!({"prompt": "将这张图片变成油画风格", "image": data, "model": "gpt-image", "stream": true}),
            Shape::PictureStream(360, 360),
        ),
        post(
            "文生视频",
            "/v1/videos/generate",
            json!({"prompt": "一只猫在草地上奔跑", "model": "sora2-landscape-10s", "style": "anime", "stream": true}),
            Shape::FilmStream(10, 1280, 720),
        ),
        post(
            "图生视频",
            "/v1/videos/transform",
            json!({"prompt": "这只猫在跳舞", "image": data, "model": "sora2-landscape-10s", "style": "anime", "stream": true}),
            Shape::FilmStream(10, 1280, 720),
        ),
        post(
            "Remix 视频",
            "/v1/videos/remix",
            json!({"prompt": "改成水墨画风格", "remix_target_id": shared, "model": "sora2-landscape-10s", "style": "retro", "stream": true}),
            Shape::FilmStream(10, 1280, 720),
        ),
        post(
            "视频分镜",
            "/v1/videos/storyboard",
            json!({
                "prompt": "[5.0s]猫猫从飞机上跳伞 [5.0s]猫猫降落 [10.0s]猫猫在田野奔跑",
                "model": "sora2-landscape-10s",
                "stream": true
            }),
            Shape::FilmStream(10, 1280, 720),
        ),
        post(
            "异步模式",
            "/v1/videos/generate",
            json!({"prompt": "一只猫在草地上奔跑", "model": "sora2-landscape-10s", "async_mode": true}),
            Shape::Task,
        ),
    ]
}

async fn send(client: &Client, example: &Example) -> Answer {
    let call = match &example.sent {
        Sent::Json(body) => client.post(&example.path, body),
        Sent::Form(form) => client.post_form(&example.path, form.clone()),
    };
    call.send().await.unwrap_or_else(|error| panic!("{}: {error}", example.name))
}

async fn film_at(client: &Client, link: &str) -> (u64, u64, u64) {
    let (codec, width, height, frames, _) = probed(&client.get(link).send().await.unwrap().body);
    assert_eq!((codec.as_str(), frames % 24), ("h264", 0));
    (frames / 24, width, height)
}

async fn judge(client: &Client, example: Example) {
    let answer = send(client, &example).await;
    let (name, shape) = (example.name, example.shape);
    let created = if matches!(shape, Shape::Video(_)) { 201 } else { 200 };
    assert_eq!(answer.status, created, "{name}: {}", answer.text());
    match shape {
        Shape::PictureStream(width, height) => {
            let link = image_links(&content(&chunks(&answer.text())))[0].clone();
            let picture = image::load_from_memory(&client.get(&link).send().await.unwrap().body).unwrap();
            assert_eq!((picture.width(), picture.height()), (width, height), "{name}");
        }
        Shape::FilmStream(seconds, width, height) => {
            let link = video_link(&content(&chunks(&answer.text())));
            assert_eq!(film_at(client, &link).await, (seconds, width, height), "{name}");
        }
        Shape::Film(seconds, width, height) => {
            let body = answer.json();
            assert_eq!(
                (&body["object"], &body["choices"][0]["finish_reason"]),
                (&json!("chat.completion"), &json!("stop"))
            );
            let link = video_link(&content(&[body]));
            assert_eq!(film_at(client, &link).await, (seconds, width, height), "{name}");
        }
        Shape::Video(seconds) => {
            let video = answer.json();
            assert_eq!(
                (&video["object"], &video["status"]),
                (&json!("video"), &json!("in_progress")),
                "{name}: {video}"
            );
            assert_eq!((&video["progress"], &video["seconds"]), (&json!(0), &json!(seconds)), "{name}");
            let done = ended(client, video["id"].as_str().unwrap()).await;
            assert_eq!(done["status"], "completed", "{name}: {done}");
        }
        Shape::DoneVideo(seconds) => {
            let video = answer.json();
            assert_eq!(
                (&video["status"], &video["progress"]),
                (&json!("completed"), &json!(100)),
                "{name}: {video}"
            );
            assert!(video["completed_at"].is_i64() && video["seconds"] == seconds, "{name}: {video}");
        }
        Shape::Pictures => {
            let body = answer.json();
            assert!(body["created"].is_i64() && body["data"].as_array().unwrap().len() == 1, "{name}");
        }
        Shape::Task => {
            let task = answer.json();
            assert_eq!(task["status"], "processing", "{name}: {task}");
            let id = task["task_id"].as_str().unwrap();
            let done = polled(client, id).await;
            assert_eq!(done["status"], "completed", "{name}: {done}");
            assert_eq!(film_at(client, done["result_urls"][0].as_str().unwrap()).await.0, 10, "{name}");
        }
    }
}

/// Polls a task as T's examples do.
async fn polled(client: &Client, id: &str) -> Value {
    let began = Instant::now();
    loop {
        let task = client.get(&format!("/v1/tasks/{id}")).send().await.unwrap().json();
        if task["status"] != "processing" {
            return task;
        }
        assert!(began.elapsed() < PATIENCE && task["progress"].is_f64(), "{task}");
        actix_rt::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A server for these documents: a key of the profile that answers as they say.
async fn older(app: &App) -> Client {
    app.key(json!({ "metered": false, "profile": "sora2api" })).await.client
}

async fn source(client: &Client) -> String {
    let made = create(client, &json!({ "prompt": "a fox", "seconds": "4" })).await.json();
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(ended(client, &id).await["status"], "completed");
    id
}

#[actix_rt::test]
async fn every_example_of_chats_and_videos_gets_its_shape() {
    let app = App::start().await;
    let client = older(&app).await;
    let id = source(&client).await;
    for example in chats_and_videos(&id) {
        judge(&client, example).await;
    }
    app.finish().await;
}

#[actix_rt::test]
async fn every_example_of_images_gets_its_shape() {
    let app = App::start().await;
    let client = older(&app).await;
    let body = json!({ "prompt": "a reference", "model": "sora-image", "response_format": "url" });
    let made = client.post("/v1/images/generations", &body).send().await.unwrap().json();
    let link = made["data"][0]["url"].as_str().expect("response_format url").to_owned();
    for example in images(&link) {
        judge(&client, example).await;
    }
    app.finish().await;
}

#[actix_rt::test]
async fn every_example_of_the_standalone_endpoints_gets_its_shape() {
    let app = App::start().await;
    let client = older(&app).await;
    let shared = source(&client).await.replace("video_", "s_");
    for example in standalone(&shared) {
        judge(&client, example).await;
    }
    app.finish().await;
}

#[actix_rt::test]
async fn every_example_of_looking_at_things_gets_its_shape() {
    let app = App::start().await;
    let client = older(&app).await;
    let models = client.get("/v1/models").send().await.unwrap().json();
    for (id, description) in [
        ("sora-video-landscape-10s", "Video generation - landscape"),
        ("sora-video-portrait-25s", "Video generation - portrait"),
        ("sora-image", "Image generation - 1024x1024"),
        ("sora-image-portrait", "Image generation - 1024x1792"),
    ] {
        let model = models["data"].as_array().unwrap().iter().find(|model| model["id"] == id);
        let model = model.unwrap_or_else(|| panic!("{id} is not listed"));
        assert!(model["description"].as_str().unwrap().starts_with(description), "{model}");
        assert_eq!((&model["object"], &models["object"]), (&json!("model"), &json!("list")));
    }
    let unfinished = create(&client, &json!({ "prompt": "[[delay:60000]] a fox" })).await.json();
    let early = films::content(&client, unfinished["id"].as_str().unwrap(), "").await;
    expect_error(&early, 400, "task_not_completed");
    expect_error(&films::content(&client, "sora-2-abc123def456", "").await, 404, "task_not_found");
    client.delete(&format!("/v1/videos/{}", unfinished["id"].as_str().unwrap())).send().await.unwrap();
    let id = source(&client).await;
    let head =
        client.call(awc::http::Method::HEAD, &format!("/v1/videos/{id}/content")).send().await.unwrap();
    assert_eq!(head.status, 302);
    assert_eq!(film_at(&client, head.header("location").unwrap()).await, (4, 1280, 720));
    app.finish().await;
}

#[actix_rt::test]
async fn the_documented_errors_keep_their_type_and_parameter() {
    let app = App::start().await;
    let client = older(&app).await;
    let path = "/v1/videos/generate";
    for (body, status, code, param) in [
        (json!({"prompt": "a", "model": "invalid-model"}), 400, "unknown_model", "model"),
        (json!({"model": "sora2-landscape-10s"}), 400, "missing_prompt", "prompt"),
        (json!({"prompt": "a", "model": "sora2pro-landscape-10s"}), 403, "plan_required", "model"),
    ] {
        let answer = client.post(path, &body).send().await.unwrap();
        expect_error(&answer, status, code);
        let error = &answer.json()["error"];
        assert_eq!(error["param"], param, "{error}");
        assert!(status == 403 || error["type"] == "invalid_request_error", "{error}");
    }
    let stranger = app.stranger().post(path, &json!({"prompt": "a"})).send().await.unwrap();
    expect_error(&stranger, 401, "invalid_key");
    assert_eq!(stranger.json()["error"]["type"], "authentication_error");
    app.finish().await;
}
