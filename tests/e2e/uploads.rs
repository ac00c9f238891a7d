//! Many long files at once: they pass through, and the memory of the process does not follow their size.

use crate::{
    restart::{metered, setup},
    support::answers::credits,
};
use atelier_sim::client::Client;
use serde_json::Value;
use std::{fs, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PATIENCE: Duration = Duration::from_secs(120);

/// Pixels on each side of a picture of 50 MB.
const SIDE: u32 = 4096;

/// What the process may grow by, in KiB.
const GROWTH_KIB: u64 = 64 << 10;

/// A picture of noise, which no compression makes shorter: 50 MB.
fn noise() -> Vec<u8> {
    let mut word = 0x2545_f491_u32;
    let pixels: Vec<u8> = (0..SIDE * SIDE * 3)
        .map(|_| {
            word ^= word << 13;
            word ^= word >> 17;
            word ^= word << 5;
            word as u8
        })
        .collect();
    let mut file = Vec::with_capacity(51 << 20);
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut file,
        image::codecs::png::CompressionType::Fast,
        image::codecs::png::FilterType::NoFilter,
    );
    image::ImageEncoder::write_image(encoder, &pixels, SIDE, SIDE, image::ExtendedColorType::Rgb8).unwrap();
    assert!((50_000_000..50 << 20).contains(&file.len()), "{} bytes", file.len());
    file
}

/// A figure of the process in KiB: `VmRSS` is its memory now, `VmHWM` the most that it had.
fn memory(pid: u32, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Sends a form of sixteen times the same file, which is never in the memory of the client sixteen times.
async fn edit(origin: &str, secret: &str, file: &[u8]) -> Value {
    let part = |index: usize| {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"{index}.png\"\r\nContent-Type: image/png\r\n\r\n"
        )
    };
    let texts = "--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nall of them\r\n\
                 --x\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n1024x1024\r\n--x--\r\n";
    let length = texts.len() + (0..16).map(|index| part(index).len() + file.len() + 2).sum::<usize>();
    let mut stream = TcpStream::connect(origin.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /v1/images/edits HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {secret}\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for index in 0..16 {
        stream.write_all(part(index).as_bytes()).await.unwrap();
        stream.write_all(file).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    stream.write_all(texts.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let body = answer.find('{').map_or("", |at| &answer[at..=answer.rfind('}').unwrap()]);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.600}");
    serde_json::from_str(body).unwrap()
}

#[actix_rt::test]
async fn sixteen_pictures_of_fifty_megabytes_pass_through_in_little_memory() {
    let room = tempfile::tempdir().unwrap();
    let server = setup(&room).start(PATIENCE).await.unwrap();
    let (client, secret): (Client, _) = metered(&server, 2).await;
    let file = tokio::task::spawn_blocking(noise).await.unwrap();
    let before = memory(server.pid(), "VmRSS");
    let answer = edit(client.origin(), &secret, &file).await;
    let growth = memory(server.pid(), "VmHWM").saturating_sub(before);
    assert_eq!(answer["data"].as_array().unwrap().len(), 1);
    assert!(growth < GROWTH_KIB, "the process grew by {growth} KiB");
    assert_eq!(credits(&client).await, (1, 0));
}
