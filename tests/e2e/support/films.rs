//! Videos as a client sees them: asked for, polled to the end, downloaded, judged by ffprobe.

use super::app::Owner;
use atelier_sim::client::{Answer, Client};
use serde_json::{Value, json};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Where videos are made.
pub const VIDEOS: &str = "/v1/videos";

/// How long a video may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for a video.
pub async fn create(client: &Client, body: &Value) -> Answer {
    client.post(VIDEOS, body).send().await.unwrap()
}

/// The id of a video that was accepted.
#[track_caller]
pub fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Polls a video until it has ended; its progress must never fall.
pub async fn ended(client: &Client, id: &str) -> Value {
    ended_after(client, id, 0).await
}

/// The same for a video of which so much progress was seen.
pub async fn ended_after(client: &Client, id: &str, mut progress: u64) -> Value {
    let began = Instant::now();
    loop {
        let answer = client.get(&format!("{VIDEOS}/{id}")).send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let video = answer.json();
        let now = video["progress"].as_u64().unwrap();
        assert!(now >= progress, "progress fell from {progress} to {now}");
        progress = now;
        match video["status"].as_str().unwrap() {
            "completed" | "failed" => return video,
            _ => assert!(answer.header("openai-poll-after-ms").is_some_and(|ms| ms.parse::<u32>().is_ok())),
        }
        assert!(began.elapsed() < PATIENCE, "{video}");
        actix_rt::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A file of a video; `query` says which.
pub async fn content(client: &Client, id: &str, query: &str) -> Answer {
    client.get(&format!("{VIDEOS}/{id}/content{query}")).send().await.unwrap()
}

/// What ffprobe says of a video: coding, size, frames, and the seconds of its sound.
pub fn probed(mp4: &[u8]) -> (String, u64, u64, u64, f64) {
    let streams = streams(mp4);
    let of = |kind: &str| {
        let found = streams["streams"].as_array().unwrap().iter().find(|stream| stream["codec_type"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}: {streams}")).clone()
    };
    let (video, audio) = (of("video"), of("audio"));
    let frames = video["nb_read_frames"].as_str().unwrap().parse().unwrap();
    let sound = audio["duration"].as_str().unwrap().parse().unwrap();
    let side = |name: &str| video[name].as_u64().unwrap();
    (video["codec_name"].as_str().unwrap().to_owned(), side("width"), side("height"), frames, sound)
}

/// Width and height of a video that may have no sound, as ffprobe reads it.
pub fn sides(mp4: &[u8]) -> (u64, u64) {
    let streams = streams(mp4);
    let side = |name: &str| streams["streams"][0][name].as_u64().unwrap();
    (side("width"), side("height"))
}

fn streams(mp4: &[u8]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), mp4).unwrap();
    let arguments = ["-v", "error", "-count_frames", "-show_streams", "-of", "json"];
    let output = Command::new("ffprobe").args(arguments).arg(file.path()).stderr(Stdio::inherit()).output();
    let output = output.expect("ffprobe is needed: `apt-get install ffmpeg`, or `.ci/run prepare`");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub async fn made(owner: &Owner, body: &Value) -> String {
    let id = id(&create(&owner.client, body).await);
    let video = ended(&owner.client, &id).await;
    assert_eq!((&video["status"], &video["progress"]), (&json!("completed"), &json!(100)), "{video}");
    id
}

/// A film of another maker's encoder: each of these colours fills the picture for two seconds.
pub fn coloured(colours: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("ffmpeg");
    command.current_dir(dir.path()).args(["-v", "error"]);
    for colour in colours {
        command.args(["-f", "lavfi", "-i", &format!("color={colour}:s=320x240:r=24:d=2")]);
    }
    let joined: String = (0..colours.len()).map(|input| format!("[{input}:v]")).collect();
    let filter = format!("{joined}concat=n={}:v=1,format=yuv420p", colours.len());
    command.args(["-filter_complex", &filter, "-c:v", "libx264", "-profile:v", "baseline", "a.mp4"]);
    let status = command.status().expect("ffmpeg is needed: `apt-get install ffmpeg`, or `.ci/run prepare`");
    assert!(status.success());
    std::fs::read(dir.path().join("a.mp4")).unwrap()
}

/// What another decoder sees one second into a film, where the first of its cast is shown.
pub fn first_of_cast(mp4: &[u8]) -> [u8; 3] {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.mp4"), mp4).unwrap();
    let arguments = ["-v", "error", "-ss", "1", "-i", "a.mp4", "-frames:v", "1", "a.png"];
    let status = Command::new("ffmpeg").current_dir(dir.path()).args(arguments).status();
    assert!(status.unwrap().success());
    image::open(dir.path().join("a.png")).unwrap().to_rgb8().get_pixel(108, 108).0
}

/// Whether a colour is the magenta that characters of stories wear.
pub fn is_magenta([red, green, blue]: [u8; 3]) -> bool {
    red > 200 && green < 60 && blue > 200
}
