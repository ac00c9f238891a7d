//! The gateway under measurement: the release binary as a child process, with a data directory of its own.

use crate::{Outcome, client::Connection, process::Process};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The admin's password of every gateway here.
pub const PASSWORD: &str = "bench-admin-password";

/// How long jobs may take to get where a measurement begins.
const PATIENCE: Duration = Duration::from_secs(120);

/// Credit of a measuring key: never the limit.
const PLENTY: i64 = 1_000_000_000;

/// Settings under which jobs are accepted and then wait: nothing is drawn, so that drawing is not what is measured.
pub const PARKED: &[(&str, &str)] = &[
    ("STUDIO__ACCOUNTS", "1"),
    ("STUDIO__SLOTS", "1"),
    ("STUDIO__LATENCY_MS", "3600000"),
    ("GENERATION__IMAGE_TIMEOUT", "3600"),
    ("JOBS__MAX_OPEN", "1000000"),
    ("GLOBAL__ADMIN_PASSWORD", PASSWORD),
    ("LOG__LEVEL", "warn"),
];

/// The program, which cargo puts beside this one.
pub fn program() -> Outcome<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("atelier");
    if path.exists() {
        return Ok(path);
    }
    Err(format!("{} is missing: build it with `cargo build --release -p atelier`", path.display()).into())
}

/// Starts the gateway on a free port, with settings named as in the environment but without `ATELIER__`, and nothing else of
/// this process's environment.
pub fn start(data: &Path, settings: &[(&str, &str)]) -> Outcome<Process> {
    let mut command = Command::new(program()?);
    command
        .current_dir(data)
        .env_clear()
        .env("ATELIER__DATABASE__PATH", data)
        .env("ATELIER__SERVER__PORT", "0");
    for (name, value) in settings {
        command.env(format!("ATELIER__{name}"), value);
    }
    Process::start(command)
}

/// An admin session of a gateway whose password is [`PASSWORD`].
pub async fn session(gateway: &Process) -> Outcome<String> {
    let mut connection = Connection::open(gateway.address).await?;
    let login = json!({"username": "admin", "password": PASSWORD}).to_string();
    let session = value(connection.exchange(&post("/api/login", "none", &login)).await?.ok()?)?;
    Ok(session["token"].as_str().ok_or("login gave no token")?.to_owned())
}

/// A new metered key with plenty of credit, of a gateway that runs with [`PARKED`].
pub async fn metered_key(gateway: &Process) -> Outcome<String> {
    let token = session(gateway).await?;
    let mut connection = Connection::open(gateway.address).await?;
    let key = json!({"name": "bench", "metered": true, "credits": PLENTY}).to_string();
    let made = value(connection.exchange(&post("/api/keys", &token, &key)).await?.ok()?)?;
    Ok(made["key"].as_str().ok_or("the new key has no secret")?.to_owned())
}

/// One figure of `/metrics`, by its whole name; none while it has not been set.
pub async fn metric(connection: &mut Connection, name: &str) -> Outcome<Option<f64>> {
    let request = get("/metrics", "none");
    let text = String::from_utf8_lossy(connection.exchange(&request).await?.ok()?).into_owned();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.map(str::parse).transpose()?)
}

/// Waits until so many attempts stand in line for an account: by then each of their jobs is committed and driven.
pub async fn until_waiting(gateway: &Process, jobs: usize) -> Outcome<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut connection = Connection::open(gateway.address).await?;
    loop {
        let depth = metric(&mut connection, "atelier_queue_depth").await?.unwrap_or(0.0);
        if depth >= jobs as f64 {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(format!("{depth} of {jobs} jobs are in line after {PATIENCE:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Hands in a video of four seconds; its id.
pub async fn video(connection: &mut Connection, key: &str, prompt: &str) -> Outcome<String> {
    let body = json!({"prompt": prompt, "seconds": "4", "size": "1280x720"}).to_string();
    let video = value(connection.exchange(&post("/v1/videos", key, &body)).await?.ok()?)?;
    Ok(video["id"].as_str().ok_or("the new video has no id")?.to_owned())
}

/// The id of a new finished video of four seconds.
pub async fn film(connection: &mut Connection, key: &str) -> Outcome<String> {
    let id = video(connection, key, "a lighthouse at dawn").await?;
    until_status(connection, &get(&format!("/v1/videos/{id}"), key), "completed").await?;
    Ok(id)
}

/// Polls a video with this request until it has this status.
pub async fn until_status(connection: &mut Connection, poll: &[u8], status: &str) -> Outcome<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let video = value(connection.exchange(poll).await?.ok()?)?;
        if video["status"] == status {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(format!("not {status} after {PATIENCE:?}: {video}").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The body of an image request; `number` makes each prompt another.
pub fn image_body(number: u64, background: bool) -> String {
    format!(
        r#"{{"model":"gpt-image-2","prompt":"a lighthouse at dawn, oil on canvas, number {number}","size":"1024x1024","n":1,"background":{background}}}"#
    )
}

/// The bytes of a request to make an image.
pub fn image_request(key: &str, number: u64, background: bool) -> Vec<u8> {
    post("/v1/images/generations", key, &image_body(number, background))
}

/// The bytes of a GET.
pub fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n").into_bytes()
}

/// The bytes of a POST of JSON.
pub fn post(path: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads JSON.
pub fn value(body: &[u8]) -> Outcome<Value> {
    Ok(serde_json::from_slice(body)?)
}
