//! The credential keeper: every account's access token, renewed before it ends, and kept before it is used. A reconciler: the same look
//! at an account (`policy::Case::next`) is taken at start, when its time comes, when somebody wants its credential and when an upstream refused it.

mod alarm;
mod attempt;
mod board;
mod messages;
mod policy;
mod rows;
mod steward;
mod tending;

pub use attempt::ProxyChooser;
pub use board::CredentialState;
pub(crate) use rows::{forget, is_another};

use crate::{
    account_book::AccountBook,
    refused::Refused,
    vault::{Vault, VaultError},
};
use actix::{Actor, Addr, ArbiterHandle};
use atelier_domain::{
    account::{Account, Credential},
    code::Code,
    fault::{Fault, FaultClass, FaultScope},
    ids::AccountId,
    renewal::{Grant, Renewal, Renewer},
    time::{Clock, Millis},
};
use atelier_store::Store;
use attempt::Desk;
use board::{Board, Posted};
use messages::{Convert, Reload, Settle, SwitchRenewals, Why};
use rows::Rows;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tending::CredentialKeeper;

/// Messages that may wait for the keeper.
const MAILBOX: usize = 16_384;

/// What the keeper is made of.
pub struct KeeperParts {
    /// The accounts. It tells the keeper of changes: see [`AccountBook::tell_of_changes`] and [`Keeper::changed`].
    pub accounts: AccountBook,
    /// Where it notes what it does.
    pub store: Store,
    /// Where their secrets are.
    pub vault: Vault,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How tokens are renewed, by engine. Accounts of other engines keep the tokens that they have.
    pub renewers: HashMap<String, Arc<dyn Renewer>>,
    /// The proxy of accounts without one of their own.
    pub proxies: ProxyChooser,
    /// Who is told of changes.
    pub on_change: OnChange,
    /// How it goes about it.
    pub config: KeeperConfig,
}

/// How the keeper goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperConfig {
    /// Whether tokens are renewed unasked. Off, tokens serve to their end.
    pub enabled: bool,
    /// Refusals in a row after which an account goes off, at least 1.
    pub refusals: u32,
    /// How long a vendor may take to answer.
    pub timeout: Duration,
}

impl Default for KeeperConfig {
    fn default() -> Self {
        Self { enabled: true, refusals: 3, timeout: Duration::from_secs(60) }
    }
}

/// Called with what the keeper did. On the keeper's thread: it must not wait.
pub type OnChange = Arc<dyn Fn(KeeperNews) + Send + Sync>;

/// What the keeper did. Rows are on disk before they are told.
#[derive(Debug, Clone, PartialEq)]
pub enum KeeperNews {
    /// A renewal is under way.
    Renewing(AccountId),
    /// A new token is there; an account that was off over its credential is on again.
    Renewed(Box<Account>),
    /// A renewal failed. The account may still have a token that serves.
    Failed {
        /// Whose.
        account: AccountId,
        /// Why, for the operator.
        problem: String,
        /// When it is tried again; none: not before the operator does something.
        next_try: Option<Millis>,
    },
    /// The account is off: its credential serves no more.
    SwitchedOff(Box<Account>),
}

/// What came of the refusal of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRefusal {
    /// There is another token by now: try again with it.
    Renewed,
    /// This credential is not renewed: what it was refused for is the account's own trouble.
    NotRenewable,
    /// No other token was had for now.
    Failed,
}

/// How the rest of Atelier speaks to the keeper.
#[derive(Clone)]
pub struct Keeper {
    addr: Addr<CredentialKeeper>,
    board: Arc<Board>,
    rows: Rows,
    proxies: ProxyChooser,
}

impl Keeper {
    /// Takes up all accounts and starts to look after them. Blocking: reads every account.
    ///
    /// # Errors
    /// Accounts cannot be read, or their secrets are sealed with another key.
    pub fn start(parts: KeeperParts, on: &ArbiterHandle) -> Result<Self, VaultError> {
        parts.vault.prove_key()?;
        let (accounts, board) = (parts.accounts.list(), Arc::<Board>::default());
        let rows =
            Rows { accounts: parts.accounts, store: parts.store, vault: parts.vault, clock: parts.clock };
        let desk = Desk {
            rows: rows.clone(),
            renewers: Arc::new(parts.renewers),
            proxies: parts.proxies.clone(),
            timeout: parts.config.timeout,
        };
        let mut keeper = CredentialKeeper::new(desk, board.clone(), parts.config, parts.on_change);
        // On the board before anybody asks; what is due is done once the actor lives.
        for account in accounts {
            match rows.of(&account) {
                Ok(kept) => keeper.adopt(kept),
                Err(error) => {
                    tracing::error!(account_id = %account.id, %error, "the credential of an account cannot be read");
                }
            }
        }
        let addr = CredentialKeeper::start_in_arbiter(on, move |ctx| {
            ctx.set_mailbox_capacity(MAILBOX);
            keeper
        });
        Ok(Self { addr, board, rows, proxies: parts.proxies })
    }

