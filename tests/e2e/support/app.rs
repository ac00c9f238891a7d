//! A server inside of this process. A story ends with [`App::finish`], which looks for what a story must not leave behind:
//! open jobs, credit still held, books that do not add up.

#[path = "../../../actors/tests/support/tree.rs"]
mod tree;

use atelier::{
    config::{self, Inputs},
    serve::{self, Running},
};
use atelier_sim::client::Client;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tempfile::TempDir;
use tree::copy_tree;

/// The first key of every server here: unmetered.
pub const FIRST_KEY: &str = "sk-e2e-first-key-0123456789";

/// The admin's password of every server here.
pub const PASSWORD: &str = "e2e-admin-password";

/// How long the jobs of a story may still run when it ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct App {
    /// Where it listens.
    pub origin: String,
    running: Option<Running>,
    dir: TempDir,
    settings: Vec<(String, String)>,
}

/// A key made for a story.
pub struct Owner {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// A client that carries it.
    pub client: Client,
}

impl App {
    /// A server whose prompts may script faults.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with some `ATELIER__<key>` settings of its own.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Self::over(tempfile::tempdir().unwrap(), settings.iter().map(owned).collect()).await
    }

    async fn over(dir: TempDir, settings: Vec<(String, String)>) -> Self {
        let data = dir.path().join("data").display().to_string();
        let usual = [
            ("SERVER__PORT", "0"),
            ("SERVER__WORKERS", "1"),
            ("SERVER__SHUTDOWN_TIMEOUT_S", "5"),
            ("DATABASE__PATH", &data),
            ("GLOBAL__API_KEY", FIRST_KEY),
            ("GLOBAL__ADMIN_PASSWORD", PASSWORD),
            ("STUDIO__FAULTS", "true"),
            ("LOG__LEVEL", "error"),
        ];
        let own = settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let env: BTreeMap<_, _> = usual
            .into_iter()
            .chain(own)
            .map(|(key, value)| (format!("ATELIER__{key}"), value.into()))
            .collect();
        let inputs = Inputs { file: None, env, working_dir: dir.path().to_owned() };
        let config = config::load(&inputs).unwrap();
        atelier::init_telemetry(&config.log);
        let (running, server) = serve::start(&config).await.unwrap();
        actix_rt::spawn(server);
        Self { origin: format!("http://{}", running.address), running: Some(running), dir, settings }
    }

    /// Stops the server and starts it again over what it left, with the same settings.
    pub async fn restart(&mut self) {
        self.stop().await;
        // A copy: threads of the first server may hold its directory for as long as this process lives.
        let dir = tempfile::tempdir().unwrap();
        copy_tree(self.dir.path(), dir.path());
        *self = Self::over(dir, self.settings.clone()).await;
    }

    /// A client without a key.
    pub fn stranger(&self) -> Client {
        Client::new(&self.origin)
    }

    /// A client with the first key.
    pub fn client(&self) -> Client {
        self.stranger().with_token(FIRST_KEY)
    }

    /// A client with an admin session.
    pub async fn admin(&self) -> Client {
        let login = json!({ "username": "admin", "password": PASSWORD });
        let answer = self.stranger().post("/api/login", &login).send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.stranger().with_token(answer.json()["token"].as_str().unwrap())
    }

    /// A new key with these settings.
    pub async fn key(&self, settings: Value) -> Owner {
        let answer = self.admin().await.post("/api/keys", &settings).send().await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        let key = answer.json();
        let (id, secret) = (key["id"].as_str().unwrap().to_owned(), key["key"].as_str().unwrap().to_owned());
        let client = self.stranger().with_token(&secret);
        Owner { id, secret, client }
    }

    /// A new metered key with this much credit.
    pub async fn metered(&self, credits: i64) -> Owner {
        self.key(json!({ "name": "metered", "metered": true, "credits": credits })).await
    }

    /// Figures of `/metrics` whose line begins like this, summed.
    pub async fn figure(&self, line: &str) -> f64 {
        let text = self.stranger().get("/metrics").send().await.unwrap().text();
        let values = text.lines().filter(|found| found.starts_with(line));
        values.filter_map(|found| found.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until no job is open.
    pub async fn quiet(&self) {
        let began = std::time::Instant::now();
        loop {
            let health = self.stranger().get("/health").send().await.unwrap().json();
            if health["jobs_open"] == 0 {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "jobs are left open: {health}");
            actix_rt::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the story: nothing open, nothing held, the books right; then stops the server.
    pub async fn finish(mut self) {
        self.quiet().await;
        let admin = self.admin().await;
        let verdict = admin.get("/api/ledger/verify").send().await.unwrap().json();
        assert_eq!(verdict["ok"], true, "{verdict}");
        let keys = admin.get("/api/keys").send().await.unwrap().json();
        for key in keys["data"].as_array().unwrap() {
            assert_eq!(key["held"], 0, "credit is still held: {key}");
            assert!(key["balance"].as_i64().unwrap() >= 0, "a balance below zero: {key}");
        }
        self.stop().await;
    }

    /// Stops the server as SIGTERM would.
    pub async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A story that forgot to look for leftovers proves less than it says.
        assert!(self.running.is_none() || std::thread::panicking(), "end the story with App::finish");
    }
}
