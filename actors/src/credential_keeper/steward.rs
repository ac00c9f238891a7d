//! The keeper as the pool knows it.

use super::{AfterRefusal, Keeper};
use crate::account_pool::{SendFuture, Steward};
use atelier_domain::{
    account::{Account, Credential, Off},
    fault::{Fault, FaultClass},
    ids::AccountId,
};
use std::sync::Arc;

impl Keeper {
    /// Whether the account of a credential that was refused goes on.
    async fn goes_on(&self, used: &Credential) -> bool {
        match self.refused(used).await {
            Ok(AfterRefusal::Renewed) => true,
            Ok(AfterRefusal::NotRenewable) => false,
            // Whether the account goes off over it is the keeper's to say: until then its credential is not to be had.
            Ok(AfterRefusal::Failed) => {
                self.state(used.account).is_some_and(|state| state.next_try.is_some())
            }
            Err(refused) => {
                tracing::warn!(account_id = %used.account, %refused, "a refused credential could not be renewed");
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

    fn refused(&self, used: Credential) -> SendFuture<bool> {
        let keeper = self.clone();
        Box::pin(async move { keeper.goes_on(&used).await })
    }

    fn switched_off(&self, account: AccountId, off: Off, class: FaultClass) {
        self.rows.accounts.write_down(account, off, class);
    }
}
