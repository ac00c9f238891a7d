//! Pictures that are wrong, and addresses that must not be fetched: each gets its documented error, costs nothing, reaches
//! nobody, and leaves no file behind.

use crate::support::{
    App,
    answers::credits,
    app::Owner,
    expect_error,
    pictures::{drawn, encoded, with_hole},
};
use atelier_sim::{client::Answer, form::Form};
use image::{DynamicImage, ImageFormat};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const EDITS: &str = "/v1/images/edits";

fn form() -> Form {
    Form::new().text("prompt", "a hat")
}

/// A PNG whose header promises this size, and whose pixels never come.
fn promises(width: u32, height: u32) -> Vec<u8> {
    let mut file = drawn(8, 8, 1);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Forms, what is wrong with each, and what the message must say.
fn wrong_forms() -> Vec<(&'static str, Form, u16, &'static str, &'static str)> {
    let fine = drawn(64, 48, 1);
    let many = (0..17).fold(form(), |form, _| form.file("image[]", &fine));
    let flood = (0..30).fold(form(), |form, _| form.file("image", &fine));
    let with = |bytes: &[u8]| form().file("image", bytes);
    let masked = |mask: &[u8]| with(&fine).file("mask", mask);
    let opaque = encoded(&DynamicImage::new_rgb8(64, 48), ImageFormat::Png);
    let hole = (0, 0, 10, 10);
    vec![
        ("nothing at all", Form::new(), 400, "missing_prompt", "prompt"),
        ("no picture", form(), 400, "missing_image", "image"),
        ("only a mask", form().file("mask", &with_hole(8, 8, hole)), 400, "missing_image", "image"),
        ("an empty file", with(b""), 422, "bad_image", "not a picture"),
        ("a text", with(b"hello"), 422, "bad_image", "not a picture"),
        ("a page", with(b"<html><body>404</body></html>"), 422, "bad_image", "not a picture"),
        ("a picture that ends early", with(&fine[..20]), 422, "bad_image", "damaged"),
        ("the second is no picture", with(&fine).file("image", b"x"), 422, "bad_image", "picture 2"),
        ("too many pixels", with(&promises(60_000, 60_000)), 422, "bad_image", "megapixels"),
        ("too long a side", with(&promises(70_000, 1)), 422, "bad_image", "pixels"),
        ("seventeen pictures", many, 422, "too_many_references", "16"),
        ("thirty pictures", flood, 422, "too_many_references", "16"),
        ("a mask of another size", masked(&with_hole(48, 64, hole)), 422, "bad_mask", "same size"),
        ("a mask without alpha", masked(&opaque), 422, "bad_mask", "alpha"),
        ("a mask that is no picture", masked(b"x"), 422, "bad_mask", "not a picture"),
        (
            "a mask for frames",
            masked(&with_hole(64, 48, hole)).text("output_format", "gif"),
            422,
            "bad_mask",
            "gif",
        ),
        (
            "a markup of another size",
            with(&fine).file("markup", &with_hole(8, 8, hole)),
            422,
            "bad_markup",
            "same size",
        ),
        (
            "mask and markup",
            masked(&with_hole(64, 48, hole)).file("markup", &fine),
            400,
            "markup_with_mask",
            "exclude",
        ),
    ]
}

/// The same of fields that are not files.
fn wrong_fields() -> Vec<(&'static str, Form, u16, &'static str, &'static str)> {
    let fine = drawn(64, 48, 1);
    let with = |bytes: &[u8]| form().file("image", bytes);
    vec![
        (
            "an unknown usage",
            with(&fine).text("reference_usage", "soul"),
            422,
            "bad_reference_usage",
            "subject",
        ),
        ("an unknown fidelity", with(&fine).text("input_fidelity", "max"), 422, "bad_input_fidelity", "high"),
        ("a wrong number", with(&fine).text("n", "x"), 422, "bad_n", "number"),
        ("no base64", form().text("image", "it is in the attachment"), 422, "bad_image", "URL"),
        ("a data URI without data", form().text("image", "data:image/png;base64"), 422, "bad_image", "comma"),
        (
            "a data URI of no base64",
            form().text("image", "data:text/plain,hello"),
            422,
            "bad_image",
            "base64",
        ),
        (
            "an unknown file",
            form().text("image", "file-0199abcd000070008000000000000001"),
            404,
            "file_not_found",
            "file",
        ),
        ("no id of a file", form().text("image[][file_id]", "hat"), 422, "bad_image", "id"),
        ("an unknown scheme", form().text("image", "ftp://example.com/a.png"), 422, "bad_image", "URL"),
    ]
}

async fn no_file_is_left(owner: &Owner) {
    // The owner keeps nothing, so a file as large as everything it may keep must fit.
    let whole = vec![0; 1 << 20];
    let sent = Form::new().text("purpose", "user_data").file("file", &whole);
    for _ in 0..200 {
        let answer = owner.client.post_form("/v1/files", sent.clone()).send().await.unwrap();
        if answer.status == 200 {
            return;
        }
        actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("something that no job took is still counted");
}

#[actix_rt::test]
async fn every_wrong_picture_gets_its_documented_error_and_leaves_nothing() {
    let app = App::with(&[("LIMITS__DISK_MIB_PER_KEY", "1"), ("LIMITS__FILE_MIB", "1")]).await;
    let owner = app.metered(5).await;
    for (what, form, status, code, said) in wrong_forms().into_iter().chain(wrong_fields()) {
        let answer = owner.client.post_form(EDITS, form).send().await.unwrap();
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{what}: {}",
            answer.text()
        );
        expect_error(&answer, status, code);
        assert!(answer.text().contains(said), "{what}: {}", answer.text());
    }
    let long = form().file("image", &[drawn(8, 8, 1), vec![0; 1 << 20]].concat());
    expect_error(&owner.client.post_form(EDITS, long).send().await.unwrap(), 413, "body_too_large");
    let half = [drawn(8, 8, 1), vec![0; 600 << 10]].concat();
    let two = form().file("image", &half).file("image", &half);
    expect_error(&owner.client.post_form(EDITS, two).send().await.unwrap(), 413, "storage_limit_exceeded");
    assert_eq!(credits(&owner.client).await, (5, 0));
    no_file_is_left(&owner).await;
    app.finish().await;
}

#[actix_rt::test]
async fn a_form_that_cannot_be_read_is_the_clients_fault_and_says_so() {
    let app = App::start().await;
    let client = app.client();
    let send = async |mime: &str, body: &str| {
        client
            .call(awc::http::Method::POST, EDITS)
            .header("content-type", mime)
            .body(body)
            .send()
            .await
            .unwrap()
    };
    let form = "multipart/form-data; boundary=x";
    // What openai-python 2.32 sends for an empty prompt and no file.
    expect_error(&send(form, "--x--\r\n").await, 400, "missing_prompt");
    for (mime, body) in [
        (form, ""),
        (form, "--y\r\n\r\n"),
        (form, "--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nhello"),
        (form, "--x\r\nno header\r\n\r\nhello\r\n--x--\r\n"),
        ("multipart/form-data", "--x--\r\n"),
        (form, "--x\r\nContent-Disposition: form-data; name=\"a[b\"\r\n\r\nhello\r\n--x--\r\n"),
    ] {
        let answer = send(mime, body).await;
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
        assert!(["bad_body", "missing_prompt"].contains(&answer.json()["error"]["code"].as_str().unwrap()));
    }
    let text = format!(
        "--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n{}\r\n--x--\r\n",
        "a".repeat(2 << 20)
    );
    expect_error(&send(form, &text).await, 413, "body_too_large");
    app.finish().await;
}

/// A server on loopback that counts who comes, and answers everybody the same.
struct Lure {
    address: std::net::SocketAddr,
    visits: Arc<AtomicUsize>,
}

impl Lure {
    async fn with(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, visits) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
        let counted = visits.clone();
        actix_rt::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                actix_rt::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { address, visits }
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

fn served(mime: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {mime}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn edit_from(owner: &Owner, image: Value) -> Answer {
    let body = json!({ "model": "nano-banana", "size": "256x256", "prompt": "a hat", "image": image });
    owner.client.post(EDITS, &body).send().await.unwrap()
}

#[actix_rt::test]
async fn no_way_of_writing_an_inner_address_reaches_it() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let lure = Lure::with(served("image/png", &drawn(8, 8, 1))).await;
    let port = lure.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "user:secret@127.0.0.1",
        "example.com@127.0.0.1",
    ] {
        let answer = edit_from(&owner, json!(format!("http://{host}:{port}/a.png"))).await;
        expect_error(&answer, 400, "invalid_image_url");
        assert!(!answer.text().contains("secret"), "{host}: the answer repeats what it should not");
    }
    for url in ["http://", "http:///a.png", "https://[::1", "http://127.0.0.1:99999/"] {
        expect_error(&edit_from(&owner, json!(url)).await, 400, "invalid_image_url");
    }
    assert_eq!(lure.visits(), 0, "an inner address was reached");
    assert_eq!(credits(&owner.client).await, (5, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn an_address_that_the_operator_allows_is_fetched_and_judged_by_what_it_brings() {
    let app = App::with(&[("FETCH__ALLOW", "127.0.0.1/32"), ("LIMITS__FILE_MIB", "1")]).await;
    let owner = app.metered(5).await;
    let url = |lure: &Lure| json!(format!("http://{}/a.png?token=secret", lure.address));
    let fine = Lure::with(served("text/html", &drawn(64, 64, 1))).await;
    let answer = edit_from(&owner, url(&fine)).await;
    assert_eq!((answer.status, fine.visits()), (200, 1), "{}", answer.text());

    let inward = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n";
    let endless = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nconnection: close\r\n\r\n{}",
        "x".repeat(3 << 20)
    );
    for (what, answer) in [
        ("a page", served("image/png", b"<html>not found</html>")),
        ("an error", b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("a redirect inward", inward.into()),
        ("a file without end", endless.into()),
        ("too many pixels", served("image/png", &promises(60_000, 60_000))),
    ] {
        let lure = Lure::with(answer).await;
        let refused = edit_from(&owner, url(&lure)).await;
        let code = if what == "too many pixels" { (422, "bad_image") } else { (400, "invalid_image_url") };
        expect_error(&refused, code.0, code.1);
        assert!(lure.visits() == 1 && !refused.text().contains("secret"), "{what}: {}", refused.text());
    }
    assert_eq!(credits(&owner.client).await, (4, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_client_that_leaves_in_the_middle_of_an_upload_leaves_nothing() {
    let app = App::with(&[("LIMITS__DISK_MIB_PER_KEY", "1"), ("LIMITS__FILE_MIB", "1")]).await;
    let owner = app.metered(1).await;
    let head = format!(
        "POST {EDITS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\ncontent-type: multipart/form-data; boundary=x\r\n\
         content-length: 900000\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n",
        owner.secret
    );
    let mut stream = TcpStream::connect(app.origin.trim_start_matches("http://")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![7; 700_000]).await.unwrap();
    drop(stream);
    no_file_is_left(&owner).await;
    app.finish().await;
}
