//! The store as its callers see it, on real directories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commit;
mod damage;
mod export;
mod model;
mod support;
