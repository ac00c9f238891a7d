//! The program at a terminal: what it prints, what its commands answer, how it ends, and how lost data comes back.

use crate::{
    restart::{metered, setup},
    support::{
        answers::{credits, generate},
        app::PASSWORD,
        small,
    },
};
use atelier_sim::process::{ProcessError, Setup};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn said(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn log(setup: &Setup) -> String {
    fs::read_to_string(setup.log_file()).unwrap()
}

#[actix_rt::test]
async fn the_first_start_prints_its_secrets_once_with_a_command_that_works() {
    let room = tempfile::tempdir().unwrap();
    // Empty settings count as not given: both secrets are generated.
    let setup = setup(&room).set("GLOBAL__API_KEY", "").set("GLOBAL__ADMIN_PASSWORD", "");
    let mut server = setup.start(PATIENCE).await.unwrap();
    let banner = log(&setup);
    let key = banner.split_whitespace().find(|word| word.starts_with("sk-")).unwrap().to_owned();
    let curl = banner.lines().find(|line| line.trim_start().starts_with("curl ")).unwrap();
    assert!(curl.contains(&setup.origin()) && curl.contains(&key), "{curl}");
    let password = banner.lines().find(|line| line.contains("admin password")).unwrap();
    let password = password.split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(generate(&server.client().with_token(&key), &small("a")).await.status, 200);
    let login = serde_json::json!({ "username": "admin", "password": password });
    assert_eq!(server.client().post("/api/login", &login).send().await.unwrap().status, 200);
    assert!(server.terminate(PATIENCE).await.unwrap().success());

    let first = log(&setup).len();
    let server = setup.start(PATIENCE).await.unwrap();
    let second = log(&setup)[first..].to_owned();
    assert!(second.contains("curl "), "{second}");
    assert!(!second.contains(&key) && !second.contains(&password) && !second.contains("sk-"), "{second}");
    assert_eq!(generate(&server.client().with_token(&key), &small("a")).await.status, 200);
    assert!(!find(&setup.data_dir(), key.as_bytes()), "the key is on disk as it is");
    assert!(!find(&setup.data_dir(), password.as_bytes()), "the password is on disk as it is");
}

/// The default: `data`, which lies where the program was started.
#[test]
fn a_data_directory_with_a_relative_path_is_made_where_the_program_was_started() {
    let room = tempfile::tempdir().unwrap();
    let mut export = std::process::Command::new(env!("CARGO_BIN_EXE_atelier"));
    let (fine, shown, complaint) =
        said(&export.arg("export").env_clear().current_dir(&room).output().unwrap());
    assert!(fine && shown.contains("rows"), "{shown} {complaint}");
    assert!(room.path().join("data/VERSION").is_file());
}

/// They are never shown again, so they must not be made by a start that nobody can use.
#[actix_rt::test]
async fn a_first_start_on_a_taken_port_uses_no_secret_up() {
    let room = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let first = setup(&room).set("GLOBAL__API_KEY", "").set("GLOBAL__ADMIN_PASSWORD", "");
    let (fine, _, complaint) = said(&first.set("SERVER__PORT", &port).run(&["serve"]).unwrap());
    assert!(!fine && complaint.contains("cannot listen") && complaint.contains(&port), "{complaint}");
    drop(taken);
    let second = setup(&room).set("GLOBAL__API_KEY", "").set("GLOBAL__ADMIN_PASSWORD", "");
    let _server = second.start(PATIENCE).await.unwrap();
    assert!(log(&second).contains("sk-") && log(&second).contains("admin password"), "{}", log(&second));
}

/// Whether any file below holds these bytes.
fn find(dir: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return find(&path, bytes);
        }
        fs::read(&path).unwrap_or_default().windows(bytes.len()).any(|window| window == bytes)
    })
}

#[actix_rt::test]
async fn check_config_shows_every_setting_and_names_the_nearest_key() {
    let room = tempfile::tempdir().unwrap();
    let (fine, shown, _) = said(&setup(&room).run(&["check-config"]).unwrap());
    assert!(fine && shown.contains("server.port") && shown.contains("(env)") && shown.contains("(default)"));
    assert!(!shown.contains(PASSWORD), "a secret was shown");
    let (fine, shown, complaint) =
        said(&setup(&room).set("SERVER__PROT", "1").run(&["check-config"]).unwrap());
    assert!(
        !fine && shown.is_empty() && complaint.contains("PROT") && complaint.contains("PORT"),
        "{complaint}"
    );
    fs::write(room.path().join("config.toml"), "[server]\nprot = 1\n[studioo]\n").unwrap();
    let output = setup(&room).run(&["check-config"]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (_, _, complaint) = said(&output);
    for part in ["server.prot", "port", "studioo", "studio"] {
        assert!(complaint.contains(part), "all problems are told at once: {complaint}");
    }
}

#[actix_rt::test]
async fn a_health_check_tells_a_running_server_from_none() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let (fine, _, complaint) = said(&setup.run(&["healthcheck"]).unwrap());
    assert!(!fine && complaint.contains("does not answer"), "{complaint}");
    let server = setup.start(PATIENCE).await.unwrap();
    let asked = setup.clone();
    let output = actix_rt::task::spawn_blocking(move || asked.run(&["healthcheck"])).await.unwrap().unwrap();
    let (fine, answer, complaint) = said(&output);
    assert!(fine && answer.contains("\"status\":\"ok\""), "{answer} {complaint}");
    drop(server);
}

