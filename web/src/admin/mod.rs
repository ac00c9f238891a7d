//! The operator's endpoints (api.md §9).

pub mod accounts;
pub mod audit;
pub mod characters;
pub mod events;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod logs;
pub mod models;
pub mod pool;
pub mod redeem_codes;
pub mod session;
pub mod settings;
pub mod webhooks;
