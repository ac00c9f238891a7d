//! An upstream on loopback: it reads whole requests, remembers them, and answers as a script says.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// One request that came.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// On which connection, from 0.
    pub connection: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The parts of a form, as another library reads them: names, file names and bytes.
    pub async fn form(&self) -> Vec<(String, Option<String>, Vec<u8>)> {
        let boundary = multer::parse_boundary(self.header("content-type").unwrap()).unwrap();
        let body = bytes::Bytes::from(self.body.clone());
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
        let mut form = multer::Multipart::new(stream, boundary);
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.unwrap() {
            let (name, file) = (field.name().unwrap().to_owned(), field.file_name().map(str::to_owned));
            parts.push((name, file, field.bytes().await.unwrap().to_vec()));
        }
        parts
    }

    /// The text of a form's field.
    pub async fn field(&self, name: &str) -> Option<String> {
        let parts = self.form().await;
        parts.into_iter().find(|part| part.0 == name).map(|part| String::from_utf8(part.2).unwrap())
    }
}

/// What to do about a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// These bytes, and then the connection ends.
    Raw(Vec<u8>),
    /// These bytes, and then nothing until the other side goes.
    Stalled(Vec<u8>),
}

impl Reply {
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::Answer(status, Vec::new(), body.to_string().into_bytes())
            .with("content-type", "application/json")
    }

    pub fn file(mime: &str, body: &[u8]) -> Self {
        Self::Answer(200, Vec::new(), body.to_vec()).with("content-type", mime)
    }

    pub fn html(status: u16) -> Self {
        Self::Answer(status, Vec::new(), b"<!DOCTYPE html><html><body>nginx</body></html>".to_vec())
            .with("content-type", "text/html")
    }

    pub fn redirect(status: u16, to: &str) -> Self {
        Self::Answer(status, Vec::new(), Vec::new()).with("location", to)
    }

    /// Events, without a length.
    pub fn events(events: &[String]) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut raw = head.as_bytes().to_vec();
        for event in events {
            raw.extend(format!("{:x}\r\n{event}\r\n", event.len()).into_bytes());
        }
        raw.extend(b"0\r\n\r\n");
        Self::Raw(raw)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

type Script = dyn Fn(&Seen) -> Reply;

/// The server.
pub struct Double {
    pub address: SocketAddr,
    seen: Rc<RefCell<Vec<Seen>>>,
    changed: Rc<Notify>,
}

impl Double {
    pub async fn start(script: impl Fn(&Seen) -> Reply + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let double = Self { address, seen: Rc::default(), changed: Rc::default() };
        let (seen, changed) = (Rc::clone(&double.seen), Rc::clone(&double.changed));
        let script: Rc<Script> = Rc::new(script);
        actix_rt::spawn(async move {
            let connections = Cell::new(0);
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = connections.replace(connections.get() + 1);
                let (seen, changed, script) = (Rc::clone(&seen), Rc::clone(&changed), Rc::clone(&script));
                actix_rt::spawn(async move {
                    let _ = talk(stream, number, &seen, (&changed, &*script)).await;
                });
            }
        });
        double
    }

    /// `http://127.0.0.1:{port}{path}`
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// The only request that came.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{:?}", seen.iter().map(|seen| &seen.path).collect::<Vec<_>>());
        seen[0].clone()
    }

    /// Waits until this many requests have come.
    pub async fn was_asked(&self, times: usize) {
        loop {
            let changed = self.changed.notified();
            if self.seen.borrow().len() >= times {
                return;
            }
            changed.await;
        }
    }
}

async fn talk(
    stream: TcpStream,
    connection: usize,
    seen: &RefCell<Vec<Seen>>,
    (changed, script): (&Notify, &Script),
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let mut line = lines.next().unwrap().split(' ').map(str::to_owned);
        let (method, path) = (line.next().unwrap(), line.next().unwrap());
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        assert!(!headers.contains_key("transfer-encoding"), "not every upstream reads chunks");
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let request = Seen { method, path, headers, body, connection };
        seen.borrow_mut().push(request.clone());
        changed.notify_waiters();
        match script(&request) {
            Reply::Answer(status, headers, body) => {
                let mut answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    answer.push_str(&format!("{name}: {value}\r\n"));
                }
                answer.push_str("\r\n");
                stream.write_all(&[answer.as_bytes(), &body].concat()).await?;
            }
            Reply::Raw(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Reply::Stalled(bytes) => {
                stream.write_all(&bytes).await?;
                stream.read_u8().await?;
            }
        }
    }
}
