//! The library of kept files: finds the row and the place of one, for whoever serves it.

use crate::refused::Refused;
use atelier_domain::{ids::MediaId, media::Media, time::Clock};
use atelier_store::Store;
use std::{path::PathBuf, sync::Arc};

/// How the façade finds files.
#[derive(Clone)]
pub struct MediaLibrary {
    store: Store,
    clock: Arc<dyn Clock>,
}

impl MediaLibrary {
    /// The library of this store.
    pub fn open(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// A file that is not past its time, and where it lies.
    pub fn find(&self, id: MediaId) -> Result<Option<(Media, PathBuf)>, Refused> {
        let row = self.store.load::<Media>(id.uuid().as_bytes())?;
        let Some(row) = row.filter(|row| self.clock.now() < row.expires_at) else { return Ok(None) };
        let path = self.store.media().path(&id.to_string()).map_err(Refused::internal)?;
        Ok(Some((row, path)))
    }

    /// A file's bytes, whoever asks: ownership is the caller's to check.
    pub async fn read(&self, id: MediaId) -> Result<Vec<u8>, Refused> {
        let store = self.store.clone();
        let read = tokio::task::spawn_blocking(move || store.media().read(&id.to_string())).await;
        read.map_err(Refused::internal)?.map_err(Refused::internal)
    }
}
