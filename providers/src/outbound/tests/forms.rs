//! Forms, as another library reads them.

use super::{Double, FileLabel, Form, Payload, Unanswered, World};
use crate::doubles::Reply;

#[actix_rt::test]
async fn a_form_arrives_as_it_was_written_files_from_the_disk_included() {
    let folder = tempfile::tempdir().unwrap();
    let (path, content) = (folder.path().join("a.png"), b"\r\n--atelier\r\n\0\xff".repeat(30_000));
    std::fs::write(&path, &content).unwrap();
    let double = Double::start(|_| Reply::file("text/plain", b"")).await;
    let mut form = Form::new();
    form.text("prompt", "a \"fox\"\r\n--x--\r\nünder glass");
    form.text("empty", "");
    let label = |field| FileLabel { field, name: "a.png", mime: "image/png" };
    form.file(label("image[]"), &path).await.unwrap();
    form.bytes(label("mask"), vec![1, 2, 3]);
    form.bytes(label("nothing"), Vec::new());
    World::new().post(&double.url("/"), Payload::Form(form)).await.unwrap();
    let expected = [
        ("prompt", None, "a \"fox\"\r\n--x--\r\nünder glass".as_bytes()),
        ("empty", None, b""),
        ("image[]", Some("a.png"), &content),
        ("mask", Some("a.png"), &[1, 2, 3]),
        ("nothing", Some("a.png"), b""),
    ];
    let parts = double.only().form().await;
    let parts: Vec<_> =
        parts.iter().map(|(name, file, bytes)| (name.as_str(), file.as_deref(), &bytes[..])).collect();
    assert!(parts == expected, "{:?}", parts.iter().map(|part| (part.0, part.2.len())).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn a_file_that_is_not_there_is_told_before_anything_is_sent_and_one_that_shrinks_breaks_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let label = FileLabel { field: "image", name: "a.png", mime: "image/png" };
    assert!(Form::new().file(label, &path).await.is_err());
    std::fs::write(&path, b"123456").unwrap();
    let mut form = Form::new();
    form.file(label, &path).await.unwrap();
    std::fs::write(&path, b"123").unwrap();
    let double = Double::start(|_| Reply::file("text/plain", b"")).await;
    let outcome = World::new().post(&double.url("/"), Payload::Form(form)).await;
    assert!(matches!(outcome, Err(Unanswered::Sent(_))) && double.seen().is_empty());
}
