//! Atelier's own client endpoints: credit and quotes (api.md §7), characters (§8).

pub mod characters;
pub mod credits;
pub mod job_events;
pub mod jobs;
pub mod quote;
pub mod standalone;
pub mod tasks;
