//! What the measuring programs in `src/bin` share. Linux only: memory and CPU time are read from `/proc`.
//!
//! Every program puts its figure beside a baseline measured in the same run, since absolute figures say little about a
//! machine that does other things too. See `README.md` for what each measures and what came out.

pub mod gateway;

pub mod baseline;

pub mod client;

pub mod figures;

pub mod process;

/// What a measurement ends with: any failure ends it.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
