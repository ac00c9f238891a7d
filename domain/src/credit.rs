//! Credit: whole units, moved between accounts by entries whose postings sum to zero.

use crate::{
    ids::{JobId, KeyId},
    time::Millis,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount of credit, in whole credits. A balance is never negative; a posting may be.
pub type Credits = i64;

/// The most credit that one entry may move: far above any use, far below overflow of a sum.
pub const MAX_AMOUNT: Credits = 1_000_000_000_000;

/// An account of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LedgerAccount {
    /// What a key can spend.
    Available(KeyId),
    /// What is set aside for a key's open jobs.
    Held(KeyId),
    /// Where credit comes from: its balance is minus all that was ever handed out.
    Issued,
    /// What was spent on finished jobs.
    Earned,
}

impl LedgerAccount {
    /// Whether the balance must stay at zero or above.
    pub const fn floor(self) -> Option<Credits> {
        match self {
            Self::Available(_) | Self::Held(_) | Self::Earned => Some(0),
            Self::Issued => None,
        }
    }

    /// The account with this written form.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "issued" => Some(Self::Issued),
            "earned" => Some(Self::Earned),
            _ => {
                let (key, side) = text.split_once('/')?;
                let key = key.parse().ok()?;
                match side {
                    "available" => Some(Self::Available(key)),
                    "held" => Some(Self::Held(key)),
                    _ => None,
                }
            }
        }
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available(key) => write!(f, "{key}/available"),
            Self::Held(key) => write!(f, "{key}/held"),
            Self::Issued => f.write_str("issued"),
            Self::Earned => f.write_str("earned"),
        }
    }
}

impl Serialize for LedgerAccount {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LedgerAccount {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an account of the ledger"))
    }
}

/// One line of an entry: `amount` added to `account`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Whose balance changes.
    pub account: LedgerAccount,
    /// By how much; negative takes away.
    pub amount: Credits,
}

/// Why credit moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The operator gave credit.
    TopUp,
    /// The operator took credit back.
    Deduction,
    /// A job was accepted: its price is set aside.
    Hold,
    /// A job succeeded: what it made is paid, the rest of the hold comes back.
    Capture,
    /// A job failed or was cancelled: the hold comes back.
    Release,
}

/// One journal entry. Append-only: never changed, never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Why.
    pub kind: EntryKind,
    /// When.
    pub at: Millis,
    /// Whose credit it is about.
    pub key: KeyId,
    /// For which job, if for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Which hold of that job, from 1: (job, hold) settles once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<u32>,
    /// The operator's words, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What moved; sums to zero.
    pub postings: Vec<Posting>,
}

/// Credit set aside for an open job. The row exists exactly as long as the job is open, so the rows of this kind are
/// also the list of jobs to take up again at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The open job.
    pub job: JobId,
    /// Which hold of that job, from 1.
    pub number: u32,
    /// Whose credit.
    pub key: KeyId,
    /// How much; 0 for an unmetered key.
    pub amount: Credits,
    /// Since when.
    pub at: Millis,
}

fn posting(account: LedgerAccount, amount: Credits) -> Posting {
    Posting { account, amount }
}

impl Entry {
    /// Credit from the operator: positive tops up, negative deducts.
    pub fn grant(key: KeyId, amount: Credits, reason: Option<String>, at: Millis) -> Self {
        let kind = if amount < 0 { EntryKind::Deduction } else { EntryKind::TopUp };
        let postings =
            vec![posting(LedgerAccount::Issued, -amount), posting(LedgerAccount::Available(key), amount)];
        Self { kind, at, key, job: None, hold: None, reason, postings }
    }

    /// Sets the amount of `hold` aside.
    pub fn hold(hold: &Hold) -> Self {
        let postings = vec![
            posting(LedgerAccount::Available(hold.key), -hold.amount),
            posting(LedgerAccount::Held(hold.key), hold.amount),
        ];
        Self::of_job(EntryKind::Hold, hold, hold.at, postings)
    }

    /// Ends `hold`: `charged` is earned, the rest returns. `charged` is bounded to what is held.
    pub fn settle(hold: &Hold, charged: Credits, at: Millis) -> Self {
        let charged = charged.clamp(0, hold.amount);
        let mut postings = vec![posting(LedgerAccount::Held(hold.key), -hold.amount)];
        if charged > 0 {
            postings.push(posting(LedgerAccount::Earned, charged));
        }
        if charged < hold.amount {
            postings.push(posting(LedgerAccount::Available(hold.key), hold.amount - charged));
        }
        let kind = if charged > 0 { EntryKind::Capture } else { EntryKind::Release };
        Self::of_job(kind, hold, at, postings)
    }

    fn of_job(kind: EntryKind, hold: &Hold, at: Millis, postings: Vec<Posting>) -> Self {
        Self { kind, at, key: hold.key, job: Some(hold.job), hold: Some(hold.number), reason: None, postings }
    }

    /// Whether the postings sum to zero (the invariant of double entry).
    pub fn balances(&self) -> bool {
        self.postings.iter().try_fold(0i64, |sum, p| sum.checked_add(p.amount)) == Some(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn every_entry_balances_and_a_hold_comes_back_whole(amount in 0..MAX_AMOUNT, charged in -5..MAX_AMOUNT + 5) {
            let key = KeyId::from_uuid(Uuid::from_u128(1));
            let hold = Hold { job: JobId::from_uuid(Uuid::from_u128(2)), number: 1, key, amount, at: Millis(0) };
            let (taken, settled) = (Entry::hold(&hold), Entry::settle(&hold, charged, Millis(1)));
            prop_assert!(taken.balances() && settled.balances() && Entry::grant(key, amount, None, Millis(0)).balances());
            let of = |entry: &Entry, account| entry.postings.iter().filter(|p| p.account == account).map(|p| p.amount).sum::<i64>();
            prop_assert_eq!(of(&taken, LedgerAccount::Held(key)) + of(&settled, LedgerAccount::Held(key)), 0);
            let back = of(&taken, LedgerAccount::Available(key)) + of(&settled, LedgerAccount::Available(key));
            prop_assert_eq!(-back, of(&settled, LedgerAccount::Earned));
        }
    }

    #[test]
    fn ledger_accounts_read_back() {
        let key = KeyId::from_uuid(Uuid::from_u128(7));
        for account in [
            LedgerAccount::Available(key),
            LedgerAccount::Held(key),
            LedgerAccount::Issued,
            LedgerAccount::Earned,
        ] {
            assert_eq!(LedgerAccount::parse(&account.to_string()), Some(account));
        }
        assert_eq!(LedgerAccount::parse("key_zz/held"), None);
    }
}
