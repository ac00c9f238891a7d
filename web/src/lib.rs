//! The HTTP façade: reads and checks what clients send, asks an actor, renders the answer in the client's dialect. No decision
//! about jobs, money or accounts is made here.
//!
//! Reading order: `router` (what exists), `gateway` (what handlers work with), `problem` (how errors look), `auth`, `fields`
//! (how bodies are read), then `openai`, `native`, `admin`.

pub mod router;

pub mod gateway;

pub mod problem;

mod auth;

mod body;

mod form;

mod fields;

mod references;

mod cast;

mod listing;

mod accounts;

mod dates;

mod links;

mod moment;

mod observe;

mod openai;

mod native;

mod admin;

mod media;

mod share;

mod health;

mod docs;

pub use docs::openapi_json;
pub use gateway::{Gateway, Limits};
pub use links::Links;
