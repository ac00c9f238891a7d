//! The program says where it is and does what its arguments say.

use super::draw;
use atelier_sim::{client::Client, upstream::Report};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

/// A program that is killed in the end, whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it and reads so many lines.
fn start(arguments: &[&str], lines: usize) -> (Running, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atelier-sim"));
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines().take(lines);
    let said = said.map(|line| line.unwrap()).collect();
    (Running(child), said)
}

#[actix_rt::test]
async fn it_says_where_it_is_and_serves_the_accounts_that_it_was_given() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let accounts = json!({"sk-file": {"scripts": {"submit_image": [{"refuse": "overloaded"}]}}});
    write!(file, "{accounts}").unwrap();
    let path = file.path().to_str().unwrap();
    let arguments =
        ["--port", "0", "--key", "sk-1", "--accounts", path, "--connect-proxy", "0", "--socks-proxy", "0"];
    let (_running, said) = start(&arguments, 4);
    let origin = said[0].strip_prefix("atelier-sim: ").unwrap().strip_suffix("/v1").unwrap();
    assert!(
        said[1].contains("/_sim") && said[2].contains("http://") && said[3].contains("socks5://"),
        "{said:?}"
    );
    let client = Client::new(origin);
    assert_eq!(draw(&client.with_token("sk-1"), "one").await.status, 200);
    assert_eq!(draw(&client.with_token("sk-file"), "two").await.status, 503);
    assert_eq!(draw(&client.with_token("sk-sim"), "three").await.status, 401);
    let report: Report =
        serde_json::from_value(client.get("/_sim/report").send().await.unwrap().json()).unwrap();
    assert_eq!((report.requests, report.strangers), (3, 1));
}

#[test]
fn it_refuses_a_file_that_it_does_not_understand() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(br#"{"sk-file": {"scirpts": {}}}"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_atelier-sim"));
    let output = command.args(["--port", "0", "--accounts"]).arg(file.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("scirpts"), "{told}");
}
