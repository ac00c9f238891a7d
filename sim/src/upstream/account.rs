//! The accounts of a simulated upstream: what opens them, what they may, and what happens to their calls.

use super::{
    behaviour::Behaviour,
    limits::{Limits, Used},
    script::{Mix, Op, Script},
    sora::Membership,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The account of calls without a key, on dialects that ask for none.
pub const ANONYMOUS: &str = "anonymous";

/// Who asks for challenges to be solved.
pub const SOLVER: &str = "solver";

/// An account as it is put: everything that is not named is as on a new one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountSetup {
    /// What happens to the next calls, one each.
    pub scripts: BTreeMap<Op, Vec<Behaviour>>,
    /// What happens to all others.
    pub usually: BTreeMap<Op, Behaviour>,
    /// Or what chance says.
    pub mix: BTreeMap<Op, Mix>,
    /// What it may.
    pub limits: Limits,
    /// How long its key is good; none is forever.
    pub key: Option<KeyTerm>,
    /// What stands in its session cookie.
    pub session_token: Option<String>,
    /// Its first refresh token.
    pub refresh_token: Option<String>,
    /// Which client the refresh token was given to; none takes any.
    pub client_id: Option<String>,
    /// The secret of that client, where it has tokens by itself.
    pub client_secret: Option<String>,
    /// Whose account it is.
    pub email: Option<String>,
    /// How long access tokens that it mints are good, in seconds.
    pub token_ttl_s: Option<u64>,
    /// What it is on the wire of Sora.
    pub sora: Membership,
}

/// When a key stops being good. Whatever comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyTerm {
    /// After so many calls.
    pub calls: Option<u64>,
    /// Not before this, in milliseconds from now.
    pub valid_from_ms: Option<u64>,
    /// So many milliseconds from now.
    pub expires_in_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Key {
    calls_left: Option<u64>,
    valid_from_ms: u64,
    expires_at_ms: Option<u64>,
    revoked: bool,
}

impl Key {
    fn opens(&mut self, now_ms: u64) -> bool {
        let in_time = now_ms >= self.valid_from_ms && self.expires_at_ms.is_none_or(|end| now_ms < end);
        if self.revoked || !in_time || self.calls_left == Some(0) {
            return false;
        }
        self.calls_left = self.calls_left.map(|left| left - 1);
        true
    }
}

/// One account.
#[derive(Debug, Default)]
pub struct Account {
    /// What happens to its calls.
    pub script: Script,
    /// What it may.
    pub limits: Limits,
    /// What it has used of that.
    pub used: Used,
    /// Its film jobs that are not over.
    pub open_jobs: BTreeSet<String>,
    /// Submits that are being answered.
    pub submitting: u32,
    /// What stands in its session cookie.
    pub session_token: Option<String>,
    /// The refresh token that is good now.
    pub refresh_token: Option<String>,
    /// Those that were good once.
    pub spent_tokens: BTreeSet<String>,
    /// Which client its refresh token belongs to.
    pub client_id: Option<String>,
    /// That client's secret.
    pub client_secret: Option<String>,
    /// Whose it is.
    pub email: String,
    /// How long its access tokens are good, in seconds.
    pub token_ttl_s: u64,
    /// What it is on the wire of Sora.
    pub sora: Membership,
    keys: HashMap<String, Key>,
}

/// Ten days, as upstreams of this kind say.
const TOKEN_TTL_S: u64 = 864_000;

/// All accounts by name. A name is also the account's first key.
#[derive(Debug, Default)]
pub struct Accounts {
    by_name: BTreeMap<String, Account>,
    by_key: HashMap<String, String>,
}

impl Accounts {
    /// Makes an account, or makes it anew; what others know of it, its minted keys, goes.
    pub fn put(&mut self, name: &str, setup: AccountSetup, now_ms: u64) {
        let mut account = Account {
            limits: setup.limits,
            session_token: setup.session_token,
            refresh_token: setup.refresh_token,
            client_id: setup.client_id,
            client_secret: setup.client_secret,
            email: setup.email.unwrap_or_else(|| "someone@example.com".to_owned()),
            token_ttl_s: setup.token_ttl_s.unwrap_or(TOKEN_TTL_S),
            sora: setup.sora,
            ..Account::default()
        };
        setup.scripts.into_iter().for_each(|(op, queue)| account.script.then(op, queue));
        setup.usually.into_iter().for_each(|(op, usual)| account.script.usually(op, usual));
        setup.mix.into_iter().for_each(|(op, mix)| account.script.mix(op, mix));
        let term = setup.key.unwrap_or_default();
        let key = Key {
            calls_left: term.calls,
            valid_from_ms: now_ms + term.valid_from_ms.unwrap_or(0),
            expires_at_ms: term.expires_in_ms.map(|ms| now_ms.saturating_add(ms)),
            revoked: false,
        };
        account.keys.insert(name.to_owned(), key);
        self.by_key.retain(|_, owner| owner != name);
        self.by_key.insert(name.to_owned(), name.to_owned());
        self.by_name.insert(name.to_owned(), account);
    }

    /// An account, made if there is none.
    pub fn of(&mut self, name: &str, now_ms: u64) -> &mut Account {
        if !self.by_name.contains_key(name) {
            self.put(name, AccountSetup::default(), now_ms);
        }
        self.by_name.entry(name.to_owned()).or_default()
    }

    /// An account, if there is one.
    pub fn get(&mut self, name: &str) -> Option<&mut Account> {
        self.by_name.get_mut(name)
    }

    /// Whose key this is; using it counts.
    pub fn opened_by(&mut self, key: &str, now_ms: u64) -> Option<String> {
        let name = self.by_key.get(key)?;
        let opens = self.by_name.get_mut(name)?.keys.get_mut(key)?.opens(now_ms);
        opens.then(|| name.clone())
    }

    /// Whose session this is.
    pub fn with_session(&self, token: &str) -> Option<&str> {
        self.find(|account| account.session_token.as_deref() == Some(token))
    }

    /// Whose refresh token this is, or was.
    pub fn with_refresh(&self, token: &str) -> Option<&str> {
        self.find(|account| {
            account.refresh_token.as_deref() == Some(token) || account.spent_tokens.contains(token)
        })
    }

    /// Whose client this is.
    pub fn with_client(&self, id: &str, secret: &str) -> Option<&str> {
        let is = |kept: &Option<String>, given: &str| kept.as_deref() == Some(given);
        self.find(|account| is(&account.client_id, id) && is(&account.client_secret, secret))
    }

    fn find(&self, is_it: impl Fn(&Account) -> bool) -> Option<&str> {
        self.by_name.iter().find(|(_, account)| is_it(account)).map(|(name, _)| name.as_str())
    }

    /// One more key of an account, good until then.
    pub fn mint(&mut self, name: &str, key: &str, expires_at_ms: u64) {
        if let Some(account) = self.by_name.get_mut(name) {
            account.keys.insert(key.to_owned(), Key { expires_at_ms: Some(expires_at_ms), ..Key::default() });
            self.by_key.insert(key.to_owned(), name.to_owned());
        }
    }

    /// All keys of an account are void from now on; new ones can be minted. Whether there is such an account.
    pub fn revoke(&mut self, name: &str) -> bool {
        let Some(account) = self.by_name.get_mut(name) else { return false };
        account.keys.values_mut().for_each(|key| key.revoked = true);
        true
    }

    /// All of them by name.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Account)> {
        self.by_name.iter()
    }

    /// All of them, to be changed.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        self.by_name.values_mut()
    }
}
