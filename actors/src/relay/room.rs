//! Room for the bodies of text requests that wait for an account or for an answer: they are in memory meanwhile.

use crate::refused::Refused;
use serde_json::{Map, Value};
use std::{io, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All of them together, in KiB. A body is a tree here, and bytes once it is sent: about three times as much memory.
const ALL_KIB: usize = 256 * 1024;
/// What the smallest takes: a request has more to it than its body.
const LEAST_KIB: usize = 16;

/// The room that is left.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL_KIB)))
    }
}

impl Room {
    /// Room for this body, until the permit is dropped.
    ///
    /// # Errors
    /// `queue_full` when there is none.
    pub(super) fn enter(&self, body: &Map<String, Value>) -> Result<OwnedSemaphorePermit, Refused> {
        let mut length = Length(0);
        serde_json::to_writer(&mut length, body).map_err(Refused::internal)?;
        let kib = (length.0 / 1024).clamp(LEAST_KIB, ALL_KIB);
        let kib = u32::try_from(kib).map_err(Refused::internal)?;
        self.0.clone().try_acquire_many_owned(kib).map_err(|_| Refused::busy())
    }
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use atelier_domain::code::Code;

    #[test]
    fn bodies_that_wait_cannot_fill_the_memory_and_small_ones_are_counted_too() {
        let room = Room::default();
        let large = Map::from_iter([("input".to_owned(), Value::from("x".repeat(60 << 20)))]);
        let mut inside: Vec<_> = (0..4).map(|_| room.enter(&large).unwrap()).collect();
        assert_eq!(room.enter(&large).unwrap_err().code, Code::QueueFull);
        inside.pop();
        inside.push(room.enter(&large).unwrap());
        let small = Map::new();
        let rest = std::iter::from_fn(|| room.enter(&small).ok()).collect::<Vec<_>>().len();
        assert_eq!(rest, 16 * 1024 / LEAST_KIB);
    }
}
