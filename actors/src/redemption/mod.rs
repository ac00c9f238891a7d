//! Redeem codes: made by the operator, used once by a key, for credit. Using one and having its credit are one transaction.

mod code;

pub use code::{RedeemCode, Redeemed};

use crate::{
    credit_ledger::{Balance, Ledger},
    refused::Refused,
    throttle::Throttle,
};
use atelier_domain::{
    code::Code,
    credit::Credits,
    ids::KeyId,
    secret::Secret,
    time::{Clock, Millis},
};
use atelier_store::{Batch, CommitError, Expect, Op, Row, Scan, Store, Table};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Codes that are made at once at most.
pub const MOST: usize = 1_000;

/// Codes to make.
#[derive(Debug, Clone)]
pub struct NewCodes {
    /// What each gives, above 0.
    pub amount: Credits,
    /// How many, 1 to [`MOST`].
    pub count: usize,
    /// The operator's name for them.
    pub name: String,
    /// When they stop working.
    pub expires_at: Option<Millis>,
}

/// What a code gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credited {
    /// How much.
    pub amount: Credits,
    /// What the key has now.
    pub balance: Balance,
}

/// How the rest of Atelier speaks of codes. Cheap to clone.
#[derive(Clone)]
pub struct Redemption {
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    throttle: Arc<Mutex<Throttle>>,
}

impl Redemption {
    /// The codes of this store, whose credit this ledger gives.
    pub fn new(store: Store, ledger: Ledger, clock: Arc<dyn Clock>) -> Self {
        Self { store, ledger, clock, throttle: Arc::default() }
    }

    /// Makes codes. Their texts are returned this once.
    ///
    /// # Errors
    /// The store takes no more; then none was made.
    pub async fn create(&self, new: &NewCodes) -> Result<Vec<(RedeemCode, Secret)>, Refused> {
        let now = self.clock.now();
        let (mut batch, mut made) = (Batch::new(), Vec::with_capacity(new.count));
        for _ in 0..new.count.clamp(1, MOST) {
            let text = code::new_code();
            let place = code::place(text.expose()).ok_or_else(|| Refused::internal("a new code is none"))?;
            let row = RedeemCode {
                id: place.chars().take(code::ID_CHARS).collect(),
                prefix: text.expose().chars().take(5).collect(),
                name: new.name.clone(),
                amount: new.amount,
                created_at: now,
                expires_at: new.expires_at,
                redeemed: None,
            };
            batch.put_row(place, &row, Expect::Absent).map_err(Refused::internal)?;
            made.push((row, text));
        }
        self.store.submit(batch).await?;
        Ok(made)
    }

    /// Codes in the order of their ids, which says nothing, after this one.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<RedeemCode>, Refused> {
        let mut scan = Scan::all().limit(limit);
        if let Some(after) = after {
            // After every hash that begins like this.
            scan = scan.after([after.as_bytes(), b"~"].concat());
        }
        Ok(self.store.rows::<RedeemCode>(scan)?.into_iter().map(|(_, row)| row).collect())
    }

    /// Takes a code away that nobody used.
    ///
    /// # Errors
    /// `redeem_code_not_found`, or `redeem_code_used` when its credit is spent already.
    pub async fn delete(&self, id: &str) -> Result<RedeemCode, Refused> {
        if id.len() != code::ID_CHARS {
            return Err(unknown());
        }
        let found = self.store.scan(Table::RedeemCodes, Scan::prefix(id.as_bytes()).limit(1))?.pop();
        let (place, bytes) = found.ok_or_else(unknown)?;
        let row = RedeemCode::decode(&bytes).map_err(Refused::internal)?;
        if row.redeemed.is_some() {
            return Err(used());
        }
        let mut batch = Batch::new();
        batch.push(Op::Delete { table: Table::RedeemCodes, key: place, expect: Expect::Equals(bytes) });
        match self.store.submit(batch).await {
            Ok(_) => Ok(row),
            Err(CommitError::Refused { .. }) => Err(used()),
            Err(other) => Err(other.into()),
        }
    }

    /// Gives a key the credit of a code, once: whoever is second is told so. Failures of one key are throttled.
    ///
    /// # Errors
    /// `redeem_code_not_found`, `redeem_code_used`, `redeem_code_expired`, `redeem_throttled`.
    pub async fn redeem(&self, key: KeyId, typed: &str) -> Result<Credited, Refused> {
        let now = self.clock.now();
        let place = key.to_string();
        self.throttled(|throttle| throttle.admit(&place, now)).map_err(throttled)?;
        let credited = self.credit(key, typed, now).await?;
        self.throttled(|throttle| throttle.forgive(&place));
        Ok(credited)
    }

    async fn credit(&self, key: KeyId, typed: &str, now: Millis) -> Result<Credited, Refused> {
        let place = code::place(typed).ok_or_else(unknown)?;
        let bytes = self.store.get(Table::RedeemCodes, place.as_bytes())?.ok_or_else(unknown)?;
        let row = RedeemCode::decode(&bytes).map_err(Refused::internal)?;
        if row.redeemed.is_some() {
            return Err(used());
        }
        if row.expires_at.is_some_and(|end| end <= now) {
            return Err(Refused::new(Code::RedeemCodeExpired, "this code is past its time"));
        }
        let spent = RedeemCode { redeemed: Some(Redeemed { key, at: now }), ..row.clone() };
        let mut rider = Batch::new();
        rider.put_row(place, &spent, Expect::Equals(bytes)).map_err(Refused::internal)?;
        let reason = format!("redeem code {}…", row.prefix);
        let granted = self.ledger.grant_if(key, row.amount, Some(reason), rider).await?;
        let balance = granted.ok_or_else(used)?;
        Ok(Credited { amount: row.amount, balance })
    }

    fn throttled<T>(&self, act: impl FnOnce(&mut Throttle) -> T) -> T {
        act(&mut self.throttle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn throttled(wait: Duration) -> Refused {
    let message = format!("too many wrong codes: wait {} s and try again", wait.as_secs());
    Refused::new(Code::RedeemThrottled, message).retry_after(wait)
}

fn unknown() -> Refused {
    Refused::new(Code::RedeemCodeNotFound, "there is no such code: look whether it is typed as it was given")
}

fn used() -> Refused {
    Refused::new(Code::RedeemCodeUsed, "this code was used already")
}
