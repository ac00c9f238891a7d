//! The handshake of an HTTP proxy.

use super::Desk;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest head of a request, in bytes.
const LONGEST: usize = 8192;

/// Reads a request and opens its tunnel.
///
/// # Errors
/// When there is none; the client has been told.
pub async fn open(mut client: TcpStream, desk: &Desk) -> io::Result<(TcpStream, TcpStream)> {
    let head = head(&mut client).await?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next());
    let target = target.filter(|_| method == Some("CONNECT")).and_then(split);
    let Some((host, port)) = target else { return refuse(client, "405 Method Not Allowed", "").await };
    if !authorised(desk, lines) {
        desk.refused();
        let ask = "proxy-authenticate: Basic realm=\"sim\"\r\n";
        return refuse(client, "407 Proxy Authentication Required", ask).await;
    }
    match desk.open(host, port).await {
        Ok(opened) => {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            Ok((client, opened))
        }
        Err(_) => refuse(client, "502 Bad Gateway", "").await,
    }
}

/// Byte by byte: what follows the head belongs to the tunnel.
async fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(client.read_u8().await?);
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn split(target: &str) -> Option<(&str, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

fn authorised<'a>(desk: &Desk, mut lines: impl Iterator<Item = &'a str>) -> bool {
    let Some((user, password)) = &desk.setup.login else { return true };
    let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    lines.any(|line| {
        let header = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        header.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("proxy-authorization") && value == expected
        })
    })
}

async fn refuse<T>(mut client: TcpStream, status: &str, header: &str) -> io::Result<T> {
    let answer = format!("HTTP/1.1 {status}\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await?;
    Err(io::Error::other("refused"))
}
