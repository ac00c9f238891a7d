//! The actors as a whole. One binary, one file per story.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod support;

mod accounts;
mod admin;
mod characters;
mod crash;
mod gallery;
mod head_start;
mod keeper;
mod keeper_crash;
mod keeper_pool;
mod keys;
mod ledger;
mod life;
mod pool;
mod redemption;
mod replay;
mod request_log;
mod retention;
mod uploads;
mod vault;
mod webhooks;
