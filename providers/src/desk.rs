//! Where pictures and films of upstreams are worked on: on threads, as many at the same time as there are permits for.

use crate::picture::{self, Finished, PictureError, Wanted};
use atelier_domain::{
    fault::{Fault, FaultClass},
    media::SHORT,
    reference::Picture,
    size::Size,
};
use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// One engine's desk.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Semaphore>);

impl Desk {
    /// A desk for so many at once; 0 means one per core.
    pub fn new(threads: usize) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(if threads == 0 { cores() } else { threads })))
    }

    /// Runs work on a thread, once there is a permit.
    ///
    /// # Errors
    /// When the work panics.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|error| failed(&error))?;
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        work.await.map_err(|error| failed(&error))
    }

    /// Runs work whose time is that of a walk over so many bytes: on a thread if they are many.
    ///
    /// # Errors
    /// When the work panics.
    pub async fn walk<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        if !is_short(bytes) { self.work(work).await } else { caught(work) }
    }

    /// A picture as it was wanted. Most come as they were wanted, and a small one is passed on where it is.
    ///
    /// # Errors
    /// When the work panics; inside, as [`picture::finish`].
    pub async fn finish(
        &self,
        bytes: Vec<u8>,
        wanted: Wanted,
    ) -> Result<Result<Finished, PictureError>, Fault> {
        let is_light = is_short(bytes.len()) && caught(|| picture::fits(&bytes, &wanted))?;
        let work = move || picture::finish(bytes, &wanted);
        if is_light { caught(work) } else { self.work(work).await }
    }

    /// The picture that a film begins with, as PNG: it has the film's size, or upstreams refuse it.
    ///
    /// # Errors
    /// When its file is gone or no picture.
    pub async fn first_frame(&self, picture: &Picture, size: Size) -> Result<Vec<u8>, Fault> {
        let path = picture.path.clone();
        let fitted = self.work(move || {
            let bytes = std::fs::read(path).map_err(|error| {
                let message = "the first frame is not there any more; nothing was charged";
                Fault::new(FaultClass::Internal, message).with_context(error.to_string())
            })?;
            picture::first_frame(&bytes, size).map_err(|error| {
                let message = "the first frame cannot be read: send a PNG, JPEG, WebP or GIF";
                Fault::new(FaultClass::Invalid, message).with_context(error.to_string())
            })
        });
        fitted.await?
    }
}

const fn is_short(bytes: usize) -> bool {
    bytes as u64 <= SHORT
}

/// A panic in a decoder is a fault of the attempt, on whatever thread it happens.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| failed(&"it panicked"))
}

fn failed(context: &dyn Display) -> Fault {
    let message = "the gateway met a defect of its own while it read a result; nothing was charged";
    Fault::new(FaultClass::Internal, message).with_context(context.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use atelier_domain::image::OutputFormat;

    #[actix_rt::test]
    async fn work_that_panics_is_a_fault_wherever_it_runs() {
        let desk = Desk::new(1);
        for bytes in [0, SHORT as usize, SHORT as usize + 1] {
            let panics = || -> u8 { panic!("a decoder's own words") };
            assert_eq!(desk.walk(bytes, panics).await.unwrap_err().class, FaultClass::Internal);
            assert_eq!(desk.walk(bytes, || 7).await.unwrap(), 7, "the desk goes on");
        }
    }

    #[actix_rt::test]
    async fn what_is_no_picture_is_told_however_long_it_is() {
        let size = Size::new(64, 64);
        let (format, compression, animation) = (OutputFormat::Png, None, None);
        let wanted = Wanted { size, format, compression, compressed: false, animation };
        for bytes in [0, SHORT as usize, SHORT as usize + 1] {
            let finished = Desk::new(1).finish(vec![b'x'; bytes], wanted).await.unwrap();
            assert!(matches!(finished, Err(PictureError::Unknown(_))), "{finished:?}");
        }
    }
}
