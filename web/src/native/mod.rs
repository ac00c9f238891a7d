//! Atelier's own client endpoints: credit and quotes (api.md §7), characters and published works (§8).

pub mod characters;
pub mod credits;
pub mod elsewhere;
pub mod engine_models;
pub mod enhance;
pub mod feeds;
pub mod figures;
pub mod job_events;
pub mod jobs;
pub mod post_view;
pub mod posts;
pub mod profiles;
pub mod quote;
pub mod standalone;
pub mod tasks;
pub mod tokens;
