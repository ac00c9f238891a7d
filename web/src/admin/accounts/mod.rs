//! Accounts (api.md §9): what older clients call tokens. Their secrets come in and never leave but masked.
//!
//! Reading order: `form` (how a body is read), `view` (how an account looks), `one`, `many`, `activate`, `convert`.

pub mod activate;
pub mod convert;
mod form;
pub mod many;
pub mod one;
mod view;

pub use form::AccountBody;
pub use view::AccountView;
use view::Told;

use crate::{gateway::Gateway, problem::Problem};
use atelier_actors::account_pool::Standing;
use atelier_domain::{account::Account, code::Code};
use serde::Serialize;
use std::{collections::HashMap, sync::Arc};
use utoipa::ToSchema;

/// What a change of one account answers.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// Always true; errors have another body.
    success: bool,
    /// For people.
    message: String,
    /// The account's number.
    token_id: u64,
    /// The account afterwards; null when it is gone.
    token: Option<AccountView>,
}

/// The number in a path.
fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| Problem::new(Code::AccountNotFound, "accounts have numbers, from 1"))
}

/// Accounts with what the pool says of them.
async fn views(gateway: &Gateway, accounts: &[Arc<Account>]) -> Result<Vec<AccountView>, Problem> {
    let standings: HashMap<_, Standing> = gateway
        .pool
        .state()
        .await?
        .accounts
        .into_iter()
        .map(|standing| (standing.account.id, standing))
        .collect();
    let ids: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let counts = gateway.requests.of_accounts(&ids)?;
    let one = |account: &Arc<Account>| {
        let secrets = gateway.accounts.secrets(account)?;
        let counts = counts.get(&account.id).copied().unwrap_or_default();
        let told = Told { standing: standings.get(&account.id), counts };
        Ok(AccountView::of(account, &secrets, told))
    };
    accounts.iter().map(one).collect()
}

async fn view(gateway: &Gateway, account: &Arc<Account>) -> Result<Option<AccountView>, Problem> {
    Ok(views(gateway, std::slice::from_ref(account)).await?.pop())
}

async fn done(
    gateway: &Gateway,
    account: &Arc<Account>,
    message: impl Into<String>,
) -> Result<actix_web::HttpResponse, Problem> {
    let token = view(gateway, account).await?;
    let done = Done { success: true, message: message.into(), token_id: account.number, token };
    Ok(actix_web::HttpResponse::Ok().json(done))
}
