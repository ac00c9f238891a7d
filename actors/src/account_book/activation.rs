//! What an account needs at its upstream before it can make anything: an accepted invitation, a user name.

use super::{Checkups, Revive};
use crate::refused::Refused;
use atelier_domain::{account::Account, code::Code, engine::ClaimedUsername, fault::Fault};
use std::sync::Arc;

/// An invitation that was accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The account, as it was seen afterwards.
    pub account: Arc<Account>,
    /// Whether it had accepted one before.
    pub before: bool,
}

impl Checkups {
    /// The numbers of the accounts that are on and whose engine knows invitations and user names.
    pub fn invitable(&self) -> Vec<u64> {
        let roster = self.pool.accounts();
        let able = roster.iter().filter(|(account, can)| can.invites && account.enabled);
        able.map(|(account, _)| account.number).collect()
    }

    /// Accepts an invitation for an account, and looks at it again.
    ///
    /// # Errors
    /// `account_not_found`, `activation_unsupported`, or what the upstream's refusal means.
    pub async fn accept_invitation(&self, number: u64, code: String) -> Result<Accepted, Refused> {
        let account = self.invited(number)?;
        let before = self
            .asked(account, move |engine, credential| engine.accept_invitation(credential, code))
            .await
            .map_err(|fault| refusal(number, fault))?;
        let report = self.check(number, Revive::ByFaults).await?;
        Ok(Accepted { account: report.account, before })
    }

    /// Sees to it that an account has a user name at its upstream.
    ///
    /// # Errors
    /// `account_not_found`, `activation_unsupported`, or what the upstream's refusal means.
    pub async fn claim_username(&self, number: u64) -> Result<ClaimedUsername, Refused> {
        let account = self.invited(number)?;
        let claimed = self
            .asked(account, |engine, credential| engine.claim_username(credential))
            .await
            .map_err(|fault| refusal(number, fault))?;
        let username = Some(claimed.username.clone());
        self.book.alter(number, move |account, _| account.identity.username = username).await?;
        Ok(claimed)
    }

    fn invited(&self, number: u64) -> Result<Arc<Account>, Refused> {
        let account = self.book.get(number)?;
        let can = self.engines.get(&account.engine).map(|engine| engine.abilities(&account));
        if can.is_some_and(|can| can.invites) {
            return Ok(account);
        }
        let message = format!(
            "the engine {} knows no invitations and no user names to set, or has no base URL",
            account.engine
        );
        Err(Refused::new(Code::ActivationUnsupported, message))
    }
}

fn refusal(number: u64, fault: Fault) -> Refused {
    tracing::warn!(number, class = fault.class.name(), context = %fault.context, "an account was not activated");
    Refused::new(fault.public_code(), fault.message)
}
