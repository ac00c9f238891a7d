//! The body of an answer, held to its bounds while it is read.

use super::{deadline::Deadline, slots::Slot};
use atelier_domain::fetch::{ChunkFuture, FetchBody, FetchError, FetchErrorKind};
use awc::ClientResponse;
use bytes::Bytes;
use futures_util::StreamExt as _;
use std::time::Duration;

/// What a body is held to.
pub(super) struct Bounds {
    /// Most bytes.
    pub bytes: u64,
    /// What the server announced.
    pub length: Option<u64>,
    /// Longest time between two pieces.
    pub idle: Duration,
    /// Longest time all in all.
    pub deadline: Deadline,
}

/// A body that arrives.
pub(super) struct HttpBody {
    state: State,
    bounds: Bounds,
    received: u64,
    /// The server, for the log.
    place: String,
}

enum State {
    /// Connection and place are held.
    Open {
        response: Box<ClientResponse>,
        _slot: Slot,
    },
    Ended,
    Failed(FetchError),
}

impl HttpBody {
    pub(super) fn new(response: ClientResponse, slot: Slot, bounds: Bounds, place: String) -> Self {
        Self { state: State::Open { response: Box::new(response), _slot: slot }, bounds, received: 0, place }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let response = match &mut self.state {
            State::Open { response, .. } => response,
            State::Ended => return Ok(None),
            State::Failed(error) => return Err(error.clone()),
        };
        let received = self.received;
        let what = || format!("{}: the body after {received} bytes", self.place);
        loop {
            let read = self.bounds.deadline.within(self.bounds.idle, what, response.next()).await?;
            match read {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => return self.counted(piece).map(Some),
                Some(Err(error)) => return Err(self.broken(&error.to_string())),
                // awc takes a connection that closes for the end of the body. With a length we know better; a chunked body that
                // is cut off between two chunks looks whole, and is left to whoever decodes the file.
                None if self.bounds.length.is_some_and(|length| length != received) => {
                    return Err(self.broken("the body is shorter than announced"));
                }
                None => return Ok(None),
            }
        }
    }

    fn counted(&mut self, piece: Bytes) -> Result<Bytes, FetchError> {
        self.received = self.received.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.received > self.bounds.bytes {
            let context = format!("{}: the body goes on after {} bytes", self.place, self.bounds.bytes);
            return Err(FetchError::new(FetchErrorKind::TooLarge(self.bounds.bytes), context));
        }
        Ok(piece)
    }

    fn broken(&self, why: &str) -> FetchError {
        FetchError::new(
            FetchErrorKind::Broken,
            format!("{}: {why}, after {} bytes", self.place, self.received),
        )
    }
}

impl FetchBody for HttpBody {
    fn chunk(&mut self) -> ChunkFuture<'_> {
        Box::pin(async {
            let next = self.next().await;
            match &next {
                Ok(Some(_)) => {}
                // Connection and place are given back here, not when the caller has tidied up.
                Ok(None) => self.state = State::Ended,
                Err(error) => self.state = State::Failed(error.clone()),
            }
            next
        })
    }
}
