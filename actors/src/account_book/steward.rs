//! The plain steward: credentials as they are kept, which nobody renews.

use super::AccountBook;
use crate::account_pool::{SendFuture, Steward};
use atelier_domain::{
    account::{Account, Credential, Off},
    fault::{Fault, FaultClass},
    ids::AccountId,
};
use std::sync::Arc;

/// Lends the credentials of a book as they are, and writes down what the pool switches off.
#[derive(Clone)]
pub struct PlainSteward(pub AccountBook);

impl Steward for PlainSteward {
    fn credential(&self, account: Arc<Account>) -> SendFuture<Result<Credential, Fault>> {
        let secrets = self.0.secrets(&account).map_err(|refused| {
            Fault::new(FaultClass::Internal, "the credential of the account cannot be read")
                .with_context(refused.to_string())
        });
        Box::pin(async move {
            let secrets = secrets?;
            let proxy = secrets.proxy_url.clone();
            let endpoint = account.endpoint.clone();
            Ok(Credential { account: account.id, endpoint, secrets: Arc::new(secrets), proxy })
        })
    }

    fn refused(&self, _: Credential) -> SendFuture<bool> {
        Box::pin(async { false })
    }

    fn switched_off(&self, account: AccountId, off: Off, class: FaultClass) {
        self.0.write_down(account, off, class);
    }
}

impl AccountBook {
    /// The pool switched an account off: that is written down, though nobody waits for it.
    pub(crate) fn write_down(&self, account: AccountId, off: Off, class: FaultClass) {
        let book = self.clone();
        tracing::warn!(%account, off = off.word(), class = class.name(), "account switched off by faults");
        // In a task of its own: the pool is in the middle of its work, and is told in turn.
        tokio::spawn(async move {
            if let Err(refused) = book.switch_off(account, off).await {
                tracing::error!(%account, %refused, "an account that is off is on again after the next start");
            }
        });
    }
}
