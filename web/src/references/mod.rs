//! The pictures that a request brings: as files of a form, as addresses, as data URIs, as ids. Whatever way they come, they end as
//! files of the caller's own, looked at and held to the rules, before a job is made of them (api.md §0, §1; clients.md 3.2, 5.1).

mod gather;
mod given;
mod rules;

pub use gather::{Gathered, Gatherer};
pub use given::{Given, PICTURES, Source, source};
