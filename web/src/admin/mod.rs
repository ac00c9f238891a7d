//! The operator's endpoints (api.md §9).

pub mod accounts;
pub mod characters;
pub mod keys;
pub mod ledger;
pub mod logs;
pub mod pool;
pub mod session;
pub mod settings;
pub mod webhooks;