#[actix_rt::test]
async fn the_document_can_be_printed_without_a_server_or_data() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room);
    let (fine, document, _) = said(&setup.run(&["openapi"]).unwrap());
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert!(fine && document["paths"]["/v1/images/generations"].is_object());
    assert!(!setup.data_dir().exists(), "asking for help must not make a database");
}

#[actix_rt::test]
async fn sigterm_ends_within_the_time_that_is_configured_and_leaves_an_export() {
    let room = tempfile::tempdir().unwrap();
    let setup = setup(&room).set("SERVER__SHUTDOWN_TIMEOUT_S", "1");
    let mut server = setup.start(PATIENCE).await.unwrap();
    let (client, _) = metered(&server, 9).await;
    crate::support::answers::in_background(&client, small("[[delay:60000]] too slow")).await;
    let began = std::time::Instant::now();
    assert!(server.terminate(PATIENCE).await.unwrap().success());
    // One second for jobs, at most five for connections; the rest is the export.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(exports(&setup).len(), 1);
    let (right, verdict, _) = said(&setup.run(&["ledger", "verify"]).unwrap());
    assert!(right && verdict.contains("the books are right"), "{verdict}");
}

fn exports(setup: &Setup) -> Vec<PathBuf> {
    let entries = fs::read_dir(setup.data_dir().join("exports")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "atx"))
        .collect()
}

#[actix_rt::test]
async fn an_export_moves_to_another_machine() {
    let room = tempfile::tempdir().unwrap();
    let here = setup(&room);
    let mut server = here.start(PATIENCE).await.unwrap();
    let (client, secret) = metered(&server, 9).await;
    generate(&client, &small("a")).await;
    assert!(server.terminate(PATIENCE).await.unwrap().success());
    let file = room.path().join("move.atx");
    let (fine, report, complaint) = said(&here.run(&["export", "--out", file.to_str().unwrap()]).unwrap());
    assert!(fine && report.contains("rows") && file.exists(), "{report}{complaint}");

    let other = tempfile::tempdir().unwrap();
    let there = setup(&other);
    let (fine, report, complaint) = said(&there.run(&["restore", file.to_str().unwrap()]).unwrap());
    assert!(fine && report.contains("restored"), "{report}{complaint}");
    let server = there.start(PATIENCE).await.unwrap();
    assert_eq!(credits(&server.client().with_token(&secret)).await, (8, 0));
}

/// What becomes of the database that no engine can open: the exit says what to do, and doing it brings everything back, also
/// what came after the last export.
#[actix_rt::test]
async fn a_broken_database_names_its_cure_and_the_cure_works() {
    let mut refused = Vec::new();
    for damage in ["bytes flipped", "file truncated", "conf gone"] {
        let room = tempfile::tempdir().unwrap();
        let setup = setup(&room);
        let mut server = setup.start(PATIENCE).await.unwrap();
        let (client, _) = metered(&server, 9).await;
        generate(&client, &small("before the export")).await;
        assert!(server.terminate(PATIENCE).await.unwrap().success());
        let mut server = setup.start(PATIENCE).await.unwrap();
        assert_eq!(generate(&client, &small("after the export")).await.status, 200);
        server.kill().unwrap();
        break_database(&setup.data_dir(), damage);

        let output = match setup.start(PATIENCE).await {
            Err(ProcessError::Ended { status, log }) if !status.success() => log,
            Err(other) => panic!("{damage}: {other}"),
            // Damage that loses nothing may be mended on the spot.
            Ok(server) => {
                assert_eq!(credits(&client).await, (7, 0), "{damage}: served with rows lost");
                drop(server);
                continue;
            }
        };
        refused.push(damage);
        assert!(output.contains("atelier restore --latest"), "{damage}: {output}");
        let (fine, report, complaint) = said(&setup.run(&["restore", "--latest"]).unwrap());
        assert!(fine, "{damage}: {report}{complaint}");
        let server = setup.start(PATIENCE).await.unwrap();
        assert_eq!(credits(&client).await, (7, 0), "{damage}: {report}");
        drop(server);
    }
    assert!(refused.starts_with(&["bytes flipped", "file truncated"]), "{refused:?}");
}

fn break_database(data: &Path, damage: &str) {
    let dir = data.join("sled");
    let file = dir.join(if damage == "conf gone" { "conf" } else { "db" });
    match damage {
        "bytes flipped" => {
            let mut bytes = fs::read(&file).unwrap();
            for at in (0..bytes.len()).step_by(97) {
                bytes[at] ^= 0x5a;
            }
            fs::write(&file, bytes).unwrap();
        }
        // The file is longer than what is in it.
        "file truncated" => {
            fs::File::options().write(true).open(&file).unwrap().set_len(8192).unwrap();
        }
        _ => fs::remove_file(&file).unwrap(),
    }
}
