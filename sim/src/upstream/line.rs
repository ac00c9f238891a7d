//! One connection of a client, as far as the simulated upstream can do to it what a broken network does: reset it, close it, or
//! see that its client is gone. An HTTP server hides the socket, so it is wrapped before the server gets it.

use std::{
    cell::Cell,
    future::pending,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};

/// How a connection ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With an RST: what is under way in either direction is lost.
    Reset,
    /// With a FIN: what was written arrives, and nothing after it.
    Closed,
    /// The client has closed its side.
    Gone,
}

/// What a handler holds of its connection. Clones are the same connection.
#[derive(Clone, Default)]
pub struct Line(Rc<Fate>);

#[derive(Default)]
struct Fate {
    end: Cell<Option<End>>,
    decided: Notify,
}

impl Line {
    /// Ends the connection. The handler that asks for it is dropped with it and sees no more.
    pub async fn break_off<T>(&self, end: End) -> T {
        self.decide(end);
        pending().await
    }

    /// Marks the connection as ended; whoever drives it stops.
    pub fn decide(&self, end: End) {
        if self.0.end.get().is_none() {
            self.0.end.set(Some(end));
            self.0.decided.notify_one();
        }
    }

    /// Waits until the connection is to end before its time.
    pub async fn ended(&self) {
        self.0.decided.notified().await;
    }
}

/// The socket that the HTTP server reads and writes.
pub struct Socket {
    stream: TcpStream,
    line: Line,
}

impl Socket {
    /// An accepted connection.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, line: Line::default() }
    }

    /// Its line.
    pub fn line(&self) -> Line {
        self.line.clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.line.0.end.get() == Some(End::Reset) {
            // Without it the kernel would finish the connection politely. If it fails, the test that waits for an RST does.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read_nothing = room > 0 && buffer.filled().len() == before;
        if matches!(&polled, Poll::Ready(Err(_))) || (polled.is_ready() && read_nothing) {
            self.line.decide(End::Gone);
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
