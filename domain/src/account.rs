//! Accounts: one credential at one upstream, lent to attempts by the pool.

use crate::{ids::AccountId, time::Millis};
use serde::{Deserialize, Serialize};

/// One account as it is kept. Health and leases are the pool's own and live in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Which account.
    pub id: AccountId,
    /// The engine it belongs to, such as `studio`.
    pub engine: String,
    /// The operator's name for it.
    pub name: String,
    /// Whether attempts may use it.
    pub enabled: bool,
    /// How many image jobs it takes at once; −1 means no limit.
    pub image_slots: i32,
    /// Since when it exists.
    pub created_at: Millis,
}
