//! The credential keeper: every account's access token, renewed before it ends, and kept before it is used. A reconciler: the same look
//! at an account (`policy::Case::next`) is taken at start, when its time comes, when somebody wants its credential and when an upstream refused it.

mod attempt;
mod board;
mod claims;
mod messages;
mod policy;
mod rows;
mod tending;

pub use attempt::ProxyChooser;
pub use board::CredentialState;
pub use claims::Claims;

use crate::{
    refused::Refused,
    vault::{Vault, VaultError},
};
use actix::{Actor, Addr, ArbiterHandle};
use atelier_domain::{
    account::{Account, AccountSecrets, Credential},
    code::Code,
    ids::AccountId,
    renewal::{Grant, Renewal, Renewer},
    secret::Secret,
    time::{Clock, Millis},
};
use atelier_store::{Batch, CommitError, Expect, Refusal, Store};
use attempt::Desk;
use board::{Board, Posted};
use messages::{Convert, Reload, Settle, SwitchRenewals, Why};
use rows::Rows;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tending::CredentialKeeper;

/// Messages that may wait for the keeper.
const MAILBOX: usize = 16_384;

/// Changes of secrets that are begun anew because a renewal came in between.
const TRIES: usize = 8;

/// What the keeper is made of.
pub struct KeeperParts {
    /// Where accounts are kept.
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
    /// The account is on again, with a credential that it was given.
    SwitchedOn(Box<Account>),
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

/// New secrets for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewSecrets {
    /// These and no others.
    All(AccountSecrets),
    /// These by name, an empty one takes it away; the others stay.
    Some(Vec<(String, Secret)>),
}

