//! Videos: a create, looks at the lists of what is under way and of what is done, and a file to bring home.

mod begin;
mod drafts;
mod look;

pub(super) use begin::{begin, begun, mark, upload};
pub(super) use look::{find, look};
