//! Atelier from outside: a real server on a port of its own with an empty directory, spoken to over HTTP. One file per story.
//!
//! Most stories start the server inside of this process; those about the program itself (`program`, `restart`) start it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

mod characters;
mod chat;
mod chat_bad_input;
mod chat_characters;
mod chat_videos;
mod coverage;
mod documented;
mod edits;
mod firefly;
mod images;
mod references;
mod responses;
mod stream;

mod idempotency;
mod jobs;
mod money;

mod bad_input;
mod faults;
mod limits;

mod accounts;
mod admin;
mod logs;
mod office;
mod ops;
mod own_jobs;

mod secret_key;
mod settings;
mod sora;

mod posts;
mod program;
mod restart;
mod uploads;
mod video_files;
mod video_shapes;
mod videos;
mod webhooks;
