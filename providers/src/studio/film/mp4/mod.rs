//! MP4 files: what we write, with the index before the data so that it plays while it loads, and what we read, which may be
//! anybody's.

mod read;
mod write;

pub(super) use read::{Index, Sample, Track};
pub(super) use write::{Pictures, write};
