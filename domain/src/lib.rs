//! The nouns and rules of Atelier, with no IO: what a job, a credit, an account and a model are, and what may happen
//! to them. Nothing here touches a clock, a file, a socket or chance, so nothing here can fail on one.
//!
//! Reading order for a newcomer: `job` (the heart), `engine` (what does the work), `fault` (how it goes wrong),
//! `credit` and `price` (what it costs), then the rest.

pub mod job;

pub mod engine;

pub mod fault;

pub mod credit;

pub mod price;

pub mod code;

pub mod image;

pub mod reference;

pub mod video;

pub mod storyboard;

pub mod style;

pub mod remix;

pub mod response;

pub mod fetch;

pub mod size;

pub mod browse;
pub mod catalogue;

pub mod character;

pub mod mention;

pub mod username;

pub mod profile;

pub mod post;

pub mod enhance;

pub mod account;

pub mod secret;

pub mod proxy;

pub mod renewal;

pub mod clearance;

pub mod key;

pub mod webhook;

pub mod media;

pub mod ids;

pub mod time;
