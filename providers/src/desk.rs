//! Where pictures and films of upstreams are worked on: on threads, as many at the same time as there are permits for.

use crate::picture;
use atelier_domain::{
    fault::{Fault, FaultClass},
    reference::Picture,
    size::Size,
};
use std::sync::Arc;
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
        let failed = |context: &dyn std::fmt::Display| {
            let message = "the gateway met a defect of its own while it read a result; nothing was charged";
            Fault::new(FaultClass::Internal, message).with_context(context.to_string())
        };
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|error| failed(&error))?;
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        work.await.map_err(|error| failed(&error))
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
