//! The keeper as the pool knows it.

use super::{AfterRefusal, Keeper};
use crate::account_pool::{SendFuture, Steward};
use atelier_domain::{
    account::{Account, Credential, Off},
    fault::{Fault, FaultClass},
    ids::AccountId,
};
use std::{sync::Arc, time::Duration};

/// A refusal so soon after a renewal is taken for one of the token before: attempts were under way with it.
const LATE: Duration = Duration::from_secs(30);

impl Keeper {
    /// An attempt with some credential of the account was refused.
    async fn refused_of_late(&self, id: AccountId) -> bool {
        let now = self.rows.clock.now();
        let Some(state) = self.state(id) else { return false };
        if state.renewed_at.is_some_and(|renewed| now.since(renewed) < LATE) {
            return true;
        }
        let Some(present) = self.rows.accounts.find(id).and_then(|account| self.posted(&account, |_| true))
        else {
            return false;
        };
        match self.refused(&present).await {
            Ok(AfterRefusal::Renewed) => true,
            Ok(AfterRefusal::NotRenewable) => false,
            // Whether the account goes off over it is the keeper's to say: until then its credential is not to be had.
            Ok(AfterRefusal::Failed) => self.state(id).is_some_and(|state| state.next_try.is_some()),
            Err(refused) => {
                tracing::warn!(account_id = %id, %refused, "a refused credential could not be renewed");
                false
            }
        }
    }
}

impl Steward for Keeper {
    fn credential(&self, account: Arc<Account>) -> SendFuture<Result<Credential, Fault>> {
        let keeper = self.clone();
        Box::pin(async move { keeper.credential(&account).await })
    }

    fn refused(&self, account: AccountId) -> SendFuture<bool> {
        let keeper = self.clone();
        Box::pin(async move { keeper.refused_of_late(account).await })
    }

    fn switched_off(&self, account: AccountId, off: Off, class: FaultClass) {
        self.rows.accounts.write_down(account, off, class);
    }
}
