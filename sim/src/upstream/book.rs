//! What arrived and what became of it, counted. The book is what tests ask when they prove that a request was sent once, that
//! a limit held, or that a key never reached a host.

use super::script::Op;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// How many different prompts of an account, and credentials of all, are kept apart.
const MOST_KEPT: usize = 50_000;

/// How many calls are kept whole.
const MOST_SEEN: usize = 64;

/// How much of a prompt, header or field is kept, in characters.
pub const LONGEST: usize = 300;

/// All counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Calls in all, without those to `/_sim`.
    pub requests: u64,
    /// Of these: without a key that is good.
    pub strangers: u64,
    /// Calls that are being answered now.
    pub in_flight: u32,
    /// The most that ever were.
    pub max_in_flight: u32,
    /// Every credential that arrived in an `Authorization`, `api-key`, `Proxy-Authorization` or `Cookie` header.
    pub credentials: Vec<Credential>,
    /// Accounts by name.
    pub accounts: BTreeMap<String, AccountBook>,
    /// The last calls, the latest last.
    pub seen: Vec<Seen>,
}

/// A credential that arrived, without what it opens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// SHA-256 of the key, in hex.
    pub sha256: String,
    /// Its last four characters.
    pub last4: String,
    /// How often it came.
    pub times: u64,
}

/// What was counted for one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountBook {
    /// Calls that arrived, by what they are for.
    pub arrived: BTreeMap<Op, u64>,
    /// Calls that took effect, whether or not their answer arrived.
    pub accepted: BTreeMap<Op, u64>,
    /// Submits by prompt.
    pub prompts: BTreeMap<String, Submits>,
    /// Calls that are being answered now.
    pub in_flight: u32,
    /// The most that ever were.
    pub max_in_flight: u32,
    /// Scripted behaviours that are still to come.
    #[serde(default)]
    pub scripted: BTreeMap<Op, usize>,
}

/// Submits of one prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submits {
    /// How many arrived.
    pub arrived: u64,
    /// How many were accepted.
    pub accepted: u64,
}

/// One call as it arrived. Headers and fields that are secrets stand as their last four characters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Whose it was, if anybody's.
    pub account: Option<String>,
    /// Its method.
    pub method: String,
    /// Its path and query, as they came.
    pub target: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its fields; of a file its type and size.
    pub fields: BTreeMap<String, Value>,
}

impl Report {
    /// What was counted for this account; nothing, when it is not known.
    pub fn account(&self, name: &str) -> AccountBook {
        self.accounts.get(name).cloned().unwrap_or_default()
    }

    /// How often this prompt arrived and was accepted, on all accounts.
    pub fn prompt(&self, prompt: &str) -> Submits {
        let of_all = self.accounts.values().filter_map(|account| account.prompts.get(&clipped(prompt)));
        of_all.fold(Submits::default(), |sum, one| Submits {
            arrived: sum.arrived + one.arrived,
            accepted: sum.accepted + one.accepted,
        })
    }

    /// Whether this key ever arrived, good or not.
    pub fn has_seen(&self, key: &str) -> bool {
        let hash = hash(key);
        self.credentials.iter().any(|credential| credential.sha256 == hash)
    }
}

impl AccountBook {
    /// How many calls for this arrived.
    pub fn arrived(&self, op: Op) -> u64 {
        self.arrived.get(&op).copied().unwrap_or(0)
    }

    /// How many of them took effect.
    pub fn accepted(&self, op: Op) -> u64 {
        self.accepted.get(&op).copied().unwrap_or(0)
    }
}

/// The book itself.
#[derive(Debug, Default)]
pub struct Book {
    requests: u64,
    strangers: u64,
    in_flight: u32,
    max_in_flight: u32,
    credentials: BTreeMap<String, Credential>,
    accounts: BTreeMap<String, AccountBook>,
    seen: VecDeque<Seen>,
}

impl Book {
    /// A call's head arrived with these keys.
    pub fn request(&mut self, keys: &[&str]) {
        self.requests += 1;
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        for key in keys {
            let hash = hash(key);
            if let Some(known) = self.credentials.get_mut(&hash) {
                known.times += 1;
            } else if self.credentials.len() < MOST_KEPT {
                let credential = Credential { sha256: hash.clone(), last4: last4(key), times: 1 };
                self.credentials.insert(hash, credential);
            }
        }
    }

    /// A call is over, of this account if it had one.
    pub fn over(&mut self, account: Option<&str>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(page) = account.and_then(|name| self.accounts.get_mut(name)) {
            page.in_flight = page.in_flight.saturating_sub(1);
        }
    }

    /// A call had no key that is good.
    pub fn stranger(&mut self) {
        self.strangers += 1;
    }

    /// A call of this account is for this.
    pub fn arrived(&mut self, account: &str, op: Op) {
        let page = self.page(account);
        *page.arrived.entry(op).or_default() += 1;
        page.in_flight += 1;
        page.max_in_flight = page.max_in_flight.max(page.in_flight);
    }

    /// A submit has this prompt.
    pub fn prompt(&mut self, account: &str, prompt: &str) {
        if let Some(submits) = self.submits(account, prompt) {
            submits.arrived += 1;
        }
    }

    /// A call took effect; a submit of this prompt.
    pub fn accepted(&mut self, account: &str, op: Op, prompt: Option<&str>) {
        *self.page(account).accepted.entry(op).or_default() += 1;
        if let Some(submits) = prompt.and_then(|prompt| self.submits(account, prompt)) {
            submits.accepted += 1;
        }
    }

    /// What arrived, whole.
    pub fn saw(&mut self, seen: Seen) {
        if self.seen.len() == MOST_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
    }

    /// All counters now.
    pub fn report(&self) -> Report {
        Report {
            requests: self.requests,
            strangers: self.strangers,
            in_flight: self.in_flight,
            max_in_flight: self.max_in_flight,
            credentials: self.credentials.values().cloned().collect(),
            accounts: self.accounts.clone(),
            seen: self.seen.iter().cloned().collect(),
        }
    }

    /// Back to nothing, but for what is under way.
    pub fn reset(&mut self) {
        *self = Self { in_flight: self.in_flight, ..Self::default() };
    }

    fn page(&mut self, account: &str) -> &mut AccountBook {
        if !self.accounts.contains_key(account) {
            self.accounts.insert(account.to_owned(), AccountBook::default());
        }
        self.accounts.entry(account.to_owned()).or_default()
    }

    fn submits(&mut self, account: &str, prompt: &str) -> Option<&mut Submits> {
        let page = self.page(account);
        let prompt = clipped(prompt);
        let room = page.prompts.len() < MOST_KEPT || page.prompts.contains_key(&prompt);
        room.then(|| page.prompts.entry(prompt).or_default())
    }
}

/// The beginning of a text, as much as is kept.
pub fn clipped(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The last four characters.
pub fn last4(key: &str) -> String {
    let skipped = key.chars().count().saturating_sub(4);
    key.chars().skip(skipped).collect()
}

fn hash(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}