/// Why secrets were not changed.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// A guard of the rider did not hold: read its rows again.
    #[error("{0}")]
    Rider(Refusal),
    /// `bad_field` for a name that there is not, or for too much; or the store takes nothing.
    #[error(transparent)]
    Refused(#[from] Refused),
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
        let rows = Rows { store: parts.store, vault: parts.vault, clock: parts.clock };
        let accounts = rows.accounts()?;
        let board = Arc::<Board>::default();
        let desk = Desk {
            rows: rows.clone(),
            renewers: Arc::new(parts.renewers),
            proxies: parts.proxies.clone(),
            timeout: parts.config.timeout,
        };
        let mut keeper = CredentialKeeper::new(desk, board.clone(), parts.config, parts.on_change);
        // On the board before anybody asks; what is due is done once the actor lives.
        // One that cannot be read is in the log, and in nobody's way.
        accounts.into_iter().for_each(|id| drop(keeper.take_up(id)));
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
    /// `no_account_available` when it has none that serves, with the time of the next try.
    pub async fn credential(&self, id: AccountId) -> Result<Credential, Refused> {
        let now = self.rows.clock.now();
        if let Some(ready) = self.posted(id, |posted| now < posted.good_until) {
            return Ok(ready);
        }
        self.settle(id, Why::Wanted).await?;
        let now = self.rows.clock.now();
        self.posted(id, |posted| now < posted.usable_until).ok_or_else(|| self.unready(id, now))
    }

    fn posted(&self, id: AccountId, serves: impl FnOnce(&Posted) -> bool) -> Option<Credential> {
        let (endpoint, secrets) = self
            .board
            .read(id, |posted| serves(posted).then(|| (posted.endpoint.clone(), posted.secrets.clone())))??;
        let proxy = secrets.proxy_url.clone().or_else(|| (self.proxies)());
        Some(Credential { account: id, endpoint, secrets, proxy })
    }

    fn unready(&self, id: AccountId, now: Millis) -> Refused {
        let refused = Refused::new(Code::NoAccountAvailable, "the account has no credential that serves now");
        match self.state(id).and_then(|state| state.next_try) {
            Some(at) if now < at => refused.retry_after(at.since(now)),
            _ => refused,
        }
    }

    /// An upstream refused this credential. Renews it, unless that has happened since; a late refusal of an old token does nothing.
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
    /// `no_account_available` when there is no such account.
    pub async fn renew(&self, id: AccountId) -> Result<CredentialState, Refused> {
        self.settle(id, Why::Asked).await?;
        self.state(id).ok_or_else(no_such_account)
    }

    async fn settle(&self, id: AccountId, why: Why) -> Result<(), Refused> {
        let settled = self.addr.send(Settle { id, why }).await??;
        settled.await.map_err(|_| Refused::from(actix::MailboxError::Closed))
    }

    /// Gives an account other secrets, in one transaction with `rider`, such as the account's own row. A renewal that is under way
    /// is not undone: of what is not given anew, its result stays.
    ///
    /// # Errors
    /// [`NotKept`]; nothing is changed then.
    pub async fn put_secrets(&self, id: AccountId, new: NewSecrets, rider: Batch) -> Result<(), NotKept> {
        for _ in 0..TRIES {
            let kept = self.rows.vault.account(id).map_err(Refused::from)?;
            let (old, unchanged) = kept.map_or_else(
                || (AccountSecrets::default(), Expect::Absent),
                |kept| (kept.secrets, kept.unchanged),
            );
            let secrets = applied(&old, new.clone())?;
            let mut batch = Batch::new();
            self.rows.replace(&mut batch, id, (&old, &secrets), unchanged).map_err(Refused::from)?;
            batch.extend(rider.clone());
            match self.rows.store.submit(batch).await {
                Ok(_) => return Ok(self.reload(id).await?),
                // Its own guard comes first, so that it is told apart from the rider's.
                Err(CommitError::Refused { op: 0, .. }) => {}
                Err(CommitError::Refused { reason, .. }) => return Err(NotKept::Rider(reason)),
                Err(error) => return Err(Refused::from(error).into()),
            }
        }
        Err(Refused::busy().into())
    }

    /// Takes away what is kept of an account's credential, in one transaction with `rider`, such as the end of the account's row.
    ///
    /// # Errors
    /// [`NotKept`]; nothing is changed then.
    pub async fn remove(&self, id: AccountId, rider: Batch) -> Result<(), NotKept> {
        let mut batch = Batch::new();
        self.rows.erase(&mut batch, id);
        batch.extend(rider);
        match self.rows.store.submit(batch).await {
            Ok(_) => Ok(self.reload(id).await?),
            Err(CommitError::Refused { reason, .. }) => Err(NotKept::Rider(reason)),
            Err(error) => Err(Refused::from(error).into()),
        }
    }

    /// Looks at an account anew, because its row or its secrets were changed or are gone.
    pub async fn reload(&self, id: AccountId) -> Result<(), Refused> {
        Ok(self.addr.send(Reload(id)).await?)
    }

    /// What may be shown of an account's secrets, by name.
    pub fn masked(&self, id: AccountId) -> Vec<(&'static str, String)> {
        let shown = |posted: &Posted| {
            posted.secrets.each().map(|(name, secret)| (name, secret.masked())).collect::<Vec<_>>()
        };
        self.board.read(id, shown).unwrap_or_default()
    }

    /// The account that authenticates with one of these already.
    pub fn holder(&self, secrets: &AccountSecrets) -> Option<AccountId> {
        self.board.holder(secrets)
    }

    /// How an account's credential does; none when there is no such account.
    pub fn state(&self, id: AccountId) -> Option<CredentialState> {
        self.board.read(id, |posted| posted.state.clone())
    }

    /// Switches the renewing of tokens on or off, from now on.
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

fn applied(old: &AccountSecrets, new: NewSecrets) -> Result<AccountSecrets, Refused> {
    let fields = match new {
        NewSecrets::All(secrets) => return Ok(secrets),
        NewSecrets::Some(fields) => fields,
    };
    let mut secrets = old.clone();
    for (name, secret) in fields {
        if !secrets.set(&name, secret) {
            return Err(Refused::new(Code::BadField, format!("an account has no secret named {name:?}")));
        }
    }
    Ok(secrets)
}

fn no_such_account() -> Refused {
    Refused::new(Code::NoAccountAvailable, "there is no such account")
}
