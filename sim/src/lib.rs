//! What Atelier is tested with from outside: it sees HTTP and processes, and imports nothing of ours.
//!
//! Reading order: `client` (asks), `process` (starts and kills), `drill` (does both until something is wrong), `upstream` (what a
//! server asks), `marathon` (a server between clients and upstreams, judged from both ends).

pub mod client;
pub mod form;

pub mod process;

pub mod drill;

pub mod upstream;

pub mod marathon;
