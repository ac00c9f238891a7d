//! Atelier: a self-hosted gateway for image and video generation. This crate is the composition: configuration, command line,
//! and the wiring of the rooms. It makes no business decision.
//!
//! Reading order: `cli` and `config` (what is asked), `boot` (what is built), `serve` (how it runs and stops), `offline` (what is
//! done without a server), `master_key` (what all secrets follow from).

pub mod cli;

pub mod config;

pub mod boot;

pub mod serve;

pub mod offline;

mod banner;
mod live;
pub mod master_key;
mod telemetry;

pub use telemetry::init as init_telemetry;
