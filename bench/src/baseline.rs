//! The bare actix-web server that the gateway is measured against: it parses JSON and sends it back, serves a file, streams events, or
//! lets a request wait for ever. Each program re-executes itself as this server, so that the baseline too is a process of its own.

use crate::{Outcome, process::Process};
use actix_files::NamedFile;
use actix_web::{
    App, HttpResponse, HttpServer,
    web::{self, Data},
};
use futures_util::StreamExt;
use serde_json::Value;
use std::{env, fs::File, io::Write, path::Path, process::Command, time::Duration};

/// Asks a program of this crate to be the server. Its value is the number of workers.
const WORKERS: &str = "ATELIER_BENCH_BASELINE_WORKERS";
/// The JSON that `GET /echo` parses and sends.
const KEPT: &str = "ATELIER_BENCH_BASELINE_JSON";
/// The file that `GET /file` sends.
const FILE: &str = "ATELIER_BENCH_BASELINE_FILE";

/// Starts the server in a process of its own. `GET /echo` will parse and send `kept`.
pub fn start(workers: usize, kept: &str) -> Outcome<Process> {
    let mut command = Command::new(env::current_exe()?);
    command.env(WORKERS, workers.to_string()).env(KEPT, kept);
    Process::start(command)
}

/// The same; `GET /file` will send this file.
pub fn start_with_file(workers: usize, file: &Path) -> Outcome<Process> {
    let mut command = Command::new(env::current_exe()?);
    command.env(WORKERS, workers.to_string()).env(KEPT, "{}").env(FILE, file);
    Process::start(command)
}

/// Serves until killed, if this process was started to; none if it was not. The first thing that a `main` does.
pub fn serve_if_asked() -> Option<Outcome<()>> {
    let workers = env::var(WORKERS).ok()?;
    Some(workers.parse().map_err(Into::into).and_then(serve))
}

#[allow(clippy::print_stdout, reason = "tells the parent where it listens")]
fn serve(workers: usize) -> Outcome<()> {
    let kept = Data::new(env::var(KEPT)?);
    actix_rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(kept.clone())
                .route("/echo", web::post().to(echo))
                .route("/echo", web::get().to(echo_kept))
                .route("/file", web::get().to(file))
                .route("/park", web::get().to(park))
                .route("/events", web::get().to(events))
                .route("/upload", web::post().to(upload))
                .route("/upload-synced", web::post().to(upload_synced))
        });
        // As the gateway is set up.
        let server = server
            .workers(workers)
            .backlog(8192)
            .keep_alive(Duration::from_secs(75))
            .bind(("127.0.0.1", 0))?;
        for address in server.addrs() {
            println!("http://{address}/");
        }
        Ok(server.run().await?)
    })
}

async fn echo(body: web::Json<Value>) -> HttpResponse {
    HttpResponse::Ok().json(body.into_inner())
}

async fn echo_kept(kept: Data<String>) -> actix_web::Result<HttpResponse> {
    let value: Value = serde_json::from_str(&kept)?;
    Ok(HttpResponse::Ok().json(value))
}

/// As any actix-web program serves files.
async fn file() -> actix_web::Result<NamedFile> {
    let path = env::var(FILE).map_err(actix_web::error::ErrorNotFound)?;
    Ok(NamedFile::open(path)?)
}

/// Streams the body to a file and does nothing else with it. Writing is a copy into the page cache: no thread is worth it.
async fn upload(body: web::Payload) -> actix_web::Result<HttpResponse> {
    let length = written(body).await?.metadata()?.len();
    Ok(HttpResponse::Ok().json(serde_json::json!({ "bytes": length })))
}

/// The same with a file that survives a power cut when the answer is sent.
async fn upload_synced(body: web::Payload) -> actix_web::Result<HttpResponse> {
    let file = written(body).await?;
    let length = web::block(move || file.sync_data().and_then(|()| file.metadata())).await??.len();
    Ok(HttpResponse::Ok().json(serde_json::json!({ "bytes": length })))
}

async fn written(mut body: web::Payload) -> actix_web::Result<File> {
    let mut file = tempfile::tempfile()?;
    while let Some(piece) = body.next().await {
        file.write_all(&piece?)?;
    }
    Ok(file)
}

/// An event as long as one of a chat, once a second, for ever.
async fn events() -> HttpResponse {
    let event = web::Bytes::from(format!("data: {}\n\n", "x".repeat(220)));
    let ticking = tokio::time::interval(Duration::from_secs(1));
    let events = futures_util::stream::unfold((ticking, event), async |(mut ticking, event)| {
        ticking.tick().await;
        Some((Ok::<_, std::io::Error>(event.clone()), (ticking, event)))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(events)
}

async fn park() -> HttpResponse {
    std::future::pending().await
}
