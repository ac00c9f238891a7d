//! How `token_id` is read: older clients call accounts by a number.

use crate::{gateway::Gateway, problem::Problem};
use atelier_actors::account_pool::Standing;
use atelier_domain::{code::Code, ids::AccountId};

/// An account with the number that older clients call it by.
pub struct Numbered {
    /// From 1.
    pub number: u64,
    /// The account.
    pub standing: Standing,
}

/// Every account.
///
/// # Errors
/// When the gateway is stopping.
pub async fn all(gateway: &Gateway) -> Result<Vec<Numbered>, Problem> {
    let accounts = gateway.pool.state().await?.accounts;
    Ok(accounts.into_iter().map(|standing| Numbered { number: standing.account.number, standing }).collect())
}

/// The account of this number or id.
///
/// # Errors
/// [`Code::TokenNotFound`].
pub async fn find(gateway: &Gateway, id: &str) -> Result<Numbered, Problem> {
    let is_meant = |account: &Numbered| {
        account.number.to_string() == id || account.standing.account.id.to_string() == id
    };
    let unknown = || Problem::new(Code::TokenNotFound, "there is no account with this id");
    all(gateway).await?.into_iter().find(is_meant).ok_or_else(unknown)
}

/// The number of an account, as long as it is there.
pub fn number(all: &[Numbered], id: AccountId) -> Option<u64> {
    all.iter().find(|account| account.standing.account.id == id).map(|account| account.number)
}

/// That an account which a query names is there; naming none is fine.
///
/// # Errors
/// [`Code::TokenNotFound`].
pub async fn check(gateway: &Gateway, id: Option<&str>) -> Result<(), Problem> {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => find(gateway, id).await.map(drop),
        None => Ok(()),
    }
}
