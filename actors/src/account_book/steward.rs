//! The stewards: who lends the credentials of a book, renewed or as they are.

use super::AccountBook;
use crate::{
    account_pool::{SendFuture, Steward},
    credential_keeper::{AfterRefusal, Keeper},
};
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
        let book = self.0.clone();
        tracing::warn!(%account, off = off.word(), class = class.name(), "account switched off by faults");
        // In a task of its own: the pool is in the middle of its work, and is told in turn.
        tokio::spawn(async move {
            if let Err(refused) = book.switch_off(account, off).await {
                tracing::error!(%account, %refused, "an account that is off is on again after the next start");
            }
        });
    }
}

/// Lends credentials that the keeper keeps good.
#[derive(Clone)]
pub struct KeptSteward {
    /// Writes down what the pool switches off.
    pub book: AccountBook,
    /// Has new access tokens.
    pub keeper: Keeper,
}

impl Steward for KeptSteward {
    fn credential(&self, account: Arc<Account>) -> SendFuture<Result<Credential, Fault>> {
        let keeper = self.keeper.clone();
        Box::pin(async move {
            keeper.credential(account.id).await.map_err(|refused| {
                Fault::new(FaultClass::Auth, "the account has no credential that serves now")
                    .with_context(refused.to_string())
            })
        })
    }

    fn refused(&self, used: Credential) -> SendFuture<bool> {
        let keeper = self.keeper.clone();
        Box::pin(async move { matches!(keeper.refused(&used).await, Ok(AfterRefusal::Renewed)) })
    }

    fn switched_off(&self, account: AccountId, off: Off, class: FaultClass) {
        PlainSteward(self.book.clone()).switched_off(account, off, class);
    }
}
