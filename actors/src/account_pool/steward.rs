//! What the pool needs of whoever keeps accounts and their credentials.

use atelier_domain::{
    account::{Account, Credential, Off},
    fault::{Fault, FaultClass},
    ids::AccountId,
};
use std::{future::Future, pin::Pin, sync::Arc};

/// A future that may go to another thread.
pub type SendFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Keeps accounts and credentials on behalf of the pool.
pub trait Steward: Send + Sync {
    /// What opens the account's upstream now; renewed first when it is about to end.
    ///
    /// # Errors
    /// A fault of class `auth` when there is nothing that opens it.
    fn credential(&self, account: Arc<Account>) -> SendFuture<Result<Credential, Fault>>;

    /// The upstream refused this credential. Resolves to whether there is another by now: then the account goes on.
    fn refused(&self, used: Credential) -> SendFuture<bool>;

    /// The pool switched the account off: it stays off until somebody switches it on. `class` is the last fault's.
    fn switched_off(&self, account: AccountId, off: Off, class: FaultClass);
}

/// For accounts that need nothing: no credentials, and nothing is written down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unattended;

impl Steward for Unattended {
    fn credential(&self, account: Arc<Account>) -> SendFuture<Result<Credential, Fault>> {
        Box::pin(async move { Ok(Credential::bare(account.id)) })
    }

    fn refused(&self, _: Credential) -> SendFuture<bool> {
        Box::pin(async { false })
    }

    fn switched_off(&self, account: AccountId, off: Off, _: FaultClass) {
        tracing::warn!(%account, off = off.word(), "account switched off by faults");
    }
}
