//! What the first lines on the screen say: where the gateway is, what it is, and a command that makes a picture.

use crate::{config::Config, serve::Running};
use atelier_actors::key_ring::KeySecret;
use std::fmt::Write;

/// Prints the banner to standard output: the one place besides the commands that does.
#[expect(
    clippy::print_stdout,
    reason = "the banner is for the person who started the program, not for the log"
)]
pub(crate) fn print(config: &Config, running: &Running) {
    println!("{}", text(config, running));
}

fn text(config: &Config, running: &Running) -> String {
    let base = format!("http://{}", running.address);
    let mut text = format!(
        "\nAtelier {}\n\n  API     {base}/v1\n  docs    {base}/docs\n  data    {}\n",
        env!("CARGO_PKG_VERSION"),
        config.data_dir.display()
    );
    if config.studio.enabled {
        text.push_str("  engine  studio: a drawing engine inside this program, not a model; it needs no account and no network\n");
    }
    if running.resumed > 0 {
        let _ = writeln!(text, "  jobs    {} open jobs go on where they were", running.resumed);
    }
    text.push_str(&secrets(config, running));
    let key = running.first.key.as_ref().map_or("$ATELIER_API_KEY", KeySecret::expose);
    if running.first.key.is_none() {
        text.push_str("\nWith your API key in ATELIER_API_KEY, this makes a picture (Ctrl-C here stops the gateway):\n\n");
    } else {
        text.push_str("\nThis makes a picture (Ctrl-C here stops the gateway):\n\n");
    }
    let _ = writeln!(
        text,
        "  curl -s {base}/v1/images/generations -H \"Authorization: Bearer {key}\" -H \"Content-Type: application/json\" \
         -d '{{\"model\":\"gpt-image-2\",\"prompt\":\"a lighthouse at dawn\",\"size\":\"1024x1024\"}}' \
         | grep -o '\"b64_json\":\"[^\"]*\"' | cut -d'\"' -f4 | base64 -d > lighthouse.png"
    );
    text
}

fn secrets(config: &Config, running: &Running) -> String {
    let mut text = String::new();
    if running.first.key.is_some() || running.first.password.is_some() {
        text.push_str("\nFirst start. These are shown once and kept only as hashes:\n\n");
    }
    if let Some(key) = &running.first.key {
        let _ = writeln!(text, "  API key         {}   (unmetered)", key.expose());
    }
    if let Some(password) = &running.first.password {
        let _ = writeln!(
            text,
            "  admin password  {}   (user {})",
            password.expose(),
            config.global.admin_username
        );
    }
    text
}
