//! A server on loopback that says exactly what a test tells it, byte for byte.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
};

/// One thing that the server does on a connection, after it has read the head of the request.
#[derive(Clone)]
pub enum Step {
    Say(String),
    /// Until the other side goes.
    Forever(&'static str),
    /// Each time the bell rings, until the other side goes.
    AtEachRing(&'static str),
    /// Says nothing until the other side goes.
    Hold,
}

pub fn say(text: impl Into<String>) -> Vec<Step> {
    vec![Step::Say(text.into())]
}

/// An answer with a length.
pub fn ok(body: &str) -> Vec<Step> {
    say(format!("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

pub fn redirect(location: &str) -> Vec<Step> {
    say(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
}

pub const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

pub struct Server {
    pub address: SocketAddr,
    seen: Rc<Seen>,
}

#[derive(Default)]
struct Seen {
    accepted: Cell<usize>,
    heads: RefCell<Vec<String>>,
    left: Cell<usize>,
    changed: Notify,
    bell: Bell,
}

struct Bell(Semaphore);

impl Default for Bell {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Server {
    /// Listens on 127.0.0.1; `script` says what to do at the path that is asked for.
    pub async fn start(script: impl Fn(&str) -> Vec<Step> + 'static) -> Self {
        Self::start_at("127.0.0.1:0", script).await
    }

    pub async fn start_at(address: &str, script: impl Fn(&str) -> Vec<Step> + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(Seen::default());
        actix_rt::spawn(serve(listener, Rc::clone(&seen), Rc::new(script)));
        Self { address, seen }
    }

    /// `http://{host}:{port}{path}`
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.seen.accepted.get()
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.borrow().clone()
    }

    pub fn ring(&self) {
        self.seen.bell.0.add_permits(1);
    }

    /// Waits until this many requests have come.
    pub async fn was_asked(&self, times: usize) {
        self.until(|seen| seen.heads.borrow().len() >= times).await;
    }

    /// Waits until this many connections are over.
    pub async fn was_left(&self, times: usize) {
        self.until(|seen| seen.left.get() >= times).await;
    }

    async fn until(&self, reached: impl Fn(&Seen) -> bool) {
        loop {
            let changed = self.seen.changed.notified();
            if reached(&self.seen) {
                return;
            }
            changed.await;
        }
    }
}

async fn serve(listener: TcpListener, seen: Rc<Seen>, script: Rc<impl Fn(&str) -> Vec<Step> + 'static>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        seen.accepted.set(seen.accepted.get() + 1);
        let (seen, script) = (Rc::clone(&seen), Rc::clone(&script));
        actix_rt::spawn(async move {
            talk(stream, &seen, &*script).await;
            seen.left.set(seen.left.get() + 1);
            seen.changed.notify_waiters();
        });
    }
}

/// Ends, one way or the other, when the other side goes.
async fn talk(mut stream: TcpStream, seen: &Seen, script: &dyn Fn(&str) -> Vec<Step>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    seen.heads.borrow_mut().push(head);
    seen.changed.notify_waiters();
    for step in script(&path) {
        match step {
            Step::Say(text) => stream.write_all(text.as_bytes()).await.ok()?,
            Step::Forever(text) => loop {
                stream.write_all(text.as_bytes()).await.ok()?;
            },
            Step::AtEachRing(text) => loop {
                tokio::select! {
                    ring = seen.bell.0.acquire() => ring.unwrap().forget(),
                    _ = stream.read_u8() => return None,
                }
                stream.write_all(text.as_bytes()).await.ok()?;
            },
            Step::Hold => {
                let _ = stream.read_u8().await;
            }
        }
    }
    Some(())
}
