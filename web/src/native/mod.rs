//! Atelier's own client endpoints: credit and quotes (api.md §7), characters (§8).

pub mod characters;
pub mod credits;
pub mod quote;
