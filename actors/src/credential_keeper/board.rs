//! The credentials as everybody may read them: an attempt that wants a good one asks no actor.

use atelier_domain::{
    account::{AccountSecrets, Endpoint},
    ids::AccountId,
    secret::Secret,
    time::Millis,
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// How a credential does, for lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialState {
    /// When its access token ends; none: never, or nobody knows.
    pub expires_at: Option<Millis>,
    /// Whether a new access token can be had without its owner.
    pub renewable: bool,
    /// Whether one is being had.
    pub renewing: bool,
    /// When one was had last.
    pub renewed_at: Option<Millis>,
    /// When the next try is due, if it needs one.
    pub next_try: Option<Millis>,
    /// What went wrong, for the operator; none: nothing since the last success.
    pub problem: Option<String>,
}

/// One credential on the board.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub secrets: Arc<AccountSecrets>,
    /// Where they may be sent.
    pub endpoint: Endpoint,
    /// From then on its keeper is asked first.
    pub good_until: Millis,
    /// From then on it is worth nothing.
    pub usable_until: Millis,
    /// Whether it is renewed by itself.
    pub renews: bool,
    pub state: CredentialState,
}

/// All of them. Locked for the time of a look or a change, never across a wait.
#[derive(Default)]
pub(super) struct Board(RwLock<HashMap<AccountId, Posted>>);

impl Board {
    pub(super) fn read<T>(&self, id: AccountId, look: impl FnOnce(&Posted) -> T) -> Option<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).map(look)
    }

    pub(super) fn post(&self, id: AccountId, posted: Posted) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, posted);
    }

    /// From now on the keeper is asked first: what is posted may have been changed.
    pub(super) fn doubt(&self, id: AccountId) {
        if let Some(posted) = self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(&id) {
            posted.good_until = Millis(i64::MIN);
        }
    }

    pub(super) fn take_down(&self, id: AccountId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// What an account is authenticated by.
pub(super) fn means(secrets: &AccountSecrets) -> [Option<&Secret>; 5] {
    [&secrets.token, &secrets.session_token, &secrets.refresh_token, &secrets.client_secret, &secrets.cookie]
        .map(Option::as_ref)
}
