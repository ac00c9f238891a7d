//! The actors: everything that changes state goes through here. Each folder exposes a handle with async methods; the
//! `Addr`, the messages and the state stay inside. Decisions are pure functions in each folder's `policy`.
//!
//! Reading order: `job_supervisor` and `generation` (a job's life), `account_pool` and `account_book` (who does the work),
//! `credit_ledger` (who pays), `key_ring` and `admin_desk` (who may ask), `janitor` (what goes away),
//! `webhook_courier` (who is told), `characters` (whom prompts speak of), `gallery` and `profiles` (what is published, and by whom),
//! `relay` (what is only passed through), `vault` (what is sealed), `credential_keeper` (what opens the upstreams).

pub mod job_supervisor;

mod generation;

pub mod account_pool;

pub mod account_book;

pub mod credit_ledger;

pub mod key_ring;

pub mod admin_desk;

pub mod janitor;

pub mod media_library;

pub mod webhook_courier;

pub mod relay;

pub mod vault;

pub mod credential_keeper;

pub mod clearances;

pub mod settings;

pub mod request_log;

pub mod redemption;

pub mod audit_trail;

pub mod bulletin;

pub mod characters;

pub mod gallery;

pub mod profiles;

mod index;
mod refused;
mod system;
mod throttle;

pub use generation::JobsConfig;
pub use refused::Refused;
pub use system::{SystemClock, Units};
