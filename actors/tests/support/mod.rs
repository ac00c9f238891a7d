//! A whole small gateway for tests: real store, real actors on real arbiters, a clock that tests own and an engine that they script.

mod cabinet;
mod clock;
mod postman;
mod puppet;
mod tree;
mod vendor;
mod world;

pub use cabinet::{Cabinet, GLOBAL_PROXY, START, copy_of, files_holding};
pub use clock::ManualClock;
pub use postman::{Letter, Postman};
pub use puppet::{Look, Puppet, Reply, Verdict};
pub use tree::copy_tree;
pub use vendor::{Answer, LIFE, SESSION, Vendor, access_token, refresh_token};
pub use world::{BUDGET, Setup, World, account, account_id, new_job, queued_job};

/// The engine and its one model.
pub const ENGINE: &str = "puppet";
