//! Getting a new access token for an account without its owner, as the credential keeper sees it. Each vendor's shape is a
//! [`Renewer`]; when to renew, and what a refusal means, is the keeper's.

use crate::{engine::LocalFuture, fault::Fault, secret::Secret, time::Millis};
use std::sync::Arc;

/// What a new access token is had for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// A session token (ST): it stays as it is.
    Session(Secret),
    /// A refresh token (RT): it may be replaced with each use, and the old one is worth nothing then.
    Refresh {
        /// The token.
        token: Secret,
        /// The client that it was given to; none: the vendor's default.
        client_id: Option<Secret>,
    },
    /// Cookies of a browser session: they stay as they are.
    Cookie(Secret),
    /// The client's own credentials, of a machine account.
    Client {
        /// Its id.
        id: Secret,
        /// Its secret.
        secret: Secret,
    },
}

/// A new access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The access token.
    pub token: Secret,
    /// The refresh token that takes the place of the one that was used.
    pub refresh_token: Option<Secret>,
    /// When the access token ends, as the vendor says; none: as the token says itself.
    pub expires_at: Option<Millis>,
    /// Whose it is.
    pub email: Option<String>,
}

/// One renewal to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalOrder {
    /// What it is had for.
    pub grant: Grant,
    /// The proxy to go out through; none: directly.
    pub proxy: Option<Secret>,
}

/// One vendor's way to renew.
pub trait Renewer: Send + Sync {
    /// Whether this vendor has tokens for such a grant. Cookies are mostly for something else.
    fn takes(&self, grant: &Grant) -> bool {
        !matches!(grant, Grant::Cookie(_))
    }

    /// Asks for a new access token.
    ///
    /// # Errors
    /// `auth` when the grant is refused for good, `unknown-outcome` when no answer came (a refresh token may be used up by now),
    /// `invalid` when this vendor knows no such grant, anything else when it may be tried again.
    fn renew(self: Arc<Self>, order: RenewalOrder) -> LocalFuture<Result<Renewal, Fault>>;
}
