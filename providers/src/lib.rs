//! Engines: each folder speaks to one kind of upstream and implements `Engine` of the domain.

pub mod studio;
