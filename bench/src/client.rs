//! A lean HTTP/1.1 client: one request at a time per connection, kept alive, with as little work per request as it takes to
//! know that the answer is whole and right. What it saves goes to the server under measurement.

use crate::Outcome;
use futures_util::future::try_join_all;
use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The longest answer that is read, in bytes.
const LONGEST: usize = 16 << 20;

/// As much as is read at once of a body that is not kept, in bytes.
const PIECE: usize = 256 << 10;

/// A connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A whole answer.
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The body of a 2xx.
    pub fn ok(self) -> Outcome<&'a [u8]> {
        if self.status / 100 == 2 {
            return Ok(self.body);
        }
        let shown: String = String::from_utf8_lossy(self.body).chars().take(400).collect();
        Err(format!("answered {}: {shown}", self.status).into())
    }
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(2048) })
    }

    /// Sends without waiting for an answer.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// Sends and waits for the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.send(request).await?;
        self.receive().await
    }

    /// Waits for the whole answer to what was sent.
    pub async fn receive(&mut self) -> io::Result<Answer<'_>> {
        self.buffer.clear();
        let (status, head, length) = loop {
            self.read_more().await?;
            if let Some(head) = Head::read(&self.buffer)? {
                break (head.status, head.bytes, head.content_length);
            }
        };
        while self.buffer.len() < head + length {
            self.read_more().await?;
        }
        Ok(Answer { status, body: &self.buffer[head..head + length] })
    }

    /// Sends, and reads a whole 2xx of any length without keeping its body. Its number of bytes.
    pub async fn download(&mut self, request: &[u8]) -> Outcome<usize> {
        self.send(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(head) = Head::read(&self.buffer)? {
                break head;
            }
        };
        if head.status / 100 != 2 {
            return Err(format!("a download was answered {}", head.status).into());
        }
        let mut left = (head.bytes + head.content_length).checked_sub(self.buffer.len());
        while let Some(bytes) = left.filter(|bytes| *bytes > 0) {
            self.buffer.clear();
            self.buffer.reserve(PIECE);
            self.read_more().await?;
            left = bytes.checked_sub(self.buffer.len());
        }
        left.map(|_| head.content_length).ok_or_else(|| "more came than the answer's length".into())
    }

    async fn read_more(&mut self) -> io::Result<()> {
        self.buffer.reserve(1024);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ if self.buffer.len() > LONGEST => Err(io::Error::other("the answer is too long")),
            _ => Ok(()),
        }
    }
}

/// The head of an answer.
struct Head {
    status: u16,
    bytes: usize,
    content_length: usize,
}

impl Head {
    /// None while it is not whole.
    fn read(buffer: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&buffer[..end]).map_err(io::Error::other)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        // Both servers that are measured send a length with everything that is asked of them.
        match (status, length) {
            (Some(status), Some(content_length)) => Ok(Some(Self { status, bytes: end + 4, content_length })),
            _ => Err(io::Error::other(format!("no status or no length in {text:?}"))),
        }
    }
}

/// Opens so many connections.
pub async fn connect(address: SocketAddr, count: usize) -> Outcome<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(address).await?);
    }
    Ok(connections)
}

/// What came of a load.
pub struct Load {
    /// How long it took.
    pub elapsed: Duration,
    /// How long each answer took.
    pub waits: Vec<Duration>,
}

/// Sends on all connections at once, on each the next request as soon as the answer is there, for as long as `next` puts a
/// request into the empty buffer that it is given. `seen` gets the body of each answer. Anything but a 2xx ends the load.
pub async fn load(
    connections: &mut [Connection],
    next: impl Fn(&mut Vec<u8>),
    seen: impl Fn(&[u8]) -> Outcome<()>,
) -> Outcome<Load> {
    let begun = Instant::now();
    let loops = connections.iter_mut().map(|connection| async {
        let (mut request, mut waits) = (Vec::new(), Vec::new());
        loop {
            request.clear();
            next(&mut request);
            if request.is_empty() {
                return Outcome::Ok(waits);
            }
            let sent = Instant::now();
            seen(connection.exchange(&request).await?.ok()?)?;
            waits.push(sent.elapsed());
        }
    });
    let waits = try_join_all(loops).await?.concat();
    Ok(Load { elapsed: begun.elapsed(), waits })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_head_is_read_only_when_it_is_whole_and_in_any_spelling() {
        let head = b"HTTP/1.1 402 Payment Required\r\nContent-Length: 12\r\nx: y\r\n\r\n";
        for end in 0..head.len() {
            assert!(Head::read(&head[..end]).unwrap().is_none(), "{end}");
        }
        let read = Head::read(head).unwrap().unwrap();
        assert_eq!((read.status, read.bytes, read.content_length), (402, head.len(), 12));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
