//! The answer of an upstream: a head, and a body that is held to its bounds while it is read.

use super::{Outbound, within};
use atelier_domain::{
    fetch::{ChunkFuture, FetchBody, FetchError, FetchErrorKind},
    time::Clock,
};
use awc::{
    ClientResponse,
    http::{
        Version,
        header::{self, HeaderMap},
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::{ops::Deref, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body up to this many bytes is read without a place.
const SMALL: usize = 8 << 20;

/// An answer whose body is still to be read. Dropping it closes the connection.
pub(crate) struct Answer {
    response: ClientResponse,
    clock: Arc<dyn Clock>,
    idle: Duration,
    large: Arc<Semaphore>,
    length: Option<u64>,
    received: u64,
    /// Why the body cannot be read at all.
    flaw: Option<&'static str>,
    /// The upstream, for the log.
    place: String,
}

/// Why a body was not had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// It has more bytes than this.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// It stopped.
    #[error("the body stopped")]
    Idle,
    /// It ended before its end, or cannot be read for what it is.
    #[error("the body cannot be read: {0}")]
    Cut(String),
}

/// A whole body, and the place that it takes while it is in memory.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    place: Place,
}

/// One of the places for what is large; given back by being dropped.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<OwnedSemaphorePermit>);

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Held {
    /// How many bytes they are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes alone, for whom they are the result.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes, and the place that is theirs as long as anything of them is in memory.
    pub fn into_parts(self) -> (Vec<u8>, Place) {
        (self.bytes, self.place)
    }
}

impl Outbound {
    pub(super) fn answer(&self, response: ClientResponse, place: String) -> Answer {
        let length = response.headers().get(header::CONTENT_LENGTH);
        // awc takes an unreadable length for a broken head, so a length that is here is a number.
        let length =
            length.and_then(|length| length.to_str().ok()).and_then(|length| length.trim().parse().ok());
        let flaw = flaw(&response, length.is_some());
        Answer {
            response,
            clock: Arc::clone(&self.clock),
            idle: self.idle_timeout,
            large: Arc::clone(&self.large),
            length,
            received: 0,
            flaw,
            place,
        }
    }
}

/// What keeps a body from being read for what it is.
fn flaw(response: &ClientResponse, has_length: bool) -> Option<&'static str> {
    let headers = response.headers();
    let plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
    let mut codings = headers.get_all(header::CONTENT_ENCODING);
    if !codings.all(|coding| coding.to_str().is_ok_and(|coding| coding.split(',').all(plain))) {
        return Some("it is in a content coding that was not asked for");
    }
    // Such a body lasts until the connection closes, and awc takes it for an empty one.
    let is_empty = matches!(response.status().as_u16(), 204 | 304);
    let is_open = response.version() == Version::HTTP_11 && !headers.contains_key(header::TRANSFER_ENCODING);
    (is_open && !has_length && !is_empty).then_some("it has neither a length nor chunks")
}

impl Answer {
    /// The same answer, whose sender may be silent for this long.
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Host and port, for the log.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The next piece of the body, never empty; none at its end.
    ///
    /// # Errors
    /// [`Broken::Idle`], [`Broken::Cut`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        if let Some(flaw) = self.flaw {
            return Err(Broken::Cut(flaw.to_owned()));
        }
        loop {
            match within(&*self.clock, self.idle, self.response.next()).await {
                None => return Err(Broken::Idle),
                Some(Some(Ok(piece))) if piece.is_empty() => {}
                Some(Some(Ok(piece))) => {
                    self.received += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                    return Ok(Some(piece));
                }
                Some(Some(Err(error))) => return Err(Broken::Cut(error.to_string())),
                // awc takes a connection that closes for the end of the body. With a length we know better.
                Some(None) if self.length.is_some_and(|length| length != self.received) => {
                    return Err(Broken::Cut(format!("after {} bytes", self.received)));
                }
                Some(None) => return Ok(None),
            }
        }
    }

    /// The whole body, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn read(mut self, limit: usize) -> Result<Held, Broken> {
        let announced = self.length.and_then(|length| usize::try_from(length).ok());
        if self.length.is_some() && announced.is_none_or(|length| length > limit) {
            return Err(Broken::TooLarge(limit));
        }
        let mut held = Held { bytes: Vec::new(), place: Place(None) };
        if let Some(length) = announced {
            held = self.room(held, length).await?;
            held.bytes.reserve_exact(length);
        }
        while let Some(piece) = self.chunk().await? {
            let length = held.bytes.len() + piece.len();
            if length > limit {
                return Err(Broken::TooLarge(limit));
            }
            held = self.room(held, length).await?;
            held.bytes.extend_from_slice(&piece);
        }
        Ok(held)
    }

    /// Waits for a place when so many bytes want one. Meanwhile nothing is read, so the sender waits, too.
    async fn room(&self, held: Held, length: usize) -> Result<Held, Broken> {
        if length <= SMALL || held.place.0.is_some() {
            return Ok(held);
        }
        let place = Arc::clone(&self.large).acquire_owned().await;
        let place = place.map_err(|closed| Broken::Cut(closed.to_string()))?;
        Ok(Held { place: Place(Some(place)), ..held })
    }

    /// The body as others read it, of at most `limit` bytes.
    pub fn into_body(self, limit: u64) -> Box<dyn FetchBody> {
        Box::new(Passing { answer: self, limit, over: None })
    }
}

/// A body on its way to somebody else.
struct Passing {
    answer: Answer,
    limit: u64,
    over: Option<Result<(), FetchError>>,
}

impl Passing {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        if let Some(over) = &self.over {
            return over.clone().map(|()| None);
        }
        let next = match self.answer.chunk().await {
            Ok(_) if self.answer.received > self.limit => {
                Err(FetchError::new(FetchErrorKind::TooLarge(self.limit), "the body goes on"))
            }
            Ok(piece) => Ok(piece),
            Err(broken) => {
                let kind =
                    if broken == Broken::Idle { FetchErrorKind::TimedOut } else { FetchErrorKind::Broken };
                Err(FetchError::new(kind, format!("{}: {broken}", self.answer.place)))
            }
        };
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.over = Some(Ok(())),
            Err(error) => self.over = Some(Err(error.clone())),
        }
        next
    }
}

impl FetchBody for Passing {
    fn chunk(&mut self) -> ChunkFuture<'_> {
        Box::pin(self.next())
    }
}