    /// The present credential of an account. One that ends within a minute is renewed first; whoever asks meanwhile waits for the
    /// one renewal. A good one costs no message.
    ///
    /// # Errors
    /// `auth` when it has none that serves and will have none, `rate-limited` with the time of the next try when it may.
    pub async fn credential(&self, account: &Account) -> Result<Credential, Fault> {
        let now = self.rows.clock.now();
        if let Some(ready) = self.posted(account, |posted| now < posted.good_until) {
            return at_home(account, ready);
        }
        if let Err(refused) = self.settle(account.id, Why::Wanted).await {
            let fault = Fault::new(FaultClass::Internal, "the credential of the account cannot be had");
            return Err(fault.with_context(refused.to_string()));
        }
        let now = self.rows.clock.now();
        let usable = self.posted(account, |posted| now < posted.usable_until);
        usable.map_or_else(|| Err(self.unready(account.id, now)), |ready| at_home(account, ready))
    }

    fn posted(&self, account: &Account, serves: impl FnOnce(&Posted) -> bool) -> Option<Credential> {
        let look =
            |posted: &Posted| serves(posted).then(|| (posted.secrets.clone(), posted.endpoint.clone()));
        let (secrets, endpoint) = self.board.read(account.id, look)??;
        let proxy = secrets.proxy_url.clone().or_else(|| (self.proxies)());
        Some(Credential { account: account.id, endpoint, secrets, proxy })
    }

    fn unready(&self, id: AccountId, now: Millis) -> Fault {
        match self.state(id).and_then(|state| state.next_try).filter(|at| now < *at) {
            Some(at) => Fault {
                scope: FaultScope::Account,
                ..Fault::new(FaultClass::RateLimited, "the account waits for a new access token")
                    .with_retry_at(at)
            },
            None => Fault::new(FaultClass::Auth, "the account has no credential that serves"),
        }
    }

    /// An upstream refused this credential. Renews it, unless that has happened since; a late refusal of an old token does nothing.
    ///
    /// # Errors
    /// The keeper has more to do than it can queue, or is gone.
    pub async fn refused(&self, used: &Credential) -> Result<AfterRefusal, Refused> {
        let (id, token) = (used.account, &used.secrets.token);
        let is_other = |posted: &Posted| posted.secrets.token.is_some() && posted.secrets.token != *token;
        match self.board.read(id, |posted| (is_other(posted), posted.renews)) {
            Some((true, _)) => return Ok(AfterRefusal::Renewed),
            Some((false, false)) => return Ok(AfterRefusal::NotRenewable),
            _ => self.settle(id, Why::Refused(token.clone())).await?,
        }
        match self.board.read(id, |posted| (is_other(posted), posted.renews)) {
            Some((true, _)) => Ok(AfterRefusal::Renewed),
            Some((false, true)) => Ok(AfterRefusal::Failed),
            _ => Ok(AfterRefusal::NotRenewable),
        }
    }

    /// Renews now, because the operator asked: also when renewing is switched off, or was given up.
    ///
    /// # Errors
    /// `account_not_found`.
    pub async fn renew(&self, id: AccountId) -> Result<CredentialState, Refused> {
        self.settle(id, Why::Asked).await?;
        self.state(id).ok_or_else(no_such_account)
    }

    async fn settle(&self, id: AccountId, why: Why) -> Result<(), Refused> {
        let settled = self.addr.send(Settle { id, why }).await??;
        settled.await.map_err(|_| Refused::from(actix::MailboxError::Closed))
    }

    /// Looks at an account anew, because its row or its secrets were changed or are gone. Does not wait for it.
    pub fn changed(&self, id: AccountId) {
        // Whoever asks from now on stands behind this in the keeper's mailbox.
        self.board.doubt(id);
        if let Err(actix::dev::SendError::Full(reload)) = self.addr.try_send(Reload(id)) {
            let addr = self.addr.clone();
            tokio::spawn(async move { addr.send(reload).await });
        }
    }

    /// How an account's credential does; none when there is no such account.
    pub fn state(&self, id: AccountId) -> Option<CredentialState> {
        self.board.read(id, |posted| posted.state.clone())
    }

    /// Switches the renewing of tokens on or off, from now on.
    ///
    /// # Errors
    /// The keeper has more to do than it can queue, or is gone.
    pub async fn set_enabled(&self, enabled: bool) -> Result<(), Refused> {
        Ok(self.addr.send(SwitchRenewals(enabled)).await?)
    }

    /// Has a new access token for a grant that belongs to no account here; nothing of it is kept.
    ///
    /// # Errors
    /// `token_refused` when the vendor refuses it, `bad_field` when the engine renews nothing, or what kept the vendor from answering.
    pub async fn convert(&self, engine: &str, grant: Grant) -> Result<Renewal, Refused> {
        let answer = self.addr.send(Convert { engine: engine.to_owned(), grant }).await??;
        let answer = answer.await.map_err(|_| Refused::from(actix::MailboxError::Closed))?;
        answer.map_err(messages::refusal)
    }
}

fn no_such_account() -> Refused {
    Refused::new(Code::AccountNotFound, "there is no such account")
}

/// Who borrowed an account before it was moved gets nothing of it: what opens the new place must not be sent to the old one, nor a task of
/// the old one be looked for at the new.
fn at_home(account: &Account, ready: Credential) -> Result<Credential, Fault> {
    if ready.endpoint.is_at(&account.endpoint) {
        // As it was when the job began, should the operator have corrected the dialect meanwhile.
        return Ok(Credential { endpoint: account.endpoint.clone(), ..ready });
    }
    let message = "the account in use was moved to another address meanwhile";
    Err(Fault { scope: FaultScope::Account, ..Fault::new(FaultClass::Network, message) })
}
