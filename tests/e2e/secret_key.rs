//! The secret of the installation: given or its own, refused when it is weak, and changed without losing an account.

use crate::{
    restart::{admin, metered, setup},
    support::answers::{generate, small_with},
};
use atelier_sim::process::{ProcessError, Setup};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(30);
const KEY: &str = "8f1c0a5e27d94b63a1f7e80c36d25b9471ea0d5c9b38f2467c1d90ab53ef8264";
const NEXT: &str = "c35b19f6e0d2874a5190be6f3d7a28c4406f1b8ed9327ca5e81450bd6f923a7c";
const TOKEN: &str = "sk-planted-token-0123456789abcdef";

/// Whether it went well, and everything that was said.
fn run(setup: &Setup, arguments: &[&str]) -> (bool, String) {
    let output = setup.run(arguments).unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// Why the server does not start.
async fn complaint(setup: &Setup) -> String {
    match setup.start(PATIENCE).await {
        Err(ProcessError::Ended { log, .. }) => log,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it starts"),
    }
}

async fn add_account(setup: &Setup) {
    let mut server = setup.start(PATIENCE).await.unwrap();
    let admin = admin(&server).await;
    let account = json!({ "provider": "studio", "token": TOKEN });
    assert_eq!(admin.post("/api/tokens", &account).send().await.unwrap().status, 200);
    assert!(server.terminate(PATIENCE).await.unwrap().success());
}

/// A start that serves, and has opened the account's token: its mask shows both ends of it.
async fn knows_the_token(setup: &Setup) {
    let mut server = setup.start(PATIENCE).await.unwrap();
    let admin = admin(&server).await;
    let accounts = admin.get("/api/tokens").send().await.unwrap().text();
    assert!(accounts.contains("sk-p…def") && !accounts.contains(TOKEN), "{accounts}");
    assert!(server.terminate(PATIENCE).await.unwrap().success());
}

fn holds(dir: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

#[actix_rt::test]
async fn a_changed_secret_keeps_accounts_and_voids_links_and_webhook_secrets() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    add_account(&setup).await;
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 9).await;
    let made = generate(&client, &small_with("a", json!({ "response_format": "url" }))).await.json();
    let link = made["data"][0]["url"].as_str().unwrap().strip_prefix(&setup.origin()).unwrap().to_owned();
    assert_eq!(server.client().get(&link).send().await.unwrap().status, 200);
    let key = json!({ "webhook_url": "https://hooks.example/x" });
    let made = admin(&server).await.post("/api/keys", &key).send().await.unwrap().json();
    let id = made["id"].as_str().unwrap().to_owned();

    let (fine, said) = run(&setup, &["rekey"]);
    assert!(!fine && said.contains("in use"), "a running server was rekeyed: {said}");
    assert!(server.terminate(PATIENCE).await.unwrap().success());
    let file = setup.data_dir().join("secret.key");
    let old = fs::read(&file).unwrap();
    let (fine, said) = run(&setup, &["rekey"]);
    assert!(fine && said.contains("1 rows sealed anew"), "{said}");
    for part in ["secret.key", "links", "webhook", "exports", "rotate"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_ne!(fs::read(&file).unwrap(), old);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!holds(&setup.data_dir(), TOKEN.as_bytes()), "the token is on disk as it is");
    assert!(!holds(&setup.data_dir(), &old), "the old secret is still there");

    knows_the_token(&setup).await;
    let server = setup.start(PATIENCE).await.unwrap();
    assert_eq!(server.client().get(&link).send().await.unwrap().status, 403, "an old link");
    let rotate =
        admin(&server).await.post(&format!("/api/keys/{id}/rotate"), &json!({ "webhook_secret": true }));
    let rotated: Value = rotate.send().await.unwrap().json();
    assert_ne!(rotated["webhook_secret"], made["webhook_secret"]);
    drop(server);

    fs::write(&file, &old).unwrap();
    let log = complaint(&setup).await;
    assert!(log.contains("fingerprint") && log.contains("atelier rekey"), "{log}");
}

#[actix_rt::test]
async fn a_given_secret_is_written_nowhere_and_changed_by_giving_the_next() {
    let room = tempfile::tempdir().unwrap();
    let own = setup(&room);
    let given = own.clone().variable("ATELIER_SECRET_KEY", KEY);
    add_account(&given).await;
    knows_the_token(&given).await;
    assert!(!given.data_dir().join("secret.key").exists());
    assert!(!holds(&given.data_dir(), KEY.as_bytes()));

    let (fine, said) = run(&given, &["rekey"]);
    assert!(!fine && said.contains("ATELIER_NEW_SECRET_KEY"), "{said}");
    let both = given.clone().variable("ATELIER_NEW_SECRET_KEY", NEXT);
    let (fine, said) = run(&both, &["rekey"]);
    assert!(fine && said.contains("set ATELIER_SECRET_KEY to it"), "{said}");
    assert!(!said.contains(KEY) && !said.contains(NEXT), "a secret was printed");

    assert!(complaint(&given).await.contains("fingerprint"));
    let file = room.path().join("key");
    fs::write(&file, format!("{NEXT}\n")).unwrap();
    knows_the_token(&own.variable("ATELIER_SECRET_KEY_FILE", file.to_str().unwrap())).await;
}

#[test]
fn a_weak_secret_is_refused_with_what_to_do_and_not_repeated() {
    let room = tempfile::tempdir().unwrap();
    for weak in ["hunter2hunter2hunter2", &"ab".repeat(32)] {
        for command in ["check-config", "serve", "rekey"] {
            let (fine, said) = run(&setup(&room).variable("ATELIER_SECRET_KEY", weak), &[command]);
            assert!(!fine && said.contains("ATELIER_SECRET_KEY") && said.contains("openssl rand"), "{said}");
            assert!(!said.contains(weak), "{said}");
        }
    }
    let both = setup(&room).variable("ATELIER_SECRET_KEY", KEY).variable("ATELIER_SECRET_KEY_FILE", "x");
    assert!(run(&both, &["check-config"]).1.contains("not both"));
}
