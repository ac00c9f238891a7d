//! What a service of the operator's hands out to pass an edge that asks for proof, as the rest of Atelier sees it
//! (`upstreams/sora.md` 5.2). Off unless the operator names such a service.

use crate::{engine::LocalFuture, fault::Fault, secret::Secret};
use std::{collections::BTreeMap, sync::Arc};

/// What was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clearance {
    /// Cookies by name.
    pub cookies: BTreeMap<String, Secret>,
    /// The browser that they belong to.
    pub user_agent: String,
}

/// Asks the operator's service.
pub trait Solver: Send + Sync {
    /// A clearance from the service at this address; a `fresh` one is not to come from its own cache.
    ///
    /// # Errors
    /// Why there is none, for the operator.
    fn solve(self: Arc<Self>, url: String, fresh: bool) -> LocalFuture<Result<Clearance, Fault>>;
}
