//! What Atelier keeps: versioned rows behind one committer, media files, and the way back when the database is lost.
//!
//! Callers see rows, guards and receipts; only this crate knows that rows live in sled, so that another backend can stand
//! behind the same interface. Read the modules in this order:

mod table;

mod batch;
mod error;
mod kept;
mod rows;

mod chain;
mod scan;
mod store;

mod committer;
mod overlay;
mod tally;
mod trees;

mod change_log;
mod frame;
mod group;

mod archive;
mod export;
mod restore;

mod layout;
mod media;
mod migrations;
mod open;

pub use batch::{Batch, Expect, MAX_BATCH_BYTES, MAX_BATCH_OPS, MAX_KEY_BYTES, MAX_ROW_BYTES, Op, Receipt};
pub use chain::{ChainError, LogEntry};
pub use error::{
    CommitError, ExportError, MediaError, OpenError, ReadError, Refusal, RestoreError, RowError,
};
pub use export::ExportReport;
pub use media::{MediaDraft, MediaFiles, StoredMedia, Usage};
pub use open::{OnFatal, OpenOptions};
pub use restore::{RestoreReport, Source, restore};
pub use rows::Row;
pub use scan::Scan;
pub use store::{KeyedRow, Stats, Store};
pub use table::Table;
