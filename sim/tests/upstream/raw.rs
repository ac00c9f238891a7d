//! A client that sees every byte, and how a connection ended.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than anything that is not broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// By a FIN.
    Fin,
    /// By an RST.
    Rst,
}

/// Sends these bytes and reads until the connection ends.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> (Vec<u8>, Ended) {
    let mut stream = open(address);
    // A server that resets early may do so before all is written.
    let _ = stream.write_all(bytes);
    drain(&mut stream)
}

/// A connection that gives up instead of waiting forever.
pub fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads until the connection ends.
pub fn drain(stream: &mut TcpStream) -> (Vec<u8>, Ended) {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (read, Ended::Fin),
            Ok(count) => read.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (read, Ended::Rst),
            Err(error) => panic!("after {} bytes: {error}", read.len()),
        }
    }
}

/// A POST of this JSON, after which the server is asked to close.
pub fn post(path: &str, key: &str, json: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: upstream\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    )
    .into_bytes()
}

/// Head and body of an answer.
pub fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let at = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("an answer with a head");
    (String::from_utf8(answer[..at].to_vec()).unwrap(), answer[at + 4..].to_vec())
}
