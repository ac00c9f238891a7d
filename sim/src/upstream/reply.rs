//! What is answered, and how it goes onto the wire: whole, in pieces, or broken off.

use super::{
    behaviour::{Answer, Behaviour, Framing},
    line::{End, Line},
    refusal::Refusal,
};
use actix_http::{
    Response, StatusCode,
    body::{BodySize, BodyStream, BoxBody, MessageBody, SizedStream},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// How many pieces a body is sent in when it trickles.
const PIECES: usize = 10;

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers; the last of a name counts.
    pub headers: Vec<(String, String)>,
    /// Its body in the pieces that it would be written in: of an event stream, the events.
    pub pieces: Vec<Bytes>,
    /// Whether its length is not known when it begins.
    pub streams: bool,
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// Bytes of this type.
    pub fn bytes(status: u16, mime: &str, body: impl Into<Bytes>) -> Self {
        Self { status, pieces: vec![body.into()], ..Self::default() }.with("content-type", mime)
    }

    /// Nothing but a status.
    pub fn bare(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// An event stream.
    pub fn events(pieces: Vec<Bytes>) -> Self {
        let reply = Self { status: 200, pieces, streams: true, ..Self::default() };
        reply.with("content-type", "text/event-stream; charset=utf-8").with("cache-control", "no-cache")
    }

    /// A page for people.
    pub fn page(status: u16, title: &str) -> Self {
        let html = format!(
            "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body><center><h1>{title}</h1></center></body></html>\n"
        );
        Self::bytes(status, "text/html; charset=utf-8", html)
    }

    /// An answer that a test has written out.
    pub fn written(written: &Answer) -> Self {
        let reply = match &written.json {
            Some(json) => Self::json(written.status, json),
            None if written.text.is_empty() => Self::bare(written.status),
            None => Self::bytes(written.status, "text/plain; charset=utf-8", written.text.clone()),
        };
        written.headers.iter().fold(reply, |reply, (name, value)| reply.with(name, value))
    }

    /// An event stream whose last event is this error.
    #[must_use]
    pub fn failing(mut self, refusal: &Refusal) -> Self {
        let terms = refusal.reason.terms();
        let (message, kind) = (refusal.text(), terms.kind);
        let error = json!({"message": message, "type": kind, "param": refusal.param, "code": terms.code});
        let told = json!({"type": "error", "error": error, "message": message, "code": terms.code});
        self.pieces.pop();
        self.pieces.push(Bytes::from(format!("event: error\ndata: {told}\n\n")));
        self
    }

    /// A refusal: this JSON, unless it has no body or a proxy says it with a page.
    pub fn refusal(refusal: &Refusal, body: &Value) -> Self {
        let terms = refusal.reason.terms();
        let reply = if refusal.bare {
            Self::bare(terms.status)
        } else if terms.page {
            Self::page(terms.status, &format!("{} {}", terms.status, terms.message))
        } else {
            Self::json(terms.status, body)
        };
        refusal.headers().iter().fold(reply, |reply, (name, value)| reply.with(name, value))
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether it is no refusal.
    pub fn is_fine(&self) -> bool {
        self.status < 300
    }

    /// Its body in one piece.
    fn body(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [whole] => whole.clone(),
            many => many.concat().into(),
        }
    }

    /// As it goes onto the wire under this behaviour. `underway` lasts as long as pieces are still to come.
    pub fn deliver(
        self,
        behaviour: &Behaviour,
        line: &Line,
        underway: impl Unpin + 'static,
    ) -> Response<BoxBody> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::build(status);
        for (name, value) in &self.headers {
            response.insert_header((name.as_str(), value.as_str()));
        }
        let lasting = |body| Lasting { body, _underway: underway }.boxed();
        let body = match behaviour {
            Behaviour::Cut { how, percent } => lasting(self.cut(*how, *percent, line.clone())),
            Behaviour::Drip { ms } => lasting(BodyStream::new(self.drip(*ms)).boxed()),
            _ if self.streams => BodyStream::new(stream::iter(self.pieces.into_iter().map(fine))).boxed(),
            _ => self.body().boxed(),
        };
        response.message_body(body).unwrap_or_else(|_| Response::internal_server_error())
    }

    fn cut(&self, how: Framing, percent: u8, line: Line) -> BoxBody {
        // The length of a stream of events is never told up front.
        let how = if self.streams { Framing::Chunked } else { how };
        let whole = self.body();
        let length = whole.len();
        let kept = (length * usize::from(percent.min(99)) / 100).min(length.saturating_sub(1));
        let beginning = whole.slice(..kept);
        // One turn of the runtime lets the server flush what it has; then the connection ends.
        let rest = stream::once(async move {
            tokio::task::yield_now().await;
            line.break_off(End::Closed).await
        });
        let broken = stream::iter([fine(beginning)]).chain(rest);
        match how {
            Framing::Length => SizedStream::new(length.max(1) as u64, Box::pin(broken)).boxed(),
            Framing::Chunked => BodyStream::new(Box::pin(broken)).boxed(),
        }
    }

    fn drip(self, ms: u64) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin {
        let pieces = if self.streams { self.pieces } else { split(&self.body()) };
        let paced = stream::iter(pieces.into_iter().enumerate()).then(move |(number, piece)| async move {
            if number > 0 {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            fine(piece)
        });
        Box::pin(paced)
    }
}

/// A body, and what has to be kept until it is sent.
struct Lasting<T> {
    body: BoxBody,
    _underway: T,
}

impl<T: Unpin> MessageBody for Lasting<T> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

fn fine(piece: Bytes) -> Result<Bytes, Infallible> {
    Ok(piece)
}

fn split(whole: &Bytes) -> Vec<Bytes> {
    let step = whole.len().div_ceil(PIECES).max(1);
    (0..whole.len()).step_by(step).map(|from| whole.slice(from..whole.len().min(from + step))).collect()
}
