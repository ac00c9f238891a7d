//! Atelier's own client endpoints: credit and quotes (api.md §7).

pub mod credits;
pub mod quote;
